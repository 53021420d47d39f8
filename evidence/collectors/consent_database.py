"""A consent log that lies in a database: the rule is carried out there, and only what violates it comes here.

A place is a URL that Ibis knows, with the table after `#`: `postgresql://db.example/consent#public.events`. Neither
user nor password stand in it. PostgreSQL is read in one transaction, REPEATABLE READ and READ ONLY, so that all
questions are put to one state, which is named (`snapshot`); a file of DuckDB is named by its digest. What other engines
promise is theirs, and no snapshot is recorded. SQLite, whose times are text, is read by `consent_copied`.

The columns are held to the same as those of files, except that a time must be an instant (`timestamptz`), no text. A
database has no row numbers: a fault names table and column. No message of an engine is passed on, because it may quote
data; its SQLSTATE is.
"""

import hashlib
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import ibis
import ibis.expr.operations as ops

from muniment.evidence.collectors.consent_files import Source, engines
from muniment.evidence.collectors.consent_log import EXPIRY, OFFSET_MEND, SHOWN, Column, Log, columns, open_log
from muniment.evidence.collectors.consent_rule import Table, Value
from muniment.evidence.errors import CouldNotLook, InputFault
from muniment.evidence.net import admit
from muniment.evidence.record import Content

_PORTS = {"postgres": 5432, "postgresql": 5432}
_IN_FILES = ("duckdb", "sqlite")
_IN_CLOUDS = ("athena", "bigquery", "snowflake")  # what stands where a host would is an account, and has no address
_BATCH = 50_000  # rows that are taken from the engine at once
_BLOCK = 1 << 20
_SECONDS = 20  # to wait for a server
_POSTGRESQL_STATE = """
    SELECT current_setting('server_version'), pg_current_snapshot()::text,
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text
"""


@dataclass(frozen=True)
class Place:
    """A table of a database: the URL without its fragment, the scheme, and schema and table."""

    role: str
    url: str
    scheme: str
    table: str
    schema: str | None

    @property
    def shown(self) -> str:
        """The place as it is recorded and told."""
        return f"{self.url}#{f'{self.schema}.' if self.schema else ''}{self.table}"


@dataclass(frozen=True)
class Login:
    """Who asks, and whether the server may have an address that is not public."""

    user: str | None
    password: str | None
    allow_private: bool


@dataclass(frozen=True)
class State:
    """Which engine answered, and what names the state of the data that it answered from."""

    engine: str
    version: str
    snapshot: str | None
    contents: tuple[Content, ...]


def is_place(location: Path | str) -> bool:
    """Whether a location is a URL of an engine that Ibis knows."""
    scheme, found, _ = str(location).partition("://")
    return bool(found) and scheme in engines()


def place(role: str, location: Path | str) -> Place:
    """The table that a URL names; without a fragment it is called as its role."""
    parts = urlsplit(str(location))
    schema, _, table = unquote(parts.fragment).rpartition(".")
    return Place(role, str(location).partition("#")[0], parts.scheme, table or role, schema or None)


@contextmanager
def open_database(
    places: tuple[Place, ...],
    notices: Source | None,
    login: Login,
    modes: tuple[str, ...],
    names: Mapping[str, Mapping[str, str]],
) -> Iterator["DatabaseLog"]:
    """The log of acts and events in one database; the notices lie there too, or in a file, or nowhere.

    Raises:
        InputFault: a table is not what it should be; CouldNotLook where the database does not answer to the end.
    """
    url = places[0].url
    for each in places:
        if each.url != url:
            raise InputFault(
                "consent.two_places",
                f"the {each.role} lie in another database than the {places[0].role}, and cannot be joined with them",
                where=each.shown,
                mend="bring them into one database; only the notices may lie in a file beside it",
            )
    backend = connected(places[0], login)
    try:
        with open_log((notices,) if notices else (), modes, names) as files:
            yield DatabaseLog(backend, places, files, columns(modes), names)
    finally:
        let_go(backend)


