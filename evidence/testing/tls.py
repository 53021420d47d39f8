"""A TLS server on loopback whose certificate is made on the spot, for the tests of a collector that speaks TLS.

with TlsServer(tmp_path, "www.example.test") as server:
    server.host, server.port, server.trust     # 127.0.0.1, the port, the root certificate as a PEM file
"""

import contextlib
import socket
import socketserver
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from muniment.evidence.testing.authority import Authority, Identity

LOOPBACK = "127.0.0.1"
_SINCE, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)
_PATIENCE = 5.0  # seconds that a peer may be silent


class TlsServer:
    """Speaks TLS 1.2 and 1.3 from `with` on, and is gone after it. It reads what it is sent and answers nothing.

    Its leaf certificate is for one DNS name, valid from `since` to `until`, under a root of its own; keys are EC P-256.
    """

    host = LOOPBACK

    def __init__(
        self, folder: Path, name: str = "localhost", *, since: datetime = _SINCE, until: datetime = _UNTIL
    ) -> None:
        self.name = name
        authority = Authority(folder)
        self.trust = authority.trust
        self._server = _Server(_context(authority.issue(name, since, until)))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name=f"tls {name}")

    @property
    def port(self) -> int:
        """The port that the system chose."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64  # a probe of many connections at once finds room

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.context = context


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        connection: socket.socket = self.request
        connection.settimeout(_PATIENCE)
        server: Any = self.server
        with contextlib.suppress(OSError), server.context.wrap_socket(connection, server_side=True) as tls:
            while tls.recv(4096):
                pass


def _context(identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(identity.certificate, identity.key)
    return context
