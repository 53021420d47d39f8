"""Where everything lies in the tree of a store, and the small documents that describe the log itself.

    log.json                    what this log is: origin and format
    checkpoint                  the signed head of the log
    frontier.json               the right edge of the Merkle tree, so that appending reads no leaf again
    keys/root.json              who may sign
    keys/0002.json              who may sign from then on; keys/0002.sig.json: old and new keys' signatures over it
    keys/0002.dsse.json         the statement over the commit that changed the keys
    genesis.dsse.json           the statement over the first commit
    runs/2026/11/24/000123-1f3a9c2e7b10/
        start.json              the plan, one leaf
        start.dsse.json         the statement over the commit that began the run
        records-0000.jsonl      records, one leaf a line, at most 64 KiB a page
        end.json                planned against got, one leaf
        leaves.sha256           the leaf hashes of records and end, so that an altered record can be named
        statement.dsse.json     the statement over the commit that ended the run
    anchors/2026/11/24/
        4711.tsr                an authority's timestamp over the checkpoint of 4,711 leaves

The folder of a run is the day of its plan, its number, and the beginning of its run id: a plan that is handed in a
second time finds its run by reading one folder.
"""

import re
from binascii import unhexlify
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field

from muniment.evidence.errors import IntegrityError
from muniment.evidence.model import Digest, Frozen, Instant, utc
from muniment.evidence.record import End, Start
from muniment.evidence.store.merkle import Frontier

BRANCH = "refs/heads/evidence"
FORMAT = 1

LOG = "log.json"
CHECKPOINT = "checkpoint"
FRONTIER = "frontier.json"
KEYS = "keys"
ROOT = "keys/root.json"
GENESIS_STATEMENT = "genesis.dsse.json"
RUNS = "runs"
ANCHORS = "anchors"
START = "start.json"
START_STATEMENT = "start.dsse.json"
END = "end.json"
LEAVES = "leaves.sha256"
STATEMENT = "statement.dsse.json"
SIGNATURES = ".sig.json"

REWRITTEN = frozenset({CHECKPOINT, FRONTIER})  # every commit writes these anew; all other files are written once

RUN_ID_DIGITS = 12  # of the run id, in the name of its folder
PAGE_BYTES = 64 * 1024
RECORD_BYTES = 1024 * 1024


class LogFile(Frozen):
    """The first leaf of every log: what it calls itself and how it is written."""

    schema_: Literal["muniment.log/1"] = Field("muniment.log/1", alias="schema")
    format: int = FORMAT
    origin: str
    created: Instant


class FrontierFile(Frozen):
    """The right edge of the Merkle tree after this commit, and how many runs have begun."""

    schema_: Literal["muniment.frontier/1"] = Field("muniment.frontier/1", alias="schema")
    size: int = Field(ge=0)
    hashes: tuple[Digest, ...]
    runs: int = Field(ge=0)

    @classmethod
    def of(cls, frontier: Frontier, runs: int) -> "FrontierFile":
        """The document over a right edge."""
        return cls(size=frontier.size, hashes=tuple(f"sha256:{each.hex()}" for each in frontier.hashes), runs=runs)

    @property
    def frontier(self) -> Frontier:
        """The right edge itself.

        Raises:
            IntegrityError: there are more or fewer hashes than the size asks for.
        """
        try:
            return Frontier(self.size, tuple(bytes.fromhex(each.removeprefix("sha256:")) for each in self.hashes))
        except ValueError as error:
            raise IntegrityError(str(error), where=FRONTIER, code="frontier.malformed") from error


def trust_path(version: int, ending: str = ".json") -> str:
    """`keys/root.json`, then `keys/0002.json` and so on; beside it `.sig.json` and `.dsse.json`."""
    return ROOT if version == 1 and ending == ".json" else f"{KEYS}/{version:04d}{ending}"


def trust_version(path: str) -> int | None:
    """The version of the keys that a path holds; None for any other file."""
    match = re.fullmatch(rf"{KEYS}/(\d{{4,}})\.json", path)
    return 1 if path == ROOT else int(match[1]) if match else None


def run_folder(planned: datetime, run: int, run_id: str) -> str:
    """`runs/2026/11/24/000123-1f3a9c2e7b10`, by the instant of the plan, number and id of the run."""
    return f"{day_folder(planned)}/{run:06d}-{run_id[:RUN_ID_DIGITS]}"


def day_folder(planned: datetime) -> str:
    """`runs/2026/11/24`: the day of the plan in UTC."""
    return f"{RUNS}/{utc(planned):%Y/%m/%d}"


def run_number(path: str) -> int | None:
    """The number of the run that a path belongs to; None for a path outside `runs/`."""
    match = re.match(rf"{RUNS}/\d{{4}}/\d\d/\d\d/(\d{{6,}})-[0-9a-f]{{12}}(/|$)", path)
    return int(match[1]) if match else None


def page_name(number: int) -> str:
    """`records-0000.jsonl`."""
    return f"records-{number:04d}.jsonl"


def is_record_page(path: str) -> bool:
    """Whether a file holds records, as against a start, an end, or what later versions append."""
    return re.search(r"/records-\d{4,}\.jsonl$", path) is not None


def paged(lines: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    """The lines page by page: at most 64 KiB with their newlines, unless one line alone is longer."""
    page: list[bytes] = []
    size = 0
    for line in lines:
        if page and size + len(line) + 1 > PAGE_BYTES:
            yield page
            page, size = [], 0
        page.append(line)
        size += len(line) + 1
    if page:
        yield page


def joined(lines: Iterable[bytes]) -> bytes:
    """JSON lines as one file, a newline after each."""
    return b"\n".join([*lines, b""])


def split(page: bytes) -> list[bytes]:
    """The lines of a file of JSON lines; what follows the last newline is a line too, so that nothing goes unseen."""
    lines = page.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def leaf_hashes(listed: bytes) -> list[bytes]:
    """The hashes in a `leaves.sha256`, one a line.

    Raises:
        IntegrityError: it holds something else.
    """
    try:
        hashes = unhexlify(listed.replace(b"\n", b""))
        if len(hashes) * 65 != len(listed) * 32 or listed[64::65].strip(b"\n"):
            raise ValueError("not one hash a line")
        return [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
    except ValueError as error:
        raise IntegrityError("it does not list leaf hashes", where=LEAVES, code="leaves.malformed") from error


def start_subject(start: Start) -> str:
    """`Run 123 begins: 61 tasks (schedule)`."""
    return f"Run {start.run} begins: {_counted(len(start.plan.tasks), 'task')} ({start.plan.actor.trigger})"


def end_subject(start: Start, end: End) -> str:
    """`Run 123: 61 records, 58 pass, 2 fail, 1 inconclusive (schedule)`."""
    counts = [f"{count} {status.replace('_', ' ')}" for status, count in end.by_status.items() if count]
    missing = [f"{len(end.missing)} missing"] if end.missing else []
    parts = ", ".join([_counted(end.got, "record"), *counts, *missing])
    return f"Run {start.run}: {parts} ({start.plan.actor.trigger})"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
