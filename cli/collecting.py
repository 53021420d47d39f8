"""`muniment collect`: run what is due, and keep what was seen."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.cli.deciding import notice
from muniment.cli.exits import FailOn, exit_code
from muniment.cli.reports import JunitFile, SarifFile, write_reports

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.controls.model import Check
    from muniment.evidence import Actor, End, EvidenceRecord, InputFault, PlannedPopulation, Start, Task
    from muniment.evidence.look import Look

NOTHING_COLLECTED = 3
INPUT_FAULT = 2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(collect)


@dataclass(frozen=True)
class Collected:
    """What a run left in the store, and the faults of inputs that a person has to mend."""

    start: "Start"
    end: "End"
    records: "tuple[EvidenceRecord, ...]"
    faults: "tuple[InputFault, ...]"
    interrupted: bool


def collect(
    context: typer.Context,
    checks: Annotated[
        list[str] | None, typer.Argument(help="Checks or controls to run; without any, those that are due.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Run every check, due or not.")] = False,
    only_due: Annotated[bool, typer.Option("--due", help="Only what is due, of the named checks too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be looked at; touch nothing.")] = False,
    fail_on: Annotated[FailOn, typer.Option(help="The lightest status that makes the exit code 1.")] = (
        FailOn.INCONCLUSIVE
    ),
    trigger: Annotated[str, typer.Option(help="What set it off, for the record.")] = "manual",
    junit: JunitFile = None,
    sarif: SarifFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Run the checks that are due, and keep what was seen in the store."""
    from muniment.cli.console import print_json, talk
    from muniment.cli.desk import desk_of
    from muniment.evidence.errors import UsageError
    from muniment.exports.outcomes import of_records

    if all_ and only_due:
        raise UsageError("--all and --due ask for different things", mend="leave one of them out")
    desk = desk_of(context)
    tasks, populations = planned(desk, checks or (), everything=all_ or (bool(checks) and not only_due))
    if dry_run:
        return _tell_plan(tasks, populations, as_json=as_json)
    if not tasks:
        write_reports("muniment collect", (), desk.clock(), junit_file=junit, sarif_file=sarif)
        if as_json:
            print_json("muniment.collect/1", run=None, records=[], message="nothing is due")
        else:
            talk().print(
                "Nothing is due. `muniment collect --all` runs every check; `muniment status` tells what comes next."
            )
        return 0
    notice(desk, desk.actor(trigger))
    collected = run(desk, tasks, populations, actor=desk.actor(trigger))
    outcomes = of_records(desk.workspace, collected.records)
    write_reports("muniment collect", outcomes, collected.end.ended, junit_file=junit, sarif_file=sarif)
    _tell(collected, as_json=as_json)
    _tell_changed(collected)
    if collected.interrupted:
        raise KeyboardInterrupt
    if all(record.outcome.kind == "errored" for record in collected.records):
        return INPUT_FAULT if collected.faults else NOTHING_COLLECTED
    return INPUT_FAULT if collected.faults else exit_code((each.verdict.status for each in collected.records), fail_on)


def planned(
    desk: "Desk", names: Sequence[str] = (), *, everything: bool = False
) -> "tuple[tuple[Task, ...], tuple[PlannedPopulation, ...]]":
    """The tasks of the named checks or controls, or of all; only those that are due, unless `everything`.

    Raises:
        UsageError: a name is no check and no control.
        ConfigError: a check names a collector that is not there, or a setting that it does not have.
    """
    from muniment.controls.workspace import check_collectors, plan_tasks
    from muniment.evidence.process import fill_in

    workspace = desk.workspace
    check_collectors(workspace, set(desk.registry))
    checks = _named(desk, names)
    tasks, populations = plan_tasks(workspace, partial(fill_in, desk.registry, base=desk.root), checks)
    if everything:
        return tasks, populations
    due = _due(desk, {check.id: check for check in checks}, tasks)
    wanted = {task.check for task in due}
    return due, tuple(each for each in populations if each.check in wanted)


