"""The TLS collector: what one endpoint agrees to at every one of its addresses, and what its certificates are worth.

It makes about 19 connections to an address. All but one send a hello and nothing else; one shakes hands and asks HEAD /
where HTTP may be spoken. Nothing about the server is judged by the local TLS library: names, chain, dates and policy
are read and judged by Muniment itself, with its own trust store, so that the verdict does not hang on the machine or
the Python.

Where the server does not staple it, the issuer is asked whether it revoked the certificate; the DNS, for CAA records.

Not looked at: SSL 2.0, suites of pre-shared keys, compression, renegotiation, and the groups that a server of TLS 1.3
would take in TLS 1.2 only.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import AfterValidator, Field, PrivateAttr, ValidationInfo, field_validator

from muniment.evidence.allowance import Allowance, Limits
from muniment.evidence.bounded import MIB, read_at_most
from muniment.evidence.collector import Collector, Settings
from muniment.evidence.collectors._tls.caa import look_up
from muniment.evidence.collectors._tls.certificates import Presented, TrustStore, sort_out
from muniment.evidence.collectors._tls.codes import CODES
from muniment.evidence.collectors._tls.dial import Clock, Dialler
from muniment.evidence.collectors._tls.engine import on_one_loop, turns
from muniment.evidence.collectors._tls.facts import Chain, Failure, Sight, TlsFacts
from muniment.evidence.collectors._tls.facts import Clock as ClockFacts
from muniment.evidence.collectors._tls.fetch import Resolve, Web, memory_of
from muniment.evidence.collectors._tls.hello import is_literal
from muniment.evidence.collectors._tls.judge import judge
from muniment.evidence.collectors._tls.policy import Policy, load_policy
from muniment.evidence.collectors._tls.probe import Look, look
from muniment.evidence.collectors._tls.revocation import ask, too_late
from muniment.evidence.collectors._tls.session import client_context
from muniment.evidence.collectors._tls.starttls import Protocol
from muniment.evidence.collectors._tls.suites import GROUPS, SUITES, VERSIONS
from muniment.evidence.errors import CouldNotLook, InputFault
from muniment.evidence.hosts import host_or_address
from muniment.evidence.model import digest
from muniment.evidence.net import Address, admit
from muniment.evidence.record import Origin, Tool
from muniment.evidence.resolver import Resolver, resolver_at, split_port
from muniment.evidence.sensitive import Declared
from muniment.evidence.verdict import Verdict

Host = Annotated[str, AfterValidator(host_or_address), Declared("ip")]


def _is_resolver(setting: str) -> str:
    split_port(setting)
    return setting


Issued = tuple[x509.Certificate, x509.Certificate]

_LARGEST = 4 * MIB  # of a trust file; Mozilla's has 0.3
_MOST_ADDRESSES = 32  # of one name; each costs some twenty connections


class TlsSettings(Settings):
    """One endpoint, and what it must be like."""

    host: Host = Field(description="Host name, or IP address; a name in letters of any script is kept in A-labels")
    port: int = Field(443, ge=1, le=65535, description="TCP port")
    server_name: Host | None = Field(
        None, description="Name to ask for and to find in the certificate; without it the host"
    )
    starttls: Protocol | None = Field(None, description="Protocol that goes over to TLS in the middle of a connection")
    addresses: Annotated[tuple[str, ...] | None, Declared("ip")] = Field(
        None, min_length=1, description="IP addresses to look at instead of those that the name leads to"
    )
    trust: Path | None = Field(
        None, description="PEM file of the roots to trust; without it Mozilla's, as the pinned package certifi has them"
    )
    policies: Path | None = Field(None, description="Folder of your own policies, each in a file `<id>.json`")
    policy: str = Field("mozilla-intermediate-6.0", description="Id of the policy to judge by")
    also: tuple[str, ...] = Field(
        (), description="Ids of policies whose verdicts on the same sight stand in the message beside it"
    )
    allow_private: bool = Field(False, description="Whether addresses that are not public may be spoken to")
    expected_issuer: str | None = Field(
        None,
        min_length=1,
        description="Common name, organisation or SHA-256 fingerprint of an issuer that the chain must hold; "
        "where it does not, somebody may be listening in, and the look is inconclusive",
    )
    revocation: Literal["ask", "stapled"] = Field(
        "ask",
        description="Whether the issuer is asked if it revoked the certificate, where the server does not staple that: "
        "`ask`, or `stapled` for no question to anybody",
    )
    resolver: Annotated[Annotated[str, AfterValidator(_is_resolver)] | None, Declared("ip")] = Field(
        None,
        description="HOST:PORT of the resolver to ask for CAA records; this machine's own if left out, and none at all "
        "where `addresses` are given",
    )
    timeout: int = Field(
        5, ge=1, le=25, description="Longest wait for one answer in seconds; a look takes three times that at most"
    )
    client_certificate: Path | None = Field(
        None, description="PEM file of a certificate to show to a server that wants one, with its issuers"
    )
    client_key: Path | None = Field(
        None, description="PEM file of its private key, without a password; without it in the certificate's file"
    )

    _policies: tuple[Policy, ...] = PrivateAttr()

    @field_validator("policy", "also")
    @classmethod
    def _policies_are_there(cls, ids: str | tuple[str, ...], info: ValidationInfo) -> str | tuple[str, ...]:
        for id_ in [ids] if isinstance(ids, str) else ids:
            load_policy(id_, info.data.get("policies"))
        return ids

    def model_post_init(self, _: object) -> None:
        """Policies are read with the settings, so that judging touches no file."""
        self._policies = tuple(load_policy(id_, self.policies) for id_ in (self.policy, *self.also))

    @property
    def judged_by(self) -> tuple[Policy, ...]:
        """The policy that decides, and then the others."""
        return self._policies


class Tls(Collector[TlsSettings, TlsFacts]):
    """Protocol versions, cipher suites, groups and certificates of a TLS endpoint, judged by a named policy."""

    id = "tls"
    subject_kind = "endpoint"
    seconds = 180.0  # of which a look may wait for its turn; it ends three timeouts after that
    codes = CODES

    def __init__(
        self, *, at: datetime | None = None, resolve: Resolve | None = None, clock: Clock | None = None
    ) -> None:
        """`resolve` gives the addresses of a host for a port; without it the system's resolver is asked.

        `clock` is this machine's, which a server's is compared with; a run gives its own (`self.clock`), and without
        either no clocks are compared. It decides no date: the run's `at` may be another.
        """
        super().__init__(at=at)
        self._resolve = resolve or _system_resolver
        self._own_clock = clock

    async def observe(self, settings: TlsSettings) -> TlsFacts:
        """Look at every address at once.

        Raises:
            InputFault: `tls.trust_unreadable`, the trust file holds no certificates, or
                `tls.client_certificate_unreadable`, there is no usable client certificate.
            CouldNotLook: the name leads nowhere or to an address that is not allowed, or no address answered.
        """
        return await on_one_loop(self._look(settings))

    async def _look(self, settings: TlsSettings) -> TlsFacts:
        store, tool = _trust(settings.trust)
        found = await self._addresses(settings)
        addresses = found[:_MOST_ADDRESSES]
        context, identity = _client(settings)
        resolver = await self._resolver(settings)
        looks, caa = await asyncio.gather(
            asyncio.gather(*(self._look_at(address, settings, context) for address in addresses)),
            look_up(_server_name(settings), resolver) if resolver else _nothing(),
        )
        failures = [seen.failure for seen in looks if seen.failure and seen.failure.cause != "tls.absent"]
        if len(failures) == len(looks):
            raise CouldNotLook(failures[0].cause, failures[0].message, where=f"{settings.host}:{settings.port}")
        seen, issued = _facts(settings, looks, store, tool, identity)
        chains = await self._with_revocation(settings, seen.chains, issued)
        asked = (f"{each.by} {each.url}" for each in (chain.asked for chain in chains) if each)
        questions = (*(resolver.questions if resolver else ()), *dict.fromkeys(asked))
        return seen.model_copy(
            update={
                "origin": seen.origin.model_copy(update={"query": "\n".join((seen.origin.query or "", *questions))}),
                "chains": chains,
                "caa": caa,
                "addresses_left_out": len(found) - len(addresses),
            }
        )

    async def _look_at(self, address: Address, settings: TlsSettings, context: ssl.SSLContext) -> Look:
        """One address, when its turn comes. The time of the look begins then."""
        try:
            async with turns.at((address, settings.port)):
                return await look(
                    Dialler(
                        address,
                        settings.port,
                        server_name=_server_name(settings),
                        starttls=settings.starttls,
                        timeout=settings.timeout,
                        deadline=asyncio.get_running_loop().time() + 2 * settings.timeout,
                        context=context,
                        clock=self._own_clock or self.clock,
                    )
                )
        except TimeoutError:
            words = f"{address} port {settings.port} had no time for this look beside others"
            return Look(str(address), 0, 0, failure=Failure(cause="net.timeout", message=words))

    async def _resolver(self, settings: TlsSettings) -> Resolver | None:
        """Who is asked for CAA records. Nobody about an address, nor where look-ups do not go to the DNS: then the name
        may be one that nobody else knows."""
        own = settings.addresses is not None or self._resolve is not _system_resolver
        if is_literal(_server_name(settings)) or (own and settings.resolver is None):
            return None
        patience = Limits(question=settings.timeout, whole=settings.timeout)
        with contextlib.suppress(CouldNotLook):
            return await resolver_at(settings.resolver, Allowance(patience))
        return Resolver((), Allowance(patience))

    async def _with_revocation(
        self, settings: TlsSettings, chains: Sequence[Chain], issued: Sequence[Issued | None]
    ) -> tuple[Chain, ...]:
        """The chains, each with what its issuer says, where the server does not staple that."""
        web = Web(memory_of(self.run), self._resolve, settings.allow_private, settings.timeout)

        async def told(chain: Chain, pair: Issued | None) -> Chain:
            good = chain.staple is not None and chain.staple.signed and chain.staple.status in ("good", "revoked")
            if pair is None or good or settings.revocation == "stapled":
                return chain
            try:
                async with asyncio.timeout(settings.timeout):
                    return chain.model_copy(update={"asked": await ask(*pair, web)})
            except TimeoutError:
                return chain.model_copy(update={"asked": too_late(pair[0])})

        return tuple(await asyncio.gather(*map(told, chains, issued)))

    def assess(self, settings: TlsSettings, facts: TlsFacts, at: datetime) -> Verdict:
        """Judge by the policy of the settings; what the others say is told and decides nothing."""
        verdict, *others = (judge(facts, policy, settings.expected_issuer, at) for policy in settings.judged_by)
        words = [verdict.message]
        for policy, other in zip(settings.judged_by[1:], others, strict=True):
            because = f": {', '.join(other.codes)}" if other.codes else ""
            words.append(f"By {policy} it is: {other.status.word}{because}.")
        return verdict.model_copy(update={"message": " ".join(words)})

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


async def _nothing() -> None:
    return None


async def _system_resolver(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


def _trust(path: Path | None) -> tuple[TrustStore, Tool]:
    return _read_trust(path) if path else _mozillas()


@cache
def _mozillas() -> tuple[TrustStore, Tool]:
    """Read once in a process: it is three hundred kilobytes, and most looks of a run ask for it."""
    return _read_trust(None)


def _read_trust(path: Path | None) -> tuple[TrustStore, Tool]:
    file = path or Path(certifi.where())
    try:
        pem = read_at_most(file, _LARGEST)
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


def _client(settings: TlsSettings) -> tuple[ssl.SSLContext, str | None]:
    """What the full handshake is made with, and who that says it is: never the key."""
    file = settings.client_certificate
    if file is None and settings.client_key is None:
        return _nobody(), None
    try:
        shown = x509.load_pem_x509_certificates(read_at_most(file, MIB))[0] if file else None
        if settings.client_key:
            read_at_most(settings.client_key, MIB)  # by whom it is read next waits for pipes and takes any size
        context = client_context(file, settings.client_key)
    except (OSError, ValueError) as error:
        raise InputFault(
            "tls.client_certificate_unreadable",
            "the client certificate and its key cannot be used",
            where=str(file),
            mend="point `client_certificate` and `client_key` at PEM files that belong together, without a password",
        ) from error
    return context, f"client certificate sha256:{shown.fingerprint(SHA256()).hex()}" if shown else None


@cache
def _nobody() -> ssl.SSLContext:
    """A client that shows no certificate; it remembers nothing of the servers that it spoke to."""
    return client_context()


def _server_name(settings: TlsSettings) -> str:
    return settings.server_name or settings.host


def _facts(
    settings: TlsSettings, looks: Sequence[Look], store: TrustStore, trust: Tool, identity: str | None
) -> tuple[TlsFacts, tuple[Issued | None, ...]]:
    """What the handshakes showed, and for each chain its leaf with the issuer, where that is trusted."""
    name = _server_name(settings)
    presented = {seen.address: _presented(seen) for seen in looks}
    listed = sort_out([chain for chains in presented.values() for chain in chains], store, name)
    sights: dict[Sight, list[str]] = {}
    for seen in looks:
        chains = tuple(dict.fromkeys(listed.places[each.ders] for each in presented[seen.address]))
        sights.setdefault(_sight(seen, chains), []).append(seen.address)
    policies = (Tool(name=each.id, version=each.version, digest=each.digest) for each in settings.judged_by)
    facts = TlsFacts(
        origin=Origin(
            system=f"tls://{settings.host}:{settings.port}",
            query=_query(settings),
            authenticated_as=identity,
            tools=(trust, *policies),
        ),
        server_name=name,
        sights=tuple(sight.model_copy(update={"addresses": tuple(where)}) for sight, where in sights.items()),
        chains=listed.chains,
        certificates=listed.certificates,
        connects=sum(seen.connects for seen in looks),
        resets=sum(seen.resets for seen in looks),
        clock=max(_clocks(looks), key=lambda clock: abs(clock.skew), default=None),
    )
    return facts, listed.issued


def _query(settings: TlsSettings) -> str:
    """What was sent, in words; `connects` of the facts says how often."""
    before = f"STARTTLS by {settings.starttls}, then " if settings.starttls else ""
    name = "no server_name" if is_literal(_server_name(settings)) else f"server_name {_server_name(settings)}"
    offered = f"{', '.join(VERSIONS)}; {len(SUITES)} suites and {len(GROUPS)} groups, alone and in classes"
    then = "" if settings.starttls else ", and HEAD / where HTTP may be spoken"
    return f"port {settings.port}: {before}ClientHellos with {name} that offer {offered}; one full handshake{then}"


def _presented(seen: Look) -> list[Presented]:
    """The chains of one address. A leaf that only the full handshake showed is joined to the issuers of the others."""
    chains = [Presented(each.chain, each.staple, each.scts) for each in seen.answers if each.chain]
    leaf = seen.handshake.leaf if seen.handshake else None
    if leaf is not None and all(chain.ders[0] != leaf for chain in chains):
        chains.append(Presented((leaf, *dict.fromkeys(der for chain in chains for der in chain.ders[1:]))))
    return chains


def _clocks(looks: Iterable[Look]) -> Iterator[ClockFacts]:
    """The clock of each address that told its time."""
    for seen in looks:
        shaken = seen.handshake
        if shaken and shaken.headers and shaken.headers.date and shaken.skew is not None:
            yield ClockFacts(address=seen.address, date=shaken.headers.date, skew=shaken.skew)


def _sight(seen: Look, chains: tuple[int, ...]) -> Sight:
    """One look without its address, so that addresses that showed the same are the same sight."""
    agreed = [answer for answer in seen.answers if answer.agreed]
    headers = seen.handshake.headers if seen.handshake else None
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
        http=headers.status if headers else None,
        hsts=headers.hsts if headers else None,
    )


def _in_order(known: Iterable[str], seen: Iterable[str | None]) -> tuple[str, ...]:
    """The names that were seen, once each, in the order of the registry; what it does not know comes last."""
    found = {name for name in seen if name is not None}
    listed = tuple(name for name in known if name in found)
    return listed + tuple(sorted(found.difference(listed)))
