"""Where a name leads: its CNAMEs one by one, and the addresses at the end.

Each name is asked for its CNAME first, so that the result does not depend on how much a resolver chases by itself: a
loop is seen as a loop (RFC 1034 section 3.6.2) and not as a SERVFAIL. The rules of RFC 6604 about the status of a chain
are then not needed. Nothing is sent to the addresses.
"""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum

from muniment.evidence.errors import CouldNotLook
from muniment.evidence.hosts import is_host_name
from muniment.evidence.net import Address
from muniment.evidence.resolver import Resolver

MOST_HOPS = 8


class End(StrEnum):
    """How a chain ends."""

    ADDRESSES = "addresses"
    NO_ADDRESS = "no address"
    NO_NAME = "no such name"
    LOOP = "loop"
    TOO_LONG = "too long"
    UNSEEN = "unseen"


@dataclass(frozen=True)
class Chain:
    """`names` begins with the host; each further one is the target of the CNAME of the one before."""

    names: tuple[str, ...]
    end: End
    addresses: tuple[Address, ...] = ()
    failure: CouldNotLook | None = None


async def follow(host: str, resolver: Resolver) -> Chain:
    """The chain from the host on; what went wrong on the way is part of it."""
    names = [host]
    try:
        while (target := await _target(names[-1], resolver)) is not None:
            if target == "":
                return Chain(tuple(names), End.NO_NAME)
            if target in names:
                return Chain((*names, target), End.LOOP)
            if len(names) > MOST_HOPS:
                return Chain((*names, target), End.TOO_LONG)
            names.append(target)
        addresses = await _addresses(names[-1], resolver)
    except CouldNotLook as failure:
        return Chain(tuple(names), End.UNSEEN, failure=failure)
    return Chain(tuple(names), End.ADDRESSES if addresses else End.NO_ADDRESS, addresses)


async def _target(name: str, resolver: Resolver) -> str | None:
    """The target of the name's CNAME; None where it has none, the empty string where there is no such name."""
    answer = await resolver.ask(name, "CNAME")
    if answer is None:
        return ""
    if len(answer) > 1:  # RFC 2181 section 10.1
        raise CouldNotLook("dns.malformed", f"{name} has {len(answer)} CNAMEs, and one is the most", where=name)
    target = answer[0].rstrip(".").lower() if answer else None
    if target is not None and not is_host_name(target):
        raise CouldNotLook("dns.malformed", f"the CNAME of {name} leads to no host name", where=name)
    return target


async def _addresses(name: str, resolver: Resolver) -> tuple[Address, ...]:
    found = [await resolver.ask(name, kind) or () for kind in ("A", "AAAA")]
    return tuple(ipaddress.ip_address(text) for kind in found for text in kind)
