"""What findings say of criteria and claims: the weakest link, signed sets, and what stays in the count."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from muniment.controls import model
from muniment.controls.criteria import claim_results, criterion_results
from muniment.controls.model import Claim, ClaimResult, Control, CriterionResult, Decision, Finding, Review, Workspace
from muniment.evidence import Period, Status, Verdict, failed, inconclusive, not_applicable, passed

ISO = "iso-iec-27001-2022"
PERIOD = Period(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))
PASS, FAIL, OPEN = (
    passed("as it should be"),
    failed("not as it should be", "x.broken"),
    inconclusive("not seen", "x.open"),
)
SIGNED = Review(by="Grace", on=date(2026, 2, 1))


def finding(name: str, verdict: Verdict, worst: Verdict | None = None) -> Finding:
    return Finding(
        control=name,
        period=PERIOD,
        verdict=verdict,
        freshness="fresh",
        coverage_permille=1000,
        worst_in_period=worst or verdict,
    )


def control(name: str, relationship: str) -> Control:
    mapping = model.Mapping(framework=ISO, criterion="A.8.24", relationship=relationship, rationale="as asked")
    return Control(id=name, title=name, objective=name, domain="X", mappings=(mapping,))


def result(
    workspace: Workspace, links: Mapping[str, tuple[str, Verdict]], decision: Decision | None = None
) -> CriterionResult:
    """The result of A.8.24 where each control has a relationship to it and a verdict."""
    holding = replace(
        workspace,
        controls=tuple(control(name, relationship) for name, (relationship, _) in links.items()),
        decisions=(decision,) if decision else (),
    )
    findings = {name: finding(name, verdict) for name, (_, verdict) in links.items()}
    results = criterion_results(holding, workspace.frameworks[ISO], findings)
    return next(each for each in results if each.criterion == "A.8.24")


def decided(*, applicable: bool = True, complete: Review | None = None) -> Decision:
    return Decision(framework=ISO, criterion="A.8.24", applicable=applicable, reason="decided", complete=complete)


@pytest.mark.parametrize("relationship", ["equal", "superset_of"])
@pytest.mark.parametrize("verdict", [PASS, FAIL, OPEN, not_applicable("no keys here")])
def test_an_equal_or_superset_control_carries_its_criterion(
    workspace: Workspace, relationship: str, verdict: Verdict
) -> None:
    found = result(workspace, {"KEY-1": (relationship, verdict)})
    assert (found.covered, found.verdict.status, found.verdict.codes) == (True, verdict.status, verdict.codes)
    assert found.verdict.message == f"KEY-1: {verdict.message}"


@pytest.mark.parametrize("relationship", ["subset_of", "intersects_with"])
def test_a_part_or_an_overlap_does_not_carry(workspace: Workspace, relationship: str) -> None:
    found = result(workspace, {"KEY-1": (relationship, PASS), "KEY-2": (relationship, PASS)})
    assert (found.covered, found.verdict.codes) == (False, ("criterion.uncovered",))


def test_parts_carry_together_where_a_person_signed_that_they_are_complete(workspace: Workspace) -> None:
    parts = {"KEY-1": ("subset_of", PASS), "KEY-2": ("subset_of", PASS), "KEY-3": ("intersects_with", OPEN)}
    found = result(workspace, parts, decided(complete=SIGNED))
    assert (found.covered, found.verdict.status) == (True, Status.PASS)
    assert [link.carries for link in found.links] == [True, True, False]


def test_a_signed_set_is_as_good_as_its_weakest_part(workspace: Workspace) -> None:
    parts = {"KEY-1": ("subset_of", PASS), "KEY-2": ("subset_of", OPEN)}
    assert result(workspace, parts, decided(complete=SIGNED)).verdict.codes == ("x.open",)


def test_a_decision_without_a_signature_completes_nothing(workspace: Workspace) -> None:
    assert not result(workspace, {"KEY-1": ("subset_of", PASS)}, decided()).covered


def test_of_several_that_carry_the_gravest_decides(workspace: Workspace) -> None:
    found = result(workspace, {"KEY-1": ("equal", PASS), "KEY-2": ("superset_of", FAIL)})
    assert (found.verdict.status, found.verdict.message) == (Status.FAIL, "KEY-2: not as it should be")


def test_a_part_that_fails_refutes_the_whole(workspace: Workspace) -> None:
    carried = result(workspace, {"KEY-1": ("equal", PASS), "KEY-2": ("subset_of", FAIL)})
    assert (carried.covered, carried.verdict.status) == (True, Status.FAIL)
    uncarried = result(workspace, {"KEY-2": ("subset_of", FAIL)})
    assert (uncarried.covered, uncarried.verdict.status) == (False, Status.FAIL)


def test_an_overlap_that_fails_refutes_nothing(workspace: Workspace) -> None:
    found = result(workspace, {"KEY-1": ("equal", PASS), "KEY-2": ("intersects_with", FAIL)})
    assert found.verdict.status is Status.PASS


def test_what_is_not_applicable_says_why_and_keeps_its_links(workspace: Workspace) -> None:
    found = result(workspace, {"KEY-1": ("equal", PASS)}, decided(applicable=False))
    assert (found.verdict.status, found.verdict.message) == (Status.NOT_APPLICABLE, "decided")
    assert (found.covered, len(found.links)) == (False, 1)


def test_what_nothing_maps_to_stays_in_the_count(workspace: Workspace) -> None:
    results = criterion_results(replace(workspace, controls=()), workspace.frameworks[ISO], {})
    assert len(results) == 123
    assert {each.verdict.codes for each in results} == {("criterion.unmapped",)}


def claimed(*findings: Finding) -> ClaimResult:
    claim = Claim(id="X6", text="Data is sent over TLS 1.2 or later", controls=("TLS-1", "TLS-2"))
    return claim_results([claim], {each.control: each for each in findings})[0]


def test_a_claim_is_substantiated_only_if_all_its_controls_pass() -> None:
    found = claimed(finding("TLS-1", PASS), finding("TLS-2", PASS))
    assert (found.standing, found.reason) == ("substantiated", "all its controls pass")


def test_a_claim_is_contradicted_if_any_control_fails() -> None:
    found = claimed(finding("TLS-1", FAIL), finding("TLS-2", OPEN))
    assert (found.standing, found.reason) == ("contradicted", "failing: TLS-1")


def test_a_claim_is_unsubstantiated_where_something_is_open_or_absent() -> None:
    found = claimed(finding("TLS-1", OPEN))
    assert found.standing == "unsubstantiated"
    assert found.reason == "not shown: TLS-1 (inconclusive), TLS-2 (not a control of this workspace)"
    assert [each.control for each in found.findings] == ["TLS-1", "TLS-2"]
    assert [each.verdict.codes for each in found.findings] == [OPEN.codes, ("control.absent",)]


def test_a_claim_that_holds_now_says_what_failed_within_the_period() -> None:
    found = claimed(finding("TLS-1", PASS, worst=FAIL), finding("TLS-2", PASS))
    assert (found.standing, found.reason) == (
        "substantiated",
        "all its controls pass; failed within the period: TLS-1",
    )
