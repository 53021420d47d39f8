"""Filling the index from a store, searching it, and holding it against the store."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import takewhile
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from sqlalchemy import ColumnElement, Connection, Table, delete, inspect, select, true

from muniment.evidence.errors import IntegrityError
from muniment.evidence.index.database import Database, listed, load
from muniment.evidence.index.newest import Newest, newest
from muniment.evidence.index.rows import (
    CONTROLS,
    RECORDS,
    RUNS,
    SERIES,
    SOURCE,
    IndexedRun,
    IndexRow,
    Row,
    Series,
    Tables,
    batches,
    index_row,
    indexed_run,
    microseconds,
    run_row,
)
from muniment.evidence.model import utc
from muniment.evidence.verdict import Status

if TYPE_CHECKING:
    from muniment.evidence.store import Checkpoint, Store
    from muniment.evidence.store.runs import RunHead

Progress: TypeAlias = Callable[[int, int], None]  # leaves done, leaves in all
_Source: TypeAlias = tuple[str, int, str]  # origin, size and root of the store that the rows come from

_ALL = true()
_VERIFY_FIRST = "run `muniment verify` against a pinned checkpoint before `muniment index rebuild`"


class Index:
    """The rows of one store in one database. A context manager; `close` gives the connections back."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._series: tuple[_Source | None, dict[Series, int]] = (None, {})  # those of the log as it was copied last

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the index at `sqlite:///PATH` or `postgresql://USER@HOST/DATABASE`, and make the tables where none are.

        Raises:
            UsageError: the URL names neither SQLite nor PostgreSQL.
            StoreFault: the server, the driver or the file cannot be used; the password is never repeated.
        """
        index = cls(Database(url))
        try:
            index._prepare()
        except BaseException:
            index.close()
            raise
        return index

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def rebuild(self, store: "Store", progress: Progress | None = None) -> int:
        """Make all rows again from the store, in one transaction; gives the number of records.

        Raises:
            IntegrityError: `index.origin`, where the rows are those of another store.
        """
        with self._database.writing() as connection:
            _refuse_another(_source(connection), store)
            Tables.metadata.drop_all(connection)
            Tables.metadata.create_all(connection)
            return _copy(connection, store, 0, store.checkpoint(), {}, progress)

    def update(self, store: "Store", progress: Progress | None = None) -> int:
        """Copy what came after the last indexed leaf, in one transaction; gives the number of records.

        Raises:
            IntegrityError: `index.origin`, where the rows are those of another store; `index.ahead`, where they reach
                beyond the store's end; `index.root`, where the store had another history when they were copied.
        """
        with self._database.writing() as connection:
            source = _source(connection)
            _refuse_another(source, store)
            head = store.checkpoint()
            first = _reach(source, head)
            if first >= head.size:
                return 0
            series = self._series_of(source, connection)
            copied = _copy(connection, store, first, head, series, progress)
        self._series = ((store.origin, head.size, head.root), series)
        return copied

    def latest(self, as_of: datetime) -> list[Newest]:
        """For each check and subject, in that order, the newest record whose look had ended at `as_of`.

        Of two that ended at one instant the later leaf counts. The cost grows with the number of checks and subjects,
        not with the length of the history.
        """
        with self._database.asking() as connection:
            return newest(connection, microseconds(utc(as_of)))

    def find(
        self,
        *,
        check: str | None = None,
        control: str | None = None,
        subject: str | None = None,
        status: Status | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        run: int | None = None,
        limit: int | None = None,
    ) -> list[IndexRow]:
        """The records that meet all that is asked, the newest leaf first. `[since, until)` is about the look's end."""
        serving = select(CONTROLS.c.leaf).where(CONTROLS.c.control == control)
        conditions = [
            _ALL if check is None else SERIES.c.check == check,
            _ALL if control is None else RECORDS.c.leaf.in_(serving),
            _ALL if subject is None else SERIES.c.subject == subject,
            _ALL if status is None else RECORDS.c.status == status.value,
            _ALL if since is None else RECORDS.c.collected >= microseconds(utc(since)),
            _ALL if until is None else RECORDS.c.collected < microseconds(utc(until)),
            _ALL if run is None else RECORDS.c.run == run,
        ]
        query = (
            select(RECORDS, SERIES.c.check, SERIES.c.subject)
            .join_from(RECORDS, SERIES, RECORDS.c.series == SERIES.c.leaf)
            .where(*conditions)
            .order_by(RECORDS.c.leaf.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [index_row(row) for row in connection.execute(query)]

    def runs(self) -> list[IndexedRun]:
        """All runs, the newest first."""
        with self._database.reading() as connection:
            return [indexed_run(row) for row in connection.execute(select(RUNS).order_by(RUNS.c.run.desc())).mappings()]

    def check_against(self, store: "Store") -> list[str]:
        """One sentence for each row that is changed, missing or added, measured against the store; none if all is well.

        Each row is made again from the store and compared whole, so that a status that was changed in SQL is seen
        though the digest beside it was left alone. What the store took in after the last `update` is not missed.

        Raises:
            IntegrityError: as `update`.
        """
        with self._database.reading() as connection:
            source = _source(connection)
            _refuse_another(source, store)
            return list(_differences(connection, store, _reach(source, store.checkpoint())))

    def _series_of(self, source: "_Source | None", connection: Connection) -> dict[Series, int]:
        """The first leaf of each series; what a log of this size and root holds need not be asked for again."""
        (known, series), self._series = self._series, (None, {})
        if source is not None and source == known:
            return series
        rows = listed(connection, SERIES, "check", "subject", "leaf")
        return {(check, subject): leaf for check, subject, leaf in rows}

    def _prepare(self) -> None:
        """Reading first, so that an index that is there can be opened while another program writes to it."""
        with self._database.reading() as connection:
            missing = not inspect(connection).has_table(SOURCE.name)
        if missing:
            with self._database.writing() as connection:
                Tables.metadata.create_all(connection)


def _source(connection: Connection) -> _Source | None:
    """What the rows come from; None in a new index."""
    rows = listed(connection, SOURCE, "origin", "size", "root")
    return (str(rows[0][0]), int(rows[0][1]), str(rows[0][2])) if rows else None


def _refuse_another(source: _Source | None, store: "Store") -> None:
    if source is not None and source[0] != store.origin:
        raise IntegrityError(
            f"the index holds the rows of another store: {source[0]}, not {store.origin}",
            code="index.origin",
            mend="give each store an index URL of its own",
        )


def _reach(source: _Source | None, head: "Checkpoint") -> int:
    """How many leaves are indexed: 0 in a new index."""
    if source is None:
        return 0
    _, size, root = source
    if size > head.size:
        raise IntegrityError(
            f"the index was made when the store had {size} leaves, and now it has {head.size}: it was cut back",
            code="index.ahead",
            mend=_VERIFY_FIRST,
        )
    if size == head.size and root != head.root:
        raise IntegrityError(
            f"at {head.size} leaves the store had another root when it was indexed: its history was rewritten",
            code="index.root",
            mend=_VERIFY_FIRST,
        )
    return size


def _copy(
    connection: Connection,
    store: "Store",
    first: int,
    head: "Checkpoint",
    series: dict[Series, int],
    progress: Progress | None,
) -> int:
    """Add the rows of all leaves from `first` to the head, and the series that begin there to `series`.

    Gives the number of records.
    """
    copied = 0
    written = store.written(first, head)
    lines = _before(head.size, store.lines(since=first)) if written is None else written.numbered()
    for batch in batches(lines, series):
        load(connection, SERIES, batch.series)
        load(connection, RECORDS, batch.records)
        load(connection, CONTROLS, batch.controls)
        copied += len(batch.records)
        if progress is not None:
            progress(batch.last + 1, head.size)
    runs = list(_begun(store, first, head.size)) if written is None else [written.run_head]
    known_open = [run.run for run in runs if run.previous_size < first]
    if known_open:
        connection.execute(delete(RUNS).where(RUNS.c.run.in_(known_open)))
    load(connection, RUNS, [run_row(run, head.size) for run in runs])
    connection.exec_driver_sql("DELETE FROM source")
    load(connection, SOURCE, [(store.origin, head.size, head.root)])
    if progress is not None:
        progress(head.size, head.size)
    return copied


def _differences(connection: Connection, store: "Store", size: int) -> Iterator[str]:
    """Rows that are not what the first `size` leaves of the store give."""
    series: list[Row] = []
    done = 0
    for batch in batches(_before(size, store.lines()), {}):
        series += batch.series
        yield from _unlike(connection, RECORDS, batch.records, RECORDS.c.leaf.between(done, batch.last))
        yield from _unlike(connection, CONTROLS, batch.controls, CONTROLS.c.leaf.between(done, batch.last))
        done = batch.last + 1
    yield from _unlike(connection, RECORDS, [], RECORDS.c.leaf >= done)
    yield from _unlike(connection, CONTROLS, [], CONTROLS.c.leaf >= done)
    yield from _unlike(connection, SERIES, series)
    yield from _unlike(connection, RUNS, [run_row(head, size) for head in _begun(store, 0, size)])


def _begun(store: "Store", first: int, size: int) -> "Iterator[RunHead]":
    """The runs that had begun when the store had `size` leaves, and have one at or after `first`."""
    return (head for head in store.run_heads(since=first) if head.previous_size < size)


def _before(size: int, lines: Iterator[tuple[int, int, bytes]]) -> Iterator[tuple[int, int, bytes]]:
    """The records of the first `size` leaves: a run that is written meanwhile waits for the next update."""
    return takewhile(lambda line: line[1] < size, lines)


def _unlike(
    connection: Connection, table: Table, expected: Sequence[Row], part: ColumnElement[bool] = _ALL
) -> Iterator[str]:
    """One sentence for each row in a part of a table that is not as expected."""
    wanted = {_key(table, row): row for row in expected}
    found = {_key(table, row): tuple(row) for row in connection.execute(select(table).where(part))}
    for key in sorted(wanted.keys() | found.keys(), key=_sortable):
        here, there = found.get(key), wanted.get(key)
        if here is None:
            yield f"{_name(table, wanted[key])}: missing from the index"
        elif there is None:
            yield f"{_name(table, here)}: in the index, not in the store"
        else:
            for column, is_here, is_there in zip(table.columns, here, there, strict=True):
                if is_here != is_there:
                    values = f"{is_here!r:.80} in the index, {is_there!r:.80} in the store"
                    yield f"{_name(table, there)}: {column.name} is {values}"


def _key(table: Table, row: Sequence[Any]) -> Row:
    return tuple(value for column, value in zip(table.columns, row, strict=True) if column.primary_key)


def _sortable(key: Row) -> Row:
    """A key to sort by: in a broken database a key may be of any type."""
    return tuple((type(part).__name__, part) for part in key)


def _name(table: Table, row: Row) -> str:
    """`row of record (leaf 2, id EV-2026-000001-0002)`."""
    values = zip(table.columns, row, strict=True)
    named = ", ".join(f"{column.name} {value}" for column, value in values if column.primary_key or column.name == "id")
    return f"row of {table.name} ({named})"
