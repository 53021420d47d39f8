"""What a record shows of an endpoint, in the words of the register: names, owner, operators and dates.

Facts are read as the collectors `tls`, `endpoint-ownership` and `traffic` write them; of all their fields only those
below are relied on. A record of any other collector shows which endpoint was looked at, and no more.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from muniment.controls.model import Register, Subject
from muniment.evidence.hosts import host_or_address
from muniment.evidence.model import Instant
from muniment.evidence.record import EvidenceRecord, Observed
from muniment.evidence.verdict import Verdict

_UNNAMED = {"proxy": "a privacy service", "person": "a name that is not kept"}  # others tell it in one word


@dataclass(frozen=True)
class Place:
    """A host, in the spelling of `evidence.hosts`, and the port where one is meant."""

    host: str
    port: int | None

    def meets(self, other: "Place") -> bool:
        """Whether both can be the same endpoint: where a port is left open, any is meant."""
        return self.host == other.host and (None in (self.port, other.port) or self.port == other.port)


@dataclass(frozen=True)
class Sight:
    """What one record shows; it holds little, so that those of a large register fit in memory together.

    `certificate_names` are written `DNS:*.example.org`; `names_left_out` counts those that the record does not hold.
    """

    record: str
    collector: str
    subject: str
    place: Place
    at: datetime
    observed: bool
    valid_until: datetime | None
    verdict: Verdict
    processors: tuple[str, ...]
    certificate_names: tuple[str, ...] = ()
    names_left_out: int = 0
    certificate_expires: datetime | None = None
    targets: tuple[str, ...] = ()
    owner: str | None = None
    operators: tuple[str, ...] = ()
    domain: str | None = None
    domain_expires: datetime | None = None


@dataclass(frozen=True)
class Capture:
    """The hosts that the record of a capture shows, less the one that was asked to prove that it captures."""

    record: str
    subject: str
    at: datetime
    hosts: tuple[str, ...]
    processors: tuple[str, ...]


def capture_of(record: EvidenceRecord) -> Capture | None:
    """The hosts of a capture of traffic; None for any other record."""
    if record.method.collector != "traffic" or not isinstance(record.outcome, Observed):
        return None
    traffic = _read(_Traffic, record.outcome.facts)
    asked = _read(_Asked, record.method.parameters)
    if traffic is None or asked is None:
        return None
    canary = asked.session.canary.host if asked.session.canary else None
    return Capture(
        record=record.id,
        subject=record.subject,
        at=record.collected.end,
        hosts=tuple(each.host for each in traffic.destinations if each.host != canary),
        processors=asked.processors,
    )


def sight_of(record: EvidenceRecord) -> Sight | None:
    """What a record of an endpoint shows; None for a record of anything else."""
    place = _place_of(record.method.parameters)
    if record.subject_kind != "endpoint" or place is None:
        return None
    facts = record.outcome.facts if isinstance(record.outcome, Observed) else {}
    processors = record.method.parameters.get("processors")
    sight = Sight(
        record=record.id,
        collector=record.method.collector,
        subject=record.subject,
        place=place,
        at=record.collected.end,
        observed=isinstance(record.outcome, Observed),
        valid_until=record.life.valid_until,
        verdict=record.verdict,
        processors=tuple(map(str, processors)) if isinstance(processors, list) else (),
    )
    match record.method.collector:
        case "tls" if tls := _read(_Tls, facts):
            return _with_tls(sight, tls)
        case "endpoint-ownership" if ownership := _read(_Ownership, facts):
            return _with_ownership(sight, ownership)
        case _:
            return sight


class Listing:
    """The endpoints of a register, found by place. Entries that are out of scope are listed too."""

    def __init__(self, register: Register) -> None:
        self._entries: dict[str, list[tuple[Place, Subject]]] = defaultdict(list)
        for entry in register.entries:
            place = _place_of({"port": register.defaults.get("port"), **entry.values})
            if place is not None:
                self._entries[place.host].append((place, entry))
        self._parents = frozenset(host.partition(".")[2] for host in self._entries)

    def has_beneath(self, domain: str) -> bool:
        """Whether a host lies one label beneath the domain."""
        return domain in self._parents

    def entries_at(self, place: Place) -> list[Subject]:
        """The entries that a look at the place speaks of."""
        return [entry for each, entry in self._entries.get(place.host, ()) if each.meets(place)]


class _Lenient(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Certificate(_Lenient):
    not_after: Instant
    names: tuple[str, ...] = ()
    names_total: int = 0


class _Chain(_Lenient):
    certificates: tuple[int, ...] = ()


class _Tls(_Lenient):
    certificates: tuple[_Certificate, ...] = ()
    chains: tuple[_Chain, ...] = ()


class _Holder(_Lenient):
    naming: str
    name: str | None = None

    def __str__(self) -> str:
        return self.name or _UNNAMED.get(self.naming, self.naming)


class _Registration(_Lenient):
    domain: str
    holder: _Holder
    expires: Instant | None = None


class _Published(_Lenient):
    operator: str


class _Network(_Lenient):
    holder: _Holder | None = None
    published: _Published | None = None

    @property
    def operator(self) -> str | None:
        """Who is named by the registry, else by the file of ranges."""
        if self.holder and self.holder.name:
            return self.holder.name
        return self.published.operator if self.published else None


class _Hop(_Lenient):
    name: str


class _Ownership(_Lenient):
    domain: str
    chain: tuple[_Hop, ...]
    registrations: tuple[_Registration, ...]
    networks: tuple[_Network, ...] = ()


class _Destination(_Lenient):
    host: str


class _Traffic(_Lenient):
    destinations: tuple[_Destination, ...]


class _Session(_Lenient):
    canary: _Destination | None = None


class _Asked(_Lenient):
    session: _Session = _Session()
    processors: tuple[str, ...] = ()


_Known = TypeVar("_Known", _Tls, _Ownership, _Traffic, _Asked)


def _read(model: type[_Known], facts: dict[str, JsonValue]) -> _Known | None:
    """The facts, or None where they are those of another version of the collector, of which nothing is guessed."""
    try:
        return model.model_validate(facts)
    except ValidationError:
        return None


def _with_tls(sight: Sight, facts: _Tls) -> Sight:
    """By the leaves: a chain of a handshake begins with one."""
    places = dict.fromkeys(chain.certificates[0] for chain in facts.chains if chain.certificates)
    leaves = [facts.certificates[each] for each in places if each < len(facts.certificates)]
    return replace(
        sight,
        certificate_names=tuple(dict.fromkeys(name for leaf in leaves for name in leaf.names)),
        names_left_out=sum(max(0, leaf.names_total - len(leaf.names)) for leaf in leaves),
        certificate_expires=min((leaf.not_after for leaf in leaves), default=None),
    )


def _with_ownership(sight: Sight, facts: _Ownership) -> Sight:
    own = next((each for each in facts.registrations if each.domain == facts.domain), None)
    operators = (network.operator for network in facts.networks)
    return replace(
        sight,
        targets=tuple(hop.name for hop in facts.chain[1:]),
        owner=str(own.holder) if own else None,
        operators=tuple(dict.fromkeys(each for each in operators if each)),
        domain=facts.domain,
        domain_expires=own.expires if own else None,
    )


def _place_of(values: Mapping[str, Any]) -> Place | None:
    host, port = values.get("host"), values.get("port")
    try:
        return Place(host_or_address(str(host)), port if isinstance(port, int) else None) if host else None
    except ValueError:
        return None
