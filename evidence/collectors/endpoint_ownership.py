"""Endpoint ownership: who holds the domain of an endpoint, where its name leads, and who operates the machines.

`observe` asks the DNS for the chain of CNAMEs and the addresses, and RDAP for the registrant of each registrable domain
on the way and for the holder of each address. It opens no connection to the endpoint itself, but where the settings ask
for the token on its web server (`well_known_port`). What the facts mean stands
in `_ownership/judgement.py`; what is refused on the way stands in `_ownership/rdap.py`; what the looks of one run
share, in `_ownership/shared.py`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from muniment.evidence.allowance import Allowance, Limits
from muniment.evidence.collector import Collector, Settings
from muniment.evidence.collectors._ownership.answer import Naming
from muniment.evidence.collectors._ownership.certificate import read_certificate
from muniment.evidence.collectors._ownership.chain import Chain, End, follow
from muniment.evidence.collectors._ownership.challenge import TOKEN, look_for
from muniment.evidence.collectors._ownership.codes import CODES
from muniment.evidence.collectors._ownership.domains import Registrable, list_used, registrable
from muniment.evidence.collectors._ownership.facts import (
    Certified,
    Challenge,
    Failure,
    Hop,
    Network,
    OwnershipFacts,
    Registration,
)
from muniment.evidence.collectors._ownership.judgement import Parties, judged, leads_inside
from muniment.evidence.collectors._ownership.names import bare
from muniment.evidence.collectors._ownership.ranges import Ranges, load_ranges
from muniment.evidence.collectors._ownership.rdap import IANA, Rdap, load_bootstrap, new_client
from muniment.evidence.collectors._ownership.registry import Registry
from muniment.evidence.collectors._ownership.shared import Shared, shared_by
from muniment.evidence.collectors._ownership.wellknown import fetch
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.hosts import host_name
from muniment.evidence.net import Address
from muniment.evidence.record import Origin, Tool
from muniment.evidence.resolver import resolver_at, split_port
from muniment.evidence.sensitive import Declared
from muniment.evidence.verdict import Verdict

_MOST_ADDRESSES = 16  # gentle to the registries: each address may cost a request
_LIMITS = Limits()


def _has_words(name: str) -> str:
    if not bare(name):
        raise ValueError(f"{name!r} holds no word to compare by")
    return name


def _is_resolver(setting: str) -> str:
    split_port(setting)
    return setting


Name = Annotated[str, AfterValidator(_has_words)]


class Endpoint(Settings):
    """One endpoint, and whose it is said to be."""

    host: Annotated[str, AfterValidator(host_name), Declared("ip")] = Field(
        description="Host name of the endpoint, without scheme, port and path"
    )
    owner: Name = Field(description="Name of the organisation that holds the domain, as the registry should have it")
    aliases: tuple[Name, ...] = Field((), description="Further names of the owner, each compared as a whole")
    processors: tuple[Name, ...] = Field(
        (),
        description="Declared processors: domains that CNAMEs may lead to, and organisations that may hold such "
        "domains or addresses. Once an organisation is named, each holder of an address must be the owner or named too",
    )
    rdap_bootstrap: Annotated[Path | str, Declared("ip")] = Field(
        IANA,
        description="File or URL in the format of RFC 9224 that says which RDAP server to ask; IANA's if left out. "
        "The servers that it names are asked wherever they are",
    )
    resolver: Annotated[Annotated[str, AfterValidator(_is_resolver)] | None, Declared("ip")] = Field(
        None, description="HOST:PORT of the resolver to ask; this machine's own if left out"
    )
    ranges: Path | None = Field(
        None,
        description="CSV or JSON file of address ranges with operator and date, asked where RDAP names no holder",
    )
    challenge: str | None = Field(
        None,
        pattern=TOKEN,
        description="Token that `muniment endpoints challenge HOST` prints: published in the DNS, it shows who "
        "controls the name where the registry leaves the owner open",
    )
    well_known_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port of HTTPS (443) at which the token is also looked for, as /.well-known/muniment-challenge; "
        "without it the endpoint itself is not asked",
    )
    certificate: Path | None = Field(
        None,
        description="PEM file of the host's OV or EV certificate with its chain: it shows the organisation where the "
        "registry leaves the owner open",
    )
    trust: Path | None = Field(
        None, description="PEM file of the roots to trust; without it Mozilla's, as the pinned package certifi has them"
    )
    allow_private: bool = Field(
        False, description="Whether the host is meant to lead to a private, loopback or link-local address"
    )

    @property
    def parties(self) -> Parties:
        """Who is declared."""
        return Parties(self.owner, self.aliases, self.processors, self.allow_private)


class EndpointOwnership(Collector[Endpoint, OwnershipFacts]):
    """Who holds the domain of an endpoint, where its name leads, and who operates the machines."""

    id = "endpoint-ownership"
    subject_kind = "endpoint"
    seconds = 45.0  # the look itself ends after `Limits.whole`
    codes = CODES
    run: str | None = None

    def __init__(self, *, at: datetime | None = None, limits: Limits = _LIMITS) -> None:
        super().__init__(at=at)
        self.limits = limits

    async def observe(self, settings: Endpoint) -> OwnershipFacts:
        """Ask the DNS and RDAP; what could not be seen of one part is told in the facts, beside the others.

        Raises:
            CouldNotLook: neither the DNS nor RDAP gave anything, the bootstrap could not be fetched, or the host is
                one that nobody can register.
            InputFault: the bootstrap is none, the ranges are none, or the certificate is no proof.
        """
        domain = registrable(settings.host)
        if domain is None:
            raise CouldNotLook(
                "psl.no_registrable_domain", "it is a public suffix, which nobody registers", where=settings.host
            )
        allowance, shared = Allowance(self.limits), shared_by(self.run)
        certified = _certified(settings)
        ranges = await _ranges(settings.ranges, shared, allowance)
        resolver = await resolver_at(settings.resolver, allowance)
        chain = await follow(settings.host, resolver)
        async with new_client(self.limits) as client:
            rdap = Rdap(client, allowance, resolver, shared)
            bootstrap = await load_bootstrap(str(settings.rdap_bootstrap), rdap)
            registry = Registry(replace(rdap, trusted=bootstrap.origins), bootstrap, settings.parties.declared)
            registrations = [await registry.registration(each) for each in _domains(domain, chain)]
            networks = await _networks(chain.addresses, registry, ranges)
        challenge = await look_for(settings.challenge, settings.host, resolver) if settings.challenge else None
        well_known = await _published(settings, chain, allowance)
        _refuse_nothing(chain, registrations[0])
        return OwnershipFacts(
            origin=Origin(
                system=registrations[0].server or f"dns:{settings.host}",  # RFC 4501
                query="\n".join((*resolver.questions, *rdap.requests)),
                tools=(*_libraries(), list_used(), *bootstrap.tools, *([ranges.tool] if ranges else [])),
                contents=tuple(registry.contents),
                redactions=_redactions(registrations, networks),
            ),
            domain=domain.domain,
            chain=tuple(Hop(name=name, domain=_domain_of(name)) for name in chain.names),
            end=chain.end,
            dns_failure=Failure.of(chain.failure) if chain.failure else None,
            registrations=tuple(registrations),
            networks=networks,
            addresses_left_out=max(0, len(chain.addresses) - _MOST_ADDRESSES),
            challenge=challenge,
            well_known=well_known,
            certified=certified,
        )

    def assess(self, settings: Endpoint, facts: OwnershipFacts, at: datetime) -> Verdict:
        """All codes that apply; the gravest status wins."""
        return judged(facts, settings.parties, at)


def _domains(own: Registrable, chain: Chain) -> tuple[Registrable, ...]:
    """The registrable domains on the way, that of the host first, each once. Nobody has the end of a dangling chain."""
    reached = chain.names[1:-1] if chain.end is End.NO_NAME else chain.names[1:]
    return tuple(dict.fromkeys((own, *(domain for name in reached if (domain := registrable(name))))))


def _certified(settings: Endpoint) -> Certified | None:
    file = settings.certificate
    return read_certificate(file, settings.host, settings.trust) if file else None


async def _published(settings: Endpoint, chain: Chain, allowance: Allowance) -> Challenge | None:
    """The look for the token on the web server, where the settings ask for it."""
    if settings.challenge is None or settings.well_known_port is None:
        return None
    return await fetch(
        settings.challenge,
        settings.host,
        settings.well_known_port,
        chain.addresses,
        allowance,
        trust=settings.trust,
        allow_private=settings.allow_private,
    )


async def _ranges(file: Path | None, shared: Shared, allowance: Allowance) -> Ranges | None:
    """The ranges of the settings, which the looks of a run read once."""
    if file is None:
        return None

    async def read() -> Ranges:
        return load_ranges(file)

    return await shared.once(f"ranges {file}", read, allowance)


async def _networks(addresses: Sequence[Address], registry: Registry, ranges: Ranges | None) -> tuple[Network, ...]:
    """The holder of each address; those that lead inside come first, and no registry is asked about them.

    Each address is asked for by itself: within the network that one answer tells of, another may be given on.
    """
    networks: list[Network] = []
    for address in sorted(addresses, key=lambda each: not leads_inside(each))[:_MOST_ADDRESSES]:
        if leads_inside(address):
            networks.append(Network(address=str(address)))
        else:
            network = await registry.network(address)
            networks.append(network.model_copy(update={"published": ranges.holding(address) if ranges else None}))
    return tuple(networks)


def _refuse_nothing(chain: Chain, registration: Registration) -> None:
    """A look at which nothing was seen is an error and not a fact; that a domain does not exist was seen."""
    failure = registration.failure
    if chain.failure and len(chain.names) == 1 and failure and failure.code != "rdap.not_found":
        raise CouldNotLook(chain.failure.cause, f"{chain.failure.what}; and {failure.message}", where=chain.names[0])


def _domain_of(name: str) -> str | None:
    found = registrable(name)
    return found.domain if found else None


def _redactions(registrations: Sequence[Registration], networks: Sequence[Network]) -> tuple[str, ...]:
    holders = [*(each.holder for each in registrations), *(each.holder for each in networks if each.holder)]
    person = any(holder.naming is Naming.PERSON for holder in holders)
    return (
        "contacts, postal addresses, telephone numbers and e-mail addresses of the RDAP answers",
        *(["the name of a holder who is no organisation and is not declared"] if person else []),
    )


@cache
def _libraries() -> tuple[Tool, ...]:
    return tuple(Tool(name=name, version=version(name)) for name in ("dnspython", "httpx"))
