"""The TLS collector: what one endpoint agrees to at every one of its addresses, and what its certificates are worth.

It makes about 19 connections to an address, none of which sends anything but a hello or one handshake. Nothing about
the server is judged by the local TLS library: names, chain, dates and policy are read and judged by Muniment itself,
with its own trust store, so that the verdict does not hang on the machine or the Python.

Not looked at: SSL 2.0, suites of pre-shared keys, compression, renegotiation, revocation, and the groups that a server
of TLS 1.3 would take in TLS 1.2 only.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import certifi
from pydantic import AfterValidator, Field

from muniment.evidence.collector import Collector, Settings
from muniment.evidence.collectors._tls.certificates import TrustStore, sort_out
from muniment.evidence.collectors._tls.codes import CODES
from muniment.evidence.collectors._tls.dial import Dialler
from muniment.evidence.collectors._tls.facts import Sight, TlsFacts
from muniment.evidence.collectors._tls.hello import is_literal
from muniment.evidence.collectors._tls.judge import judge
from muniment.evidence.collectors._tls.policy import PolicyId, load_policy
from muniment.evidence.collectors._tls.probe import Look, look
from muniment.evidence.collectors._tls.starttls import Protocol
from muniment.evidence.collectors._tls.suites import GROUPS, SUITES, VERSIONS
from muniment.evidence.errors import CouldNotLook, InputFault
from muniment.evidence.model import digest
from muniment.evidence.net import Address, admit
from muniment.evidence.record import Origin, Tool
from muniment.evidence.verdict import Verdict

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


def _is_host(text: str) -> str:
    """A host name in A-labels or an IP address (RFC 1123 section 2.1, RFC 5890)."""
    if not text.isascii():
        raise ValueError(f"{text!r} is not ASCII: write the name in A-labels (xn--…)")
    labels = text.removesuffix(".").split(".")
    if not is_literal(text) and not (len(text) <= 253 and all(_LABEL.fullmatch(label) for label in labels)):
        raise ValueError(f"{text!r} is neither a host name nor an IP address (no scheme, port or path)")
    return text


Host = Annotated[str, AfterValidator(_is_host)]


class TlsSettings(Settings):
    """One endpoint, and what it must be like."""

    host: Host = Field(description="Host name in A-labels, or IP address")
    port: int = Field(443, ge=1, le=65535, description="TCP port")
    server_name: Host | None = Field(
        None, description="Name to ask for and to find in the certificate; without it the host"
    )
    starttls: Protocol | None = Field(None, description="Protocol that goes over to TLS in the middle of a connection")
    addresses: tuple[str, ...] | None = Field(
        None, min_length=1, description="IP addresses to look at instead of those that the name leads to"
    )
    trust: Path | None = Field(
        None, description="PEM file of the roots to trust; without it Mozilla's, as the pinned package certifi has them"
    )
    policy: PolicyId = Field("mozilla-intermediate-6.0", description="Id of the policy to judge by")
    allow_private: bool = Field(False, description="Whether addresses that are not public may be spoken to")
    expected_issuer: str | None = Field(
        None,
        min_length=1,
        description="Common name, organisation or SHA-256 fingerprint of an issuer that the chain must hold; "
        "where it does not, somebody may be listening in, and the look is inconclusive",
    )
    timeout: int = Field(
        5, ge=1, le=25, description="Longest wait for one answer in seconds; a look takes twice that at most"
    )


class Tls(Collector[TlsSettings, TlsFacts]):
    """Protocol versions, cipher suites, groups and certificates of a TLS endpoint, judged by a named policy."""

    id = "tls"
    subject_kind = "endpoint"
    codes = CODES

    def __init__(self, *, at: datetime | None = None, resolve: Resolve | None = None) -> None:
        """`resolve` gives the addresses of a host for a port; without it the system's resolver is asked."""
        super().__init__(at=at)
        self._resolve = resolve or _system_resolver

    async def observe(self, settings: TlsSettings) -> TlsFacts:
        """Look at every address at once.

        Raises:
            InputFault: `tls.trust_unreadable`, the trust file holds no certificates.
            CouldNotLook: the name leads nowhere or to an address that is not allowed, or no address answered.
        """
        store, tool = _trust(settings.trust)
        addresses = await self._addresses(settings)
        deadline = asyncio.get_running_loop().time() + 2 * settings.timeout
        diallers = [_dialler(settings, address, deadline) for address in addresses]
        looks = await asyncio.gather(*(look(dialler) for dialler in diallers))
        failures = [seen.failure for seen in looks if seen.failure and seen.failure.cause != "tls.absent"]
        if len(failures) == len(looks):
            raise CouldNotLook(failures[0].cause, failures[0].message, where=f"{settings.host}:{settings.port}")
        return _facts(settings, looks, store, tool)

    def assess(self, settings: TlsSettings, facts: TlsFacts, at: datetime) -> Verdict:
        """Judge by the policy of the settings."""
        return judge(facts, load_policy(settings.policy), settings.expected_issuer, at)

    async def _addresses(self, settings: TlsSettings) -> tuple[Address, ...]:
        found = settings.addresses
        if found is None and is_literal(settings.host):
            found = (settings.host,)
        if found is None:
            try:
                async with asyncio.timeout(settings.timeout):
                    found = tuple(await self._resolve(settings.host, settings.port))
            except (OSError, TimeoutError) as error:
                raise CouldNotLook("dns.no_address", "the look-up of the name failed", where=settings.host) from error
        if not found:
            raise CouldNotLook("dns.no_address", "the name leads to no address", where=settings.host)
        return admit(settings.host, found, allow_private=settings.allow_private)