class DatabaseLog:
    """The same questions as those of `Log`, put to a database; what is kept of the answers is kept here."""

    def __init__(
        self,
        backend: Any,
        places: tuple[Place, ...],
        files: Log,
        wanted: Mapping[str, tuple[Column, ...]],
        names: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._backend = backend
        self._places = {each.role: each for each in places}
        self._files = files
        self._columns = wanted
        self._names = names
        self.state = self._begin()
        self._raw = {each.role: self._found(each) for each in places}
        for role, raw in self._raw.items():
            self._refuse_unfit_columns(role, raw)
        self._whole_ids = {id_: self._is_whole(id_) for id_ in ("subject_id", "event_id", "notice_version")}
        for role in self._raw:
            self._refuse_faulty_rows(role)
        if "notices" not in self._raw:
            self._raw["notices"] = self._literal_notices()

    def table(self, role: str) -> Table:
        """The acts, events or notices as the rule wants them."""
        raw = self._raw[role]
        there = [each for each in self._columns[role] if each is not EXPIRY or self._theirs(role, each) in raw.columns]
        return raw.select(**{each.name: self._value(role, raw, each) for each in there})

    def rows(self, expression: Table) -> list[tuple[Any, ...]]:
        """Carry out an expression, where its tables lie."""
        if not expression.op().find(ops.DatabaseTable):
            return self._files.rows(expression)
        return [tuple(row.values()) for batch in self._batches(expression) for row in batch.to_pylist()]

    def keep(self, name: str, expression: Table) -> tuple[Table, str]:
        """Carry out an expression once, and keep its rows here; gives the table and the SQL that was sent."""
        if not expression.op().find(ops.DatabaseTable):
            return self._files.keep(name, expression)
        self._files.receive(name, expression.schema().to_pyarrow(), self._batches(expression))
        return ibis.table(expression.schema(), name=name), str(self._backend.compile(expression))

    def first(self, role: str, pick: Callable[[Table], Table]) -> str:  # noqa: ARG002 - a database has no row numbers
        """The table; which row is first is not known."""
        return self._places[role].shown if role in self._places else role

    def expected(self, role: str) -> tuple[int, str] | None:
        """How many rows the engine counts in the table."""
        [(rows,)] = self.rows(self._raw[role].count().as_table())
        return int(rows), f"the rows that {self.state.engine} counts in the table in the same snapshot"

    def _begin(self) -> State:
        """From here on one state is read, as far as the engine can."""
        scheme, name = self._places["events"].scheme, self._backend.name
        with self._answering():
            if name == "postgres":
                self._backend.con.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                version, snapshot, position = self._backend.con.execute(_POSTGRESQL_STATE).fetchone()
                return State("PostgreSQL", version.split()[0], f"snapshot {snapshot}, WAL {position}", ())
            if scheme in _IN_FILES:
                file = Path(urlsplit(self._places["events"].url).path)
                digest = f"sha256:{_digest(file)}"
                content = Content(
                    name=f"database: {file.name}",
                    media_type="application/octet-stream",
                    size=file.stat().st_size,
                    sha256=digest,
                )
                return State(name, str(self._backend.version), digest, (content,))
            return State(name, str(self._backend.version), None, ())

    def _found(self, place: Place) -> Table:
        with self._answering():
            try:
                return self._backend.table(place.table, database=place.schema)
            except ibis.common.exceptions.TableNotFound as error:
                raise InputFault(
                    "consent.not_found",
                    f"there is no table of {place.role} here that this user may read",
                    where=place.shown,
                    mend="name it after # in the URL, with its schema: …#public.events",
                ) from error

    def _refuse_unfit_columns(self, role: str, raw: Table) -> None:
        for column in self._columns[role]:
            theirs = self._theirs(role, column)
            where = f"{self._places[role].shown}, column {theirs}"
            if theirs not in raw.columns:
                if column.optional:
                    continue
                raise InputFault(
                    "consent.missing_column",
                    f"the {role} have no column {theirs}",
                    where=self._places[role].shown,
                    mend=f"say in the settings what the table calls it, under columns.{role}.{column.name}",
                )
            kind = raw[theirs].type()
            if column.kind == "instant" and kind.is_timestamp() and kind.timezone is None:
                what = "every time in the column is without an offset"
                raise InputFault("consent.naive_timestamp", what, where=where, mend=OFFSET_MEND)
            if not _fits(column, kind):
                shown = SHOWN[column.kind].partition(" (")[0]
                raise InputFault(
                    "consent.wrong_type", f"the column holds {kind}", where=where, mend=f"store it as {shown}"
                )

    def _refuse_faulty_rows(self, role: str) -> None:
        """The same as of files: each value is there, and each word is known."""
        raw = self._raw[role]
        faults = [
            fault
            for column in self._columns[role]
            if self._theirs(role, column) in raw.columns
            for fault in self._faults(role, raw, column)
        ]
        counts = {f"fault_{place}": raw.count(where=fault[1]) for place, fault in enumerate(faults)}
        [(rows, *faulty)] = self.rows(raw.aggregate(rows=raw.count(), **counts))
        shown = self._places[role].shown
        if not rows and role != "acts":
            mend = "check that it is the table that is meant"
            raise InputFault(
                "consent.empty", f"the {role} are empty: there is nothing to judge", where=shown, mend=mend
            )
        for (cause, _, column, sentence, mend), count in zip(faults, faulty, strict=True):
            if count:
                what = f"{count:,} {'row has' if count == 1 else 'rows have'} {sentence}"
                raise InputFault(cause, what, where=f"{shown}, column {column}", mend=mend)

    def _faults(self, role: str, raw: Table, column: Column) -> Iterator[tuple[str, Value, str, str, str]]:
        """Cause, condition, column, the end of the sentence "3 rows have …", and what mends it."""
        theirs = self._theirs(role, column)
        value = raw[theirs]
        if not column.optional:
            lacking = value.isnull()
            if value.type().is_string():
                lacking |= value.strip() == ""
            if column.name == "notice_version" and role == "acts":  # a withdrawal need not name a notice
                lacking &= raw[self._names.get(role, {}).get("action", "action")] == "given"
            yield "consent.missing_value", lacking, theirs, "no value", "every row needs one"
        if column.kind == "word":
            unknown = value.notnull() & ~value.isin(column.words)
            mend = f"known are {', '.join(column.words)}"
            yield f"consent.unknown_{column.name}", unknown, theirs, f"an unknown {column.name}", mend

    def _literal_notices(self) -> Table:
        """The notices of the file as rows of the query itself: a reader of a database may make no table there."""
        names = [each.name for each in self._columns["notices"]]
        types = {
            "purpose": "string",
            "notice_version": self._id_type("notice_version"),
            "supersedes_consent": "boolean",
        }
        notices = self._files.table("notices")
        found = self._files.rows(notices.mutate(valid_from=notices.valid_from.cast("string")).select(*names))
        rows = found or [("", 0 if self._whole_ids["notice_version"] else "", "2000-01-01T00:00:00Z", False)]
        each = [
            ibis.literal(1)
            .name("one")
            .as_table()
            .select(**{name: _constant(value, types.get(name)) for name, value in zip(names, row, strict=True)})
            for row in rows
        ]
        literal = ibis.union(*each) if len(each) > 1 else each[0]
        return literal if found else literal.filter(ibis.literal(False))

    def _value(self, role: str, raw: Table, column: Column) -> Value:
        theirs = self._theirs(role, column)
        kinds = {"id": self._id_type(column.name), "instant": "timestamp('UTC')", "flag": "boolean"}
        kind = kinds.get(column.kind, "string")
        if theirs not in raw.columns:
            # Notices out of a file have our names.
            return raw[column.name].cast(kind) if column.name in raw.columns else ibis.null(kind)
        return raw[theirs].cast(kind)

    def _id_type(self, name: str) -> str:
        return "int64" if self._whole_ids.get(name) else "string"

    def _is_whole(self, name: str) -> bool:
        """An id is a whole number where it is one in every table that has it, else text."""
        kinds = [
            raw[self._theirs(role, column)].type()
            for role, raw in self._raw.items()
            for column in self._columns[role]
            if column.name == name
        ]
        if name == "notice_version" and "notices" not in self._raw:
            kinds.append(self._files.table("notices").notice_version.type())
        return all(kind.is_integer() for kind in kinds)

    def _theirs(self, role: str, column: Column) -> str:
        return self._names.get(role, {}).get(column.name, column.name)

    def _batches(self, expression: Table) -> Iterator[Any]:
        """The answer in Arrow batches."""
        with self._answering():
            if self._backend.name == "duckdb":  # Ibis 12 asks DuckDB 2.0 for batches in a way that is gone
                yield from self._backend.to_pyarrow(expression).to_batches()
            else:
                yield from self._backend.to_pyarrow_batches(expression, chunk_size=_BATCH)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """What an engine raises, in our words; which classes it raises nobody can list."""
        try:
            yield
        except (InputFault, CouldNotLook, GeneratorExit):
            raise
        except ibis.common.exceptions.UnsupportedOperationError as error:
            what = f"{self._backend.name} cannot carry out the rule"
            raise CouldNotLook("consent.engine", what, mend="export the tables to Parquet") from error
        except Exception as error:  # noqa: BLE001 - which classes a driver raises nobody can list
            raise self._given_up(error) from None

    def _given_up(self, error: Exception) -> CouldNotLook:
        lost = bool(getattr(getattr(self._backend, "con", None), "closed", False))
        what = "the database dropped the connection before it had answered" if lost else "the database gave up"
        cause = "consent.connection_lost" if lost else "consent.engine"
        return CouldNotLook(cause, f"{what} ({_named(error)})", where=self._places["events"].shown)


def connected(place: Place, login: Login) -> Any:
    """A backend of Ibis, connected to an address that was checked."""
    parts = urlsplit(place.url)
    more: dict[str, Any] = {"user": login.user, "password": login.password}
    if parts.hostname and place.scheme not in _IN_CLOUDS:
        address = _address(parts.hostname, parts.port or _PORTS.get(place.scheme, 0), login.allow_private)
        if place.scheme in _PORTS:
            more |= {"hostaddr": address, "connect_timeout": _SECONDS}
    if place.scheme == "duckdb":
        more["read_only"] = True
    if place.scheme in _IN_FILES:
        file_of(place)
    try:
        return ibis.connect(place.url, **{key: value for key, value in more.items() if value is not None})
    except ImportError as error:
        mend = "install muniment[postgresql], or what Ibis needs for this engine"
        raise CouldNotLook("consent.no_driver", f"no driver for {place.scheme} is installed", mend=mend) from error
    except Exception as error:  # noqa: BLE001 - which classes a driver raises nobody can list
        what = f"the database cannot be reached, or refuses the login ({_named(error)})"
        raise CouldNotLook("consent.unreachable", what, where=place.url) from None


def file_of(place: Place) -> Path:
    """The file that holds the database; a fault where there is none."""
    file = Path(urlsplit(place.url).path)
    if not file.is_file():
        mend = "check the path; a URL holds a whole one"
        raise InputFault("consent.not_found", "there is no such file", where=place.url, mend=mend)
    return file


def _address(host: str, port: int, allow_private: bool) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise CouldNotLook("consent.unreachable", "the name of the server leads nowhere", where=host) from error
    return str(admit(host, (str(each[4][0]) for each in found), allow_private=allow_private)[0])


def let_go(backend: Any) -> None:
    """End the transaction and the session; of one that is broken already nothing more is to be told."""
    with suppress(Exception):
        backend.disconnect()


def _named(error: Exception) -> str:
    """The class of an error, and its SQLSTATE (ISO/IEC 9075-2, clause 24) where it has one; never its words."""
    state = getattr(error, "sqlstate", None)
    return f"{type(error).__name__}, SQLSTATE {state}" if state else type(error).__name__


def _fits(column: Column, kind: Any) -> bool:
    fitting = {
        "id": kind.is_integer() or kind.is_string() or kind.is_uuid(),
        "text": kind.is_string(),
        "word": kind.is_string(),
        "instant": kind.is_timestamp(),
        "flag": kind.is_boolean(),
    }
    return bool(fitting[column.kind])


def _constant(value: Any, kind: str | None) -> Value:
    return ibis.literal(value, kind) if kind else ibis.literal(value).cast("timestamp('UTC')")


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
