"""Runs that the schedule asked for and nobody made, and looks that were made again before they were due. Pure.

The schedule is in the log: each planned look says for how many seconds its evidence speaks (cadence and grace). So a
gap is found from the plans that were signed at the time, whatever the workspace says today; and it does not close when
somebody looks again. A run that began and never ended was no look.

A gap ends with the next look, or lasts. Somebody may have explained it: the decision `gap.explained` names its id.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from pydantic import JsonValue

from muniment.controls.model import Check
from muniment.evidence.decision import DecisionKind, StoredDecision
from muniment.evidence.model import rfc3339
from muniment.evidence.record import StoredRun, Task

_PATIENCE = 1.05  # a timer that fires some minutes late has not missed a look
_EARLY = 0.95  # nor has one that fires early looked again


@dataclass(frozen=True)
class ScheduleGap:
    """A check whose evidence ran out at `due`, with no look until `until`; None where it lasts.

    `after` is the run that looked last, `missed` how many looks the cadence asked for, `abandoned` the runs that began
    in the gap and never ended.
    """

    check: str
    controls: tuple[str, ...]
    after: int
    due: datetime
    until: datetime | None
    missed: int
    abandoned: tuple[int, ...] = ()
    explained: StoredDecision | None = None

    @property
    def id(self) -> str:
        """`GAP-tls-endpoints-20261120T0300Z`: the same for as long as the gap lasts, and afterwards."""
        return f"GAP-{self.check}-{self.due:%Y%m%dT%H%MZ}"

    @property
    def reason(self) -> str | None:
        """What somebody said of it; None where nobody did."""
        return self.explained.decision.reason if self.explained else None

    def to_json(self) -> dict[str, JsonValue]:
        """As the manifest and `muniment log --json` have it."""
        return {
            "id": self.id,
            "check": self.check,
            "controls": [*self.controls],
            "after_run": self.after,
            "due": rfc3339(self.due),
            "until": rfc3339(self.until) if self.until else None,
            "missed": self.missed,
            "abandoned_runs": [*self.abandoned],
            "reason": self.reason,
            "explained_by": self.explained.id if self.explained else None,
        }


@dataclass(frozen=True)
class _Made:
    """A run that looked for a check."""

    at: datetime
    run: int
    valid_for: timedelta
    controls: tuple[str, ...]


def schedule_gaps(
    runs: Iterable[StoredRun],
    checks: Iterable[Check],
    decisions: Iterable[StoredDecision],
    start: datetime,
    end: datetime,
) -> tuple[ScheduleGap, ...]:
    """The gaps that reach into `[start, end)`, by the time at which they began.

    Before its first look a check has no gap, and after its last none once the workspace has dropped it; that it did is
    a decision in the log.
    """
    known = {check.id: check for check in checks}
    explained: dict[str, StoredDecision] = {}
    for each in decisions:
        if each.decision.kind == DecisionKind.GAP_EXPLAINED:
            explained |= dict.fromkeys(each.decision.refers_to, each)
    seen = [run for run in runs if run.start.plan.planned < end]
    found: list[ScheduleGap] = []
    for check, made in _made(seen).items():
        looks = [*made, None] if check in known else made
        for last, after in pairwise(looks):
            if last is not None:
                found += _gap(check, last, after.at if after else None, known.get(check), seen, explained, end)
    reaching = (each for each in found if each.until is None or each.until > start)
    return tuple(sorted(reaching, key=lambda each: (each.due, each.check)))


def made_again(runs: Iterable[StoredRun], checks: Iterable[Check]) -> dict[int, int]:
    """Run → how many of its looks had been made already and were not due: what was looked at until it was as wanted."""
    cadence = {check.id: check.cadence for check in checks}
    last: dict[tuple[str, str], datetime] = {}
    again: dict[int, int] = {}
    for run in runs:
        plan = run.start.plan
        for task in plan.tasks:
            key, wait = (task.check, task.subject), cadence.get(task.check) or (task.valid_for or 0) / 2
            if key in last and plan.planned < last[key] + timedelta(seconds=wait * _EARLY):
                again[run.start.run] = again.get(run.start.run, 0) + 1
            last[key] = plan.planned
    return again


def _made(runs: Iterable[StoredRun]) -> dict[str, list[_Made]]:
    """For each check with a schedule, the runs that looked for it, in the order of time."""
    found: dict[str, list[_Made]] = {}
    for run in runs:
        for task in _first_of_each_check(run):
            if task.valid_for:
                made = _Made(
                    run.start.plan.planned, run.start.run, timedelta(seconds=task.valid_for), tuple(task.controls)
                )
                found.setdefault(task.check, []).append(made)
    return {check: sorted(made, key=lambda each: each.at) for check, made in found.items()}


def _first_of_each_check(run: StoredRun) -> Iterator[Task]:
    if run.end is None:
        return
    missing, seen = set(run.end.missing), set[str]()
    for task in run.start.plan.tasks:
        if task.check not in seen and task.id not in missing:
            seen.add(task.check)
            yield task


def _gap(
    check: str,
    last: _Made,
    until: datetime | None,
    known: Check | None,
    runs: Iterable[StoredRun],
    explained: Mapping[str, StoredDecision],
    end: datetime,
) -> Iterator[ScheduleGap]:
    """The gap after a look, if there is one."""
    reached = until or end
    if reached <= last.at + last.valid_for * _PATIENCE:
        return
    due = last.at + last.valid_for
    cadence = timedelta(seconds=known.cadence) if known else last.valid_for
    abandoned = tuple(
        run.start.run
        for run in runs
        if run.end is None and last.at < run.start.plan.planned < reached and _planned(run, check)
    )
    gap = ScheduleGap(check, last.controls, last.run, due, until, max(1, -(-(reached - due) // cadence)), abandoned)
    yield ScheduleGap(**{**vars(gap), "explained": explained.get(gap.id)})


def _planned(run: StoredRun, check: str) -> bool:
    return any(task.check == check for task in run.start.plan.tasks)