def run(
    desk: "Desk",
    tasks: "tuple[Task, ...]",
    populations: "tuple[PlannedPopulation, ...]",
    *,
    actor: "Actor",
    reason: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Collected:
    """One run: the plan is signed, every task is looked at, the records are signed.

    Ctrl-C ends the looking, not the keeping: what was seen until then is stored, and what is missing is named.
    """
    from muniment.cli.console import bar
    from muniment.cli.interrupt import heard
    from muniment.evidence import Plan
    from muniment.evidence.lock import read_lock
    from muniment.evidence.run import look_at_all, to_record

    clock, store, lock = desk.clock, desk.store, read_lock(desk.root)
    plan = Plan(
        planned=clock(),
        actor=actor,
        workspace=desk.workspace.digest,
        tasks=tasks,
        populations=populations,
        reason=reason,
    )
    start: Start | None = None
    looks: dict[int, Look] = {}
    previous: dict[tuple[str, str], str] = {}
    interrupted = False
    # A collector that prints would break the one JSON document on stdout.
    with bar("Looking", rate=True) as shown, contextlib.redirect_stdout(sys.stderr), heard() as stopped:
        try:
            start = store.begin(plan, desk.signer, at=clock())
            _anchor(desk)  # the plan, before the first look
            desk.index.update(store)
            previous = {(row.check, row.subject): row.id for row in desk.index.latest(clock())}
            looking = look_at_all(plan, desk.registry, clock=clock, base=desk.root, lock=lock, stopped=stopped)
            for place, seen in looking:
                looks[place] = seen
                (progress or shown)(len(looks), len(tasks))
            interrupted = stopped()
        except KeyboardInterrupt:  # pressed twice
            interrupted = True
    if start is None:  # interrupted while the plan was signed: the same plan again gives the run that is there
        start = store.begin(plan, desk.signer, at=clock())
    recorded = clock()
    records = tuple(
        to_record(seen, place, start, recorded=recorded, previous=previous) for place, seen in sorted(looks.items())
    )
    end = store.finish(
        start,
        records,
        desk.signer,
        at=recorded,
        milliseconds=(recorded - plan.planned) // timedelta(milliseconds=1),
        reason="interrupted by the person who ran it" if interrupted else None,
        missing=tuple(task.id for place, task in enumerate(tasks) if place not in looks),
    )
    _anchor(desk)
    desk.index.update(store)
    faults = tuple(seen.fault for _, seen in sorted(looks.items()) if seen.fault)
    return Collected(start, end, records, faults, interrupted)


def _anchor(desk: "Desk") -> None:
    """Have the head held outside. What hinders it is told, and never stops a run."""
    from muniment.cli.anchoring import anchor_head
    from muniment.cli.console import tell_error

    for fault in anchor_head(desk):
        tell_error(fault, as_json=False)


def _named(desk: "Desk", names: Sequence[str]) -> "tuple[Check, ...]":
    from muniment.cli.desk import known

    checks = desk.workspace.checks
    words = {check.id for check in checks} | {check.control for check in checks}
    wanted = {known(name, words, "check or control") for name in names}
    return tuple(check for check in checks if not wanted or wanted & {check.id, check.control})


def _due(desk: "Desk", checks: "dict[str, Check]", tasks: "tuple[Task, ...]") -> "tuple[Task, ...]":
    """Tasks that were never looked at, or not within their cadence.

    A twentieth of the cadence is forgiven: a daily timer that fires some seconds early must not skip a day.
    """
    now = desk.clock()
    desk.index.update(desk.store)
    last = {(row.check, row.subject): row.collected for row in desk.index.latest(now)}

    def is_due(task: "Task") -> bool:
        seen: datetime | None = last.get((task.check, task.subject))
        return seen is None or now >= seen + timedelta(seconds=checks[task.check].cadence) * 0.95

    return tuple(task for task in tasks if is_due(task))


def _tell_plan(tasks: "tuple[Task, ...]", populations: "tuple[PlannedPopulation, ...]", *, as_json: bool) -> int:
    from muniment.cli.console import print_json, result, table
    from muniment.cli.words import counted

    if as_json:
        print_json(
            "muniment.plan/1",
            tasks=[task.to_json() for task in tasks],
            populations=[population.to_json() for population in populations],
        )
        return 0
    console = result()
    console.print(
        table(["CHECK", "COLLECTOR", "SUBJECT"], [(each.check, each.collector, each.subject) for each in tasks])
    )
    for population in populations:
        for exclusion in population.exclusions:
            console.print(f"left out of {population.check}: {exclusion.subject} ({exclusion.reason})")
    console.print(f"\nWould look at {counted(len(tasks), 'subject')} and write one run. Nothing was touched.")
    return 0


def _tell_changed(collected: Collected) -> None:
    from muniment.cli.console import talk, visible
    from muniment.evidence.lock import FILE
    from muniment.evidence.protocol import EXECUTABLE

    changed = (each.method for each in collected.records if each.method.pinned == "changed")
    for id_ in sorted({each.package or "" if each.collector == EXECUTABLE else each.collector for each in changed}):
        talk().print(
            visible(f"{id_} is not as {FILE} has it: its records say so. `muniment collectors diff` tells more.")
        )


def _tell(collected: Collected, *, as_json: bool) -> None:
    from muniment.cli.console import print_json, result, status_text, table, talk, tell_error, visible
    from muniment.cli.populations import reached
    from muniment.cli.words import counted

    populations = reached(collected.start.plan, collected.records)
    for fault in collected.faults:
        tell_error(fault, as_json=False)
    if as_json:
        print_json(
            "muniment.collect/1",
            run=collected.start.run,
            planned=collected.end.planned,
            got=collected.end.got,
            by_status=collected.end.by_status,
            errored=collected.end.errored,
            populations=[each.to_json() for each in populations],
            records=[record.to_json() for record in collected.records],
        )
        return
    result().print(
        table(
            ["STATUS", "CHECK", "SUBJECT", "WHAT WAS SEEN"],
            [
                (status_text(each.verdict.status), each.check, each.subject, each.verdict.message)
                for each in collected.records
            ],
        )
    )
    counts = ", ".join(
        f"{number:,} {word.replace('_', ' ')}" for word, number in collected.end.by_status.items() if number
    )
    talk().print(
        f"\nRun {collected.start.run}: {counted(len(collected.records), 'record')} of {collected.end.planned:,} planned"
        f" ({counts}), signed and stored."
    )
    for each in populations:
        if each.seen < each.total:
            talk().print(visible(str(each)))
