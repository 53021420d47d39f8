"""What is recorded of an imported report: one task and one outcome for each control that its units serve.

Units that serve no control have a task of their own, so that nothing of the report is dropped. A check of an import is
named for the series and the control; a later report of the series follows the earlier one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from muniment.controls.checks import IMPORTED
from muniment.controls.imports import Rules, Sorting
from muniment.evidence.imports import Format, Imported, Report, Tally, code_digest, judge
from muniment.evidence.model import Period, Span
from muniment.evidence.record import (
    Content,
    EvidenceRecord,
    Exclusion,
    Life,
    Method,
    Origin,
    PlannedPopulation,
    Population,
    Start,
    Task,
    Tool,
    record_id,
)


@dataclass(frozen=True)
class Part:
    """The units that serve one control, or, without a control, those that serve none."""

    control: str | None
    tally: Tally


@dataclass(frozen=True)
class Reading:
    """A report that was kept and read, and what is to be recorded of it. `period` is the time that it stands for."""

    name: str
    format: Format
    rules: Rules | None
    content: Content
    report: Report
    sorting: Sorting
    period: Period | None
    began: datetime

    def parts(self) -> Iterator[Part]:
        """One for each control of the rules, whether or not a unit serves it, and one for what serves none."""
        for control, tally in self.sorting.parts.items():
            yield Part(control, tally)
        if self.sorting.unmapped.total or not self.sorting.parts:
            yield Part(None, self.sorting.unmapped)


def task_of(reading: Reading, part: Part) -> Task:
    """What the plan of the run says of a part."""
    rules = reading.rules
    check = f"{IMPORTED}{_slug(reading.name)}.{_slug(part.control) if part.control else 'unmapped'}"
    return Task(
        id=f"{check}:{reading.name}",
        check=check,
        controls=(part.control,) if part.control else (),
        collector=f"{IMPORTED}{reading.format.id}",
        subject=reading.name,
        settings={
            "name": reading.name,
            "cadence": rules.file.cadence if rules else None,
            "sha256": reading.content.sha256,
            "rules": f"sha256:{rules.document.sha256}" if rules else None,
        },
        valid_for=rules.valid_for if rules else None,
    )


def population_of(reading: Reading, task: Task) -> PlannedPopulation:
    """The one subject of a check of an import: the report."""
    return PlannedPopulation(check=task.check, expected=1, basis=f"the file {reading.content.name}")


def facts_of(reading: Reading, part: Part) -> Imported:
    """What the report says of a part, without opinion."""
    report, tally, sorting = reading.report, part.tally, reading.sorting
    return Imported(
        origin=_origin(reading, part),
        format=reading.format.id,
        name=reading.name,
        statuses=tally.by_status,
        words=tally.by_word,
        units=tally.shown,
        not_shown=tally.not_shown,
        in_file=sorting.in_file,
        unmapped_in_file=sorting.unmapped.total,
        stated=dict(report.stated),
        counted=dict(report.counted),
        began=report.began,
        ended=report.ended,
        incomplete=report.incomplete,
        finds_only=reading.format.finds_only,
        mapped=part.control is not None,
    )


def record_of(
    reading: Reading, part: Part, place: int, start: Start, *, recorded: datetime, previous: str | None, package: str
) -> EvidenceRecord:
    """The record of a part, at `place` from 0 in the plan.

    A report speaks from its own time, however late it is imported; where it gives none, from the import.
    """
    task, facts = start.plan.tasks[place], facts_of(reading, part)
    looked = Span(start=reading.began, end=recorded)
    speaks_from = (reading.period or looked).end
    return EvidenceRecord(
        id=record_id(start.plan.planned.year, start.run, place + 1),
        task=task.id,
        check=task.check,
        controls=task.controls,
        subject=task.subject,
        subject_kind="report",
        collected=looked,
        recorded=recorded,
        method=Method(
            collector=task.collector, version="1", package=package, code=code_digest(), parameters=task.settings
        ),
        actor=start.plan.actor,
        outcome=facts.observed(judge(facts)),
        life=Life(
            valid_until=speaks_from + timedelta(seconds=task.valid_for) if task.valid_for else None,
            previous=previous,
        ),
    )


def _origin(reading: Reading, part: Part) -> Origin:
    report, rules, unmapped = reading.report, reading.rules, reading.sorting.unmapped.total
    named = f"the rules {rules.file.name!r}" if rules else "no rules"
    left_out = (Exclusion(subject=f"{unmapped} units", reason="no rule maps them; they have a record of their own"),)
    return Origin(
        system=report.system,
        query=report.query,
        population=Population(
            expected=part.tally.total,
            collected=part.tally.total,
            basis=f"units of {reading.content.name} by {named}",
            filters=() if part.control is None else (f"control {part.control}",),
            exclusions=left_out if unmapped and part.control is not None else (),
            complete=report.incomplete is None and report.stated == {key: report.counted[key] for key in report.stated},
        ),
        zone=rules.file.zone if rules else None,
        stands_for=reading.period,
        tools=(
            *report.tools,
            *((Tool(name=f"rules {rules.file.name}", digest=f"sha256:{rules.document.sha256}"),) if rules else ()),
        ),
        contents=(reading.content,),
    )


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or "report"
