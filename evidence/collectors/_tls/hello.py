"""What a client says first: the bytes of a ClientHello that offers exactly what it is told to (RFC 8446 section 4.1.2).

No key is kept and nothing is encrypted here, so a hello can offer what no local library speaks any more.
"""

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from muniment.evidence.collectors._tls.suites import GROUPS, SIGNATURES, SUITES, VERSIONS

_RENEGOTIATION_SCSV = 0x00FF  # RFC 5746 section 3.3: some servers answer nobody without it


@dataclass(frozen=True)
class Offer:
    """What one hello offers. `versions` are names; more than one needs TLS 1.3 among them.

    `shares` holds a public key for each group that the client can go on with; empty makes a TLS 1.3 server name the
    group that it wants (RFC 8446 section 4.2.8).
    """

    versions: tuple[str, ...]
    suites: tuple[str, ...]
    groups: tuple[str, ...]
    signatures: tuple[int, ...] = SIGNATURES
    shares: tuple[tuple[str, bytes], ...] = ()


def client_hello(offer: Offer, server_name: str | None, random: bytes) -> bytes:
    """One record with one ClientHello. `random` is 64 bytes: half of them the hello's, half its session id's.

    `server_name` is left out where it is None or an IP address: RFC 6066 section 3 forbids literals in the extension.
    """
    said = _said(offer.versions, offer.suites, offer.groups, offer.signatures)
    body = said.version + random[:32] + (b"\x20" + random[32:64] if said.is_13 else b"\x00") + said.suites
    if said.extensions:
        body += _long(_name(server_name) + said.extensions + (_key_shares(offer.shares) if said.is_13 else b""))
    message = b"\x01" + struct.pack("!I", len(body))[1:] + body
    return said.record + struct.pack("!H", len(message)) + message


@lru_cache(maxsize=1024)
def is_literal(host: str) -> bool:
    """Whether the host is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class _Said:
    """The bytes of a hello that depend on what it offers alone: each offer goes to every server."""

    record: bytes
    version: bytes
    is_13: bool
    suites: bytes
    extensions: bytes


@lru_cache(maxsize=512)
def _said(
    versions: tuple[str, ...], suites: tuple[str, ...], groups: tuple[str, ...], signatures: tuple[int, ...]
) -> _Said:
    newest = max(VERSIONS[name] for name in versions)
    version = min(newest, VERSIONS["TLSv1.2"])
    return _Said(
        # The record says TLS 1.0 for all but SSL 3.0: RFC 8446 section 5.1 and long habit.
        record=struct.pack("!BH", 22, min(version, VERSIONS["TLSv1.0"])),
        version=struct.pack("!H", version),
        is_13=newest == VERSIONS["TLSv1.3"],
        suites=_list([*(SUITES[name] for name in suites), _RENEGOTIATION_SCSV]) + _short(b"\x00"),
        extensions=_extensions(versions, groups, signatures, newest) if version > VERSIONS["SSLv3"] else b"",
    )


def _extensions(versions: tuple[str, ...], groups: tuple[str, ...], signatures: tuple[int, ...], newest: int) -> bytes:
    """All but the server's name and the key shares."""
    extensions = [
        _extension(10, _list([GROUPS[name] for name in groups])),
        _extension(11, _short(b"\x00")),
        _extension(23, b""),  # RFC 7627: some policies of servers demand the extended master secret
    ]
    if newest >= VERSIONS["TLSv1.2"]:
        # Also what every browser asks for: the certificate's status and its timestamps (RFC 6066 section 8, RFC 6962).
        status = b"\x01" + _long(b"") + _long(b"")
        extensions += [_extension(13, _list(signatures)), _extension(5, status), _extension(18, b"")]
    if newest == VERSIONS["TLSv1.3"]:
        numbers = b"".join(struct.pack("!H", VERSIONS[name]) for name in versions)
        extensions += [_extension(43, _short(numbers)), _extension(45, _short(b"\x01"))]
    return b"".join(extensions)


def _name(server: str | None) -> bytes:
    if server is None or is_literal(server):
        return b""
    return _extension(0, _long(b"\x00" + _long(server.encode("ascii"))))


def _key_shares(shares: tuple[tuple[str, bytes], ...]) -> bytes:
    return _extension(51, _long(b"".join(struct.pack("!H", GROUPS[name]) + _long(key) for name, key in shares)))


def _extension(number: int, body: bytes) -> bytes:
    return struct.pack("!H", number) + _long(body)


def _list(numbers: Sequence[int]) -> bytes:
    return _long(struct.pack(f"!{len(numbers)}H", *numbers))


def _short(body: bytes) -> bytes:
    return struct.pack("!B", len(body)) + body


def _long(body: bytes) -> bytes:
    return struct.pack("!H", len(body)) + body
