"""How each protocol is asked to go on in TLS, before the first TLS byte."""

import asyncio
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from muniment.evidence.collectors._tls.flight import NotTls

Protocol = Literal["smtp", "imap", "pop3", "ldap", "postgres", "mysql", "xmpp"]

_LONGEST = 8192  # bytes that a server may say before it agrees


async def start_tls(protocol: Protocol, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bring the connection to where a ClientHello is expected.

    Raises:
        NotTls: the server does not agree to go on in TLS.
    """
    await _DIALOGUES[protocol](host, reader, writer)


async def _smtp(_host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """RFC 3207; the name in EHLO is an address literal of nobody (RFC 5321 section 4.1.3)."""
    await _reply(reader, b"220")
    writer.write(b"EHLO [127.0.0.1]\r\n")
    await _reply(reader, b"250")
    writer.write(b"STARTTLS\r\n")
    await _reply(reader, b"220")


async def _imap(_host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """RFC 9051 section 6.2.1."""
    await _line(reader, b"* OK")
    writer.write(b"a1 STARTTLS\r\n")
    while (line := await _until(reader, b"\n")).startswith(b"* "):
        pass  # untagged answers may come first
    if not line.startswith(b"a1 OK"):
        raise NotTls(line[:16])


async def _pop3(_host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """RFC 2595 section 4."""
    await _line(reader, b"+OK")
    writer.write(b"STLS\r\n")
    await _line(reader, b"+OK")


async def _ldap(_host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """RFC 4511 section 4.14: an extended request with one object identifier; result code 0 agrees."""
    identifier = b"1.3.6.1.4.1.1466.20037"
    request = b"\x02\x01\x01\x77" + bytes([len(identifier) + 2, 0x80, len(identifier)]) + identifier
    writer.write(b"\x30" + bytes([len(request)]) + request)
    head = await _exactly(reader, 2)
    body = await _exactly(reader, head[1] if head[1] < 0x80 else 0)
    if b"\x0a\x01\x00" not in body:
        raise NotTls(head + body[:14])


async def _postgres(_host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """PostgreSQL's protocol, message SSLRequest: eight bytes, and one in return."""
    writer.write(struct.pack("!II", 8, 80877103))
    answer = await _exactly(reader, 1)
    if answer != b"S":
        raise NotTls(answer)


async def _mysql(_host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """MySQL's protocol, packet SSLRequest; capability bit 11 of the greeting says that TLS is there."""
    head = await _exactly(reader, 4)
    greeting = await _exactly(reader, min(int.from_bytes(head[:3], "little"), _LONGEST))
    after = greeting.find(b"\x00", 1) + 14
    if greeting[:1] != b"\x0a" or not int.from_bytes(greeting[after : after + 2], "little") & 0x0800:
        raise NotTls(head + greeting[:12])
    writer.write(b"\x20\x00\x00\x01" + struct.pack("<IIB23x", 0x8A00, 2**24, 33))


async def _xmpp(host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """RFC 6120 section 5.4."""
    writer.write(
        b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
        b"to='" + host.encode("ascii") + b"' version='1.0'>"
    )
    await _until(reader, b"</stream:features>")
    writer.write(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    await _until(reader, b"<proceed")
    await _until(reader, b">")


_DIALOGUES: Mapping[Protocol, Callable[[str, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]] = {
    "smtp": _smtp,
    "imap": _imap,
    "pop3": _pop3,
    "ldap": _ldap,
    "postgres": _postgres,
    "mysql": _mysql,
    "xmpp": _xmpp,
}


async def _reply(reader: asyncio.StreamReader, code: bytes) -> None:
    """A reply of several lines ends with the one whose code is followed by no hyphen (RFC 5321 section 4.2.1)."""
    while (await _line(reader, code))[3:4] == b"-":
        pass


async def _line(reader: asyncio.StreamReader, start: bytes) -> bytes:
    line = await _until(reader, b"\n")
    if not line.startswith(start):
        raise NotTls(line[:16])
    return line


async def _until(reader: asyncio.StreamReader, end: bytes) -> bytes:
    try:
        return await reader.readuntil(end)
    except asyncio.LimitOverrunError as error:
        raise NotTls(b"") from error
    except asyncio.IncompleteReadError as error:
        raise _ended(error) from error


async def _exactly(reader: asyncio.StreamReader, count: int) -> bytes:
    try:
        return await reader.readexactly(count)
    except asyncio.IncompleteReadError as error:
        raise _ended(error) from error


def _ended(error: asyncio.IncompleteReadError) -> Exception:
    """An end before the first byte is a closed connection; an end in the middle is an answer that is none."""
    return NotTls(error.partial[:16]) if error.partial else ConnectionResetError("closed without an answer")
