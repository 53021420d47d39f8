"""A consent log, opened: files of Parquet, CSV or JSONL become three typed tables in a DuckDB of their own.

Nothing is guessed. CSV is RFC 4180 in UTF-8 with a header; JSONL is one object a line; times in text are RFC 3339 with
an offset. Every column that the rule needs must be there, of a type that fits, and filled. What is not so is an
`InputFault` that names the file and the first such row; rows count from 1, and a CSV header is not a row. No message
quotes a value, because any value may be personal data; for the same reason no message of DuckDB is passed on.

Parquet is read where it lies. CSV and JSONL are parsed into the engine, which may spill to a scratch folder that goes
away with it. Times are compared in whole microseconds; finer digits are cut. SQL is put together from our own words and
from names and texts that went through `_quoted` or `_literal`; that is why S608 is silenced where it is.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa

from muniment.evidence.collectors.consent_files import Source, broken_row, empty, header, unreadable
from muniment.evidence.collectors.consent_rule import Table
from muniment.evidence.errors import CouldNotLook, InputFault

SETTINGS: dict[str, str | int | float | list[str]] = {
    "memory_limit": "640MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}

_CLOCK = r"\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?"  # RFC 3339 section 5.6
_OFFSET = r"(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)"

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_NAIVE = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_FITTING = {
    "id": (*_INTEGERS, "UBIGINT", "HUGEINT", "UHUGEINT", "VARCHAR", "UUID"),
    "text": ("VARCHAR",),
    "word": ("VARCHAR",),
    "instant": ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS", "VARCHAR"),
    "flag": ("BOOLEAN", "VARCHAR"),
}
SHOWN = {
    "id": "integers or text",
    "text": "text",
    "word": "text",
    "instant": "instants with a zone (in Parquet: isAdjustedToUTC)",
    "flag": "true or false",
}
OFFSET_MEND = "export times with Z or an offset such as +01:00; which zone was meant is not guessed"
_IBIS = {"BIGINT": "int64", "VARCHAR": "string", "TIMESTAMPTZ": "timestamp('UTC')", "BOOLEAN": "boolean"}


@dataclass(frozen=True)
class Column:
    """A column that the rule needs; `kind` is id, text, word, instant or flag, and a word is one of `words`."""

    name: str
    kind: str
    words: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True)
class Fault:
    """What may be wrong in a row: a condition in SQL, the cause, and the end of the sentence "3 rows …".

    `counted` is SQL that counts the rows of the condition, where there is a quicker way than to try it on each.
    """

    cause: str
    column: str
    condition: str
    sentence: str
    mend: str
    counted: str | None = None


_SUBJECT = (Column("subject_id", "id"), Column("purpose", "text"))
_TIMES = (Column("at", "instant"), Column("recorded_at", "instant", optional=True))
EXPIRY = Column("expires_at", "instant", optional=True)


def columns(modes: tuple[str, ...]) -> dict[str, tuple[Column, ...]]:
    """The columns of each table; the modes that are known are normal, incognito and those of the settings."""
    action = Column("action", "word", ("given", "withdrawn"))
    mode = Column("mode", "word", tuple(dict.fromkeys(("normal", "incognito", *modes))))
    version = Column("notice_version", "id")
    return {
        "acts": (*_SUBJECT, version, action, *_TIMES, EXPIRY),
        "events": (Column("event_id", "id"), *_SUBJECT, mode, *_TIMES),
        "notices": (_SUBJECT[1], version, Column("valid_from", "instant"), Column("supersedes_consent", "flag")),
    }


@contextmanager
def open_log(
    sources: tuple[Source, ...], modes: tuple[str, ...], names: Mapping[str, Mapping[str, str]]
) -> Iterator["Log"]:
    """The log of acts and events, and of notices where they are among the sources.

    `names` says for a table what its files call a column. The engine and its scratch folder end with the context.

    Raises:
        InputFault: a file is not what it claims to be; CouldNotLook where memory or disk do not suffice.
    """
    with tempfile.TemporaryDirectory(prefix="muniment-") as scratch:
        engine = duckdb.connect(":memory:", config={**SETTINGS, "temp_directory": f"{scratch}/spill"})
        try:
            engine.execute("SET TimeZone = 'UTC'")
            yield Log(engine, Path(scratch), sources, columns(modes), names)
        finally:
            engine.close()


class Log:
    """Three typed tables, and the ways to ask them."""

    def __init__(
        self,
        engine: duckdb.DuckDBPyConnection,
        scratch: Path,
        sources: tuple[Source, ...],
        wanted: Mapping[str, tuple[Column, ...]],
        names: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._engine = engine
        self._sources = {source.role: source for source in sources}
        self._columns = wanted
        self._names = names
        self._links = _links(scratch, sources)
        self._types = {source.role: self._described(source) for source in sources}
        for source in sources:
            self._refuse_faulty_rows(source)
            lasting = "VIEW" if source.kind == "parquet" else "TABLE"
            self._ask(
                f"CREATE {lasting} {source.role} AS {self._typed(source.role, self._reader(source, source.files))}"
            )
        if "notices" not in self._sources:
            self._ask(f"CREATE VIEW notices AS {self._typed('notices', '(SELECT 1)')} WHERE false")

    def table(self, role: str) -> Table:
        """The acts, events or notices as Ibis sees them."""
        there = self._types.get(role, {})
        return ibis.table(
            {
                each.name: _IBIS[self._sql_type(each)]
                for each in self._columns[role]
                if each is not EXPIRY or each.name in there
            },
            name=role,
        )

    def rows(self, expression: Table) -> list[tuple[Any, ...]]:
        """Carry out an expression over the tables."""
        return self._ask(sql(expression))

    def keep(self, name: str, expression: Table) -> tuple[Table, str]:
        """Carry out an expression once, and keep its rows as a table of that name; gives the table and the SQL."""
        query = sql(expression)
        self._ask(f"CREATE TEMP TABLE {name} AS {query}")
        return ibis.table(expression.schema(), name=name), query

    def receive(self, name: str, schema: Any, batches: Iterable[Any]) -> None:
        """Keep Arrow batches that come from elsewhere as a table of that name; the schema is theirs."""
        self._engine.register("incoming", schema.empty_table())
        self._ask(f"CREATE TEMP TABLE {name} AS FROM incoming")
        for batch in batches:
            self._engine.register("incoming", pa.Table.from_batches([batch]))
            self._ask(f"INSERT INTO {name} FROM incoming")
        self._engine.unregister("incoming")

    def first(self, role: str, pick: Callable[[Table], Table]) -> str:
        """`file: row 3` of the first row that `pick` chooses from a table; it must choose one."""
        source = self._sources[role]
        for file in source.files:
            typed = self._typed(role, self._numbered(source, file), "muniment_row")
            self._ask(f"CREATE OR REPLACE TEMP VIEW one AS {typed}")
            one = ibis.table({**self.table(role).schema(), "muniment_row": "int64"}, name="one")
            row = self.rows(pick(one).agg(row=lambda chosen: chosen.muniment_row.min()))[0][0]
            if row is not None:
                return f"{source.shown(file).name}: row {row}"
        raise LookupError(f"no row of the {role} is chosen")

    def expected(self, role: str) -> tuple[int, str] | None:
        """How many rows the files themselves say that they hold, and how we know; None where they do not say."""
        source = self._sources[role]
        if source.kind != "parquet":
            return None
        rows = self._ask(f"SELECT sum(num_rows) FROM parquet_file_metadata({self._paths(source.files)})")[0][0]  # noqa: S608
        return int(rows), "the row counts in the Parquet footers"

    def _described(self, source: Source) -> dict[str, str]:
        """The type of each column that we need, by our name; an optional one may be absent."""
        shapes = {file: self._shape(source, file) for file in source.files}
        first = shapes[source.files[0]]
        for file, shape in shapes.items():
            self._refuse_missing_columns(source, file, shape)
            if source.kind != "jsonl" and list(shape.items()) != list(first.items()):
                raise InputFault(
                    "consent.mixed_files",
                    f"the columns are not those of {source.files[0].name}, or their types or order differ",
                    where=str(file),
                    mend=f"export all files of the {source.role} in the same way",
                )
        found = {each.name: self._theirs(source.role, each) for each in self._columns[source.role]}
        if source.kind == "jsonl":
            return dict.fromkeys(found, "VARCHAR")
        types = {ours: first[theirs] for ours, theirs in found.items() if theirs in first}
        for column in self._columns[source.role]:
            _refuse_wrong_type(column, types.get(column.name), source)
        return types

    def _shape(self, source: Source, file: Path) -> dict[str, str]:
        """The columns of one file and their types, as the file has them."""
        if source.kind == "parquet":
            return {name: kind for name, kind, *_ in self._ask(f"DESCRIBE FROM {self._reader(source, (file,))}")}
        names = header(source, file)
        if len({name.lower() for name in names}) < len(names):
            raise unreadable(source.role, source.kind, file)
        return dict.fromkeys(names, "VARCHAR")

    def _refuse_missing_columns(self, source: Source, file: Path, shape: Mapping[str, str]) -> None:
        for column in self._columns[source.role]:
            theirs = self._theirs(source.role, column)
            if column.optional or theirs in shape:
                continue
            meant = "".join(f"did you mean {name}? " for name in get_close_matches(theirs, shape, n=1))
            raise InputFault(
                "consent.missing_column",
                f"the {source.role} have no column {theirs}",
                where=f"{file}: row 1" if source.kind == "jsonl" else str(file),
                mend=f"{meant}say in the settings what the file calls it, under columns.{source.role}.{column.name}",
            )

    def _refuse_faulty_rows(self, source: Source) -> None:
        faults = tuple(self._faults(source.role))
        counts = ", ".join(fault.counted or f"count(*) FILTER ({fault.condition})" for fault in faults)
        rows, *faulty = self._ask(f"SELECT count(*), {counts} FROM {self._reader(source, source.files)}")[0]  # noqa: S608
        if not rows and source.role != "acts":  # where nobody ever consented there are no acts
            raise empty(source.role, source.files[0])
        for fault, count in zip(faults, faulty, strict=True):
            if count:
                raise InputFault(
                    fault.cause,
                    f"{count:,} {'row has' if count == 1 else 'rows have'} {fault.sentence}",
                    where=f"{self._first_faulty(source, fault)}, column {fault.column}",
                    mend=fault.mend,
                )

    def _faults(self, role: str) -> Iterator[Fault]:
        """Everything that may be wrong in a row of a table, in the order in which it is told."""
        for column in self._columns[role]:
            if column.name not in self._types[role]:
                continue
            theirs = self._theirs(role, column)
            name = _quoted(theirs)
            text = self._types[role][column.name] == "VARCHAR"
            lacking = f"({name} IS NULL" + (f" OR trim({name}) = '')" if text else ")")
            # DuckDB counts the values of a column several times faster than it asks each for its absence.
            counted = f"count(*) - count({name})" + (f" + count(*) FILTER (trim({name}) = '')" if text else "")
            if column.name == "notice_version" and role == "acts":  # a withdrawal need not name a notice
                lacking += f" AND {_quoted(self._names.get(role, {}).get('action', 'action'))} = 'given'"
                counted = ""
            if not column.optional:
                mend = "every row needs one"
                yield Fault("consent.missing_value", theirs, lacking, "no value", mend, counted or None)
            if column.kind == "word":
                known = ", ".join(map(_literal, column.words))
                mend = f"known are {', '.join(column.words)}"
                yield Fault(
                    f"consent.unknown_{column.name}",
                    theirs,
                    f"{name} NOT IN ({known})",
                    f"an unknown {column.name}",
                    mend,
                )
            if column.kind == "instant" and text:
                naive = f"regexp_full_match({name}, {_literal(_CLOCK)})"
                whole = f"regexp_full_match({name}, {_literal(_CLOCK + _OFFSET)})"
                off = f"NOT {naive} AND (NOT {whole} OR TRY_CAST({name} AS TIMESTAMPTZ) IS NULL)"
                yield Fault("consent.naive_timestamp", theirs, naive, "a time without an offset", OFFSET_MEND)
                yield Fault("consent.malformed_time", theirs, off, "no RFC 3339 time", "write 2026-03-01T12:00:00Z")
            if column.kind == "flag" and text:
                off = f"lower({name}) NOT IN ('true', 'false')"
                yield Fault("consent.malformed_flag", theirs, off, "neither true nor false", "write true or false")

    def _first_faulty(self, source: Source, fault: Fault) -> str:
        for file in source.files:
            chosen = f"SELECT min(muniment_row) FROM {self._numbered(source, file)} WHERE {fault.condition}"  # noqa: S608
            row = self._ask(chosen)[0][0]
            if row is not None:
                return f"{source.shown(file)}: row {row}"
        raise LookupError("a faulty row was counted, and is not found")

    def _typed(self, role: str, reader: str, *more: str) -> str:
        """The SELECT that gives our names and types to what a reader reads."""
        values = [f"{self._value(role, each)} AS {_quoted(each.name)}" for each in self._columns[role]]
        return f"SELECT {', '.join([*values, *more])} FROM {reader}"  # noqa: S608

    def _value(self, role: str, column: Column) -> str:
        kind = self._sql_type(column)
        if column.name not in self._types.get(role, {}):
            return f"CAST(NULL AS {kind})"
        return f"CAST({_quoted(self._theirs(role, column))} AS {kind})"

    def _sql_type(self, column: Column) -> str:
        """An id is a whole number where it is one in every table that has it, else text."""
        if column.kind == "id":
            types = {kinds[column.name] for kinds in self._types.values() if column.name in kinds}
            return "BIGINT" if types <= set(_INTEGERS) else "VARCHAR"
        return {"instant": "TIMESTAMPTZ", "flag": "BOOLEAN"}.get(column.kind, "VARCHAR")

    def _theirs(self, role: str, column: Column) -> str:
        return self._names.get(role, {}).get(column.name, column.name)

    def _numbered(self, source: Source, file: Path) -> str:
        """The rows with their number: that of the record they were made from, or their own."""
        if source.originals:
            return f"(SELECT *, CAST(record AS BIGINT) AS muniment_row FROM {self._reader(source, (file,))})"  # noqa: S608
        return f"(SELECT *, row_number() OVER () AS muniment_row FROM {self._reader(source, (file,))})"  # noqa: S608

    def _reader(self, source: Source, files: tuple[Path, ...]) -> str:
        """The call that reads files, without any of DuckDB's guessing."""
        paths = self._paths(files)
        if source.kind == "parquet":
            return f"read_parquet({paths}, hive_partitioning = false)"
        if source.kind == "jsonl":
            names = [self._theirs(source.role, each) for each in self._columns[source.role]]
            names += ["record"] if source.originals else []
            return f"read_json({paths}, format = 'newline_delimited', columns = {_texts(names)})"
        names = list(header(source, files[0]))
        return (
            f"read_csv({paths}, auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', "
            f"columns = {_texts(names)})"
        )

    def _paths(self, files: tuple[Path, ...]) -> str:
        return f"[{', '.join(_literal(self._links[file]) for file in files)}]"

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        try:
            return self._engine.execute(query).fetchall()
        except duckdb.OutOfMemoryException as error:
            raise CouldNotLook("consent.engine", "the log is too large for the memory and the scratch disk") from error
        except duckdb.Error as error:
            raise self._blame(error) from error

    def _blame(self, error: duckdb.Error) -> InputFault | CouldNotLook:
        """The file that cannot be read on its own, else the engine."""
        for source in self._sources.values():
            for file in source.files:
                everything = f"SELECT max(hash(COLUMNS(*))) FROM {self._reader(source, (file,))}"  # noqa: S608
                try:
                    self._engine.execute(everything).fetchall()
                except duckdb.Error:
                    return unreadable(source.role, source.kind, file, broken_row(source, file))
        return CouldNotLook("consent.engine", f"the engine gave up ({type(error).__name__})")


