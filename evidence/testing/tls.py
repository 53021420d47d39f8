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

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

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
        self.trust = folder / "root.pem"
        self._server = _Server(_context(folder, self.trust, name, since, until))
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


def _context(folder: Path, trust: Path, name: str, since: datetime, until: datetime) -> ssl.SSLContext:
    """A server's context with a new chain; leaves the root at `trust`, and the leaf with its key beside it."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = _named("Test root")
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    root = (
        _builder(root_name, root_name, root_key, _SINCE, _UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
        .add_extension(issuer, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _builder(_named(name), root_name, key, since, until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    trust.write_bytes(root.public_bytes(Encoding.PEM))
    chain = folder / "leaf.pem"
    chain.touch(mode=0o600)
    chain.write_bytes(
        leaf.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain)
    return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
