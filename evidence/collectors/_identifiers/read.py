"""Where identifiers were seen: lists of them, and captures whose payloads hold them under known keys."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from muniment.evidence.errors import InputFault
from muniment.evidence.model import utc

_LINE = 1 << 16  # characters; a longer line of a list is no identifier


@dataclass(frozen=True, slots=True)
class Situation:
    """What must change an identifier when it changes. The names are the tester's own."""

    device: str
    install: str
    reset: str
    mode: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One identifier, as it was spelled, where and when."""

    text: str
    situation: Situation
    at: datetime | None = None


@dataclass
class Gaps:
    """What could not be read, counted while reading."""

    unreadable: int = 0
    opaque: int = 0


def listed(file: Path, column: str, situation: Situation, gaps: Gaps) -> Iterator[Seen]:
    """The identifiers of a list: one a line (.txt), or a column of CSV with a header (RFC 4180), or of JSONL.

    Columns `device`, `install`, `reset`, `mode` and `at` go before what the settings say.

    Raises:
        InputFault: it is no such list. No message quotes the data.
    """
    rows = _ROWS.get(file.suffix.lower())
    if rows is None or not file.is_file():
        raise unreadable(file)
    good, before = 0, gaps.unreadable
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            for row in rows(stream):
                seen = _seen(row, column, situation)
                if seen is None:
                    gaps.unreadable += 1
                else:
                    good += 1
                    yield seen
    except (OSError, UnicodeDecodeError, csv.Error):
        raise unreadable(file) from None
    if not good and gaps.unreadable > before:
        raise unreadable(file)


def captured(file: Path, keys: tuple[str, ...], situation: Situation, gaps: Gaps) -> Iterator[Seen]:
    """The values under some keys in the payloads of a capture, at any depth.

    Raises:
        InputFault: as the `traffic` collector.
    """
    from muniment.evidence.collectors._traffic import capture
    from muniment.evidence.collectors._traffic.decode import unpack

    reading = capture.Reading()
    for request in capture.requests(file, reading):
        if request.body is None or request.missing:
            gaps.opaque += 1
            continue
        found = unpack(request.body, request.media_type, request.encodings, request.query)
        gaps.opaque += bool(found.opaque)
        for each in found.objects:
            for text in _under(each, frozenset(keys)):
                yield Seen(text, situation, request.at)
    gaps.unreadable += reading.unreadable + reading.truncated


def unreadable(file: Path) -> InputFault:
    """The fault of a file that is no list."""
    return InputFault(
        "identifier.unreadable",
        "it is not there, or is no list of identifiers",
        where=file.name,
        mend="check the path; a list ends in .txt, .csv or .jsonl, and a capture needs `keys`",
    )


def _lines(stream: TextIO) -> Iterator[Mapping[str, Any] | None]:
    while line := stream.readline(_LINE):
        if line.strip():
            yield {"": line.strip()} if len(line) < _LINE else None


def _table(stream: TextIO) -> Iterator[Mapping[str, Any] | None]:
    yield from csv.DictReader(stream)


def _objects(stream: TextIO) -> Iterator[Mapping[str, Any] | None]:
    for row in _lines(stream):
        try:
            value = json.loads(row[""]) if row else None
        except (ValueError, RecursionError):
            value = None
        yield value if isinstance(value, dict) else None


_ROWS: Mapping[str, Callable[[TextIO], Iterator[Mapping[str, Any] | None]]] = {
    ".txt": _lines,
    ".csv": _table,
    ".jsonl": _objects,
    ".ndjson": _objects,
}


def _seen(row: Mapping[str, Any] | None, column: str, situation: Situation) -> Seen | None:
    text = None if row is None else row.get("", row.get(column))
    if row is None or not isinstance(text, str) or not text.strip():
        return None
    labels = {name: str(row[name]) for name in ("device", "install", "reset", "mode") if row.get(name)}
    try:
        at = utc(datetime.fromisoformat(str(row["at"]))) if row.get("at") else None
    except ValueError:
        return None
    return Seen(text.strip(), replace(situation, **labels) if labels else situation, at)


def _under(value: Any, keys: frozenset[str]) -> Iterator[str]:
    row = [value]
    while row:
        each = row.pop()
        if isinstance(each, dict):
            yield from (str(item) for key, item in each.items() if key in keys and isinstance(item, str | int))
            row.extend(each.values())
        elif isinstance(each, list):
            row.extend(each)
