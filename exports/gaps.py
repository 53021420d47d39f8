"""What does not stand: the gaps, with a proposed grade, and the deviations that somebody accepted. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from muniment.controls.model import AcceptedException, Control, Finding, Framework
from muniment.evidence import Code, Status
from muniment.exports.model import AcceptedRow, Cited, Gap
from muniment.exports.overview import criteria

MOST_CITED = 12  # records named beside one finding


def gaps(
    controls: Sequence[Control],
    findings: Mapping[str, Finding],
    framework: Framework,
    cited: Mapping[str, Cited],
    codes: Mapping[str, Code],
    at: datetime,
) -> tuple[Gap, ...]:
    """The controls that fail or are inconclusive, failures first."""
    open_findings = sorted(
        (
            (control, findings[control.id])
            for control in controls
            if findings[control.id].verdict.status in (Status.FAIL, Status.INCONCLUSIVE)
        ),
        key=lambda pair: -pair[1].verdict.status.gravity,
    )
    found = []
    for number, (control, finding) in enumerate(open_findings, start=1):
        grave = [each for each in finding.evidence if each.status is finding.verdict.status and each.id in cited]
        named = list(dict.fromkeys([*finding.verdict.codes, *(code for each in grave for code in each.codes)]))
        found.append(
            Gap(
                number=number,
                control=control,
                finding=finding,
                grade=_grade(finding, at),
                cited=tuple(cited[each.id] for each in sorted(grave, key=lambda each: each.at)[::-1][:MOST_CITED]),
                cited_total=len(grave),
                codes=tuple(codes[code] for code in dict.fromkeys(map(_plain, named)) if code in codes),
                unexplained=tuple(code for code in named if _plain(code) not in codes),
                criteria=criteria(control, framework),
            )
        )
    return tuple(found)


def exceptions(
    exceptions: Iterable[AcceptedException], findings: Mapping[str, Finding], at: datetime
) -> tuple[AcceptedRow, ...]:
    """Each accepted deviation of these controls, with how it stands."""
    return tuple(AcceptedRow(each, _state(each, at)) for each in exceptions if each.control in findings)


def _plain(code: str) -> str:
    """A code without what it is about: `traffic.category:browsing_history` is explained as `traffic.category`."""
    return code.partition(":")[0]


def _grade(finding: Finding, at: datetime) -> str:
    """A proposal for the auditor: a failure is a nonconformity unless someone accepted it and still does."""
    if finding.verdict.status is not Status.FAIL:
        return "evidence gap"
    accepted = any(_state(exception, at) == "open" for exception in finding.exceptions)
    return "accepted deviation" if accepted else "nonconformity"


def _state(exception: AcceptedException, at: datetime) -> str:
    if at < exception.start:
        return "not begun"
    return "open" if at < exception.end else "ended"
