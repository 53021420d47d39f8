"""`muniment import`: take in what another tool reports, byte for byte, and sort it by the controls that it serves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.cli.deciding import imported
from muniment.cli.exits import FailOn, exit_code

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.controls.imported import Part, Reading
    from muniment.evidence import Content, EvidenceRecord, Period, Start, StoredRun, Task
    from muniment.evidence.imports import Format, Report

FOLDER = Path("payloads") / "imports"  # outside git


class FormatName(StrEnum):
    """What `--as` takes."""

    SARIF = "sarif"
    JUNIT = "junit"
    CYCLONEDX = "cyclonedx"
    OCSF = "ocsf"
    TESTSSL = "testssl"
    SSLYZE = "sslyze"
    INSPEC = "inspec"
    XCCDF = "xccdf"
    OSCAL = "oscal"
    CSV = "csv"
    XLSX = "xlsx"


@dataclass(frozen=True)
class Listing:
    """What a person must say of a listing, since it does not say it itself."""

    source: str | None
    query: str | None
    period: str | None
    expected: int | None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_)


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file as the tool wrote it.")],
    as_: Annotated[FormatName, typer.Option("--as", help="The format of the file.")],
    rules: Annotated[Path | None, typer.Option(help="A rule file: which units serve which control.")] = None,
    source: Annotated[str | None, typer.Option(help="For a listing: the system that it comes from, as a URI.")] = None,
    query: Annotated[str | None, typer.Option(help="For a listing: the exact query or report.")] = None,
    period: Annotated[str | None, typer.Option(help="For a listing: the period or day that it stands for.")] = None,
    expected: Annotated[int | None, typer.Option(min=0, help="For a listing: how many rows the system counts.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be recorded; record nothing.")] = False,
    fail_on: Annotated[FailOn, typer.Option(help="The lightest status that makes the exit code 1.")] = (
        FailOn.INCONCLUSIVE
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Take in a report of another tool, and record what it says of each control."""
    from muniment.cli.desk import desk_of

    desk = desk_of(context)
    reading = _read(desk, file, as_, rules, Listing(source, query, period, expected))
    parts = list(reading.parts())
    if dry_run:
        _forget(desk, reading.content)
        _tell(reading, parts, as_json=as_json)
        return 0
    _refuse_a_second_time(desk, reading)
    start, records = _record(desk, reading, parts)
    desk.decide(imported(desk, start, reading.content, reading.format.id))
    _tell(reading, parts, records, run=start.run, as_json=as_json)
    return exit_code((record.verdict.status for record in records), fail_on)


def _read(desk: "Desk", file: Path, as_: FormatName, rules_file: Path | None, listing: Listing) -> "Reading":
    """Keep the file, read it whole, and sort its units. What cannot be read leaves nothing behind.

    Raises:
        InputFault: with the file and, where there is one, the line.
        ConfigError: the rule file is off.
        UsageError: a listing without its origin.
    """
    from muniment.cli.console import bar
    from muniment.controls.imported import Reading
    from muniment.controls.imports import Sorting, load_rules
    from muniment.evidence.imports import FORMATS, Columns, Source, reader_of
    from muniment.evidence.imports.keep import keep
    from muniment.evidence.imports.times import stands_for

    format_, began = FORMATS[as_.value], desk.clock()
    _check_listing(format_, listing)
    rules = load_rules(rules_file, (each.id for each in desk.workspace.controls)) if rules_file else None
    if rules and not format_.is_listing:
        rules.check_fields(format_.fields)
    columns = Columns(rules.file.listing.id, rules.file.listing.status) if rules else Columns()
    sorting = Sorting(rules)
    content, kept = keep(file, desk.root / FOLDER, format_.media_type)
    try:
        with bar("Reading"):
            report = reader_of(format_, columns)(Source(kept, file.name), sorting.take)
        sorting.check_fields()
        report, period = (
            _completed(desk, report, listing, began)
            if format_.is_listing
            else (report, stands_for(report, rules.file.zone if rules else None, began))
        )
    except BaseException:
        _forget(desk, content)
        raise
    return Reading(rules.file.name if rules else file.stem, format_, rules, content, report, sorting, period, began)


def _check_listing(format_: "Format", listing: Listing) -> None:
    from muniment.evidence.errors import UsageError

    given = {"--source": listing.source, "--query": listing.query, "--period": listing.period}
    if format_.is_listing and None in given.values():
        missing = ", ".join(option for option, value in given.items() if value is None)
        raise UsageError(
            f"a listing does not say where it comes from: {missing} must",
            mend='for instance --source https://idp.example.com --query "active users" --period 2026-11-24',
        )
    if not format_.is_listing and any(value is not None for value in (*given.values(), listing.expected)):
        raise UsageError(
            f"{format_.title} says itself where it comes from", mend="leave out --source, --query, --period, --expected"
        )


def _completed(desk: "Desk", report: "Report", listing: Listing, at: datetime) -> "tuple[Report, Period | None]":
    """A listing with what the person says of it. A period that is not over yet ends now."""
    from muniment.controls.period import parse_period
    from muniment.evidence.errors import UsageError
    from muniment.evidence.model import Period

    asked = parse_period(listing.period or "", desk.workspace.zone)
    if asked.start >= at:
        raise UsageError(f"the period {listing.period} has not begun", mend="name the period that the rows are about")
    stated = {"rows": listing.expected} if listing.expected is not None else {}
    return (
        replace(report, system=listing.source or "", query=listing.query or "", stated=stated),
        Period(start=asked.start, end=min(asked.end, at), zone=asked.zone),
    )


