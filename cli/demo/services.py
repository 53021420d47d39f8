"""TLS servers on loopback, for the demonstration and for its tests.

with TlsServer("good", authority.issue("www.example.test", since)) as server:
    server.port
    server.swap_certificate(authority.issue("www.example.test", later))
"""

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from muniment.evidence.testing.authority import Identity

Kind: TypeAlias = Literal["good", "legacy", "hang"]

LOOPBACK = "127.0.0.1"

_PATIENCE = 5.0  # seconds that a server waits for a peer that says nothing
_POLL = 0.05  # seconds between looks for the end
# No Date: the demonstration's clock is not the machine's.
_ANSWER = b"HTTP/1.1 204 No Content\r\nStrict-Transport-Security: max-age=63072000\r\nConnection: close\r\n\r\n"

# The TLS 1.2 suites of Mozilla's "intermediate" configuration 6.0 that an ECDSA key can serve.
_GOOD_SUITES = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305"
# What old clients needed: CBC with SHA-1, which OpenSSL 3 serves below TLS 1.2 at security level 0 only.
_LEGACY_SUITES = f"{_GOOD_SUITES}:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0"


class TlsServer:
    """One TLS server on a free port of loopback, on threads of its own; it serves from `with` on and is gone after it.

    `good` speaks TLS 1.2 and 1.3 as Mozilla's intermediate configuration 6.0 asks; `legacy` still speaks TLS 1.0 and
    1.1 as well; `hang` takes connections and says nothing, and needs no identity.
    """

    host = LOOPBACK

    def __init__(self, kind: Kind, identity: Identity | None = None) -> None:
        self._context = _CONTEXTS[kind]()
        if identity is not None:
            self.swap_certificate(identity)
        self._server = _Server(self._context)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL,), name=f"tls-{kind}")

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def swap_certificate(self, identity: Identity) -> None:
        """Serve another certificate, from the next connection on.

        Raises:
            ValueError: the server hangs, and has no certificate to show.
        """
        if self._context is None:
            raise ValueError("a server that says nothing shows no certificate")
        self._context.load_cert_chain(identity.certificate, identity.key)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()


def _good() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_GOOD_SUITES)
    context.set_ecdh_curve("prime256v1")  # Python 3.11 names one group or takes all, and the policy forbids P-521
    return context


def _legacy() -> ssl.SSLContext:
    """`MINIMUM_SUPPORTED` leaves TLS 1.0 on without naming it, which Python would warn of; SSL 3.0 stays off."""
    context = _good()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers(_LEGACY_SUITES)
    return context


def _silent() -> None:
    return None


_CONTEXTS: dict[Kind, Callable[[], ssl.SSLContext | None]] = {"good": _good, "legacy": _legacy, "hang": _silent}


class _Server(socketserver.ThreadingTCPServer):
    """One thread for each connection. `hang_up` ends those that are open, so that closing waits for nobody."""

    request_queue_size = 64

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__((LOOPBACK, 0), _Connection)
        self._context = context
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, peer = super().get_request()
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._guard:
            self._open.add(connection)
        return connection, peer

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        with self._guard, contextlib.suppress(OSError):
            for connection in self._open:
                # Not SSLSocket's own, which would take the TLS object from under the thread that uses it.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Connection(socketserver.BaseRequestHandler):
    """Shakes hands and answers one request over HTTP. What a peer does wrong is its own affair."""

    request: socket.socket

    def handle(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if isinstance(self.request, ssl.SSLSocket):
                self.request.settimeout(_PATIENCE)
                self.request.do_handshake()
                if self.request.recv(4096):
                    self.request.sendall(_ANSWER)
                return
            while self.request.recv(4096):
                pass
