"""The database under the index: SQLite or PostgreSQL by URL, one writer at a time, and errors that a person can read.

The password of a URL is never repeated in an error, and bound values never appear in one.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, event, func, select
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlmodel import create_engine

from muniment.evidence.errors import StoreFault, UsageError
from muniment.evidence.index.rows import Row

_LOCK = 0x6D756E69  # "muni": the advisory lock of PostgreSQL that a writer holds
_PATIENCE = 30  # seconds to wait for a server, or for another writer
_PAUSE = 0.02  # seconds between two tries at what SQLite refuses at once


class Database:
    """One database. `reading`, `writing`: transactions; `asking`: one question; `close` gives the connections back."""

    def __init__(self, url: str) -> None:
        """Nothing is contacted yet.

        Raises:
            UsageError: the URL names neither SQLite nor PostgreSQL.
            StoreFault: the driver of PostgreSQL is not installed.
        """
        self._engine = _engine(_url(url))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the rows.

        Raises:
            StoreFault: the database cannot be used.
        """
        with _told(self._engine), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """For a single question, which sees one state by itself: a server need not be told of a transaction first.

        Raises:
            StoreFault: the database cannot be used.
        """
        if self._engine.dialect.name == "sqlite":  # no server is spoken to
            with self.reading() as connection:
                yield connection
        else:
            with _told(self._engine), self._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as asked:
                yield asked

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer shares; it takes effect as a whole or not at all.

        Raises:
            StoreFault: the database cannot be used.
        """
        alone = self._engine.execution_options(alone=True)
        with _told(self._engine), alone.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            yield connection

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def load(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Add rows the fastest way that the database has."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        name = connection.dialect.identifier_preparer.format_table(table)
        cursor: Any = connection.connection.cursor()  # of psycopg, which has more than DB-API asks
        with cursor, cursor.copy(f"COPY {name} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:
        connection.connection.cursor().executemany(_insertion(table), rows)


def listed(connection: Connection, table: Table, *columns: str) -> list[Row]:
    """These columns of all rows, as the driver gives them: SQLAlchemy's own rows cost more than to read them."""
    quoted = connection.dialect.identifier_preparer.quote
    cursor = connection.connection.cursor()
    try:
        cursor.execute(f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(table.name)}")  # noqa: S608
        return list(cursor.fetchall())
    finally:
        cursor.close()


@cache
def _insertion(table: Table) -> str:
    """SQLite's statement that adds a row; SQLAlchemy would take longer to spell it than to add those of a small run."""
    quoted = sqlite_dialect().identifier_preparer.quote
    columns, places = ", ".join(quoted(each.name) for each in table.columns), ", ".join("?" for _ in table.columns)
    return f"INSERT INTO {quoted(table.name)} ({columns}) VALUES ({places})"  # noqa: S608


def _url(text: str) -> URL:
    """The URL with the driver that we speak through. A text that is no URL is not repeated: it may hold a password."""
    mend = "write sqlite:///PATH or postgresql://USER@HOST/DATABASE"
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise UsageError("the index URL is not the URL of a database", code="index.url", mend=mend) from error
    family = url.drivername.partition("+")[0]
    if family not in _ENGINES:
        raise UsageError(f"an index cannot be kept in {family!r}", code="index.url", mend=mend)
    return url.set(drivername=family)


def _engine(url: URL) -> Engine:
    try:
        return _ENGINES[url.drivername](url)
    except ModuleNotFoundError as error:
        raise StoreFault(
            "the driver for PostgreSQL is not installed",
            where=_place(url),
            code="index.driver",
            mend="pip install 'muniment[postgresql]', or keep the index in SQLite",
        ) from error
    except OSError as error:
        raise StoreFault(
            f"the folder of the index cannot be made: {error.strerror}",
            where=_place(url),
            code="index.unusable",
            mend="name a path that may be written",
        ) from error


def _postgresql(url: URL) -> Engine:
    url = url.set(drivername="postgresql+psycopg")
    return create_engine(url, hide_parameters=True, connect_args={"connect_timeout": _PATIENCE})


def _sqlite(url: URL) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _PATIENCE})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


_ENGINES: dict[str, Callable[[URL], Engine]] = {"sqlite": _sqlite, "postgresql": _postgresql}


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Readers go on while one writes; and BEGIN is ours to say, since the driver says it too late for DDL."""
    connection.isolation_level = None
    _keep_wal(connection)
    connection.execute("PRAGMA synchronous=NORMAL")


def _keep_wal(connection: sqlite3.Connection) -> None:
    """Set the journal to WAL. While others do the same to a new file, SQLite refuses at once, without its timeout."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_PAUSE)


def _begin_sqlite(connection: Connection) -> None:
    alone = connection.get_execution_options().get("alone")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if alone else "BEGIN")


@contextmanager
def _told(engine: Engine) -> Iterator[None]:
    """What the database says, as our error: its first line."""
    try:
        yield
    # A broken file can make the driver stumble over a text or a number, even over the words of its own complaint.
    except (SQLAlchemyError, engine.dialect.loaded_dbapi.Error, UnicodeDecodeError, OverflowError) as error:
        said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise StoreFault(
            f"the index cannot be used: {said}",
            where=_place(engine.url),
            code="index.unusable",
            mend="see that the database can be reached and written; its rows can always be made again: "
            "if they are broken, delete them and run `muniment index rebuild`",
        ) from error


def _place(url: URL) -> str:
    """The URL without password and options."""
    return url.set(query={}).render_as_string(hide_password=True)
