"""One full TLS session of Python's own library over a connection that stands. It judges no certificate."""

import ssl
from pathlib import Path

from muniment.evidence.collectors._tls.wire import Wire

_READ = 16_384
_OP_LEGACY_SERVER_CONNECT = 0x4  # OpenSSL's number; Python names it from 3.12 on


def client_context(certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """A client that takes any version and suite that the local library still speaks.

    `certificate` is the client's own in PEM, with its issuers; `key` its private key, if that is a file of its own.

    Raises:
        OSError: a file cannot be read, holds no such thing, or the key is encrypted or not the certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.options |= _OP_LEGACY_SERVER_CONNECT
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    if certificate is not None:
        context.load_cert_chain(certificate, key, password="")  # rather than a prompt
    return context


class Session:
    """A TLS client on top of a connection."""

    def __init__(self, context: ssl.SSLContext, server_name: str | None, wire: Wire) -> None:
        self._wire = wire
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)

    @property
    def version(self) -> str | None:
        """`TLSv1.3` and the like, once hands are shaken."""
        version = self._tls.version()
        return "TLSv1.0" if version == "TLSv1" else version

    @property
    def leaf(self) -> bytes | None:
        """The server's own certificate in DER."""
        return self._tls.getpeercert(binary_form=True)

    async def shake_hands(self) -> None:
        """Raises ssl.SSLError where the two do not agree, ConnectionResetError where the server hangs up."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._exchange()
            else:
                await self._wire.send(self._outgoing.read())
                return

    async def ask(self, question: bytes, end: bytes, most: int) -> bytes:
        """Send bytes and read until `end` has come, or `most` bytes, or the server has said all."""
        self._tls.write(question)
        answer = b""
        while end not in answer and len(answer) < most:
            try:
                said = self._tls.read(_READ)
            except ssl.SSLWantReadError:
                await self._exchange()
                continue
            if not said:  # close_notify
                break
            answer += said
        return answer

    async def _exchange(self) -> None:
        await self._wire.send(self._outgoing.read())
        data = await self._wire.receive()
        if not data:
            raise ConnectionResetError("closed in the middle of a session")
        self._incoming.write(data)
