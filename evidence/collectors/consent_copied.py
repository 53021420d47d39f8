"""A consent log in an engine whose times are text, SQLite: its tables are brought here and read as files are.

Such an engine compares instants by their letters, so that the same instant in two zones would be two, and no instant at
all would pass. The rule is therefore not carried out there. Every value that the rule needs is copied as text into a
scratch folder that goes away, is held to the same as JSONL, and is judged here. The file itself is recorded with its
digest; a part of it that lies in a log beside it would escape the digest, and is refused.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import orjson

from muniment.evidence.collectors.consent_database import Login, Place, connected, file_of, let_go
from muniment.evidence.collectors.consent_files import Source, empty, unreadable
from muniment.evidence.collectors.consent_log import Column, columns
from muniment.evidence.errors import CouldNotLook, InputFault

ENGINES = ("sqlite",)


def originals(places: tuple[Place, ...]) -> tuple[Source, ...]:
    """The files of the database as they lie, to be named by their digests before they are read."""
    return tuple(Source(each.role, "sqlite", (), (file_of(each),)) for each in places)


@contextmanager
def copied(
    places: tuple[Place, ...], login: Login, modes: tuple[str, ...], names: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[Source, ...]]:
    """The tables at these places as JSONL, one line a row; `names` says for a table what it calls a column.

    Raises:
        InputFault: a table or a column is not there, empty, or holds bytes; CouldNotLook where the file cannot be read.
    """
    with TemporaryDirectory(prefix="muniment-") as scratch:
        yield tuple(
            _copy(each, login, columns(modes)[each.role], names.get(each.role, {}), Path(scratch)) for each in places
        )


def _copy(place: Place, login: Login, wanted: tuple[Column, ...], names: Mapping[str, str], scratch: Path) -> Source:
    file = file_of(place)
    backend = connected(place, login)
    try:
        _refuse_a_log_beside(file, place)
        with _damage_told(place):
            there = _columns(backend, place)
        taken = {names.get(each.name, each.name): each for each in wanted}
        _refuse_missing_columns(place, taken, there)
        found = [name for name in taken if name in there]
        table = f"{_quoted(place.schema or 'main')}.{_quoted(place.table)}"
        with _damage_told(place):
            rows = backend.con.execute(f"SELECT {', '.join(map(_quoted, found))} FROM {table}")  # noqa: S608 - quoted
            target = scratch / f"{place.role}.jsonl"
            _write(target, place, rows, [taken[name] for name in found], found)
    finally:
        let_go(backend)
    return Source(place.role, "jsonl", (target,), (file,))


@contextmanager
def _damage_told(place: Place) -> Iterator[None]:
    """What SQLite raises over a damaged page, in our words; its own may quote data."""
    try:
        yield
    except (InputFault, CouldNotLook):
        raise
    except Exception:  # noqa: BLE001 - which classes a driver raises nobody can list
        raise unreadable(place.role, "SQLite", place.shown) from None


def _columns(backend: Any, place: Place) -> tuple[str, ...]:
    try:
        return tuple(backend.table(place.table, database=place.schema).columns)
    except ibis.common.exceptions.TableNotFound as error:
        mend = "name it after # in the URL: sqlite:///logs/consent.sqlite#events"
        what = f"there is no table of {place.role} here"
        raise InputFault("consent.not_found", what, where=place.shown, mend=mend) from error


def _refuse_a_log_beside(file: Path, place: Place) -> None:
    """SQLite's write-ahead log holds what the file does not hold yet."""
    log = file.with_name(f"{file.name}-wal")
    if log.exists() and log.stat().st_size:
        raise CouldNotLook(
            "consent.engine",
            "a part of the database still lies in the write-ahead log beside it",
            where=place.shown,
            mend="close every program that writes to it, or copy it with .backup",
        )


def _refuse_missing_columns(place: Place, taken: Mapping[str, Column], there: tuple[str, ...]) -> None:
    for theirs, column in taken.items():
        if theirs not in there and not column.optional:
            raise InputFault(
                "consent.missing_column",
                f"the {place.role} have no column {theirs}",
                where=place.shown,
                mend=f"say in the settings what the table calls it, under columns.{place.role}.{column.name}",
            )


def _write(target: Path, place: Place, rows: Any, taken: list[Column], names: list[str]) -> None:
    """One object a row, every value as text; `record` is the place of the row, from 1."""
    texts: list[Callable[[Any], str | None]] = [_flag if each.kind == "flag" else _text for each in taken]
    number = 0
    with target.open("wb") as stream:
        for number, row in enumerate(rows, 1):
            if any(isinstance(value, bytes) for value in row):
                raise unreadable(place.role, "SQLite", place.shown, number)
            values = (text(value) for text, value in zip(texts, row, strict=True))
            stream.write(orjson.dumps(dict(zip(names, values, strict=True)) | {"record": number}) + b"\n")
    if not number:
        raise empty(place.role, place.shown)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _flag(value: Any) -> str | None:
    """SQLite has no truth values; it stores 1 and 0 for them."""
    return {1: "true", 0: "false"}[value] if value in (0, 1) else _text(value)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
