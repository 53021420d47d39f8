"""`muniment log`: what happened, the newest first: runs, decisions, and the runs that nobody made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.controls.schedule_gaps import ScheduleGap
    from muniment.evidence import StoredRun
    from muniment.evidence.decision import StoredDecision

RUN = "run"
GAP = "gap"


@dataclass(frozen=True)
class Entry:
    """A run, a decision or a gap in the schedule, with its time and its line for the terminal."""

    at: datetime
    row: tuple[str, str, str, str, str]
    run: "StoredRun | None" = None
    decision: "StoredDecision | None" = None
    gap: "ScheduleGap | None" = None
    leaf: int = -1


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(log)


def log(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many entries to list, the newest first.")] = 20,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Only `run`, `gap`, or a kind of decision such as exception or pack.built; may be repeated."),
    ] = None,
    actor: Annotated[str | None, typer.Option(help="Only what somebody did, asked for or approved.")] = None,
    control: Annotated[str | None, typer.Option(help="Only what is about a control.")] = None,
    since: Annotated[str | None, typer.Option(help="From this day or instant on.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to and including this day, or before this instant.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """What happened, the newest first: runs, those that never ended, those that were missed; and decisions."""
    from muniment.cli.console import print_json, result, table
    from muniment.cli.deciding import fields
    from muniment.cli.desk import desk_of
    from muniment.cli.words import counted
    from muniment.controls.schedule_gaps import made_again
    from muniment.evidence.decision import chosen

    desk = desk_of(context)
    kinds = _kinds(kind or ())
    first, last = _begin_of(since, desk), _end_of(until, desk)
    decisions = chosen(
        desk.store.decisions() if not kinds or set(kinds) - {RUN} else (),
        kinds=[each for each in kinds if each != RUN],
        actor=actor,
        refers_to=control,
        since=first,
        until=last,
    )
    everything = tuple(desk.store.runs())
    runs = _runs(everything, actor, control, first, last) if not kinds or RUN in kinds else []
    gaps = _gaps(desk, everything, control, first, last) if actor is None and (not kinds or GAP in kinds) else []
    again = made_again(everything, desk.workspace.checks)
    found = [*(_of_run(run, again) for run in runs), *map(_of_decision, decisions), *map(_of_gap, gaps)]
    newest = sorted(found, key=lambda entry: (entry.at, entry.leaf), reverse=True)
    listed = newest[:limit]
    if as_json:
        print_json(
            "muniment.log/1",
            runs=[_run_fields(each.run, again) for each in listed if each.run],
            decisions=[fields(each.decision) for each in listed if each.decision],
            gaps=[each.gap.to_json() for each in listed if each.gap],
        )
        return 0
    console = result()
    if not newest:
        narrowed = any((kinds, actor, control, since, until))
        console.print("Nothing fits." if narrowed else "No runs yet. `muniment collect` makes the first.")
        return 0
    console.print(table(["WHAT", "WHEN", "BY", "GOT", "WHAT CAME OF IT"], [each.row for each in listed]))
    if len(newest) > limit:
        rest = counted(len(newest) - limit, "earlier entry", "earlier entries")
        console.print(f"\n{rest} not shown: `--limit {len(newest)}` lists all.")
    return 0


def _kinds(words: Iterable[str]) -> tuple[str, ...]:
    """The kinds that were asked for.

    Raises:
        UsageError: there is no such kind.
    """
    from muniment.cli.desk import known
    from muniment.evidence.decision import DecisionKind

    there = {kind.value for kind in DecisionKind} | {kind.value.partition(".")[0] for kind in DecisionKind} | {RUN}
    return tuple(known(word, there, "kind") for word in words)


def _begin_of(text: str | None, desk: "Desk") -> datetime | None:
    """An instant, or the beginning of a day."""
    from muniment.cli.reading import instant
    from muniment.controls.period import parse_period

    if text is None:
        return None
    end = instant(text, desk)
    return end if len(text) > len("2026-06-30") else parse_period(text, desk.workspace.zone).start


def _end_of(text: str | None, desk: "Desk") -> datetime | None:
    from muniment.cli.reading import instant

    return None if text is None else instant(text, desk)


def _runs(
    runs: "Iterable[StoredRun]",
    actor: str | None,
    control: str | None,
    since: datetime | None,
    until: datetime | None,
) -> "list[StoredRun]":
    from muniment.evidence.decision import same_person

    return [
        run
        for run in runs
        if (actor is None or same_person(actor, run.start.plan.actor.name))
        and (control is None or any(control in task.controls for task in run.start.plan.tasks))
        and (since is None or run.start.plan.planned >= since)
        and (until is None or run.start.plan.planned < until)
    ]


def _gaps(
    desk: "Desk",
    runs: "Iterable[StoredRun]",
    control: str | None,
    since: datetime | None,
    until: datetime | None,
) -> "list[ScheduleGap]":
    from datetime import UTC

    from muniment.controls.schedule_gaps import schedule_gaps

    begin, end = since or datetime.min.replace(tzinfo=UTC), min(until or desk.clock(), desk.clock())
    found = schedule_gaps(runs, desk.workspace.checks, desk.store.decisions(), begin, end)
    return [gap for gap in found if control is None or control in gap.controls]


def _run_fields(run: "StoredRun", again: Mapping[int, int]) -> dict[str, object]:
    return {
        "start": run.start.to_json(),
        "end": run.end.to_json() if run.end else None,
        "commits": list(run.commits),
        "made_again": again.get(run.start.run, 0),
    }


def _of_run(run: "StoredRun", again: Mapping[int, int]) -> Entry:
    from muniment.cli.words import counted
    from muniment.exports.text import instant

    start, end = run.start, run.end
    actor = f"{start.plan.actor.name} ({start.plan.actor.trigger})"
    name, when, planned = f"run {start.run}", instant(start.plan.planned), len(start.plan.tasks)
    early = again.get(start.run, 0)
    rest = f"; {counted(early, 'look')} made again before due" if early else ""
    if end is None:
        return Entry(start.plan.planned, (name, when, actor, f"0/{planned}", f"began and never ended{rest}"), run=run)
    words = ", ".join(f"{number} {word.replace('_', ' ')}" for word, number in end.by_status.items() if number)
    if end.errored:
        words += f"; {end.errored} could not be looked at"
    if end.reason:
        words += f"; {end.reason}"
    row = (name, when, actor, f"{end.got}/{end.planned}", (words or "nothing") + rest)
    return Entry(start.plan.planned, row, run=run, leaf=start.previous_size)


def _of_gap(gap: "ScheduleGap") -> Entry:
    from muniment.exports.text import instant

    return Entry(gap.due, (gap.id, instant(gap.due), "nobody", f"0/{gap.missed}", gap_words(gap)), gap=gap)


def gap_words(gap: "ScheduleGap") -> str:
    """`tls-endpoints was not looked at until …; no reason was given`."""
    from muniment.exports.text import instant

    lasts = f"until {instant(gap.until)}" if gap.until else "and still is not"
    begun = "".join(f"; run {number} began and never ended" for number in gap.abandoned)
    said = f"{gap.reason} ({gap.explained.id})" if gap.explained else "no reason was given"
    return f"{gap.check} was due and was not looked at {lasts}{begun}; {said}"


def _of_decision(stored: "StoredDecision") -> Entry:
    from muniment.evidence.decision import said
    from muniment.exports.text import instant

    decision = stored.decision
    parts = [f"{said(decision.kind)}: {decision.reason}"]
    if decision.asked_by:
        parts.append(f"asked by {decision.asked_by}")
    if decision.approver:
        parts.append(f"approved by {decision.approver}")
    receiver = decision.payload.get("to")
    if isinstance(receiver, str):
        parts.append(f"to {receiver}")
    about = ", ".join(decision.refers_to[:3]) + (" …" if len(decision.refers_to) > 3 else "")
    if about:
        parts.append(f"about {about}")
    actor = f"{decision.actor.name} ({decision.actor.trigger})"
    return Entry(
        decision.at, (stored.id, instant(decision.at), actor, "", "; ".join(parts)), decision=stored, leaf=stored.leaf
    )
