"""The tables of a pack, for programs and spreadsheets: what the pages say, one row a thing. Pure.

table          one row for each
applicability  criterion of the framework: the Statement of Applicability
findings       control that serves the framework, whatever its verdict
mappings       criterion that a control serves, and how
evidence       cited record, in the order of the log
holes          stretch of the period in which a subject had no valid evidence
exceptions     accepted deviation
populations    check: all that should have been looked at, and what was
exclusions     subject that a register leaves out, and why
claims         sentence said in public
attestations   statement of a named person
requests       request of an auditor, as it stands
runs           run of the log that the pack covers
decisions      decision since the period began
changes        thing that is otherwise than in the earlier pack, if one was given
"""

from collections.abc import Iterator
from datetime import datetime

from muniment.evidence import Observed, canonical, rfc3339
from muniment.exports.cells import Cell, Table, table
from muniment.exports.languages import marked
from muniment.exports.model import Cited, ControlSheet, Pack, SoaRow
from muniment.exports.population_tables import of_populations


def tables(pack: Pack) -> tuple[Table, ...]:
    """Every table, the Statement of Applicability first. A table without rows is there all the same."""
    return (
        table(_APPLICABILITY, (_criterion(row) for group in pack.applicability for row in group.rows)),
        table(_FINDINGS, _findings(pack)),
        table(_MAPPINGS, _mappings(pack)),
        table(_EVIDENCE, map(_record, pack.evidence)),
        table(_HOLES, _holes(pack.controls)),
        table(_EXCEPTIONS, _exceptions(pack)),
        *of_populations(pack),
        table(_CLAIMS, _claims(pack)),
        table(_ATTESTATIONS, _attestations(pack)),
        table(_REQUESTS, _requests(pack)),
        table(_RUNS, _runs(pack)),
        table(_DECISIONS, _decisions(pack)),
        table(_CHANGES, _changes(pack)),
    )


_APPLICABILITY = (
    "applicability",
    marked("Statement of Applicability"),
    "group",
    "criterion",
    "title",
    "applicable",
    "reason",
    "implemented",
    "status",
    "message",
    "carried",
    "controls",
    "owners",
    "records",
    "newest",
    "next_due",
)
_FINDINGS = (
    "findings",
    marked("Findings"),
    "control",
    "title",
    "owner",
    "automation",
    "status",
    "message",
    "codes",
    "proposed_grade",
    "worst_in_period",
    "freshness",
    "coverage_permille",
    "records",
    "criteria",
)
_MAPPINGS = (
    "mappings",
    marked("Mappings"),
    "control",
    "criterion",
    "criterion_title",
    "relationship",
    "rationale",
    "source",
    "reviewed_by",
    "reviewed_on",
)
_EVIDENCE = (
    "evidence",
    marked("Evidence index"),
    "number",
    "id",
    "controls",
    "check",
    "collector",
    "code",
    "pinned",
    "subject",
    "status",
    "message",
    "codes",
    "in_period",
    "laxer_than_required",
    "observed_from",
    "observed_to",
    "collected",
    "recorded",
    "valid_until",
    "by",
    "system",
    "query",
    "run",
    "leaf",
    "digest",
)
_HOLES = ("holes", marked("Holes in coverage"), "control", "check", "subject", "from", "to", "reason")
_EXCEPTIONS = (
    "exceptions",
    marked("Exceptions"),
    "id",
    "control",
    "subject",
    "state",
    "from",
    "to",
    "reason",
    "compensating",
    "requested_by",
    "approver",
)
_CLAIMS = ("claims", marked("Public claims"), "id", "text", "controls", "standing", "why", "url", "said_on")
_ATTESTATIONS = ("attestations", marked("Attestations"), "id", "control", "statement", "by", "on", "until")
_REQUESTS = (
    "requests",
    marked("Requests"),
    "id",
    "list",
    "request",
    "text",
    "asked_by",
    "due",
    "received",
    "auditor_status",
    "auditor_word",
    "status",
    "answer",
    "revised_since_answer",
    "controls",
    "criteria",
    "evidence",
    "kept_out",
    "changed",
    "decisions",
)
_RUNS = (
    "runs",
    marked("Runs"),
    "run",
    "planned",
    "ended",
    "actor",
    "host",
    "trigger",
    "tasks",
    "records",
    "errored",
    "start_leaf",
    "end_leaf",
    "commits",
)

_DECISIONS = (
    "decisions",
    "Decisions",
    "id",
    "kind",
    "at",
    "actor",
    "asked_by",
    "approver",
    "reason",
    "refers_to",
    "payload",
    "leaf",
    "digest",
)

_CHANGES = ("changes", marked("Changes"), "noun", "name", "how", "before", "now")


def _criterion(row: SoaRow) -> tuple[Cell, ...]:
    decision, result = row.result.decision, row.result
    return (
        row.criterion.group,
        row.criterion.id,
        row.criterion.title,
        decision.applicable if decision else None,
        decision.reason if decision else None,
        decision.implemented if decision else None,
        result.verdict.status.value,
        result.verdict.message,
        result.covered,
        _listed(link.control for link in result.links),
        _listed(iter(row.owners)),
        row.records,
        _instant(row.newest),
        _instant(row.next_due),
    )


