"""What the leaves of a run must say of each other: numbers without a gap, records that were planned, counts that fit.

A key holder can sign anything; these rules find a run that was left out, a plan that was changed afterwards, and a
record that nobody planned or that was dropped without being listed.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from muniment.evidence.model import digest, utc
from muniment.evidence.record import End, Start
from muniment.evidence.store.fault import Fault, place, run_place
from muniment.evidence.store.layout import run_folder
from muniment.evidence.store.naming import record_names
from muniment.evidence.verdict import Status


class SeenRecord(NamedTuple):
    """What is looked at of a record: who it is, and what it came to. A tuple, because there are so many."""

    id: str
    task: str
    status: str
    errored: bool
    recorded: datetime

    @classmethod
    def of(cls, record: dict[str, Any]) -> "SeenRecord":
        """Take it from the JSON of a record.

        Raises:
            ValueError: it is not one.
        """
        try:
            outcome = record["outcome"]
            errored = outcome["kind"] == "errored"
            status = Status.INCONCLUSIVE.value if errored else outcome["verdict"]["status"]
            return cls(record["id"], record["task"], status, errored, utc(datetime.fromisoformat(record["recorded"])))
        except (KeyError, TypeError) as error:
            raise ValueError(f"it lacks {error}") from error


def start_faults(
    line: bytes, start: Start, path: str, expected_run: int | None, size: int, root: str | None
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
    if path.rpartition("/")[0] != run_folder(start):
        yield Fault("run.folder", where, "it lies in the folder of another run")
    if start.previous_size != size or root not in (None, start.previous_root):
        yield Fault("run.previous", where, "it does not follow the log as it was")


def end_faults(start: Start, end: End, records: Sequence[SeenRecord], path: str) -> Iterator[Fault]:
    """Planned against got: each task has its record or is listed as missing, and the counts are true."""
    run = run_place(start.run)
    if (end.run, end.run_id) != (start.run, start.run_id):
        yield Fault("run.end", place(run, path), f"it ends run {end.run}, not run {start.run}")
    names, missing = record_names(start, end), set(end.missing)
    planned = list(zip(names, (task.id for task in start.plan.tasks if task.id not in missing), strict=True))
    found = [(record.id, record.task) for record in records]
    if planned != found:
        yield from _misfits(planned, found, run, path)
    statuses = Counter(record.status for record in records)
    counted = {status.value: statuses[status.value] for status in Status}
    errored = sum(record.errored for record in records)
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
