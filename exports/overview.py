"""What a pack says of the whole framework: the Statement of Applicability, and the results on one page. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from muniment.controls.model import Control, CriterionResult, Finding, Framework
from muniment.evidence import Errored, EvidenceRecord, Status
from muniment.exports.charts import HeatMap
from muniment.exports.model import Cited, SoaGroup, SoaRow, Summary, Tally


def serves(control: Control, framework: Framework) -> bool:
    """Whether the control serves some criterion of the framework."""
    return any(mapping.framework == framework.id for mapping in control.mappings)


def criteria(control: Control, framework: Framework) -> tuple[str, ...]:
    """The criteria of the framework that the control serves."""
    return tuple(mapping.criterion for mapping in control.mappings if mapping.framework == framework.id)


def applicability(
    framework: Framework,
    results: Sequence[CriterionResult],
    controls: Sequence[Control],
    findings: Mapping[str, Finding],
) -> tuple[SoaGroup, ...]:
    """Each criterion with what its controls come to, in the groups of the framework."""
    owner = {control.id: control.owner for control in controls}
    by_criterion = {result.criterion: result for result in results}
    rows: dict[str, list[SoaRow]] = {group.id: [] for group in framework.groups}
    for criterion in framework.criteria:
        result = by_criterion[criterion.id]
        held = [findings[link.control] for link in result.links if link.control in findings]
        instants = [evidence.at for finding in held for evidence in finding.evidence]
        due = [check.next_due for finding in held for check in finding.checks if check.next_due]
        owners = dict.fromkeys(owner.get(link.control) or "" for link in result.links)
        rows[criterion.group].append(
            SoaRow(
                criterion=criterion,
                result=result,
                owners=tuple(name for name in owners if name),
                records=len({evidence.id for finding in held for evidence in finding.evidence}),
                newest=max(instants, default=None),
                next_due=min(due, default=None),
            )
        )
    return tuple(SoaGroup(group, tuple(rows[group.id])) for group in framework.groups if rows[group.id])


def themes(
    framework: Framework, controls: Sequence[Control], cited: Mapping[str, Cited]
) -> Iterable[tuple[str, tuple[EvidenceRecord, ...]]]:
    """Each group of the framework with the records of the controls that serve it."""
    group_of = {criterion.id: criterion.group for criterion in framework.criteria}
    groups_of = {
        control.id: {group_of[criterion] for criterion in criteria(control, framework) if criterion in group_of}
        for control in controls
    }
    for group in framework.groups:
        yield (
            group.heading,
            tuple(
                each.record
                for each in cited.values()
                if any(group.id in groups_of.get(control, ()) for control in each.controls)
            ),
        )


def summary(
    soa: Sequence[SoaGroup],
    findings: Iterable[Finding],
    cited: Iterable[Cited],
    heat: HeatMap,
) -> Summary:
    """The results counted, for one page."""
    rows = [row for group in soa for row in group.rows]
    found = list(findings)
    records = [each.record for each in cited]
    coverages = [finding.coverage_permille for finding in found if finding.checks]
    return Summary(
        controls=_tally(finding.verdict.status for finding in found),
        criteria=_tally(row.result.verdict.status for row in rows),
        records=_tally(record.verdict.status for record in records),
        errored=sum(isinstance(record.outcome, Errored) for record in records),
        coverage_permille=sum(coverages) // len(coverages) if coverages else 0,
        criteria_covered=sum(row.result.covered for row in rows),
        criteria_unmapped=sum(not row.result.links for row in rows),
        heat=heat,
        mended=tuple(
            finding for finding in found if finding.worst_in_period.status.gravity > finding.verdict.status.gravity
        ),
    )


def _tally(statuses: Iterable[Status]) -> Tally:
    counts = Counter(statuses)
    return Tally(
        passed=counts[Status.PASS],
        failed=counts[Status.FAIL],
        inconclusive=counts[Status.INCONCLUSIVE],
        not_applicable=counts[Status.NOT_APPLICABLE],
    )
