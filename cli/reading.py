"""`muniment status` and `show`: what stands, and one record with its proof."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.cli.exits import FailOn, exit_code
from muniment.cli.reports import JunitFile, SarifFile, write_reports

if TYPE_CHECKING:
    from rich.console import Console

    from muniment.cli.desk import Desk
    from muniment.controls.assess import Assessment
    from muniment.controls.model import CriterionResult, Finding
    from muniment.controls.schedule_gaps import ScheduleGap
    from muniment.evidence import EvidenceRecord, Period

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(status)
    app.command()(show)


def status(
    context: typer.Context,
    framework: Annotated[str | None, typer.Option(help="Only the controls and criteria of one framework.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="What was known at an instant or at the end of a day, such as 2026-06-30.")
    ] = None,
    period: Annotated[
        str | None, typer.Option(help="The period that is judged, such as 2026 or 2026-Q3; otherwise the year.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also list the controls without checks.")] = False,
    fail_on: Annotated[FailOn, typer.Option(help="The lightest status that makes the exit code 1.")] = (
        FailOn.INCONCLUSIVE
    ),
    junit: JunitFile = None,
    sarif: SarifFile = None,
    as_json: Json = False,
) -> int:
    """What stands, what is due, what fails, and what nobody has looked at."""
    from muniment.cli.anchoring import standings
    from muniment.cli.console import print_json
    from muniment.cli.desk import desk_of, known
    from muniment.controls.assess import assess
    from muniment.controls.schedule_gaps import schedule_gaps
    from muniment.evidence.verdict import NOTHING
    from muniment.exports.outcomes import of_findings

    desk = desk_of(context)
    at = instant(as_of, desk)
    if framework is not None:
        known(framework, desk.workspace.frameworks, "framework")
    store = desk.store
    runs = tuple(store.runs())
    assessment = assess(desk.workspace, store.records(), runs, period_of(desk, period, at), at)
    findings = [
        finding for finding in assessment.findings.values() if framework is None or _serves(desk, finding, framework)
    ]
    criteria = {name: rows for name, rows in assessment.criteria.items() if framework in (None, name)}
    named = {each.check for finding in findings for each in finding.checks}
    checks = [check for check in desk.workspace.checks if check.id in named]
    until = min(assessment.period.end, at)
    gaps = schedule_gaps(runs, checks, store.decisions(), assessment.period.start, until)
    outcomes = of_findings(desk.workspace, findings)
    write_reports("muniment status", outcomes, at, junit_file=junit, sarif_file=sarif)
    if as_json:
        print_json(
            "muniment.status/1",
            at=assessment.at.isoformat(),
            period=assessment.period.to_json(),
            findings=[finding.to_json() for finding in findings],
            criteria={name: [row.to_json() for row in rows] for name, rows in criteria.items()},
            claims=[claim.to_json() for claim in assessment.claims],
            schedule_gaps=[gap.to_json() for gap in gaps],
            anchors={name: state.to_json() for name, state in standings(desk).items()},
        )
    else:
        _tell_status(desk, assessment, findings, criteria, gaps, everything=everything)
    # Of no controls at all nothing is known, and that is never a pass.
    return exit_code([finding.verdict.status for finding in findings] or [NOTHING.status], fail_on)


def show(context: typer.Context, id_: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> int:
    """One record, with the proof that it is part of the signed log."""
    from muniment.cli.console import print_json, result
    from muniment.cli.desk import desk_of
    from muniment.evidence import UsageError, canonical
    from muniment.evidence.store import includes
    from muniment.evidence.store.merkle import leaf_hash

    desk = desk_of(context)
    store = desk.store
    try:
        stored = store.record(id_)
    except KeyError as error:
        raise UsageError(
            f"the store has no record {id_!r}",
            mend="`muniment log` lists the runs; a record is named EV-YEAR-RUN-PLACE",
        ) from error
    checkpoint, proof = store.checkpoint(), store.proof(stored.leaf)
    proven = proof.leaf_hash == leaf_hash(canonical(stored.record)) and includes(proof, checkpoint.root_hash)
    payloads = _payloads(desk, stored.record)
    if as_json:
        print_json(
            "muniment.record-proof/1",
            record=stored.record.to_json(),
            digest=stored.digest,
            leaf=stored.leaf,
            size=checkpoint.size,
            root=checkpoint.root,
            proof=[each.hex() for each in proof.path],
            proven=proven,
            payloads=payloads,
        )
    else:
        _tell_record(result(), stored.record)
        _tell_payloads(result(), payloads)
        result().print(
            f"\nDigest {stored.digest}\nLeaf {stored.leaf} of {checkpoint.size}, root {checkpoint.root}:"
            f" {'proven to be part of the signed log' if proven else 'NOT part of the signed log'}."
        )
    return 0 if proven else 4


def _payloads(desk: "Desk", record: "EvidenceRecord") -> dict[str, str]:
    """The sealed payloads of a record, and how each stands."""
    from muniment.cli.erasing import erasures, standing_of

    sealed = record.outcome.origin.sealed if record.outcome.kind == "observed" else ()
    erased = erasures(desk) if sealed else {}
    return {each.id: standing_of(desk, each, erased) for each in sealed}


def period_of(desk: "Desk", text: str | None, at: datetime) -> "Period":
    """The period that a text names, or else the workspace's, or else the year of `at` in its zone."""
    from zoneinfo import ZoneInfo

    from muniment.controls.period import parse_period

    workspace = desk.workspace
    if text is None and workspace.period is not None:
        return workspace.period
    return parse_period(text or str(at.astimezone(ZoneInfo(workspace.zone)).year), workspace.zone)


