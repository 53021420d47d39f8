"""Worlds that a collector under test can look at without a network: a clock, HTTP, DNS. Each is a real implementation.

web = http_world({"https://api.example.test/status": httpx.Response(200, json={"ok": True})})
httpx.Client(transport=web)

zone = Zone({"www.example.test": {"CNAME": ["cdn.example.net."]}, "cdn.example.net": {"A": ["192.0.2.1"]}})
zone.resolver().resolve("www.example.test", "A")
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import httpx

from muniment.evidence.model import utc
from muniment.evidence.testing.contract import AT

_TTL = 60


class StillClock:
    """A clock that stands still until it is moved; calling it gives the time, in UTC."""

    def __init__(self, at: datetime = AT) -> None:
        self._at = utc(at)

    def __call__(self) -> datetime:
        return self._at

    def move(self, by: timedelta) -> None:
        """Let some time pass."""
        self._at += by


def http_world(answers: Mapping[str, httpx.Response | Exception]) -> httpx.MockTransport:
    """A transport for `httpx.Client` and `httpx.AsyncClient` over what there is: URL, or method and URL, to answer.

    An exception is raised, for instance `httpx.ReadTimeout`. A URL that is not there cannot be reached
    (`httpx.ConnectError`).
    """

    def answer(request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        found = answers.get(f"{request.method} {url}", answers.get(url))
        if found is None:
            raise httpx.ConnectError(f"there is no {url} in this world", request=request)
        if isinstance(found, Exception):
            raise found
        return found

    return httpx.MockTransport(answer)


class Zone(dns.nameserver.Nameserver):
    """A name server for dnspython, over names, record types and data as in a zone file.

    A CNAME is followed as far as the zone goes (RFC 1034 section 4.3.2). A name that is neither there nor above one
    that is does not exist.
    """

    def __init__(self, records: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        self._records = {
            dns.name.from_text(name): {dns.rdatatype.from_text(kind): tuple(data) for kind, data in kinds.items()}
            for name, kinds in records.items()
        }

    def resolver(self) -> dns.resolver.Resolver:
        """A resolver that asks this zone and nobody else."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [self]
        return resolver

    def async_resolver(self) -> dns.asyncresolver.Resolver:
        """The same, for `await`."""
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = [self]
        return resolver

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:  # noqa: ARG002 - the shape of a resolve function
        """The addresses of a host, IPv4 first, for a collector that takes its look-up as a function (`Tls(resolve=…)`).

        Raises:
            OSError: there is no such name, or it has no address.
        """
        found = []
        for kind in ("A", "AAAA"):
            answer = self.answer(dns.message.make_query(host, kind))
            wanted = dns.rdatatype.from_text(kind)
            found += [item.to_text() for each in answer.answer if each.rdtype == wanted for item in each]
        if not found:
            raise OSError(f"{host} has no address")
        return tuple(found)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """The answer to one question, as it would come over the wire."""
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA | dns.flags.RA
        name, kind = query.question[0].name, query.question[0].rdtype
        followed = set()
        while kind != dns.rdatatype.CNAME and name not in followed and (alias := self._data(name, dns.rdatatype.CNAME)):
            answer.answer.append(dns.rrset.from_text(name, _TTL, "IN", "CNAME", *alias))
            followed.add(name)
            name = dns.name.from_text(alias[0])
        if data := self._data(name, kind):
            answer.answer.append(dns.rrset.from_text(name, _TTL, "IN", kind, *data))
        elif not any(known.is_subdomain(name) for known in self._records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return dns.message.from_wire(answer.to_wire(want_shuffle=False))  # the same question, the same answer

    def _data(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> tuple[str, ...]:
        return self._records.get(name, {}).get(kind, ())

    def __str__(self) -> str:
        return "zone"

    def kind(self) -> str:
        """As dnspython names it."""
        return "zone"

    def is_always_max_size(self) -> bool:
        """Whether an answer is never cut off."""
        return True

    def answer_nameserver(self) -> str:
        """Who answered."""
        return "zone"

    def answer_port(self) -> int:
        """On which port; there is none."""
        return 0

    def query(self, request: dns.message.QueryMessage, *_: Any, **__: Any) -> dns.message.Message:
        """Ask."""
        return self.answer(request)

    async def async_query(self, request: dns.message.QueryMessage, *_: Any, **__: Any) -> dns.message.Message:
        """Ask, and await."""
        return self.answer(request)
