"""The rows of the index: their tables, how each row is made from what the store holds, and how it is read back.

Instants are integers, microseconds since 1970-01-01T00:00:00Z, which both databases compare without parsing.
A row is a tuple in the order of its table's columns. Text loses its NUL characters, which PostgreSQL cannot hold.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

import msgspec
import orjson
from sqlalchemy import BigInteger, MetaData, RowMapping, Table
from sqlmodel import Field, Index, SQLModel

from muniment.evidence.errors import IntegrityError
from muniment.evidence.model import digest
from muniment.evidence.verdict import Status

if TYPE_CHECKING:
    from muniment.evidence.store.runs import RunHead

Row: TypeAlias = tuple[Any, ...]
Series: TypeAlias = tuple[str, str]  # a check and a subject

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
BATCH = 1_000
STATUSES = {status.value: status for status in Status}
_NUL = b"\\u0000"
_GIVEN = {"autoincrement": False}  # the number comes from the store


class IndexRow(NamedTuple):
    """One record as the index holds it: `leaf` and `digest` say where it is in the store.

    `status`, `message` and `codes` are those of the verdict at collection time; `collected` is when the look ended.
    A tuple, because there are so many.
    """

    leaf: int
    digest: str
    id: str
    run: int
    task: str
    check: str
    subject: str
    subject_kind: str
    collector: str
    kind: str
    status: Status
    message: str
    codes: tuple[str, ...]
    collected: datetime
    observed_start: datetime
    observed_end: datetime
    recorded: datetime
    valid_until: datetime | None


@dataclass(frozen=True)
class IndexedRun:
    """One run as the index holds it: `run_id` is the digest of its plan, `leaf` and `commit` are those of its start.

    What belongs to its end is None where it began and never ended.
    """

    run: int
    leaf: int
    run_id: str
    commit: str
    planned: datetime
    actor: str
    trigger: str
    tasks: int
    end_commit: str | None
    ended: datetime | None
    got: int | None
    errored: int | None


@dataclass(frozen=True)
class Batch:
    """The rows of some records that follow one another in the store, one list for each table."""

    series: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    controls: list[Row] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The leaf of the last record."""
        return int(self.records[-1][0])


class Tables(SQLModel):
    """The tables of the index, kept apart from those that a program around it may declare."""

    metadata: ClassVar[MetaData] = MetaData()


class _Source(Tables, table=True):
    """The one store that the rows come from, and how far they reach."""

    __tablename__ = "source"
    origin: str = Field(primary_key=True)
    size: int
    root: str


class _Series(Tables, table=True):
    """One check of one subject; `leaf` is where it was seen first."""

    __tablename__ = "series"
    leaf: int = Field(primary_key=True, sa_column_kwargs=_GIVEN)
    digest: str
    check: str
    subject: str


class _Record(Tables, table=True):
    """One record; what its check and its subject are called stands once, in the series."""

    __tablename__ = "record"
    __table_args__ = (Index("record_as_of", "series", "collected", "leaf"),)
    leaf: int = Field(primary_key=True, sa_column_kwargs=_GIVEN)
    digest: str
    id: str
    run: int = Field(index=True)
    task: str
    series: int
    subject_kind: str
    collector: str
    kind: str
    status: str
    message: str
    codes: str
    collected: int = Field(sa_type=BigInteger)
    observed_start: int = Field(sa_type=BigInteger)
    observed_end: int = Field(sa_type=BigInteger)
    recorded: int = Field(sa_type=BigInteger)
    valid_until: int | None = Field(sa_type=BigInteger)


class _RecordControl(Tables, table=True):
    """That a record serves a control."""

    __tablename__ = "record_control"
    __table_args__ = {"sqlite_with_rowid": False}  # it is its own index
    control: str = Field(primary_key=True)
    leaf: int = Field(primary_key=True, sa_column_kwargs=_GIVEN)
    digest: str


class _Run(Tables, table=True):
    """One run: its plan, and its end where it has one."""

    __tablename__ = "run"
    run: int = Field(primary_key=True, sa_column_kwargs=_GIVEN)
    leaf: int
    run_id: str
    commit: str
    planned: int = Field(sa_type=BigInteger)
    actor: str
    trigger: str
    tasks: int
    end_commit: str | None
    ended: int | None = Field(sa_type=BigInteger)
    got: int | None
    errored: int | None


def _table(model: type[SQLModel]) -> Table:
    return Tables.metadata.tables[str(model.__tablename__)]


SOURCE, SERIES, RECORDS = _table(_Source), _table(_Series), _table(_Record)
CONTROLS, RUNS = _table(_RecordControl), _table(_Run)


class _Span(msgspec.Struct, gc=False):
    start: datetime
    end: datetime


class _Judged(msgspec.Struct, gc=False):
    status: str
    message: str
    codes: msgspec.Raw


class _Origin(msgspec.Struct, gc=False):
    stands_for: _Span | None = None


class _Observed(msgspec.Struct, gc=False, tag_field="kind", tag="observed"):
    origin: _Origin
    verdict: _Judged