def _forget(desk: "Desk", content: "Content") -> None:
    """Remove the copy of a file, unless an earlier run rests on it."""
    if not any(task.settings.get("sha256") == content.sha256 for _, task in _imported(desk)):
        (desk.root / FOLDER / content.sha256.removeprefix("sha256:")).unlink(missing_ok=True)


def _imported(desk: "Desk") -> "Iterator[tuple[StoredRun, Task]]":
    """Each task of each run that took a file in."""
    from muniment.controls.checks import IMPORTED

    for run in desk.store.runs():
        for task in run.start.plan.tasks:
            if task.collector.startswith(IMPORTED):
                yield run, task


def _refuse_a_second_time(desk: "Desk", reading: "Reading") -> None:
    """The same bytes under the same name would make old evidence look new.

    Raises:
        UsageError: with the run that has them.
    """
    from muniment.evidence.errors import UsageError

    for run, task in _imported(desk):
        same = (task.settings["sha256"], task.settings["name"]) == (reading.content.sha256, reading.name)
        if same and run.end is not None:
            raise UsageError(
                f"run {run.start.run} has imported this very file as {reading.name!r}",
                where=reading.content.name,
                mend="have the tool look again; the same report twice shows nothing new",
            )


def _record(desk: "Desk", reading: "Reading", parts: "list[Part]") -> "tuple[Start, tuple[EvidenceRecord, ...]]":
    """One signed run with one record a part."""
    from importlib.metadata import version

    from muniment.controls.imported import population_of, record_of, task_of
    from muniment.evidence import Plan

    tasks = tuple(task_of(reading, part) for part in parts)
    plan = Plan(
        planned=reading.began,
        actor=desk.actor("import"),
        workspace=desk.workspace.digest,
        tasks=tasks,
        populations=tuple(population_of(reading, task) for task in tasks),
        reason=f"import of {reading.content.name}",
    )
    start = desk.store.begin(plan, desk.signer, at=desk.clock())
    desk.index.update(desk.store)
    recorded = max(reading.began, desk.clock())
    previous = {(row.check, row.subject): row.id for row in desk.index.latest(recorded)}
    records = tuple(
        _admitted(
            record_of(
                reading,
                part,
                place,
                start,
                recorded=recorded,
                previous=previous.get((task.check, task.subject)),
                package=f"muniment {version('muniment')}",
            ),
            task.declared,
        )
        for place, (task, part) in enumerate(zip(tasks, parts, strict=True))
    )
    taken = (recorded - reading.began) // timedelta(milliseconds=1)
    desk.store.finish(start, records, desk.signer, at=recorded, milliseconds=taken)
    desk.index.update(desk.store)
    return start, records


def _admitted(record: "EvidenceRecord", declared: "Mapping[str, tuple[str, ...]]") -> "EvidenceRecord":
    """The record; where the store would refuse it, one that says why, so that the others are still kept."""
    from muniment.evidence import Errored, Life
    from muniment.evidence.errors import RecordRefused
    from muniment.evidence.store.door import line_of

    try:
        line_of(record, declared)
    except RecordRefused as refused:
        why = Errored(cause=refused.code, message=refused.what)
        return record.model_copy(update={"outcome": why, "life": Life(previous=record.life.previous)})
    return record


def _tell(
    reading: "Reading",
    parts: "list[Part]",
    records: "tuple[EvidenceRecord, ...]" = (),
    *,
    run: int | None = None,
    as_json: bool,
) -> None:
    from muniment.cli.console import print_json, result, status_text, table, talk
    from muniment.cli.words import counted
    from muniment.controls.imported import facts_of
    from muniment.evidence.imports import judge

    # A record that the store would not take says something else than the facts alone.
    verdicts = [record.verdict for record in records] or [judge(facts_of(reading, part)) for part in parts]
    report, sorting = reading.report, reading.sorting
    if as_json:
        print_json(
            "muniment.import/1",
            run=run,
            format=reading.format.id,
            name=reading.name,
            content=reading.content.to_json(),
            tools=[tool.to_json() for tool in report.tools],
            period=reading.period.to_json() if reading.period else None,
            units=sorting.in_file,
            unmapped=sorting.unmapped.total,
            stated=dict(report.stated),
            counted=dict(report.counted),
            parts=[
                {
                    "control": part.control,
                    "statuses": part.tally.by_status,
                    "words": part.tally.by_word,
                    "verdict": verdict.to_json(),
                    "record": record.id if record else None,
                }
                for part, verdict, record in zip(parts, verdicts, records or [None] * len(parts), strict=True)
            ],
        )
        return
    result().print(
        table(
            ["STATUS", "CONTROL", "UNITS", "WHAT IT SAYS"],
            [
                (status_text(verdict.status), part.control or "unmapped", f"{part.tally.total:,}", verdict.message)
                for part, verdict in zip(parts, verdicts, strict=True)
            ],
        )
    )
    totals = ", ".join(f"{name} {number:,}" for name, number in report.stated.items()) or "gives no totals"
    tools = ", ".join(f"{tool.name} {tool.version or ''}".strip() for tool in report.tools)
    talk().print(f"\n{counted(sorting.in_file, 'unit')} of {tools}; the tool itself: {totals}.")
    if sorting.unmapped.total:
        talk().print(f"{counted(sorting.unmapped.total, 'unit')} that no rule maps to a control.")
    talk().print(
        f"Run {run}: {counted(len(records), 'record')}, signed and stored." if run else "Nothing was recorded."
    )