def sql(expression: Table) -> str:
    """The SQL of an expression, as DuckDB gets it."""
    return str(ibis.to_sql(expression, dialect="duckdb"))


def _refuse_wrong_type(column: Column, found: str | None, source: Source) -> None:
    """`found` is None where an optional column is absent."""
    place = f"{source.files[0]}: row 1, column {column.name}"
    if found in _NAIVE and column.kind == "instant":
        what = "every time in the column is without an offset"
        raise InputFault("consent.naive_timestamp", what, where=place, mend=OFFSET_MEND)
    if found is not None and found not in _FITTING[column.kind]:
        raise InputFault(
            "consent.wrong_type",
            f"the column holds {found}",
            where=place,
            mend=f"export it as {SHOWN[column.kind]}",
        )


def _links(scratch: Path, sources: tuple[Source, ...]) -> dict[Path, str]:
    """A link of a plain name to each file: DuckDB takes a path for a pattern, and reads columns out of folder names."""
    links = {}
    for source in sources:
        for place, file in enumerate(source.files):
            link = scratch / f"{source.role}-{place}.{source.kind}"
            link.symlink_to(file.resolve())
            links[file] = str(link)
    return links


def _texts(names: Iterable[str]) -> str:
    """The `columns` argument that reads every column as text."""
    return "{" + ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in names) + "}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