class _Errored(msgspec.Struct, gc=False, tag_field="kind", tag="errored"):
    cause: str
    message: str


class _Method(msgspec.Struct, gc=False):
    collector: str


class _Life(msgspec.Struct, gc=False):
    valid_until: datetime | None = None


class _Kept(msgspec.Struct, gc=False):
    """What the index keeps of a record (`record.py`); the rest is passed over, because it is so much."""

    id: str
    task: str
    check: str
    controls: tuple[str, ...]
    subject: str
    subject_kind: str
    method: _Method
    collected: _Span
    recorded: datetime
    outcome: _Observed | _Errored
    life: _Life


_kept = msgspec.json.Decoder(_Kept)


def batches(lines: Iterable[tuple[int, int, bytes]], known: dict[Series, int]) -> Iterator[Batch]:
    """The rows of records, each as (run, leaf, canonical bytes), in the order of their leaves.

    `known` gives the first leaf of each series begun earlier; those that begin now are added to it.

    Raises:
        IntegrityError: a line is no record.
    """
    batch = Batch()
    for run, leaf, line in lines:
        try:
            # Most lines hold no escape at all, and one byte is found at once.
            record = _kept.decode(_without_nul(line) if b"\\" in line and _NUL in line else line)
            row = _record_row(record, leaf, digest(line), run, known.setdefault((record.check, record.subject), leaf))
        except ValueError as error:
            where = f"leaf {leaf} of run {run}"
            raise IntegrityError("this is not an EvidenceRecord", where=where, code="file.malformed") from error
        if row[5] == leaf:  # the series begins with it
            batch.series.append((leaf, row[1], record.check, record.subject))
        batch.records.append(row)
        batch.controls.extend([(control, leaf, row[1]) for control in dict.fromkeys(record.controls)])
        if len(batch.records) == BATCH:
            yield batch
            batch = Batch()
    if batch.records:
        yield batch


def run_row(head: "RunHead", size: int) -> Row:
    """The row of a run as it stood when the log had `size` leaves."""
    end = head.end if head.leaves.stop <= size else None  # it may have ended since
    return (
        head.run,
        head.previous_size,
        head.run_id,
        head.commits[0],
        microseconds(head.planned),
        _text(head.actor),
        _text(head.trigger),
        head.tasks,
        *((None,) * 4 if end is None else (head.commits[-1], microseconds(end.ended), end.got, end.errored)),
    )


def index_row(row: Sequence[Any]) -> IndexRow:
    """A record's row with check and subject after it, as a value."""
    leaf, digested, name, run, task, _, subject_kind, collector, kind, status, message, codes, *rest = row
    collected, start, end, recorded, valid_until, check, subject = rest
    return IndexRow(
        leaf,
        digested,
        name,
        run,
        task,
        check,
        subject,
        subject_kind,
        collector,
        kind,
        STATUSES[status],
        message,
        () if codes == "[]" else tuple(orjson.loads(codes)),
        instant(collected),
        instant(start),
        instant(end),
        instant(recorded),
        None if valid_until is None else instant(valid_until),
    )


def indexed_run(row: RowMapping) -> IndexedRun:
    """A run's row as a value."""
    ended = None if row["ended"] is None else instant(row["ended"])
    return IndexedRun(**{**row, "planned": instant(row["planned"]), "ended": ended})


def microseconds(instant: datetime) -> int:
    """The instant, which must have an offset, as the index keeps it."""
    return (instant - _EPOCH) // _MICROSECOND


def _record_row(record: _Kept, leaf: int, digested: str, run: int, series: int) -> Row:
    """The row of a record: an outcome without a verdict is inconclusive."""
    outcome, declared = record.outcome, None
    if isinstance(outcome, _Observed):
        verdict, declared = outcome.verdict, outcome.origin.stands_for
        kind, status, message, codes = "observed", verdict.status, verdict.message, str(verdict.codes, "utf-8")
    else:
        kind, status, message = "errored", Status.INCONCLUSIVE.value, outcome.message
        codes = orjson.dumps([outcome.cause]).decode()
    start, end = microseconds(record.collected.start), microseconds(record.collected.end)
    span = (start, end) if declared is None else (microseconds(declared.start), microseconds(declared.end))
    valid_until = record.life.valid_until
    return (
        leaf,
        digested,
        record.id,
        run,
        record.task,
        series,
        record.subject_kind,
        record.method.collector,
        kind,
        status,
        message,
        codes,
        end,
        *span,
        microseconds(record.recorded),
        None if valid_until is None else microseconds(valid_until),
    )


def _without_nul(line: bytes) -> bytes:
    """JSON whose texts have lost what PostgreSQL cannot hold."""
    return orjson.dumps(_cleared(orjson.loads(line)))


def _cleared(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {key: _cleared(item) for key, item in value.items()}
    return [_cleared(item) for item in value] if isinstance(value, list) else value


def instant(value: int) -> datetime:
    """What `microseconds` made an integer."""
    return _EPOCH + timedelta(0, 0, value)


def _text(value: str) -> str:
    return value.replace("\x00", "\N{REPLACEMENT CHARACTER}")
