"""The files of a consent log: which they are, what they are called inside, and their digests.

A table lies in one file, in the files of a folder, or in those that a pattern matches; all of one kind. Hidden files
and those that start with `_` (`_SUCCESS`) are no part of a folder.
"""

import csv
import glob
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TextIO
from urllib.parse import unquote, urlsplit

from muniment.evidence.errors import CouldNotLook, InputFault
from muniment.evidence.record import Content

KINDS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}

_MEDIA_TYPES = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
    "jsonl": "application/jsonl",
    "json": "application/json",
    "sqlite": "application/vnd.sqlite3",
}
_WORDS = {"parquet": "Parquet", "csv": "CSV", "jsonl": "JSONL", "json": "JSON"}
_BLOCK = 1 << 20  # bytes; a header, or the first line of JSONL, must end within as many


@dataclass(frozen=True)
class Source:
    """The files of one table (`role`: acts, events or notices), in the order in which they are read."""

    role: str
    kind: str
    files: tuple[Path, ...]
    originals: tuple[Path, ...] = ()  # the files of records that these were made from, one each, where they were

    def shown(self, file: Path) -> Path:
        """The file that people know."""
        return self.originals[self.files.index(file)] if self.originals else file


@dataclass(frozen=True)
class Fingerprint:
    """The digest of every file, and a `key` that only who holds the very files of the events can compute again."""

    contents: tuple[Content, ...]
    key: bytes
    stamps: tuple[tuple[int, int], ...]


def find(role: str, location: Path | str, known: Mapping[str, str] = KINDS) -> Source:
    """The files at a path, in a folder, or that a pattern matches; `known` says what kind the end of a name stands for.

    Raises:
        InputFault: nothing is there, a file is empty or of a kind that is not read, or the kinds are mixed.
    """
    files = _listed(role, location)
    kinds = {file: known.get(file.suffix.lower()) for file in files}
    for file, kind in kinds.items():
        if kind is None:
            raise InputFault(
                "consent.unknown_format",
                f"the {role} are {_neither(known)}, going by the end of the name",
                where=str(file),
                mend=f"name the file with one of {', '.join(known)}",
            )
        if kind != kinds[files[0]]:
            raise InputFault(
                "consent.mixed_files",
                f"the {role} are a mixture of {kinds[files[0]]} and {kind}",
                where=str(file),
                mend="name one kind of file by a pattern such as events/*.parquet",
            )
        if not file.stat().st_size:
            raise empty(role, file)
    return Source(role, known[files[0].suffix.lower()], files)


def empty(role: str, file: Path | str) -> InputFault:
    """That there is nothing in a file: no evidence is never a pass."""
    return InputFault(
        "consent.empty",
        f"the {role} are empty: there is nothing to judge",
        where=str(file),
        mend="check that the export ran to its end; a table without rows needs its header or its Parquet schema",
    )


def unreadable(role: str, kind: str, file: Path | str, row: int | None = None) -> InputFault:
    """That a file is not what its name says. The engine's own words are left out: they quote the data."""
    return InputFault(
        "consent.unreadable",
        f"the {role} cannot be read as {kind}: the file is cut off, damaged or of another kind",
        where=f"{file}: row {row}" if row else str(file),
        mend="export it again, and compare its size and digest with those at the source",
    )


def header(source: Source, file: Path) -> tuple[str, ...]:
    """The names in a CSV header, or the keys of the first object of a JSONL file.

    Raises:
        InputFault: there is none, or it cannot be read.
    """
    with file.open("rb") as stream:
        head = stream.read(_BLOCK)
    if not head.strip():
        raise empty(source.role, file)
    try:
        text = head.decode("utf-8-sig", errors="ignore" if len(head) == _BLOCK else "strict")
        if source.kind == "csv":
            return tuple(next(csv.reader(io.StringIO(text, newline=""), strict=True)))
        first = json.loads(next(line for line in text.splitlines() if line.strip()))
    except (UnicodeDecodeError, csv.Error, json.JSONDecodeError, RecursionError) as error:
        raise unreadable(source.role, source.kind, file, 1) from error
    if not isinstance(first, dict):
        raise unreadable(source.role, source.kind, file, 1)
    return tuple(first)


def broken_row(source: Source, file: Path) -> int | None:
    """The first row of a CSV or JSONL file that cannot be read as one; None in Parquet, or where all can be."""
    if source.kind == "parquet":
        return None
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        rows = _csv_rows(stream) if source.kind == "csv" else (_is_object(line) for line in stream if line.strip())
        return next((place for place, sound in enumerate(rows, 1) if not sound), None)


