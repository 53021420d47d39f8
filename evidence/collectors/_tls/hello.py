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
    newest = max(VERSIONS[name] for name in offer.versions)
    version = min(newest, VERSIONS["TLSv1.2"])
    suites = [SUITES[name] for name in offer.suites] + [_RENEGOTIATION_SCSV]
    session = random[32:64] if newest == VERSIONS["TLSv1.3"] else b""
    body = struct.pack("!H", version) + random[:32] + _short(session)
    body += _list(suites) + _short(b"\x00")
    if version > VERSIONS["SSLv3"]:
        body += _long(b"".join(_extensions(offer, server_name, newest)))
    message = b"\x01" + struct.pack("!I", len(body))[1:] + body
    # The record says TLS 1.0 for all but SSL 3.0: RFC 8446 section 5.1 and long habit.
    return struct.pack("!BHH", 22, min(version, VERSIONS["TLSv1.0"]), len(message)) + message


@lru_cache(maxsize=1024)
def is_literal(host: str) -> bool:
    """Whether the host is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _extensions(offer: Offer, server_name: str | None, newest: int) -> list[bytes]:
    extensions = []
    if server_name is not None and not is_literal(server_name):
        extensions.append(_extension(0, _long(b"\x00" + _long(server_name.encode("ascii")))))
    extensions += [
        _extension(10, _list([GROUPS[name] for name in offer.groups])),
        _extension(11, _short(b"\x00")),
        _extension(23, b""),  # RFC 7627: some policies of servers demand the extended master secret
    ]
    if newest >= VERSIONS["TLSv1.2"]:
        # Also what every browser asks for: the certificate's status and its timestamps (RFC 6066 section 8, RFC 6962).
        status = b"\x01" + _long(b"") + _long(b"")
        extensions += [_extension(13, _list(offer.signatures)), _extension(5, status), _extension(18, b"")]
    if newest == VERSIONS["TLSv1.3"]:
        versions = b"".join(struct.pack("!H", VERSIONS[name]) for name in offer.versions)
        shares = b"".join(struct.pack("!H", GROUPS[name]) + _long(key) for name, key in offer.shares)
        extensions += [_extension(43, _short(versions)), _extension(45, _short(b"\x01")), _extension(51, _long(shares))]
    return extensions


def _extension(number: int, body: bytes) -> bytes:
    return struct.pack("!H", number) + _long(body)


def _list(numbers: Sequence[int]) -> bytes:
    return _long(struct.pack(f"!{len(numbers)}H", *numbers))


def _short(body: bytes) -> bytes:
    return struct.pack("!B", len(body)) + body


def _long(body: bytes) -> bytes:
    return struct.pack("!H", len(body)) + body