async def _system_resolver(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


def _trust(path: Path | None) -> tuple[TrustStore, Tool]:
    file = path or Path(certifi.where())
    try:
        pem = file.read_bytes()
        store = TrustStore.of(pem)
    except (OSError, ValueError) as error:
        raise InputFault(
            "tls.trust_unreadable",
            "the trust file cannot be read as PEM certificates",
            where=str(path),
            mend="point `trust` at a file with at least one BEGIN CERTIFICATE block",
        ) from error
    name, edition = ("certifi", version("certifi")) if path is None else (f"trust file {file.name}", None)
    return store, Tool(name=name, version=edition, digest=digest(pem))


def _dialler(settings: TlsSettings, address: Address, deadline: float) -> Dialler:
    return Dialler(
        address,
        settings.port,
        server_name=_server_name(settings),
        starttls=settings.starttls,
        timeout=settings.timeout,
        deadline=deadline,
    )


def _server_name(settings: TlsSettings) -> str:
    return (settings.server_name or settings.host).removesuffix(".")


def _facts(settings: TlsSettings, looks: Sequence[Look], store: TrustStore, trust: Tool) -> TlsFacts:
    name = _server_name(settings)
    presented = {seen.address: _presented(seen) for seen in looks}
    listed = sort_out([ders for chains in presented.values() for ders in chains], store, name)
    sights: dict[Sight, list[str]] = {}
    for seen in looks:
        chains = tuple(dict.fromkeys(listed.places[ders] for ders in presented[seen.address]))
        sights.setdefault(_sight(seen, chains), []).append(seen.address)
    policy = load_policy(settings.policy)
    return TlsFacts(
        origin=Origin(
            system=f"tls://{settings.host}:{settings.port}",
            query=_query(settings),
            tools=(trust, Tool(name=policy.id, version=policy.version, digest=policy.digest)),
        ),
        server_name=name,
        sights=tuple(sight.model_copy(update={"addresses": tuple(where)}) for sight, where in sights.items()),
        chains=listed.chains,
        certificates=listed.certificates,
        connects=sum(seen.connects for seen in looks),
        resets=sum(seen.resets for seen in looks),
    )


def _query(settings: TlsSettings) -> str:
    """What was sent, in words; `connects` of the facts says how often."""
    before = f"STARTTLS by {settings.starttls}, then " if settings.starttls else ""
    name = "no server_name" if is_literal(_server_name(settings)) else f"server_name {_server_name(settings)}"
    offered = f"{', '.join(VERSIONS)}; {len(SUITES)} suites and {len(GROUPS)} groups, alone and in classes"
    return f"port {settings.port}: {before}ClientHellos with {name} that offer {offered}; one full handshake"


def _presented(seen: Look) -> list[tuple[bytes, ...]]:
    """The chains of one address. A leaf that only the full handshake showed is joined to the issuers of the others."""
    chains = list(dict.fromkeys(answer.chain for answer in seen.answers if answer.chain))
    leaf = seen.handshake.leaf if seen.handshake else None
    if leaf is not None and all(chain[0] != leaf for chain in chains):
        chains.append((leaf, *dict.fromkeys(der for chain in chains for der in chain[1:])))
    return chains


def _sight(seen: Look, chains: tuple[int, ...]) -> Sight:
    """One look without its address, so that addresses that showed the same are the same sight."""
    agreed = [answer for answer in seen.answers if answer.agreed]
    return Sight(
        addresses=(),
        failure=seen.failure,
        versions=_in_order(VERSIONS, (answer.version for answer in agreed)),
        suites=_in_order(SUITES, (answer.suite for answer in agreed)),
        groups=_in_order(GROUPS, (answer.group for answer in agreed)),
        dh_bits=min((answer.dh_bits for answer in agreed if answer.dh_bits), default=None),
        unanswered=seen.unanswered,
        cut_short=seen.cut_short,
        wants_client_certificate=any(answer.wants_client_certificate for answer in agreed),
        handshake=seen.handshake.version if seen.handshake else None,
        chains=chains,
    )


def _in_order(known: Iterable[str], seen: Iterable[str | None]) -> tuple[str, ...]:
    """The names that were seen, once each, in the order of the registry; what it does not know comes last."""
    found = {name for name in seen if name is not None}
    listed = tuple(name for name in known if name in found)
    return listed + tuple(sorted(found.difference(listed)))