def fingerprint(sources: Iterable[Source]) -> Fingerprint:
    """Read every file once. The key is BLAKE2b-256 (RFC 7693), personalised `muniment-consent`, over the events."""
    keyed = hashlib.blake2b(digest_size=32, person=b"muniment-consent")
    contents, stamps = [], []
    for source in sources:
        for file in source.originals or source.files:
            plain = hashlib.sha256()
            stamps.append(_stamp(file))
            with file.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    plain.update(block)
                    if source.role == "events":
                        keyed.update(block)
            contents.append(
                Content(
                    name=f"{source.role}: {file.name}",
                    media_type=_MEDIA_TYPES["json" if file.suffix.lower() == ".json" else source.kind],
                    size=stamps[-1][0],
                    sha256=f"sha256:{plain.hexdigest()}",
                )
            )
    return Fingerprint(tuple(contents), keyed.digest(), tuple(stamps))


def require_unchanged(before: Fingerprint, sources: Iterable[Source]) -> None:
    """The digests must speak of what was read.

    Raises:
        CouldNotLook: `consent.changed_while_reading`, where size or modification time of a file is another by now.
    """
    files = [file for source in sources for file in source.originals or source.files]
    for file, stamp in zip(files, before.stamps, strict=True):
        if _stamp(file) != stamp:
            raise CouldNotLook(
                "consent.changed_while_reading",
                "the file changed while it was read, so that its digest would not speak of what was judged",
                where=str(file),
                mend="point the check at a finished export, not at a log that is being written",
            )


def _neither(known: Mapping[str, str]) -> str:
    """`neither Parquet, CSV nor JSONL`."""
    *words, last = dict.fromkeys(_WORDS[kind] for kind in known.values())
    return f"neither {', '.join(words)} nor {last}"


def _csv_rows(stream: TextIO) -> Iterator[bool]:
    """For each row below the header, whether it has as many fields as that, all in UTF-8."""
    rows = csv.reader(stream, strict=True)
    width = len(next(rows))
    while True:
        try:
            row = next(rows, None)
        except csv.Error:
            yield False
            return
        if row is None:
            return
        if row:
            yield len(row) == width and all(map(_is_utf8, row))


def _is_object(line: str) -> bool:
    try:
        pairs = json.loads(line, object_pairs_hook=list)
    except (json.JSONDecodeError, RecursionError):
        return False
    return line.lstrip().startswith("{") and len(dict(pairs)) == len(pairs) and _is_utf8(line)


def _is_utf8(text: str) -> bool:
    return text.isascii() or not any("\udc80" <= character <= "\udcff" for character in text)


def _listed(role: str, location: Path | str) -> tuple[Path, ...]:
    path = _local(role, location)
    if path.is_dir():
        found = sorted(each for each in path.rglob("*") if each.is_file() and not _hidden(each, path))
    elif path.exists():
        found = [path]
    else:
        matches = glob.glob(str(path), recursive=True)  # noqa: PTH207 - the whole path is the pattern
        found = sorted(Path(each) for each in matches if Path(each).is_file())
    if not found:
        raise InputFault(
            "consent.not_found",
            f"there are no {role} here",
            where=str(location),
            mend="check the path; relative paths start at the workspace",
        )
    unopenable = next((each for each in found if not each.is_file() or not os.access(each, os.R_OK)), None)
    if unopenable:
        raise InputFault(
            "consent.unreadable",
            f"the {role} cannot be opened",
            where=str(unopenable),
            mend="it must be a regular file that this user may read",
        )
    return tuple(found)


def _local(role: str, location: Path | str) -> Path:
    parts = urlsplit(str(location))
    if "://" not in str(location):
        return Path(location)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    raise InputFault(
        "consent.unsupported_source",
        f"the {role} lie behind {parts.scheme}://, which is not read",
        where=role,
        mend=f"export them to a file and name its path, or give the URL of one of: {', '.join(sorted(engines()))}",
    )


def engines() -> set[str]:
    """The schemes of URLs that name an engine which Ibis speaks, whether or not its driver is installed."""
    return {"postgresql", *(each.name for each in entry_points(group="ibis.backends"))}


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)


def _stamp(file: Path) -> tuple[int, int]:
    state = file.stat()
    return state.st_size, state.st_mtime_ns
