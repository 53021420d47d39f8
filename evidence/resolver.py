"""One question to the DNS at a time: by UDP, by TCP where an answer is cut short, with each question remembered.

The resolver is the one of the settings, else those that this machine's configuration names. It is believed in what it
answers, and in no more: an answer to another question, or one that is no message, is refused.

dnspython is heavy, and many looks ask the DNS nothing; so it is imported with the first question.
"""

import asyncio
import contextlib
import ipaddress
from typing import TYPE_CHECKING

from muniment.evidence.allowance import Allowance
from muniment.evidence.errors import CouldNotLook

if TYPE_CHECKING:
    import dns.message

_FAILED = {"SERVFAIL": "dns.servfail", "REFUSED": "dns.refused"}


class Resolver:
    """Asks name servers, by UDP and where an answer is cut short by TCP, and remembers each question as it was put."""

    def __init__(self, servers: tuple[tuple[str, int], ...], allowance: Allowance) -> None:
        self._servers = servers
        self._allowance = allowance
        self.questions: list[str] = []

    async def ask(self, name: str, kind: str, *, behind_cnames: bool = False) -> tuple[str, ...] | None:
        """The data of the records of one kind at the name itself, or also at what the resolver says its CNAMEs lead to;
        None where there is no such name.

        Raises:
            CouldNotLook: `dns.timeout`, `dns.unreachable`, `dns.malformed`, `dns.servfail` or `dns.refused`: that of
                the last server that was asked.
        """
        failure = CouldNotLook("dns.no_resolver", "this machine names no resolver", mend="say `resolver: HOST:PORT`")
        for server in self._servers:
            try:
                return await self._ask_one(server, name, kind, behind_cnames=behind_cnames)
            except CouldNotLook as error:
                failure = error
        raise failure

    async def _ask_one(
        self, server: tuple[str, int], name: str, kind: str, *, behind_cnames: bool
    ) -> tuple[str, ...] | None:
        import dns.exception
        import dns.message
        import dns.rcode
        import dns.rdatatype

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
            raise CouldNotLook(_FAILED.get(word, "dns.servfail"), f"the resolver says {word}", where=where)
        wanted = dns.rdatatype.from_text(kind)
        asked = query.question[0].name
        found = (each for each in answer.answer if each.rdtype == wanted and (behind_cnames or each.name == asked))
        return tuple(sorted(data.to_text() for each in found for data in each))


async def resolver_at(setting: str | None, allowance: Allowance) -> Resolver:
    """The resolver of a setting `HOST:PORT`, else those that this machine's own configuration names."""
    if setting is None:
        import dns.resolver

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


async def _sent_twice(query: "dns.message.Message", server: tuple[str, int], patience: float) -> "dns.message.Message":
    """The answer; a datagram may get lost, so a question without an answer is put once more."""
    import dns.asyncquery
    import dns.exception

    try:
        answer, _ = await dns.asyncquery.udp_with_fallback(query, server[0], patience, server[1])
    except dns.exception.Timeout:
        answer, _ = await dns.asyncquery.udp_with_fallback(query, server[0], patience, server[1])
    return answer
