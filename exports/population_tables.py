"""The tables of what was to be looked at: registers, gaps in the schedule, populations, and samples of them. Pure."""

from collections.abc import Iterator

from muniment.evidence import rfc3339
from muniment.exports.cells import Cell, Table, table
from muniment.exports.languages import marked
from muniment.exports.model import Pack

_REGISTERS = ("registers", marked("Registers"), "register", "file", "entry", "owner", "remarks", "out_of_scope")
_GAPS = (
    "schedule_gaps",
    marked("Gaps in the schedule"),
    "id",
    "check",
    "controls",
    "due",
    "until",
    "missed",
    "abandoned",
    "reason",
)
_POPULATIONS = (
    "populations",
    marked("Populations"),
    "check",
    "basis",
    "expected",
    "seen",
    "sources",
    "query",
    "filters",
    "digest",
)
_EXCLUSIONS = ("exclusions", marked("Left out of populations"), "check", "subject", "reason")
_SAMPLES = (
    "samples",
    marked("Samples"),
    "sample",
    "record",
    "status",
    "population",
    "of",
    "digest",
    "method",
    "by",
    "size",
    "seed",
    "tree_size",
    "root",
    "asked_by",
    "on",
    "drawn_again",
)


def of_populations(pack: Pack) -> tuple[Table, ...]:
    """The tables, from what the organisation declares to what was drawn."""
    return (
        table(_REGISTERS, _registers(pack)),
        table(_GAPS, _gaps(pack)),
        table(_POPULATIONS, _populations(pack)),
        table(
            _EXCLUSIONS, ((row.check, out.subject, out.reason) for row in pack.populations for out in row.exclusions)
        ),
        table(_SAMPLES, _samples(pack)),
    )


def _registers(pack: Pack) -> Iterator[tuple[Cell, ...]]:
    for sheet in pack.scope.registers:
        for each in sheet.members:
            yield sheet.name, sheet.path, each.id, each.owner, each.note, each.out_of_scope


def _gaps(pack: Pack) -> Iterator[tuple[Cell, ...]]:
    for gap in pack.schedule_gaps:
        abandoned = "; ".join(map(str, gap.abandoned))
        until = rfc3339(gap.until) if gap.until else None
        controls = "; ".join(gap.controls)
        yield gap.id, gap.check, controls, rfc3339(gap.due), until, gap.missed, abandoned, gap.reason


def _populations(pack: Pack) -> Iterator[tuple[Cell, ...]]:
    for row in pack.populations:
        sources, filters = "; ".join(row.sources), "; ".join(row.filters)
        yield row.check, row.basis, row.expected, row.seen, sources, row.query, filters, row.digest


def _samples(pack: Pack) -> Iterator[tuple[Cell, ...]]:
    for row in pack.samples:
        sample = row.sample
        by = sample.by.value if sample.by else None
        drawing = (sample.population, sample.of, sample.digest, sample.method.value, by, sample.size, sample.seed)
        asked = (sample.tree_size, sample.root, sample.asked_by, sample.on.isoformat(), row.redrawn)
        for id_ in sample.drawn:
            status = row.cited[id_].record.verdict.status.value if id_ in row.cited else None
            yield sample.id, id_, status, *drawing, *asked