def _findings(pack: Pack) -> Iterator[tuple[Cell, ...]]:
    grades = {gap.control.id: gap.grade for gap in pack.gaps}
    for sheet in pack.controls:
        finding = sheet.finding
        yield (
            sheet.control.id,
            sheet.control.title,
            sheet.control.owner,
            sheet.control.automation,
            finding.verdict.status.value,
            finding.verdict.message,
            _listed(iter(finding.verdict.codes)),
            grades.get(sheet.control.id),
            finding.worst_in_period.status.value,
            finding.freshness,
            finding.coverage_permille,
            len(finding.evidence),
            _listed(each.criterion.id for each in sheet.serves),
        )


def _mappings(pack: Pack) -> Iterator[tuple[Cell, ...]]:
    for sheet in pack.controls:
        for each in sheet.serves:
            review = each.mapping.review
            yield (
                sheet.control.id,
                each.criterion.id,
                each.criterion.title,
                each.mapping.relationship.value,
                each.mapping.rationale,
                each.mapping.source,
                review.by if review else None,
                review.on.isoformat() if review else None,
            )


def _record(cited: Cited) -> tuple[Cell, ...]:
    record = cited.record
    origin = record.outcome.origin if isinstance(record.outcome, Observed) else None
    return (
        cited.number,
        record.id,
        _listed(iter(cited.controls)),
        record.check,
        record.method.collector,
        record.method.code,
        record.method.pinned,
        record.subject,
        record.verdict.status.value,
        record.verdict.message,
        _listed(iter(record.verdict.codes)),
        cited.in_period,
        cited.lax,
        rfc3339(record.observed.start),
        rfc3339(record.observed.end),
        rfc3339(record.collected.start),
        rfc3339(record.recorded),
        _instant(record.life.valid_until),
        record.actor.name,
        origin.system if origin else None,
        origin.query if origin else None,
        cited.stored.run,
        cited.stored.leaf,
        cited.stored.digest,
    )


def _holes(sheets: tuple[ControlSheet, ...]) -> Iterator[tuple[Cell, ...]]:
    for sheet in sheets:
        for check in sheet.finding.checks:
            for coverage in check.coverage:
                for hole in coverage.holes:
                    start, end = rfc3339(hole.period.start), rfc3339(hole.period.end)
                    yield (sheet.control.id, check.check, coverage.subject, start, end, hole.reason)


def _exceptions(pack: Pack) -> Iterator[tuple[Cell, ...]]:
    for row in pack.exceptions:
        each = row.exception
        start, end = rfc3339(each.start), rfc3339(each.end)
        people = (each.requested_by, each.approver)
        yield (each.id, each.control, each.subject, row.state, start, end, each.reason, each.compensating, *people)


def _claims(pack: Pack) -> Iterator[tuple[Cell, ...]]:
    for each in pack.claims:
        claim = each.claim
        said = claim.said_on.isoformat() if claim.said_on else None
        yield (claim.id, claim.text, _listed(iter(claim.controls)), each.standing, each.reason, claim.url, said)


def _attestations(pack: Pack) -> Iterator[tuple[Cell, ...]]:
    for each in pack.attestations:
        yield (each.id, each.control, each.statement, each.by, each.on.isoformat(), each.until.isoformat())


def _requests(pack: Pack) -> Iterator[tuple[Cell, ...]]:
    for row in pack.requests:
        each, asked = row.request, row.request.asked
        yield (
            each.id,
            asked.list_,
            asked.request,
            asked.text,
            asked.by,
            asked.due,
            rfc3339(each.received),
            each.auditor.value,
            asked.auditor,
            each.status.value,
            each.answer,
            each.revised_since,
            _listed(iter(each.controls)),
            _listed(iter(row.criteria)),
            _listed(iter(each.evidence)),
            _listed(f"{one.column}: {one.what}" for one in asked.withheld),
            rfc3339(each.changed),
            _listed(one.id for one in each.decisions),
        )


def _runs(pack: Pack) -> Iterator[tuple[Cell, ...]]:
    for run in pack.custody:
        plan, end = run.start.plan, run.end
        yield (
            run.start.run,
            rfc3339(plan.planned),
            rfc3339(end.ended) if end else None,
            plan.actor.name,
            plan.actor.host,
            plan.actor.trigger,
            len(plan.tasks),
            end.got if end else None,
            end.errored if end else None,
            run.start.previous_size,
            run.leaves.stop - 1 if end else None,
            _listed(iter(run.commits)),
        )


def _decisions(pack: Pack) -> Iterator[tuple[Cell, ...]]:
    for each in pack.decisions:
        decision = each.decision
        yield (
            each.id,
            decision.kind,
            rfc3339(decision.at),
            decision.actor.name,
            decision.asked_by,
            decision.approver,
            decision.reason,
            _listed(iter(decision.refers_to)),
            canonical(decision.payload).decode(),
            each.leaf,
            each.digest,
        )


def _changes(pack: Pack) -> Iterator[tuple[Cell, ...]]:
    for each in pack.since.changes if pack.since else ():
        before, now = (status.value if status else None for status in (each.before, each.now))
        yield (each.noun, each.name, each.how, before, now)


def _listed(names: Iterator[str]) -> str:
    """Names in one cell: identifiers and short words only."""
    return "; ".join(names)


def _instant(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
