"""Where each endpoint of the register stands: its owner, its operators, its dates, and the verdict on it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from muniment.controls.model import Register, Subject
from muniment.controls.sights import Listing, Sight
from muniment.evidence.model import Frozen, Instant, rfc3339
from muniment.evidence.verdict import Verdict, gravest, inconclusive, not_applicable

T = TypeVar("T")


class EndpointState(Frozen):
    """One entry of the register. What no record shows is None or empty."""

    subject: str
    host: str
    owner_declared: str | None = None
    owner_found: str | None = None
    operators: tuple[str, ...] = ()
    certificate_expires: Instant | None = None
    domain: str | None = None
    domain_expires: Instant | None = None
    last_seen: Instant | None = None
    verdict: Verdict


def endpoint_states(register: Register, sights: Iterable[Sight], at: datetime) -> tuple[EndpointState, ...]:
    """All entries in the order of the register, by the latest sight of each check and subject, as of `at`."""
    listing = Listing(register)
    by_entry: dict[str, list[Sight]] = defaultdict(list)
    for sight in sorted(sights, key=lambda each: each.at, reverse=True):
        for entry in listing.entries_at(sight.place):
            by_entry[entry.id].append(sight)
    return tuple(_state(entry, register, by_entry[entry.id], at) for entry in register.entries)


def _state(entry: Subject, register: Register, latest: Sequence[Sight], at: datetime) -> EndpointState:
    owner = entry.values.get("owner", register.defaults.get("owner"))
    return EndpointState(
        subject=entry.id,
        host=str(entry.values.get("host", entry.id)),
        owner_declared=str(owner) if owner else None,
        owner_found=_first(latest, lambda each: each.owner),
        operators=_first(latest, lambda each: each.operators) or (),
        certificate_expires=_first(latest, lambda each: each.certificate_expires),
        domain=_first(latest, lambda each: each.domain),
        domain_expires=_first(latest, lambda each: each.domain_expires),
        last_seen=_first(latest, lambda each: each.at if each.observed else None),
        verdict=not_applicable(entry.out_of_scope, "endpoint.out_of_scope")
        if entry.out_of_scope is not None
        else gravest(_as_of(sight, at) for sight in latest),
    )


def _first(latest: Sequence[Sight], told: Callable[[Sight], T | None]) -> T | None:
    """What the latest sight tells that tells anything."""
    return next((value for sight in latest if (value := told(sight))), None)


def _as_of(sight: Sight, at: datetime) -> Verdict:
    until = sight.valid_until
    if until is not None and until < at:
        return inconclusive(f"the last evidence, {sight.record}, spoke until {rfc3339(until)}", "evidence.stale")
    return sight.verdict
