"""The control sheets: what each check saw over the period, the gravest first. Pure.

What a sheet cuts stands whole elsewhere: subjects in the manifest, records in the evidence index.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from muniment.controls.model import CheckResult, Control, Coverage, Finding, Framework
from muniment.evidence import EvidenceRecord, Period, Status
from muniment.exports.model import CheckSheet, Cited, ControlSheet, Serves, SubjectRow
from muniment.exports.timeline import timeline

MOST_SUBJECTS = 25  # rows of one check's table of subjects
MOST_RECORDS = 12  # rows of one check's table of records


def control_sheet(
    control: Control,
    finding: Finding,
    framework: Framework,
    cited: Mapping[str, Cited],
    by_check: Mapping[str, Sequence[EvidenceRecord]],
    period: Period,
    until: datetime,
) -> ControlSheet:
    """The sheet of one control; `by_check` holds all records of the store, `until` is the end of what is known."""
    serves = tuple(
        Serves(framework.criterion(mapping.criterion), mapping)
        for mapping in control.mappings
        if mapping.framework == framework.id
    )
    planned = {check.id: check for check in control.checks}
    checks = []
    for result in finding.checks:
        check = planned.get(result.check)
        coverages = _gravest_first(result)
        checks.append(
            CheckSheet(
                id=result.check,
                collector=result.collector,
                cadence=check.cadence if check else None,
                grace=check.grace if check else None,
                verdict=result.verdict,
                population=result.population,
                seen=result.seen,
                basis=result.basis,
                next_due=result.next_due,
                subjects=tuple(_subject(result, coverage) for coverage in coverages[:MOST_SUBJECTS]),
                subjects_total=len(coverages),
                timeline=timeline(coverages, by_check.get(result.check, ()), period, until),
                shown=_shown(result, cited),
                total=len(result.evidence),
            )
        )
    return ControlSheet(control, finding, serves, tuple(checks))


def _latest(result: CheckResult, subject: str) -> Status | None:
    looks = [evidence for evidence in result.evidence if evidence.subject == subject]
    return max(looks, key=lambda evidence: evidence.at).status if looks else None


def _gravest_first(result: CheckResult) -> list[Coverage]:
    """Subjects in the order in which a reader wants them: failing, unknown, then least covered, then by name."""
    standing = {coverage.subject: _latest(result, coverage.subject) for coverage in result.coverage}

    def place(coverage: Coverage) -> tuple[int, int, str]:
        status = standing[coverage.subject]
        gravity = status.gravity if status else Status.INCONCLUSIVE.gravity
        return -gravity, coverage.covered_seconds, coverage.subject

    return sorted(result.coverage, key=place)


def _subject(result: CheckResult, coverage: Coverage) -> SubjectRow:
    share = coverage.covered_seconds * 1000 // coverage.period_seconds if coverage.period_seconds else None
    holes = tuple((hole.period, hole.reason) for hole in coverage.holes)
    return SubjectRow(coverage.subject, _latest(result, coverage.subject), share, holes)


def _shown(result: CheckResult, cited: Mapping[str, Cited]) -> tuple[Cited, ...]:
    """The records that did not pass, then the newest, up to the limit; printed newest first."""
    newest = sorted((evidence for evidence in result.evidence if evidence.id in cited), key=lambda each: each.at)[::-1]
    ordered = [each for each in newest if each.status is not Status.PASS]
    ordered += [each for each in newest if each.status is Status.PASS]
    chosen = {evidence.id for evidence in ordered[:MOST_RECORDS]}
    return tuple(cited[evidence.id] for evidence in newest if evidence.id in chosen)
