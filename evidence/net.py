"""Which addresses a collector may speak to. Targets come from files that people write, so every look-up is checked.

A name is resolved once; the caller connects to the address that was checked, and never follows a redirect elsewhere.
Loopback, private, link-local (where the cloud metadata service is), multicast, reserved and unspecified addresses are
refused unless the target says `allow_private: true`; an IPv4 address inside an IPv6 one is judged as itself.
"""

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias

from muniment.evidence.errors import CouldNotLook

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052


def is_public(address: Address) -> bool:
    """Whether the address is one that anybody on the Internet may be found at (IANA special-purpose registries)."""
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast


def admit(host: str, addresses: Iterable[str], *, allow_private: bool) -> tuple[Address, ...]:
    """The addresses as objects, in the order given, once each.

    Raises:
        CouldNotLook: `ssrf.blocked_address` where any of them is not public and the target does not allow that;
            `dns.malformed` where one is no address.
    """
    admitted: dict[Address, None] = {}
    for text in addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError as error:
            raise CouldNotLook("dns.malformed", f"{text!r} is not an IP address", where=host) from error
        if not allow_private and not is_public(address):
            raise CouldNotLook(
                "ssrf.blocked_address",
                f"{host} leads to {address}, which is not a public address; no packet was sent to it",
                where=host,
                mend="say `allow_private: true` for this subject if the address is meant",
            )
        admitted[address] = None
    return tuple(admitted)


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for (mapped, 6to4, NAT64), or None."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
