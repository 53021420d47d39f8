"""Build a pack: from findings, records and the checkpoint to everything that is on the page. Pure.

Which things appear: all criteria of the framework, whether or not a control serves them; a sheet for each control of
the workspace that serves the framework; the library's controls that serve it and were not adopted, by name. Nothing is
left out silently, and what is cut on a sheet is whole in an attachment.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from muniment.controls.assess import Assessment
from muniment.controls.model import (
    Control,
    Finding,
    Framework,
    Workspace,
)
from muniment.controls.schedule_gaps import ScheduleGap, made_again, schedule_gaps
from muniment.evidence import (
    Code,
    DecisionKind,
    EvidenceRecord,
    Period,
    StoredDecision,
    StoredRecord,
    StoredRun,
    canonical,
    digest,
    rfc3339,
)
from muniment.exports.asked import request_rows, signed_off
from muniment.exports.changes import Earlier, since
from muniment.exports.document import document_control
from muniment.exports.gaps import exceptions, gaps
from muniment.exports.languages import language as language_of
from muniment.exports.looked import code_rows
from muniment.exports.manifest import Continue, Prove, attachments
from muniment.exports.model import (
    Cited,
    Head,
    Identity,
    Making,
    Pack,
    RequestRow,
    Theme,
    Unadopted,
)
from muniment.exports.overview import applicability, criteria, serves, summary, themes
from muniment.exports.populations import populations, samples
from muniment.exports.redact import redacted
from muniment.exports.scope import scope
from muniment.exports.sheets import control_sheet
from muniment.exports.timeline import heat_map
from muniment.exports.words import Words


def build_pack(
    workspace: Workspace,
    framework: Framework,
    assessment: Assessment,
    *,
    records: Sequence[StoredRecord],
    runs: Sequence[StoredRun],
    head: Head,
    prove: Prove,
    period: Period,
    at: datetime,
    making: Making,
    library: Sequence[Control] = (),
    codes: Mapping[str, Code] | None = None,
    version: str = "1",
    mark: str | None = None,
    language: str | None = None,
    roots: Mapping[int, str] | None = None,
    decisions: Sequence[StoredDecision] = (),
    before: Earlier | None = None,
    theme: Theme | None = None,
    audience: str = "auditor",
    continues: Continue | None = None,
) -> Pack:
    """Everything on the page.

    `assessment` was made for the same `period` and `at`; `records` and `runs` are those of the store at the checkpoint
    that `head` describes; `prove` gives the inclusion proof of a leaf; `codes` explain finding codes (from the
    installed collectors); `mark` is printed on every page (DEMO, DRAFT); `language` is the pack's own, or else the
    workspace's; `roots` are the log's at the sizes at which the workspace's samples were drawn; `decisions` are all
    that the store has at the checkpoint; `before` is an earlier pack to compare with; `theme` is its looks;
    `audience` is `auditor`, `internal` or `redacted`; `continues` proves that the log at an earlier size is the
    beginning of this one.
    """
    spoken = language or workspace.language
    theme = theme or Theme()
    masked = workspace.packs.masked if audience == "redacted" else ()
    identity = _identity(workspace, framework, head, period, at, version, mark, spoken, before, theme, audience)
    serving = tuple(control for control in workspace.controls if serves(control, framework))
    findings = {control.id: assessment.findings[control.id] for control in serving}
    until = min(max(at, period.start), period.end)
    cited = _buried(_cited(findings, records, runs, period), decisions)
    asked, signed = request_rows(decisions, framework, period, cited), signed_off(decisions, framework)
    by_check = _records_by_check(records)
    soa = applicability(framework, assessment.criteria[framework.id], serving, findings)
    sheets = tuple(
        control_sheet(control, findings[control.id], framework, cited, by_check, period, until) for control in serving
    )
    heat = heat_map(themes(framework, serving, cited), period, until)
    pack = Pack(
        identity=identity,
        head=head,
        making=making,
        summary=summary(soa, findings.values(), cited.values(), heat),
        scope=scope(workspace, masked, Words(language_of(spoken)).hidden),
        applicability=soa,
        controls=sheets,
        unadopted=_unadopted(library, workspace, framework),
        gaps=gaps(serving, findings, framework, cited, codes or {}, at),
        exceptions=exceptions(workspace.exceptions, findings, at),
        attestations=tuple(each for each in workspace.attestations if each.control in findings),
        populations=populations(serving, findings, cited.values()),
        samples=samples(workspace, findings, records, cited, roots or {}),
        claims=tuple(result for result in assessment.claims if not findings.keys().isdisjoint(result.claim.controls)),
        evidence=tuple(cited.values()),
        custody=_custody(runs, cited.values(), period),
        code=code_rows(cited.values()),
        attachments=(),
        schedule_gaps=_schedule_gaps(serving, runs, decisions, period, at),
        made_again=made_again(runs, workspace.checks),
        decisions=_told(decisions, period, cited.values(), asked, signed),
        requests=asked,
        signed_off=signed,
        document=document_control(workspace.packs, decisions, framework.id),
        theme=theme,
    )
    if before:
        pack = replace(pack, since=since(pack, before))
    if audience == "redacted":
        pack = redacted(pack, workspace, decisions)
    return replace(pack, attachments=attachments(pack, prove, continues))


def _identity(
    workspace: Workspace,
    framework: Framework,
    head: Head,
    period: Period,
    at: datetime,
    version: str,
    mark: str | None,
    language: str,
    before: Earlier | None,
    theme: Theme,
    audience: str,
) -> Identity:
    """The id follows from what the pack is made of: the same inputs give the same id, anything else another."""
    named = {
        "framework": framework.id,
        "period": period.to_json(),
        "at": rfc3339(at),
        "root": head.root,
        "workspace": workspace.digest,
        "version": version,
        "mark": mark,
        "language": language,
        **({"since": before.id} if before else {}),
        **({"logo": digest(theme.logo.data)} if theme.logo else {}),
        **({"audience": audience} if audience != "auditor" else {}),
    }
    year = min(at, period.end).year
    return Identity(
        id=f"PACK-{year}-{digest(canonical(named)).removeprefix('sha256:')[:8].upper()}",
        version=version,
        mark=mark,
        organisation=workspace.organisation,
        framework=framework,
        period=period,
        at=at,
        language=language,
        classification=workspace.classification,
        audience=audience,
    )


def _cited(
    findings: Mapping[str, Finding], records: Sequence[StoredRecord], runs: Sequence[StoredRun], period: Period
) -> dict[str, Cited]:
    """Every record that some finding rests on, by id, in the order of the log.

    And every other record that a run of the period made for the same checks, although it stands for another time: so
    a reader can see from the plan of each run that nothing was left out.
    """
    controls: dict[str, list[str]] = {}
    lax: dict[str, str] = {}
    for finding in findings.values():
        for evidence in finding.evidence:
            controls.setdefault(evidence.id, []).append(finding.control)
            if evidence.lax:
                lax[evidence.id] = evidence.lax
    checks = {check.check for finding in findings.values() for check in finding.checks}
    of_period = {run.start.run for run in runs if run.start.plan.planned in period}
    for stored in records:
        if stored.run in of_period and stored.record.check in checks and stored.record.id not in controls:
            controls[stored.record.id] = [name for name in stored.record.controls if name in findings]
    chosen = sorted((stored for stored in records if stored.record.id in controls), key=lambda stored: stored.leaf)
    return {
        stored.record.id: Cited(
            number=number,
            stored=stored,
            controls=tuple(dict.fromkeys(controls[stored.record.id])),
            lax=lax.get(stored.record.id),
            in_period=stored.record.observed.start in period,
        )
        for number, stored in enumerate(chosen, start=1)
    }


def _buried(cited: Mapping[str, Cited], decisions: Sequence[StoredDecision]) -> dict[str, Cited]:
    """Each record with the tombstones of the payloads that it once had."""
    tombstones = {each.decision.refers_to[0]: each for each in decisions if each.decision.kind == DecisionKind.ERASED}
    return {
        id_: replace(
            each,
            erased=tuple(tombstones[payload.id] for payload in each.sealed if payload.id in tombstones),
        )
        for id_, each in cited.items()
    }


def _told(
    decisions: Sequence[StoredDecision],
    period: Period,
    cited: Iterable[Cited],
    asked: Sequence[RequestRow],
    signed: Sequence[StoredDecision],
) -> tuple[StoredDecision, ...]:
    """The decisions since the period began, and those before it on which a page rests."""
    mentioned = {each.leaf for record in cited for each in record.erased}
    mentioned |= {each.leaf for row in asked for each in row.request.decisions}
    mentioned |= {each.leaf for each in signed}
    return tuple(each for each in decisions if each.decision.at >= period.start or each.leaf in mentioned)


def _records_by_check(records: Sequence[StoredRecord]) -> dict[str, list[EvidenceRecord]]:
    found: dict[str, list[EvidenceRecord]] = {}
    for stored in records:
        found.setdefault(stored.record.check, []).append(stored.record)
    return found


def _schedule_gaps(
    controls: Sequence[Control],
    runs: Sequence[StoredRun],
    decisions: Sequence[StoredDecision],
    period: Period,
    at: datetime,
) -> tuple[ScheduleGap, ...]:
    """The gaps of the checks that serve the framework's controls, as they were known at `at`."""
    checks = {check.id: check for control in controls for check in control.checks}
    found = schedule_gaps(runs, checks.values(), decisions, period.start, min(at, period.end))
    names = {control.id for control in controls}
    return tuple(gap for gap in found if gap.check in checks or not names.isdisjoint(gap.controls))


def _unadopted(library: Sequence[Control], workspace: Workspace, framework: Framework) -> tuple[Unadopted, ...]:
    adopted = {control.id for control in workspace.controls}
    return tuple(
        Unadopted(control, criteria(control, framework))
        for control in library
        if control.id not in adopted and serves(control, framework)
    )


def _custody(runs: Sequence[StoredRun], cited: Iterable[Cited], period: Period) -> tuple[StoredRun, ...]:
    """The runs of the period and those that hold a cited record, with all that lie between, so that none is missing."""
    holding = {each.stored.run for each in cited}
    numbers = {run.start.run for run in runs if run.start.plan.planned in period} | holding
    return tuple(run for run in runs if numbers and min(numbers) <= run.start.run <= max(numbers))
