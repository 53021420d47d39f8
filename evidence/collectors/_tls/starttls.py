"""How each protocol is asked to go on in TLS, before the first TLS byte."""

import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Never

from muniment.evidence.collectors._tls.flight import NotTls
from muniment.evidence.collectors._tls.wire import Wire

Protocol = Literal["smtp", "imap", "pop3", "ldap", "postgres", "mysql", "xmpp"]

_LONGEST = 8192  # bytes that a server may say before it agrees


async def start_tls(protocol: Protocol, host: str, wire: Wire) -> None:
    """Bring the connection to where a ClientHello is expected.

    Raises:
        NotTls: the server does not agree to go on in TLS.
    """
    await _DIALOGUES[protocol](host, wire)


async def _smtp(_host: str, wire: Wire) -> None:
    """RFC 3207; the name in EHLO is an address literal of nobody (RFC 5321 section 4.1.3)."""
    await _reply(wire, b"220")
    await wire.send(b"EHLO [127.0.0.1]\r\n")
    await _reply(wire, b"250")
    await wire.send(b"STARTTLS\r\n")
    await _reply(wire, b"220")


async def _imap(_host: str, wire: Wire) -> None:
    """RFC 9051 section 6.2.1."""
    await _line(wire, b"* OK")
    await wire.send(b"a1 STARTTLS\r\n")
    while (line := await _until(wire, b"\n")).startswith(b"* "):
        pass  # untagged answers may come first
    if not line.startswith(b"a1 OK"):
        raise NotTls(line[:16])


async def _pop3(_host: str, wire: Wire) -> None:
    """RFC 2595 section 4."""
    await _line(wire, b"+OK")
    await wire.send(b"STLS\r\n")
    await _line(wire, b"+OK")


async def _ldap(_host: str, wire: Wire) -> None:
    """RFC 4511 section 4.14: an extended request with one object identifier; result code 0 agrees."""
    identifier = b"1.3.6.1.4.1.1466.20037"
    request = b"\x02\x01\x01\x77" + bytes([len(identifier) + 2, 0x80, len(identifier)]) + identifier
    await wire.send(b"\x30" + bytes([len(request)]) + request)
    head = await _exactly(wire, 2)
    body = await _exactly(wire, head[1] if head[1] < 0x80 else 0)
    if b"\x0a\x01\x00" not in body:
        raise NotTls(head + body[:14])


async def _postgres(_host: str, wire: Wire) -> None:
    """PostgreSQL's protocol, message SSLRequest: eight bytes, and one in return."""
    await wire.send(struct.pack("!II", 8, 80877103))
    answer = await _exactly(wire, 1)
    if answer != b"S":
        raise NotTls(answer)


async def _mysql(_host: str, wire: Wire) -> None:
    """MySQL's protocol, packet SSLRequest; capability bit 11 of the greeting says that TLS is there."""
    head = await _exactly(wire, 4)
    greeting = await _exactly(wire, min(int.from_bytes(head[:3], "little"), _LONGEST))
    after = greeting.find(b"\x00", 1) + 14
    if greeting[:1] != b"\x0a" or not int.from_bytes(greeting[after : after + 2], "little") & 0x0800:
        raise NotTls(head + greeting[:12])
    await wire.send(b"\x20\x00\x00\x01" + struct.pack("<IIB23x", 0x8A00, 2**24, 33))


async def _xmpp(host: str, wire: Wire) -> None:
    """RFC 6120 section 5.4."""
    await wire.send(
        b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
        b"to='" + host.encode("ascii") + b"' version='1.0'>"
    )
    await _until(wire, b"</stream:features>")
    await wire.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    await _until(wire, b"<proceed")
    await _until(wire, b">")


_DIALOGUES: Mapping[Protocol, Callable[[str, Wire], Awaitable[None]]] = {
    "smtp": _smtp,
    "imap": _imap,
    "pop3": _pop3,
    "ldap": _ldap,
    "postgres": _postgres,
    "mysql": _mysql,
    "xmpp": _xmpp,
}


async def _reply(wire: Wire, code: bytes) -> None:
    """A reply of several lines ends with the one whose code is followed by no hyphen (RFC 5321 section 4.2.1)."""
    while (await _line(wire, code))[3:4] == b"-":
        pass


async def _line(wire: Wire, start: bytes) -> bytes:
    line = await _until(wire, b"\n")
    if not line.startswith(start):
        raise NotTls(line[:16])
    return line


async def _until(wire: Wire, end: bytes) -> bytes:
    said = await wire.until(end, _LONGEST)
    return said if said.endswith(end) else _refuse(said)


async def _exactly(wire: Wire, count: int) -> bytes:
    said = await wire.exactly(count)
    return said if len(said) == count else _refuse(said)


def _refuse(said: bytes) -> Never:
    """An end before the first byte is a closed connection; an end in the middle is an answer that is none."""
    if said:
        raise NotTls(said[:16])
    raise ConnectionResetError("closed without an answer")
