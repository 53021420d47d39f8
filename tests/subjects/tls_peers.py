"""Hostile, broken or outdated TLS peers that no TLS server will play, as threads on loopback."""

import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
END = "-----END CERTIFICATE-----"


class Peer(threading.Thread):
    """One listening peer; its kinds are the methods below `_serve`. `files` are a chain and a key in PEM."""

    def __init__(self, kind: str, port: int, files: tuple[Path, Path]) -> None:
        super().__init__(daemon=True)
        self.kind, self.files, self.numbers = kind, files, count(1)
        self.socket = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self.socket.getsockname()[1]

    def run(self) -> None:
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        with connection, suppress(OSError):  # the other side may hang up
            getattr(self, "_" + self.kind.replace("-", "_"))(connection)

    def _plain(self, connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def _garbage(self, connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(bytes(range(256)) * 4)

    def _endless(self, connection: socket.socket) -> None:
        """A good record header, and then certificates of which none ever ends."""
        connection.recv(4096)
        while True:
            connection.sendall(struct.pack("!BHH", 22, 0x0303, 16384) + b"\x0b\xff\xff\xff" + bytes(16380))

    def _drip(self, connection: socket.socket) -> None:
        """One byte of a record each tenth of a second."""
        connection.recv(4096)
        for byte in struct.pack("!BHH", 22, 0x0303, 16384) + bytes(300):
            connection.sendall(bytes([byte]))
            time.sleep(0.1)

    def _reset(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        time.sleep(0.01)

    def _hang(self, _: socket.socket) -> None:
        time.sleep(30)

    def _slow(self, connection: socket.socket) -> None:
        time.sleep(2)
        self._tls(connection)

    def _flaky(self, connection: socket.socket) -> None:
        """Every third connection is reset."""
        self._tls(connection) if next(self.numbers) % 3 else self._reset(connection)

    def _tls(self, connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(SUITES)
        context.set_ecdh_curve("prime256v1")
        context.load_cert_chain(*self.files)
        with context.wrap_socket(connection, server_side=True) as session:
            session.recv(4096)

    def _sslv3(self, connection: socket.socket) -> None:
        """SSL 3.0 and nothing newer, as far as a client can see without keys (RFC 6101 section 5.6)."""
        hello = connection.recv(4096)
        if hello[9:11] != b"\x03\x00":
            connection.sendall(b"\x15\x03\x00\x00\x02\x02\x28")  # handshake_failure
            return
        parts = self.files[0].read_text().split(END)[:-1]
        certificates = [ssl.PEM_cert_to_DER_cert(part.strip() + END) for part in parts]
        chain = b"".join(len(der).to_bytes(3) + der for der in certificates)
        messages = [
            (2, b"\x03\x00" + bytes(32) + b"\x00" + b"\x00\x2f" + b"\x00"),  # TLS_RSA_WITH_AES_128_CBC_SHA
            (11, len(chain).to_bytes(3) + chain),
            (14, b""),
        ]
        body = b"".join(bytes([kind]) + len(message).to_bytes(3) + message for kind, message in messages)
        connection.sendall(struct.pack("!BHH", 22, 0x0300, len(body)) + body)
        connection.recv(4096)

    def _smtp_plain(self, connection: socket.socket) -> None:
        connection.sendall(b"220 zoo ESMTP\r\n")
        for line in connection.makefile("rb"):
            if line.strip().upper() == b"QUIT":
                return
            connection.sendall(b"502 not here\r\n" if line.startswith(b"STARTTLS") else b"250 zoo\r\n")