def instant(text: str | None, desk: "Desk") -> datetime:
    """An instant with an offset, or the end of a day in the workspace's zone; without text, now.

    Raises:
        UsageError: it is neither.
    """
    from muniment.controls.period import parse_period
    from muniment.evidence import UsageError, utc

    if text is None:
        return desk.clock()
    try:
        if len(text) > len("2026-06-30"):
            return utc(datetime.fromisoformat(text))
        return parse_period(text, desk.workspace.zone).end
    except (ValueError, UsageError) as error:
        raise UsageError(
            f"{text!r} is not a day and not an instant", mend="write 2026-06-30, or 2026-06-30T12:00:00Z"
        ) from error


def _serves(desk: "Desk", finding: "Finding", framework: str) -> bool:
    return any(mapping.framework == framework for mapping in desk.workspace.control(finding.control).mappings)


def _tell_status(
    desk: "Desk",
    assessment: "Assessment",
    findings: "list[Finding]",
    criteria: "dict[str, tuple[CriterionResult, ...]]",
    gaps: "tuple[ScheduleGap, ...]",
    *,
    everything: bool,
) -> None:
    from muniment.cli.console import result, status_text, table
    from muniment.cli.words import counted, day
    from muniment.exports.text import instant, opening
    from muniment.exports.words import Words

    console = result()
    zone = desk.workspace.zone
    console.print(
        f"{desk.workspace.organisation}: as of {instant(assessment.at)}, period {day(assessment.period.start, zone)}"
        f" to {day(assessment.period.end - timedelta(microseconds=1), zone)} ({zone})\n"
    )
    watched = [finding for finding in findings if finding.checks]
    listed = findings if everything else watched
    listed = sorted(listed, key=lambda finding: (-finding.verdict.status.gravity, finding.control))
    if listed:
        rows = [
            (
                finding.control,
                status_text(finding.verdict.status),
                finding.freshness,
                Words().percent(finding.coverage_permille) if finding.checks else "–",
                opening(finding.verdict.message),
            )
            for finding in listed
        ]
        console.print(table(["CONTROL", "STATUS", "EVIDENCE", "COVERED", "WHY"], rows))
    elif not findings:
        console.print("No controls. `muniment controls list --library` shows what can be adapted in controls/*.yaml.")
    unwatched = len(findings) - len(watched)
    if unwatched and not everything:
        console.print(f"\n{counted(unwatched, 'control')} without a check: `muniment status --all` lists them.")
    for name, rows_ in criteria.items():
        console.print(f"\n{name}: {_criteria_words(rows_)}")
    _tell_anchors(console, desk)
    _tell_gaps(console, gaps)
    _tell_next(console, desk)


def _tell_anchors(console: "Console", desk: "Desk") -> None:
    """How far the store is held outside, by our own notes: nobody is asked."""
    from muniment.cli.anchoring import held_by_notes, policy_faults, standing, standings
    from muniment.cli.console import visible

    size, states = desk.store.checkpoint().size, standings(desk)
    for at, (name, state) in enumerate(states.items()):
        console.print(("" if at else "\n") + visible(f"Anchored outside, {standing(name, size, state)}"))
    for fault in policy_faults(desk, held_by_notes(desk)):
        console.print(visible(f"Not anchored as required: {fault.message}."))


