"""From records and coverage to charts: which months a period has, and what stood when. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from operator import itemgetter
from zoneinfo import ZoneInfo

from muniment.controls.model import Coverage
from muniment.evidence import EvidenceRecord, Observed, Period, Status, utc
from muniment.exports.charts import Cell, HeatMap, Lane, Row, Stretch, Timeline

MOST_LANES = 12
_MOST_MONTHS = 15  # beyond this the columns are quarters, so that a cell still holds a symbol and a number
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def columns(period: Period) -> tuple[tuple[str, datetime, datetime], ...]:
    """The months of the period in its zone, or its quarters where it is long: label, start and end, cut to fit."""
    zone = ZoneInfo(period.zone)
    first, last = period.start.astimezone(zone), period.end.astimezone(zone)
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    step = 1 if months <= _MOST_MONTHS else 3
    edge = datetime(first.year, first.month if step == 1 else first.month - (first.month - 1) % 3, 1, tzinfo=zone)
    found = []
    while utc(edge) < period.end:
        later = edge.month - 1 + step
        following = edge.replace(year=edge.year + later // 12, month=later % 12 + 1)
        label = f"{_NAMES[edge.month - 1]} {edge:%y}" if step == 1 else f"Q{edge.month // 3 + 1} {edge:%y}"
        found.append((label, max(utc(edge), period.start), min(utc(following), period.end)))
        edge = following
    return tuple(found)


def heat_map(themes: Iterable[tuple[str, Sequence[EvidenceRecord]]], period: Period, until: datetime) -> HeatMap:
    """Themes by months: each cell is the gravest status of the records observed then."""
    spans = columns(period)
    rows = tuple(
        Row(name, tuple(_cell(records, start, end, until) for _, start, end in spans)) for name, records in themes
    )
    return HeatMap(tuple(label for label, _, _ in spans), rows)


def timeline(
    coverages: Sequence[Coverage], records: Iterable[EvidenceRecord], period: Period, until: datetime
) -> Timeline | None:
    """The lanes of one check, in the order of the coverages; None where nothing was to be covered yet."""
    if not coverages or until <= period.start:
        return None
    seen: dict[str, list[tuple[datetime, Status]]] = {}
    for record in sorted(records, key=lambda record: record.collected.start):
        if isinstance(record.outcome, Observed):
            seen.setdefault(record.subject, []).append((record.collected.start, record.verdict.status))
    lanes = tuple(
        Lane(coverage.subject, _stretches(coverage, seen.get(coverage.subject, []), period.start, until))
        for coverage in coverages[:MOST_LANES]
    )
    return Timeline(period, until, tuple((start, label) for label, start, _ in columns(period)), lanes)


def _cell(records: Sequence[EvidenceRecord], start: datetime, end: datetime, until: datetime) -> Cell:
    statuses = [record.verdict.status for record in records if start <= record.observed.start < end]
    gravest = max(statuses, key=lambda status: status.gravity, default=None)
    return Cell(gravest, len(statuses), ahead=start >= until)


def _stretches(
    coverage: Coverage, seen: Sequence[tuple[datetime, Status]], start: datetime, until: datetime
) -> tuple[Stretch, ...]:
    """Cut the time at every hole's edge and every look, name each piece, and join neighbours that are alike."""
    holes = [(hole.period.start, min(hole.period.end, until)) for hole in coverage.holes if hole.period.start < until]
    looks = [at for at, _ in seen if start < at < until]
    cuts = sorted({start, until, *looks, *(edge for hole in holes for edge in hole if start < edge < until)})
    joined: list[Stretch] = []
    for left, right in pairwise(cuts):
        in_hole = any(first <= left < last for first, last in holes)
        status = None if in_hole else _standing(seen, left)
        if joined and joined[-1].status is status:
            joined[-1] = Stretch(joined[-1].start, right, status)
        else:
            joined.append(Stretch(left, right, status))
    return tuple(joined)


def _standing(seen: Sequence[tuple[datetime, Status]], at: datetime) -> Status | None:
    before = bisect_right(seen, at, key=itemgetter(0))
    return seen[before - 1][1] if before else None
