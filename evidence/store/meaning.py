"""What the leaves of a run must say of each other: numbers without a gap, records that were planned, counts that fit.

A key holder can sign anything; these rules find a run that was left out, a plan that was changed afterwards, and a
record that nobody planned or that was dropped without being listed.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from muniment.evidence.model import digest
from muniment.evidence.record import End
from muniment.evidence.store.fault import Fault, place, run_place
from muniment.evidence.store.layout import run_folder
from muniment.evidence.store.naming import record_names
from muniment.evidence.verdict import Status

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Leaf(msgspec.Struct):
    schema: str | None = None


class _Judged(msgspec.Struct, gc=False):
    status: str


class _Observed(msgspec.Struct, gc=False, tag_field="kind", tag="observed"):
    verdict: _Judged


class _Errored(msgspec.Struct, gc=False, tag_field="kind", tag="errored"):
    pass


class SeenRecord(msgspec.Struct, gc=False):
    """What is looked at of a record: who it is, and what it came to. The rest is passed over, because it is so much."""

    schema: Literal["muniment.record/1"]
    id: str
    task: str
    recorded: _Moment
    outcome: _Observed | _Errored


class _Planned(msgspec.Struct, gc=False):
    id: str


class _Plan(msgspec.Struct):
    planned: _Moment
    tasks: list[_Planned]


class SeenStart(msgspec.Struct):
    """What is looked at of the start of a run."""

    schema: Literal["muniment.start/1"]
    plan: _Plan
    run: int
    run_id: str
    previous_size: int
    previous_root: str


_leaf = msgspec.json.Decoder(_Leaf)
_record = msgspec.json.Decoder(SeenRecord)
_start = msgspec.json.Decoder(SeenStart)


def schema_of(line: bytes) -> str | None:
    """Which kind of leaf is on a line, if it says so.

    Raises:
        ValueError: it is no JSON object in UTF-8.
    """
    line.decode()
    return _leaf.decode(line).schema


def seen_records(lines: Sequence[bytes]) -> list[SeenRecord]:
    """The records on some lines.

    Raises:
        ValueError: one of them is none.
    """
    if not all(map(bytes.isascii, lines)):
        for line in lines:
            line.decode()  # what is passed over is not looked at, and has to be UTF-8 as well
    return [_record.decode(line) for line in lines]


def seen_start(line: bytes) -> SeenStart:
    """The start of a run on a line.

    Raises:
        ValueError: it is none.
    """
    return _start.decode(line)


def start_faults(
    line: bytes, start: SeenStart, path: str, expected_run: int | None, size: int, root: str | None
) -> Iterator[Fault]:
    """A start, as it stands on its line, follows the one before it and says truly what the log was.

    `expected_run` and `root` are None where damage before it leaves them unknown.
    """
    where = place(run_place(start.run), path)
    if expected_run is not None and start.run != expected_run:
        missing = "a run is missing before it" if start.run > expected_run else "that number is taken"
        yield Fault("run.number", where, f"run {expected_run} should begin here, not run {start.run}: {missing}")
    if start.run_id != _run_id(line):
        yield Fault("run.plan", where, "the run id is not that of the plan: the plan was changed")
    if path.rpartition("/")[0] != run_folder(start.plan.planned, start.run, start.run_id):
        yield Fault("run.folder", where, "it lies in the folder of another run")
    if start.previous_size != size or root not in (None, start.previous_root):
        yield Fault("run.previous", where, "it does not follow the log as it was")


def names_of(start: SeenStart, end: End) -> tuple[str, ...]:
    """The ids of a run's records, in the order in which they are stored."""
    return record_names(start.plan.planned.year, start.run, [task.id for task in start.plan.tasks], end)


def end_faults(start: SeenStart, end: End, records: Sequence[SeenRecord], path: str) -> Iterator[Fault]:
    """Planned against got: each task has its record or is listed as missing, and the counts are true."""
    run = run_place(start.run)
    if (end.run, end.run_id) != (start.run, start.run_id):
        yield Fault("run.end", place(run, path), f"it ends run {end.run}, not run {start.run}")
    names, missing = names_of(start, end), set(end.missing)
    tasks = [task.id for task in start.plan.tasks if task.id not in missing]
    found, looked_at = [record.id for record in records], [record.task for record in records]
    if found != list(names) or looked_at != tasks:
        planned = list(zip(names, tasks, strict=True))
        yield from _misfits(planned, list(zip(found, looked_at, strict=True)), run, path)
    verdicts = [record.outcome.verdict.status for record in records if isinstance(record.outcome, _Observed)]
    errored = len(records) - len(verdicts)
    statuses = Counter(verdicts) + Counter({Status.INCONCLUSIVE.value: errored})  # a look that failed decides nothing
    counted = {status.value: statuses[status.value] for status in Status}
    said = (end.planned, end.got, end.errored, end.by_status)
    if said != (len(start.plan.tasks), len(records), errored, counted):
        yield Fault("run.counts", place(run, path), "the counts of the end are not those of the records")


def _run_id(line: bytes) -> str:
    """The run id of the plan on this line. In canonical JSON the plan comes first, and `previous_root` after it."""
    plan = line.removeprefix(b'{"plan":').rpartition(b',"previous_root":')[0]
    return digest(plan).removeprefix("sha256:")[:32]


def _misfits(planned: list[tuple[str, str]], found: list[tuple[str, str]], run: str, path: str) -> Iterator[Fault]:
    """Where the records, as (id, task), are not those of the plan."""
    absent, foreign = set(planned) - set(found), set(found) - set(planned)
    for name, task in sorted(absent):
        what = f"record {name} of task {task!r} was planned, and is neither there nor listed as missing"
        yield Fault("run.incomplete", place(run, path), what)
    for name, _ in sorted(foreign):
        yield Fault("record.foreign", place(run, name), f"nobody planned record {name}")
    if not absent and not foreign:
        yield Fault("record.order", run, "the records do not stand in the order of the plan, or one stands twice")