def _tell_gaps(console: "Console", gaps: "tuple[ScheduleGap, ...]") -> None:
    """The runs that were missed, those first of which nobody said why."""
    from muniment.cli.history import gap_words
    from muniment.cli.words import counted

    if not gaps:
        return
    silent = [gap for gap in gaps if gap.explained is None]
    console.print(
        f"\n{counted(len(gaps), 'gap')} in the schedule of the period, {len(silent)} without a reason."
        " `muniment log --kind gap` lists them."
    )
    for gap in silent[:3]:
        console.print(f"  {gap.id}: {gap_words(gap)}")
    if silent:
        console.print("  `muniment decide gap.explained --about GAP-… --reason WORDS` says why.")


def _criteria_words(rows: "Iterable[CriterionResult]") -> str:
    """`123 criteria: 4 pass, 3 fail, 116 inconclusive`; every criterion is in the sum."""
    from muniment.cli.words import counted
    from muniment.evidence import Status

    statuses = [row.verdict.status for row in rows]
    parts = [f"{statuses.count(each)} {each.word}" for each in Status if each in statuses]
    return f"{counted(len(statuses), 'criterion', 'criteria')}: {', '.join(parts)}"


def _tell_next(console: "Console", desk: "Desk") -> None:
    from muniment.cli.collecting import planned
    from muniment.cli.console import visible
    from muniment.cli.words import counted
    from muniment.evidence.errors import StoreFault

    try:
        due, _ = planned(desk)
    except StoreFault as fault:  # reading what stands must not need a disk that can be written
        console.print(f"\nWhat is due cannot be told: {visible(str(fault))}.")
        return
    if due:
        checks = sorted({task.check for task in due})
        names = ", ".join(islice(checks, 3)) + (" …" if len(checks) > 3 else "")
        console.print(f"\nDue now: {counted(len(due), 'subject')} of {names}. `muniment collect` looks at them.")


def _tell_payloads(console: "Console", payloads: dict[str, str]) -> None:
    from muniment.cli.console import visible

    for id_, standing in payloads.items():
        console.print(f"\nSealed payload {id_}: {visible(standing)}.", soft_wrap=True)


def _tell_record(console: "Console", record: "EvidenceRecord") -> None:
    import orjson

    from muniment.cli.console import status_text, table, visible_json
    from muniment.exports.text import instant

    def told(value: object) -> str:
        return "not recorded" if value in (None, "", ()) else str(value)

    outcome, method = record.outcome, record.method
    console.print(f"{record.id}  {record.subject}", style="bold")
    console.print(status_text(record.verdict.status), record.verdict.message)
    rows = [
        ("check", f"{record.check} for {', '.join(record.controls)}"),
        ("codes", ", ".join(record.verdict.codes) or "none"),
        ("collected", f"{instant(record.collected.start)} to {instant(record.collected.end)}"),
        ("recorded", instant(record.recorded)),
        ("valid until", instant(record.life.valid_until) if record.life.valid_until else told(None)),
        ("by", f"{record.actor.name} ({record.actor.kind}) on {told(record.actor.host)}, {record.actor.trigger}"),
        ("collector", f"{method.collector} {method.version}, {told(method.package)}, code {told(method.code)}"),
        ("lock", told(method.pinned)),
        ("parameters", orjson.dumps(method.parameters).decode()),
        ("previous", told(record.life.previous)),
    ]
    if outcome.kind == "observed":
        origin = outcome.origin
        population = origin.population
        rows += [
            ("system", origin.system),
            ("query", origin.query),
            ("zone", told(origin.zone)),
            ("seen as", told(origin.authenticated_as)),
            (
                "population",
                f"{population.collected:,} of {population.expected:,}: {population.basis}"
                if population
                else told(None),
            ),
            *((f"tool {tool.name}", f"{told(tool.version)}, {told(tool.digest)}") for tool in origin.tools),
        ]
    else:
        rows += [("cause", outcome.cause), ("where", told(outcome.where))]
    console.print(table(["", ""], rows))
    if outcome.kind == "observed":
        console.print("\nFacts")
        console.print(visible_json(orjson.dumps(outcome.facts, option=orjson.OPT_INDENT_2).decode()))
