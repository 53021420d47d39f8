"""Build a pack: from findings, records and the checkpoint to everything that is on the page. Pure.

Which things appear: all criteria of the framework, whether or not a control serves them; a sheet for each control of
the workspace that serves the framework; the library's controls that serve it and were not adopted, by name. Nothing is
left out silently, and what is cut on a sheet is whole in an attachment.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from muniment.controls.assess import Assessment
from muniment.controls.model import (
    AcceptedException,
    CheckResult,
    Control,
    CriterionResult,
    Finding,
    Framework,
    Workspace,
)
from muniment.controls.sampling import EVERYTHING, drawn_again
from muniment.controls.schedule_gaps import ScheduleGap, made_again, schedule_gaps
from muniment.evidence import (
    Code,
    DecisionKind,
    Errored,
    EvidenceRecord,
    Observed,
    Origin,
    Period,
    Status,
    StoredDecision,
    StoredRecord,
    StoredRun,
    canonical,
    digest,
    rfc3339,
)
from muniment.exports.asked import request_rows, signed_off
from muniment.exports.changes import Earlier, since
from muniment.exports.charts import HeatMap
from muniment.exports.document import document_control
from muniment.exports.languages import language as language_of
from muniment.exports.looked import code_rows
from muniment.exports.manifest import Continue, Prove, attachments
from muniment.exports.model import (
    AcceptedRow,
    Cited,
    Gap,
    Head,
    Identity,
    Making,
    Pack,
    PopulationRow,
    SampleRow,
    SoaGroup,
    SoaRow,
    Summary,
    Tally,
    Theme,
    Unadopted,
)
from muniment.exports.redact import redacted
from muniment.exports.scope import scope
from muniment.exports.sheets import control_sheet
from muniment.exports.timeline import heat_map
from muniment.exports.words import Words

MOST_CITED = 12  # records named beside one finding


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
    serving = tuple(control for control in workspace.controls if _serves(control, framework))
    findings = {control.id: assessment.findings[control.id] for control in serving}
    until = min(max(at, period.start), period.end)
    tombstones = {each.decision.refers_to[0]: each for each in decisions if each.decision.kind == DecisionKind.ERASED}
    cited = _buried(_cited(findings, records, runs, period), tombstones)
    asked = request_rows(decisions, framework, period, cited)
    mentioned = {each.leaf for record in cited.values() for each in record.erased}
    mentioned |= {each.leaf for row in asked for each in row.request.decisions}
    mentioned |= {each.leaf for each in signed_off(decisions, framework)}
    by_check = _records_by_check(records)
    soa = _applicability(framework, assessment.criteria[framework.id], serving, findings)
    sheets = tuple(
        control_sheet(control, findings[control.id], framework, cited, by_check, period, until) for control in serving
    )
    heat = heat_map(_themes(framework, serving, cited), period, until)
    pack = Pack(
        identity=identity,
        head=head,
        making=making,
        summary=_summary(soa, findings.values(), cited.values(), heat),
        scope=scope(workspace, masked, Words(language_of(spoken)).hidden),
        applicability=soa,
        controls=sheets,
        unadopted=_unadopted(library, workspace, framework),
        gaps=_gaps(serving, findings, framework, cited, codes or {}, at),
        exceptions=_exceptions(workspace.exceptions, findings, at),
        attestations=tuple(each for each in workspace.attestations if each.control in findings),
        populations=_populations(serving, findings, cited.values()),
        samples=_samples(workspace, findings, records, cited, roots or {}),
        claims=tuple(result for result in assessment.claims if not findings.keys().isdisjoint(result.claim.controls)),
        evidence=tuple(cited.values()),
        custody=_custody(runs, cited.values(), period),
        code=code_rows(cited.values()),
        attachments=(),
        schedule_gaps=_schedule_gaps(serving, runs, decisions, period, at),
        made_again=made_again(runs, workspace.checks),
        decisions=tuple(each for each in decisions if each.decision.at >= period.start or each.leaf in mentioned),
        requests=asked,
        signed_off=signed_off(decisions, framework),
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


def _serves(control: Control, framework: Framework) -> bool:
    return any(mapping.framework == framework.id for mapping in control.mappings)


def _criteria(control: Control, framework: Framework) -> tuple[str, ...]:
    return tuple(mapping.criterion for mapping in control.mappings if mapping.framework == framework.id)


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


def _buried(cited: Mapping[str, Cited], tombstones: Mapping[str, StoredDecision]) -> dict[str, Cited]:
    """Each record with the tombstones of the payloads that it once had."""
    return {
        id_: replace(
            each,
            erased=tuple(tombstones[payload.id] for payload in each.sealed if payload.id in tombstones),
        )
        for id_, each in cited.items()
    }


def _records_by_check(records: Sequence[StoredRecord]) -> dict[str, list[EvidenceRecord]]:
    found: dict[str, list[EvidenceRecord]] = {}
    for stored in records:
        found.setdefault(stored.record.check, []).append(stored.record)
    return found


def _applicability(
    framework: Framework,
    results: Sequence[CriterionResult],
    controls: Sequence[Control],
    findings: Mapping[str, Finding],
) -> tuple[SoaGroup, ...]:
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


def _themes(
    framework: Framework, controls: Sequence[Control], cited: Mapping[str, Cited]
) -> Iterable[tuple[str, tuple[EvidenceRecord, ...]]]:
    group_of = {criterion.id: criterion.group for criterion in framework.criteria}
    groups_of = {
        control.id: {group_of[criterion] for criterion in _criteria(control, framework) if criterion in group_of}
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


def _summary(
    soa: Sequence[SoaGroup],
    findings: Iterable[Finding],
    cited: Iterable[Cited],
    heat: HeatMap,
) -> Summary:
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


def _gaps(
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
    gaps = []
    for number, (control, finding) in enumerate(open_findings, start=1):
        grave = [each for each in finding.evidence if each.status is finding.verdict.status and each.id in cited]
        named = list(dict.fromkeys([*finding.verdict.codes, *(code for each in grave for code in each.codes)]))
        gaps.append(
            Gap(
                number=number,
                control=control,
                finding=finding,
                grade=_grade(finding, at),
                cited=tuple(cited[each.id] for each in sorted(grave, key=lambda each: each.at)[::-1][:MOST_CITED]),
                cited_total=len(grave),
                codes=tuple(codes[code] for code in dict.fromkeys(map(_plain, named)) if code in codes),
                unexplained=tuple(code for code in named if _plain(code) not in codes),
                criteria=_criteria(control, framework),
            )
        )
    return tuple(gaps)


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


def _exceptions(
    exceptions: Iterable[AcceptedException], findings: Mapping[str, Finding], at: datetime
) -> tuple[AcceptedRow, ...]:
    return tuple(AcceptedRow(each, _state(each, at)) for each in exceptions if each.control in findings)


def _populations(
    controls: Sequence[Control], findings: Mapping[str, Finding], cited: Iterable[Cited]
) -> tuple[PopulationRow, ...]:
    """The population of each check once, though several controls may use it, and how it was asked for."""
    results = {check.check: check for control in controls for check in findings[control.id].checks}
    origins: dict[str, list[Origin]] = {}
    for each in cited:
        if isinstance(each.record.outcome, Observed):
            origins.setdefault(each.record.check, []).append(each.record.outcome.origin)
    return tuple(_population(check, origins.get(check.check, ())) for check in results.values())


def _population(check: CheckResult, origins: Sequence[Origin]) -> PopulationRow:
    """`origins` are those of the check's cited records, in the order of the log."""
    stated = [origin.population for origin in origins if origin.population]
    subjects = sorted({coverage.subject for coverage in check.coverage})
    return PopulationRow(
        check.check,
        check.basis,
        check.population,
        check.seen,
        check.exclusions,
        sources=tuple(sorted({origin.system for origin in origins})),
        query=origins[-1].query if origins else None,
        filters=stated[-1].filters if stated else (),
        digest=digest("".join(f"{name}\n" for name in subjects).encode("utf-8", "surrogatepass")) if subjects else None,
    )


def _samples(
    workspace: Workspace,
    findings: Mapping[str, Finding],
    records: Sequence[StoredRecord],
    cited: Mapping[str, Cited],
    roots: Mapping[int, str],
) -> tuple[SampleRow, ...]:
    """The samples of populations that this pack speaks of, each drawn again."""
    known = {EVERYTHING, *findings, *(check.check for finding in findings.values() for check in finding.checks)}
    return tuple(
        SampleRow(
            sample,
            {id_: cited[id_] for id_ in sample.drawn if id_ in cited},
            drawn_again(sample, records, roots.get(sample.tree_size, "")),
        )
        for sample in workspace.samples
        if sample.population in known
    )


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
        Unadopted(control, _criteria(control, framework))
        for control in library
        if control.id not in adopted and _serves(control, framework)
    )


def _custody(runs: Sequence[StoredRun], cited: Iterable[Cited], period: Period) -> tuple[StoredRun, ...]:
    """The runs of the period and those that hold a cited record, with all that lie between, so that none is missing."""
    holding = {each.stored.run for each in cited}
    numbers = {run.start.run for run in runs if run.start.plan.planned in period} | holding
    return tuple(run for run in runs if numbers and min(numbers) <= run.start.run <= max(numbers))
