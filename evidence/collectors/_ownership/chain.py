"""Where a name leads: its CNAMEs one by one, and the addresses at the end.

Each name is asked for its CNAME first, so that the result does not depend on how much a resolver chases by itself: a
loop is seen as a loop (RFC 1034 section 3.6.2) and not as a SERVFAIL. The rules of RFC 6604 about the status of a chain
are then not needed. Nothing is sent to the addresses.
"""

import asyncio
import contextlib
import ipaddress
from dataclasses import dataclass
from enum import StrEnum

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver

from muniment.evidence.collectors._ownership.allowance import Allowance
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.hosts import is_host_name
from muniment.evidence.net import Address

MOST_HOPS = 8
_FAILED = {dns.rcode.SERVFAIL: "dns.servfail", dns.rcode.REFUSED: "dns.refused"}


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


class Resolver:
    """Asks name servers, by UDP and where an answer is cut short by TCP, and remembers each question as it was put."""

    def __init__(self, servers: tuple[tuple[str, int], ...], allowance: Allowance) -> None:
        self._servers = servers
        self._allowance = allowance
        self.questions: list[str] = []

    async def ask(self, name: str, kind: str) -> tuple[str, ...] | None:
        """The data of the records of one kind at the name itself; None where there is no such name.

        Raises:
            CouldNotLook: `dns.timeout`, `dns.unreachable`, `dns.malformed`, `dns.servfail` or `dns.refused`: that of
                the last server that was asked.
        """
        failure = CouldNotLook("dns.no_resolver", "this machine names no resolver", mend="say `resolver: HOST:PORT`")
        for server in self._servers:
            try:
                return await self._ask_one(server, name, kind)
            except CouldNotLook as error:
                failure = error
        raise failure

    async def _ask_one(self, server: tuple[str, int], name: str, kind: str) -> tuple[str, ...] | None:
        query = dns.message.make_query(name, kind)
        where = f"{kind} of {name} at {server[0]}:{server[1]}"
        self.questions.append(f"DNS @{server[0]}:{server[1]} {name}. {kind}")
        try:
            async with self._allowance.question():
                answer = await _sent_twice(query, server, self._allowance.limits.question / 2)
        except (TimeoutError, dns.exception.Timeout) as error:
            raise CouldNotLook("dns.timeout", "the resolver did not answer in time", where=where) from error
        except (dns.exception.DNSException, EOFError, ValueError) as error:
            raise CouldNotLook("dns.malformed", "the resolver sent no answer to this question", where=where) from error
        except OSError as error:
            raise CouldNotLook("dns.unreachable", f"the resolver cannot be reached: {error}", where=where) from error
        if answer.rcode() == dns.rcode.NXDOMAIN:
            return None
        if answer.rcode() != dns.rcode.NOERROR:
            word = dns.rcode.to_text(answer.rcode())
            raise CouldNotLook(_FAILED.get(answer.rcode(), "dns.servfail"), f"the resolver says {word}", where=where)
        wanted = dns.rdatatype.from_text(kind)
        found = (each for each in answer.answer if each.name == query.question[0].name and each.rdtype == wanted)
        return tuple(sorted(data.to_text() for each in found for data in each))


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


async def resolver_at(setting: str | None, allowance: Allowance) -> Resolver:
    """The resolver of a setting `HOST:PORT`, else those that this machine's own configuration names."""
    if setting is None:
        try:
            system = dns.resolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            return Resolver((), allowance)
        return Resolver(tuple((str(server), system.port) for server in system.nameservers), allowance)
    host, port = split_port(setting)
    with contextlib.suppress(ValueError):
        return Resolver(((str(ipaddress.ip_address(host)), port),), allowance)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port)
    except OSError as error:
        raise CouldNotLook("dns.unreachable", f"the resolver {setting} has no address", where=setting) from error
    return Resolver(((str(found[0][4][0]), port),), allowance)


def split_port(text: str) -> tuple[str, int]:
    """`192.0.2.53:53`, `[2001:db8::53]:53` or `ns.example:53` as host and port.

    Raises:
        ValueError: there is no port from 1 to 65535, or no host.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} is not HOST:PORT, such as 192.0.2.53:53 or [2001:db8::53]:53")
    return host, int(port)


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


async def _sent_twice(query: dns.message.Message, server: tuple[str, int], patience: float) -> dns.message.Message:
    """The answer; a datagram may get lost, so a question without an answer is put once more."""
    try:
        answer, _ = await dns.asyncquery.udp_with_fallback(query, server[0], patience, server[1])
    except dns.exception.Timeout:
        answer, _ = await dns.asyncquery.udp_with_fallback(query, server[0], patience, server[1])
    return answer
