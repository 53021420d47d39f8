"""What the findings on controls say of criteria and of public claims: the weakest link decides.

A criterion is carried by a control that is equal to it or a superset of it. Controls that are subsets carry it together
where a person signed in the Statement of Applicability that they are complete. The verdict is the gravest of all that
carry it. A subset is a part of the criterion: where a part fails, the whole fails, signed or not; where it passes, the
whole is not shown by that. An intersecting control neither carries nor refutes. A criterion that nothing maps to, or
that nothing carries, is inconclusive (`criterion.unmapped`, `criterion.uncovered`) and stays in the count.
"""

from collections.abc import Iterable, Mapping, Sequence

from muniment.controls.model import (
    Claim,
    ClaimFinding,
    ClaimResult,
    CriterionResult,
    Decision,
    Finding,
    Framework,
    Link,
    Relationship,
    Workspace,
)
from muniment.evidence.verdict import Status, Verdict, gravest, inconclusive, not_applicable


def criterion_results(
    workspace: Workspace, framework: Framework, findings: Mapping[str, Finding]
) -> tuple[CriterionResult, ...]:
    """Every criterion of a framework in its order, whether or not a control maps to it."""
    decisions = {each.criterion: each for each in workspace.decisions if each.framework == framework.id}
    serving: dict[str, list[tuple[str, Relationship]]] = {}
    for control in workspace.controls:
        for mapping in control.mappings:
            if mapping.framework == framework.id:
                serving.setdefault(mapping.criterion, []).append((control.id, mapping.relationship))
    return tuple(
        _criterion(framework.id, each.id, decisions.get(each.id), serving.get(each.id, ()), findings)
        for each in framework.criteria
    )


def claim_results(claims: Iterable[Claim], findings: Mapping[str, Finding]) -> tuple[ClaimResult, ...]:
    """Each claim: substantiated if all its controls pass, contradicted if any fails, else unsubstantiated."""
    return tuple(_claim(claim, findings) for claim in claims)


def _criterion(
    framework: str,
    criterion: str,
    decision: Decision | None,
    serving: Sequence[tuple[str, Relationship]],
    findings: Mapping[str, Finding],
) -> CriterionResult:
    complete = decision is not None and decision.complete is not None
    links = tuple(
        Link(
            control=control,
            relationship=relationship,
            carries=relationship in (Relationship.EQUAL, Relationship.SUPERSET_OF)
            or (complete and relationship is Relationship.SUBSET_OF),
            status=findings[control].verdict.status,
        )
        for control, relationship in serving
    )
    out = decision is not None and not decision.applicable
    return CriterionResult(
        framework=framework,
        criterion=criterion,
        decision=decision,
        verdict=not_applicable(decision.reason) if decision is not None and out else _carried(links, findings),
        covered=not out and any(link.carries for link in links),
        links=links,
    )


def _carried(links: Sequence[Link], findings: Mapping[str, Finding]) -> Verdict:
    if not links:
        return inconclusive("no control maps to it", "criterion.unmapped")
    carrying = [_of(link, findings) for link in links if link.carries]
    parts = [
        _of(link, findings)
        for link in links
        if link.relationship is Relationship.SUBSET_OF and link.status is Status.FAIL and not link.carries
    ]
    if not carrying:
        uncovered = inconclusive("the controls that map to it do not cover it", "criterion.uncovered")
        return gravest([*parts, uncovered])
    return gravest([*carrying, *parts])


def _of(link: Link, findings: Mapping[str, Finding]) -> Verdict:
    verdict = findings[link.control].verdict
    return Verdict(status=verdict.status, message=f"{link.control}: {verdict.message}", codes=verdict.codes)


def _claim(claim: Claim, findings: Mapping[str, Finding]) -> ClaimResult:
    failing = [name for name in claim.controls if name in findings and findings[name].verdict.status is Status.FAIL]
    absent = [name for name in claim.controls if name not in findings]
    unproven = [
        f"{name} ({findings[name].verdict.status.word})"
        for name in claim.controls
        if name in findings and findings[name].verdict.status is not Status.PASS and name not in failing
    ]
    mended = [
        name
        for name in claim.controls
        if name in findings and findings[name].worst_in_period.status is Status.FAIL and name not in failing
    ]
    shown = tuple(_claim_finding(name, findings.get(name)) for name in claim.controls)
    history = f"; failed within the period: {', '.join(mended)}" if mended else ""
    if failing:
        reason = f"failing: {', '.join(failing)}{history}"
        return ClaimResult(claim=claim, standing="contradicted", reason=reason, findings=shown)
    if absent or unproven:
        open_ = [*unproven, *(f"{name} (not a control of this workspace)" for name in absent)]
        reason = f"not shown: {', '.join(open_)}{history}"
        return ClaimResult(claim=claim, standing="unsubstantiated", reason=reason, findings=shown)
    reason = f"all its controls pass{history}"
    return ClaimResult(claim=claim, standing="substantiated", reason=reason, findings=shown)


def _claim_finding(control: str, finding: Finding | None) -> ClaimFinding:
    if finding is None:
        absent = inconclusive("it is not a control of this workspace", "control.absent")
        return ClaimFinding(control=control, verdict=absent)
    grave = tuple(each.id for each in finding.evidence if each.status is finding.verdict.status)
    return ClaimFinding(control=control, verdict=finding.verdict, evidence=grave)
