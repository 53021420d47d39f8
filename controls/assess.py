"""What the evidence says of each control, criterion and claim over a period, as it was known at an instant.

The horizon is the earlier of `at` and the end of the period: nothing later is looked at, so that yesterday's assessment
can be made again tomorrow.

* The verdict on a control speaks of the horizon: for each subject that the register named in the last plan, the latest
  evidence while it speaks; of these the gravest. Inconclusive are evidence that no longer speaks (`evidence.stale`), a
  subject without a record (`evidence.missing`), and a look that was laxer than the control demands (`evidence.lax`). A
  later failure to look, or a laxer look, adds an inconclusive and never lightens what was seen.
* `worst_in_period` speaks of the whole period: a failure that was mended is gone from the verdict and stays there.
* A person's attestation is shown as such (`evidence.attested`) and is no pass by itself: a statement alone is not
  enough for an auditor (ISA 500, on inquiry). A control that a machine can show only in part passes on its evidence
  and a valid attestation together (`evidence.unattested` where there is none).
* Exceptions stand beside a verdict and never change it.
* A report that was imported for a control in the period is one more check of it: the weakest link still counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from muniment.controls.checks import (
    FRESHNESS,
    Elapsed,
    Series,
    check_result,
    imported_checks,
    plans_of,
    retired_result,
    series_of,
)
from muniment.controls.coverage import permille
from muniment.controls.criteria import claim_results, criterion_results
from muniment.controls.model import (
    Attestation,
    CheckResult,
    ClaimResult,
    Control,
    CriterionResult,
    Finding,
    Freshness,
    Workspace,
)
from muniment.evidence.model import Period, rfc3339
from muniment.evidence.record import StoredRecord, StoredRun
from muniment.evidence.verdict import NOTHING, Status, Verdict, gravest, inconclusive, passed


@dataclass(frozen=True)
class Assessment:
    """Findings by control, criteria by framework, and claims, each in the order of the workspace."""

    period: Period
    at: datetime
    findings: Mapping[str, Finding]
    criteria: Mapping[str, tuple[CriterionResult, ...]]
    claims: tuple[ClaimResult, ...]


def assess(
    workspace: Workspace, records: Iterable[StoredRecord], runs: Iterable[StoredRun], period: Period, at: datetime
) -> Assessment:
    """Judge a period by the records and runs of a store, as they were known at the instant `at` (aware)."""
    elapsed = Elapsed(period, at)
    checks = {check.id: check for check in workspace.checks}
    series = series_of(records, checks, elapsed)
    plans = plans_of(runs, elapsed)
    results = {
        name: check_result(workspace, check, series.get(name, {}), plans.get(name, ()), elapsed)
        for name, check in checks.items()
    }
    imported = imported_checks(series, elapsed)
    results |= {
        check.id: check_result(workspace, check, series[check.id], plans.get(check.id, ()), elapsed)
        for check in imported
    }
    retired = _retired(series.keys() - results.keys(), series, elapsed)
    findings = {
        control.id: _finding(
            workspace,
            control,
            tuple(
                results[check.id]
                for check in (*control.checks, *(each for each in imported if each.control == control.id))
            ),
            retired.get(control.id, ()),
            elapsed,
        )
        for control in workspace.controls
    }
    return Assessment(
        period=period,
        at=at,
        findings=findings,
        criteria={
            name: criterion_results(workspace, framework, findings) for name, framework in workspace.frameworks.items()
        },
        claims=claim_results(workspace.claims, findings),
    )


def _retired(
    names: Iterable[str], series: Mapping[str, Series], elapsed: Elapsed
) -> dict[str, tuple[CheckResult, ...]]:
    """Results of checks that the workspace no longer has, by each control that their records name."""
    by_control: dict[str, list[CheckResult]] = {}
    for name in sorted(names):
        result = retired_result(name, series[name], elapsed)
        served = {
            control for looks in series[name].values() for look in looks for control in look.stored.record.controls
        }
        if result.evidence:
            for control in sorted(served):
                by_control.setdefault(control, []).append(result)
    return {control: tuple(results) for control, results in by_control.items()}


def _finding(
    workspace: Workspace,
    control: Control,
    results: tuple[CheckResult, ...],
    retired: tuple[CheckResult, ...],
    elapsed: Elapsed,
) -> Finding:
    period = elapsed.period
    last_day = (elapsed.horizon - timedelta(microseconds=1)).astimezone(ZoneInfo(period.zone)).date()
    first_day = period.start.astimezone(ZoneInfo(period.zone)).date()
    mine = [each for each in workspace.attestations if each.control == control.id]
    return Finding(
        control=control.id,
        period=period,
        verdict=_verdict(control, results, mine, last_day) if elapsed.begun else _not_begun(period),
        freshness=_freshness(results, mine, last_day) if elapsed.begun else "none",
        checks=(*results, *retired),
        exceptions=tuple(
            each
            for each in workspace.exceptions
            if each.control == control.id and each.start < elapsed.horizon and each.end > period.start
        ),
        attestations=tuple(each for each in mine if each.on <= last_day and each.until >= first_day),
        coverage_permille=permille(each for result in results for each in result.coverage),
        worst_in_period=gravest(each.worst_in_period for each in (*results, *retired) if each.evidence),
    )


def _verdict(
    control: Control, results: Sequence[CheckResult], attestations: Sequence[Attestation], day: date
) -> Verdict:
    """The machine's part and the person's part, weakest link first."""
    valid = next((each for each in attestations if each.on <= day <= each.until), None)
    if not results:
        return _attested(valid) if valid else NOTHING
    machine = gravest(result.verdict for result in results)
    if control.automation == "full" or machine.status is not Status.PASS:
        return machine
    if valid is None:
        return inconclusive("what a machine can see passes; no person has attested the rest", "evidence.unattested")
    return passed(
        f"{machine.message.rstrip('.')}; the rest is attested by {valid.by}", *machine.codes, "evidence.attested"
    )


def _attested(attestation: Attestation) -> Verdict:
    words = f"attested by {attestation.by} on {attestation.on}, until {attestation.until}; nothing else shows it"
    return inconclusive(words, "evidence.attested")


def _not_begun(period: Period) -> Verdict:
    return inconclusive(f"the period begins only on {rfc3339(period.start)}", "period.future")


def _freshness(results: Sequence[CheckResult], attestations: Sequence[Attestation], day: date) -> Freshness:
    if results:
        return max((result.freshness for result in results), key=FRESHNESS.index)
    made = [each for each in attestations if each.on <= day]
    if not made:
        return "none"
    return "fresh" if any(day <= each.until for each in made) else "stale"
