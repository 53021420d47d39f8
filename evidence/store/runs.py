"""Runs as the log holds them: whole, or as much of each as a list of runs shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Self

import msgspec

from muniment.evidence.errors import IntegrityError
from muniment.evidence.record import End, Start, StoredRun
from muniment.evidence.store import layout
from muniment.evidence.store.keys import Trust
from muniment.evidence.store.log import Log, LogEntry, parsed

Entries = Mapping[str, LogEntry]  # the entries of one run by the names of their statements


@dataclass(frozen=True)
class RunHead:
    """A run without its tasks, of which there may be thousands: `tasks` says how many it planned.

    The rest is as in `StoredRun`; `end` is None where it began and never ended.
    """

    run: int
    run_id: str
    previous_size: int
    planned: datetime
    actor: str
    trigger: str
    tasks: int
    end: End | None
    commits: tuple[str, ...]
    leaves: range

    @classmethod
    def of(cls, stored: StoredRun) -> Self:
        """That of a run that is at hand as a whole."""
        start, plan = stored.start, stored.start.plan
        return cls(
            start.run,
            start.run_id,
            start.previous_size,
            plan.planned,
            plan.actor.name,
            plan.actor.trigger,
            len(plan.tasks),
            stored.end,
            stored.commits,
            stored.leaves,
        )


class _Actor(msgspec.Struct):
    name: str
    trigger: str


class _Plan(msgspec.Struct):
    planned: Annotated[datetime, msgspec.Meta(tz=True)]
    actor: _Actor
    tasks: list[msgspec.Raw]


class _Start(msgspec.Struct):
    """What a head needs of a start (`record.py`); the rest is passed over, because it is so much."""

    schema: Literal["muniment.start/1"]
    run: int
    run_id: str
    previous_size: int
    plan: _Plan


_start = msgspec.json.Decoder(_Start)


def run_entries(history: Sequence[LogEntry], since: int) -> list[Entries]:
    """The entries of each run that has a leaf at or after `since`, in the order of the runs' numbers."""
    entries: dict[int, dict[str, LogEntry]] = {}
    beginnings = 0
    for entry in reversed(history):  # back to the first start of a run that ended since
        if entry.size <= since and beginnings == len(entries):
            break
        if entry.run is not None and (entry.size > since or entry.run in entries):
            name = entry.statement.rpartition("/")[2]
            entries.setdefault(entry.run, {})[name] = entry
            beginnings += name == layout.START_STATEMENT
    return [entries[number] for number in sorted(entries)]


def stored_run(log: Log, entries: Entries, trust: Trust) -> StoredRun:
    """The whole run, each file of it checked against its signed statement."""
    path, data = _start_file(log, entries, trust)
    return StoredRun(parsed(Start, data, path), *_ending(log, entries, trust))


def run_head(log: Log, entries: Entries, trust: Trust) -> RunHead:
    """The run without its tasks, each file of it checked against its signed statement.

    Raises:
        IntegrityError: what was signed is no start of a run.
    """
    path, data = _start_file(log, entries, trust)
    try:
        start = _start.decode(data)
    except msgspec.MsgspecError as error:
        raise IntegrityError(f"this is not a Start: {error}", where=path, code="file.malformed") from error
    plan = start.plan
    said = (start.run, start.run_id, start.previous_size, plan.planned, plan.actor.name, plan.actor.trigger)
    return RunHead(*said, len(plan.tasks), *_ending(log, entries, trust))


def _start_file(log: Log, entries: Entries, trust: Trust) -> tuple[str, bytes]:
    begun = entries[layout.START_STATEMENT]
    path = begun.statement.removesuffix(layout.START_STATEMENT) + layout.START
    return path, log.covered(log.statement(begun, trust), path)


def _ending(log: Log, entries: Entries, trust: Trust) -> tuple[End | None, tuple[str, ...], range]:
    """The end, the commits, and the leaves of records and end."""
    begun, ended = entries[layout.START_STATEMENT], entries.get(layout.STATEMENT)
    if ended is None:
        return None, (begun.commit,), range(begun.size, begun.size)
    covering, path = log.statement(ended, trust), ended.statement.removesuffix(layout.STATEMENT) + layout.END
    end = parsed(End, log.covered(covering, path), path)
    leaves = range(covering.predicate.first_leaf, covering.predicate.size)
    return end, (begun.commit, ended.commit), leaves
