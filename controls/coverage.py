"""Coverage: for how much of a period one check had valid evidence of one subject, and why not for the rest.

A record speaks from the start of what it stands for (the look itself, or the period that its source declares) until its
validity ends. The union of these spans is what is covered; what is left of the period are the holes. A failure to look
speaks for no time at all, and neither does a look that was laxer than the control demands.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from muniment.controls.model import Coverage, Hole
from muniment.controls.strictness import asked_of, shortfall
from muniment.evidence.model import Period
from muniment.evidence.record import Errored, Exclusion, StoredRecord

_REASONS = 4  # that many are spelled out for one hole; the record list has the rest


@dataclass(frozen=True, slots=True)
class Look:
    """A record seen as time: it speaks from `start` until `until`. `lax` says how it falls short of the control."""

    stored: StoredRecord
    start: datetime
    until: datetime
    lax: str | None

    @property
    def failed(self) -> bool:
        """Whether there was no sight at all."""
        return isinstance(self.stored.record.outcome, Errored)

    @property
    def speaks(self) -> bool:
        """Whether it covers any time."""
        return not self.failed and self.lax is None


@dataclass(frozen=True, slots=True)
class Planned:
    """What one run planned for one check: `subjects` were to be looked at. `population` is all that the check is about:
    these, and where a run looked only at what was due, those of the plan before it."""

    at: datetime
    run: int
    ended: bool
    subjects: frozenset[str]
    population: frozenset[str]
    expected: int
    basis: str
    exclusions: tuple[Exclusion, ...]


def look_of(stored: StoredRecord, requires: Mapping[str, JsonValue]) -> Look:
    """The record as time, measured against what the control requires of its settings."""
    record = stored.record
    if isinstance(record.outcome, Errored):
        return Look(stored, record.collected.start, record.collected.start, None)
    observed = record.observed
    until = max(observed.end, record.life.valid_until or observed.end)
    lax = shortfall(requires, asked_of(record.method)) if requires else None
    return Look(stored, observed.start, until, lax)


def coverage(
    check: str,
    subject: str,
    looks: Sequence[Look],
    plans: Sequence[Planned],
    start: datetime,
    end: datetime,
    zone: str = "UTC",
) -> Coverage:
    """Coverage of `[start, end)` by looks in the order of time, with the check's plans in the order of time."""
    spans = [(look.start, look.until) for look in looks if look.speaks]
    left = holes(spans, start, end)
    whole = end - start
    covered = whole - sum((hole_end - hole_start for hole_start, hole_end in left), timedelta())
    second = timedelta(seconds=1)
    return Coverage(
        check=check,
        subject=subject,
        covered_seconds=covered // second,
        period_seconds=whole // second,
        holes=tuple(
            Hole(
                period=Period(start=hole_start, end=hole_end, zone=zone),
                reason=_reason(subject, looks, plans, hole_start, hole_end),
            )
            for hole_start, hole_end in left
        ),
    )


def holes(
    spans: Iterable[tuple[datetime, datetime]], start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """What half-open spans leave of `[start, end)`, in order. Spans may overlap, touch, be empty or reach outside."""
    left = []
    reached = start
    for span_start, span_end in sorted(span for span in spans if span[0] < span[1]):
        if span_start >= end:
            break
        if span_start > reached:
            left.append((reached, span_start))
        reached = max(reached, span_end)
    if reached < end:
        left.append((reached, end))
    return left


def permille(coverages: Iterable[Coverage]) -> int:
    """Of all checks and subjects together, rounded down: 1000 only where there is no hole. Of nothing, 0."""
    pairs = [(each.covered_seconds, each.period_seconds) for each in coverages]
    whole = sum(seconds for _, seconds in pairs)
    return 1000 * sum(seconds for seconds, _ in pairs) // whole if whole else 0


def _reason(
    subject: str, looks: Sequence[Look], plans: Sequence[Planned], hole_start: datetime, hole_end: datetime
) -> str:
    """What happened between the last look that speaks and the end of the hole."""
    first, after = (bisect_left(looks, instant, key=lambda look: look.start) for instant in (hole_start, hole_end))
    while first > 0 and not looks[first - 1].speaks:
        first -= 1
    silent = [look for look in looks[first:after] if not look.speaks]
    since = looks[first - 1].start if first > 0 else None
    begin = bisect_left(plans, since, key=lambda plan: plan.at) if since else 0
    between = plans[begin : bisect_left(plans, hole_end, key=lambda plan: plan.at)]
    # The looks on both sides of the hole belong to runs that saw the subject.
    seen = {look.stored.run for look in looks[max(first - 1, 0) : after + 1]}
    happened = [_silence(look) for look in silent] + [
        _absence(subject, plan) for plan in between if plan.run not in seen
    ]
    if happened:
        distinct = list(dict.fromkeys(happened))
        more = len(distinct) - _REASONS
        return "; ".join(distinct[:_REASONS]) + (f"; and {more} more" if more > 0 else "")
    return "no run" if plans and plans[0].at < hole_start else "before the first run"


def _silence(look: Look) -> str:
    outcome = look.stored.record.outcome
    return f"could not look: {outcome.cause}" if isinstance(outcome, Errored) else f"too lax: {look.lax}"


def _absence(subject: str, plan: Planned) -> str:
    if subject not in plan.subjects:
        return "not in the register"
    return f"run {plan.run} has no record of it" if plan.ended else f"run {plan.run} began and never ended"
