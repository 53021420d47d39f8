"""Findings and records as lines of a report for other programs: what was judged, how it came out, where it is written.

JUnit and SARIF are made from these, so that both say the same.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from muniment.controls.model import Finding, Place, Workspace
from muniment.evidence import EvidenceRecord, Verdict


@dataclass(frozen=True)
class Outcome:
    """One line. `group` is the control or the check, `name` what was judged of it; `file` lies in the workspace."""

    group: str
    name: str
    verdict: Verdict
    file: str
    line: int


def of_findings(workspace: Workspace, findings: Iterable[Finding]) -> Iterator[Outcome]:
    """One line a control."""
    for finding in findings:
        checks = tuple(check.check for check in finding.checks)
        yield _outcome(workspace, finding.control, workspace.control(finding.control).title, finding.verdict, checks)


def of_records(workspace: Workspace, records: Iterable[EvidenceRecord]) -> Iterator[Outcome]:
    """One line a record."""
    for record in records:
        yield _outcome(workspace, record.check, record.subject, record.verdict, (record.check,))


def _outcome(workspace: Workspace, group: str, name: str, verdict: Verdict, checks: tuple[str, ...]) -> Outcome:
    """Placed where the first of its checks is written; else at the top of the workspace's own file."""
    places = (workspace.places.get(("check", check)) for check in checks)
    place = next((each for each in places if each is not None), None)
    return Outcome(group, name, verdict, _relative(workspace, place), place.line if place else 1)


def _relative(workspace: Workspace, place: Place | None) -> str:
    if place is None:
        return "muniment.yaml"
    file = place.file.resolve()
    return file.relative_to(workspace.root).as_posix() if file.is_relative_to(workspace.root) else place.file.name
