"""The rows of a run that was just written, from the records in memory: the same that `rows` makes of their bytes."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import orjson

from muniment.evidence.index.rows import BATCH, NUL, Batch, Row, Series, batches, microseconds
from muniment.evidence.model import digest
from muniment.evidence.record import EvidenceRecord

if TYPE_CHECKING:
    from muniment.evidence.store.written import Written


def batches_of(written: "Written", known: Mapping[Series, int]) -> Iterator[Batch]:
    """The rows of a run's records; `known` gives the first leaf of each series begun earlier."""
    run, first = written.run.start.run, written.run.leaves.start
    if any(NUL in line for line in written.lines):
        yield from batches(((run, leaf, line) for leaf, line in enumerate(written.lines, first)), known)
        return
    leaves = dict(known)
    for begin in range(0, len(written.lines), BATCH):
        batch = Batch()
        some = slice(begin, begin + BATCH)
        for leaf, (record, line) in enumerate(
            zip(written.records[some], written.lines[some], strict=True), first + begin
        ):
            digested = digest(line)
            series = record.check, record.subject
            if series not in leaves:
                leaves[series] = leaf
                batch.series.append((leaf, digested, *series))
            batch.records.append(_row(record, leaf, digested, run, leaves[series]))
            batch.controls.extend([(control, leaf, digested) for control in dict.fromkeys(record.controls)])
        yield batch


def _row(record: EvidenceRecord, leaf: int, digested: str, run: int, series: int) -> Row:
    outcome, collected, until = record.outcome, record.collected, record.life.valid_until
    verdict, codes = outcome.verdict, "[]"
    if verdict.codes:
        codes = orjson.dumps(verdict.codes).decode()
    end = microseconds(collected.end)
    observed = record.observed
    span = (
        (microseconds(collected.start), end)
        if observed is collected
        else (microseconds(observed.start), microseconds(observed.end))
    )
    return (
        leaf,
        digested,
        record.id,
        run,
        record.task,
        series,
        record.subject_kind,
        record.method.collector,
        outcome.kind,
        verdict.status.value,
        verdict.message,
        codes,
        end,
        *span,
        microseconds(record.recorded),
        None if until is None else microseconds(until),
    )
