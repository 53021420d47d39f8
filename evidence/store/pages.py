"""The files that a statement covers, and the pages of leaves among them.

A page is hashed and read right after it came from the disk, and its bytes are let go before the next one comes: they
are still in the processor's cache for each step, and a long run takes no more memory than a short one.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from muniment.evidence.errors import IntegrityError
from muniment.evidence.store import layout, naming
from muniment.evidence.store.fault import Fault, place, run_place
from muniment.evidence.store.layout import run_number
from muniment.evidence.store.meaning import SeenRecord, seen_records
from muniment.evidence.store.merkle import leaf_hashes
from muniment.evidence.store.statement import Page


@dataclass(frozen=True)
class File:
    """A file that a statement covers: its bytes if they are those that were signed, else the fault and what is left."""

    data: bytes | None
    remains: bytes = b""
    fault: Fault | None = None
    broken: bool = False


@dataclass(frozen=True)
class Looked:
    """A page that is the one that was signed: its leaf hashes, and its records where it holds nothing else.

    Otherwise `records` is None and `lines` are what has to be looked at one by one.
    """

    page: Page
    first: int
    hashes: list[bytes]
    records: list[SeenRecord] | None
    lines: list[bytes]


def looked_at(page: Page, first: int, data: bytes) -> Looked:
    """Hash and read the lines of a page, the first of which is the leaf `first`, while they are at hand."""
    lines = layout.split(data)
    hashes = leaf_hashes(lines)
    if layout.is_record_page(page.path):
        with contextlib.suppress(ValueError):  # else each line is looked at by itself
            return Looked(page, first, hashes, seen_records(lines), [])
    return Looked(page, first, hashes, None, lines)


def damaged_page(page: Page, file: File, belongs: Sequence[bytes] | None, names: Sequence[str]) -> Iterator[Fault]:
    """Name the records that a damaged page hits; where nothing tells them apart, all that it held."""
    if file.fault is None or (not layout.is_record_page(page.path) and file.fault.code != "file.unsigned"):
        return  # told with the other files
    run = run_number(page.path) or 0
    if belongs is None or file.fault.code in ("file.missing", "file.unsigned"):
        held = f"; it held the records {names[0]} to {names[-1]}" if names else ""
        yield Fault(file.fault.code, file.fault.where, file.fault.message + held)
    elif file.broken:
        yield from naming.unreadable(run, page.path, file.remains, belongs, names)
    else:
        yield from naming.altered(run, page.path, file.remains, belongs, names)


def page_faults(page: Page, found: Sequence[bytes], belongs: Sequence[bytes] | None) -> Iterator[Fault]:
    """Where a page that was read has other leaves than its statement and the list beside it say."""
    where = place(run_place(run_number(page.path)), page.path)
    if len(found) != page.leaves:
        yield Fault("page.count", where, f"it holds {len(found)} leaves; the statement says {page.leaves}")
    elif belongs is not None and list(belongs) != list(found):
        yield Fault("page.leaves", where, "its leaf hashes are not those in the list beside it")


def listed_hashes(path: str | None, files: dict[str, File]) -> tuple[list[bytes] | None, tuple[Fault, ...]]:
    """The leaf hashes that were signed beside the pages; None where there is no list that can be relied on."""
    data = files[path].data if path in files else None
    if path is None or data is None:
        return None, ()
    try:
        return layout.leaf_hashes(data), ()
    except IntegrityError as error:
        return None, (Fault(error.code, place(run_place(run_number(path)), path), error.what),)


def line_place(page: Page, at: int) -> str:
    """Run, page and line, for a fault; `at` counts from 0."""
    return place(run_place(run_number(page.path)), page.path, f"line {at + 1}")


def unsigned(path: str) -> Fault:
    """The fault of a file that was committed without a statement over it."""
    return Fault("file.unsigned", place(run_place(run_number(path)), path), "no signed statement covers the file")
