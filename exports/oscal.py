"""A pack as NIST OSCAL 1.2.1: what programs of governance, risk and compliance read. Pure.

    assessment-results              a finding for each applicable criterion, an observation for each cited record, a
                                    risk for each open finding of a control
    component-definition            each control as a component, with the criteria that it serves and why
    plan-of-action-and-milestones   an item for each control that does not stand; not there where all stand, because
                                    OSCAL knows no empty plan

OSCAL's control is our criterion: what the framework asks. Our control, what the organisation does, is its component.
OSCAL has two states, and only a pass is `satisfied`: inconclusive is `not-satisfied` with the reason `other`, and our
own word stands beside it as a property, so that no evidence never reads as satisfied.

UUIDs are of version 5 (RFC 9562, section 5.5), from the log's name and what they name: the same record has the same
UUID in each pack. Prose is Markdown in OSCAL, so what has a meaning there is escaped.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID, uuid5

from muniment.controls.model import CriterionResult, Finding
from muniment.evidence import Status, canonical, digest, rfc3339
from muniment.exports.model import Attachment, Cited, ControlSheet, Gap, Pack, SoaRow
from muniment.exports.text import clipped, visible

VERSION = "1.2.1"
NAMESPACE = UUID("6f4d0c1e-52a7-5b1c-9a53-0d2f2f9e7c41")  # of all UUIDs made here, and of our properties
_NS = f"urn:uuid:{NAMESPACE}"
_LONGEST = 10_000  # characters of one text; records.jsonl has the whole

# OSCAL's token without what JSON cannot name portably: ASCII letters, digits, `-`, `.`, `_` (metaschema datatypes).
_NOT_TOKEN = re.compile(r"[^A-Za-z0-9._-]")
_MARKDOWN = re.compile(r"([\\`*\[\]<>&|~]|^[ ]{0,3}(?=#|[-+=]))", re.MULTILINE)
_STATE = {
    Status.PASS: ("satisfied", "pass"),
    Status.FAIL: ("not-satisfied", "fail"),
    Status.INCONCLUSIVE: ("not-satisfied", "other"),
    Status.NOT_APPLICABLE: ("not-satisfied", "other"),
}
Json = dict[str, Any]


def oscal(pack: Pack) -> tuple[Attachment, ...]:
    """The two documents, and the plan of action where something is open; the same pack gives the same bytes."""
    made = _Documents(pack)
    documents = {
        "assessment-results": ("OSCAL assessment results", made.results()),
        "component-definition": ("OSCAL component definition", made.components()),
    }
    if pack.gaps:
        documents["plan-of-action-and-milestones"] = ("OSCAL plan of action and milestones", made.plan())
    return tuple(
        Attachment(f"{name}.json", "application/json", title, canonical({name: content}))
        for name, (title, content) in documents.items()
    )


def token(name: str) -> str:
    """The name as an OSCAL token. A name that is none becomes one that no other name becomes."""
    if _NOT_TOKEN.search(name) or not name:
        return f"_{_NOT_TOKEN.sub('-', name)}_{digest(name.encode('utf-8', 'replace')).removeprefix('sha256:')[:8]}"
    return name if name[0].isalpha() else f"_{name}"


def line(text: str) -> str:
    """The text on one line, visible, never empty."""
    return " ".join(visible(clipped(text, "records.jsonl", _LONGEST)).split()) or "-"


def prose(text: str) -> str:
    """The text as Markdown that shows it as it is."""
    return _MARKDOWN.sub(r"\\\1", visible(clipped(text, "records.jsonl", _LONGEST))).strip() or "-"


class _Documents:
    """One pack; each method gives a part of some document."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.rows = tuple(row for group in pack.applicability for row in group.rows)
        self.cited = {each.record.id: each for each in pack.evidence}

    def uuid(self, kind: str, name: str) -> str:
        """Of a thing of this log that outlives the pack."""
        return str(uuid5(NAMESPACE, f"{self.pack.head.origin}\n{kind}\n{name}"))

    def own(self, kind: str, name: str = "") -> str:
        """Of a thing that this pack says."""
        return self.uuid(kind, f"{self.pack.identity.id}\n{self.pack.identity.version}\n{name}")

    def results(self) -> Json:
        """`assessment-results`."""
        return {
            "uuid": self.own("assessment-results"),
            "metadata": self.metadata("Assessment results"),
            "import-ap": {
                "href": f"#{self.own('resource', 'manifest.json')}",
                "remarks": "There is no assessment plan of an assessor: the plan of each run stands in manifest.json.",
            },
            "results": [self.result()],
            "back-matter": self.back_matter(),
        }

    def result(self) -> Json:
        """What was seen and found in the period."""
        period = self.pack.identity.period
        used = tuple(self.pack.evidence)
        return _full(
            {
                "uuid": self.own("result"),
                "title": line(f"{self.pack.identity.framework.name}, {self.pack.identity.id}"),
                "description": "What the organisation's collectors saw, as its own rules judge it. It is the "
                "organisation's document: an assessor's conclusion is not in it.",
                "start": rfc3339(period.start),
                "end": rfc3339(period.end),
                "props": [
                    *_props(
                        ("merkle-root", self.pack.head.root),
                        ("log-size", str(self.pack.head.size)),
                        ("log-origin", self.pack.head.origin),
                        ("coverage-permille", str(self.pack.summary.coverage_permille)),
                    )
                ],
                "local-definitions": self.local(used, self.pack.controls),
                "reviewed-controls": self.reviewed(),
                "attestations": [self.attested()] if self.pack.attestations else [],
                "observations": [self.observation(each) for each in used],
                "risks": [self.risk(gap) for gap in self.pack.gaps],
                "findings": [self.finding(row) for row in self.rows if not _left_out(row.result)],
            }
        )

    def components(self) -> Json:
        """`component-definition`."""
        return _full(
            {
                "uuid": self.own("component-definition"),
                "metadata": self.metadata("Component definition"),
                "components": [self.component(sheet) for sheet in self.pack.controls],
                "back-matter": self.back_matter(),
            }
        )

    def plan(self) -> Json:
        """`plan-of-action-and-milestones`."""
        used = tuple(self.cited[id_] for id_ in dict.fromkeys(id_ for gap in self.pack.gaps for id_ in self.grave(gap)))
        sheets = tuple(
            sheet for sheet in self.pack.controls if sheet.control.id in {g.control.id for g in self.pack.gaps}
        )
        return _full(
            {
                "uuid": self.own("plan-of-action-and-milestones"),
                "metadata": self.metadata("Plan of action and milestones"),
                "system-id": {
                    "identifier-type": "http://ietf.org/rfc/rfc4122",
                    "id": self.uuid("system", self.pack.identity.organisation),
                },
                "local-definitions": {
                    key: value for key, value in self.local(used, sheets).items() if key != "assessment-assets"
                },
                "observations": [self.observation(each) for each in used],
                "risks": [self.risk(gap) for gap in self.pack.gaps],
                "poam-items": [self.item(gap) for gap in self.pack.gaps],
                "back-matter": self.back_matter(),
            }
        )

    def metadata(self, title: str) -> Json:
        """Whose document it is, of when, and its marking."""
        identity = self.pack.identity
        organisation = self.uuid("party", identity.organisation)
        return {
            "title": line(f"{identity.organisation}: {title}, {identity.framework.name}"),
            "last-modified": rfc3339(identity.at),
            "version": line(identity.version),
            "oscal-version": VERSION,
            "document-ids": [{"identifier": identity.id}],
            "props": [
                {"name": "marking", "value": line(identity.classification)},
                *_props(("mark", identity.mark), ("framework", identity.framework.id)),
            ],
            "roles": [{"id": "creator", "title": "Creator"}],
            "parties": [{"uuid": organisation, "type": "organization", "name": line(identity.organisation)}],
            "responsible-parties": [{"role-id": "creator", "party-uuids": [organisation]}],
        }

    def back_matter(self) -> Json:
        """The files that lie beside these, by digest, and the framework."""
        framework = self.pack.identity.framework
        resources = [
            {
                "uuid": self.own("resource", each.name),
                "title": each.name,
                "rlinks": [
                    {
                        "href": f"./{each.name}",
                        "media-type": each.media_type,
                        "hashes": [{"algorithm": "SHA-256", "value": digest(each.data).removeprefix("sha256:")}],
                    }
                ],
            }
            for each in self.pack.attachments
        ]
        citation = {"text": line(f"{framework.publisher}: {framework.name}, {framework.edition}")}
        named = {"uuid": self.uuid("framework", framework.id), "title": line(framework.name), "citation": citation}
        return {"resources": [*resources, named]}

    def local(self, used: Iterable[Cited], sheets: Iterable[ControlSheet]) -> Json:
        """The controls and collectors as components, the subjects as items of an inventory."""
        records = [each.record for each in used]
        collectors = dict.fromkeys((each.method.collector, each.method.version) for each in records)
        subjects = dict.fromkeys((each.subject_kind, each.subject) for each in records)
        return _full(
            {
                "components": [
                    *(_system(self.described(sheet), "operational") for sheet in sheets),
                    *(
                        {
                            "uuid": self.uuid("collector", f"{name}\n{version}"),
                            "type": "software",
                            "title": line(f"{name} {version}"),
                            "description": "A collector: the code that looked.",
                            "status": {"state": "operational"},
                        }
                        for name, version in collectors
                    ),
                ],
                "inventory-items": [
                    {
                        "uuid": self.uuid("subject", f"{kind}\n{name}"),
                        "description": prose(name),
                        "props": [*_props(("subject-kind", kind))],
                    }
                    for kind, name in subjects
                ],
            }
        )

    def reviewed(self) -> Json:
        """Which criteria are asked; those that do not apply are excluded, each with the organisation's reason."""
        out = [row for row in self.rows if _left_out(row.result)]
        asked = [row for row in self.rows if not _left_out(row.result)]
        reasons = "; ".join(
            f"{row.criterion.id}: {row.result.decision.reason}" for row in out if row.result.decision is not None
        )
        selection: Json = {
            "include-controls": [{"control-id": token(row.criterion.id)} for row in asked],
            "exclude-controls": [{"control-id": token(row.criterion.id)} for row in out],
            "remarks": prose(f"Not applicable, as the organisation states: {reasons}") if out else None,
        }
        if not asked:
            selection = {**selection, "include-controls": [], "include-all": {}}
        return {
            "description": "All criteria of the framework, whether or not a control serves them.",
            "control-selections": [_full(selection)],
        }

    def attested(self) -> Json:
        """The statements of named persons: shown as statements, and never as seen."""
        return {
            "parts": [
                {
                    "uuid": self.uuid("attestation", each.id),
                    "name": "attestation",
                    "ns": _NS,
                    "title": line(f"{each.id}: {each.by}, {each.on.isoformat()}"),
                    "props": [*_props(("component", each.control), ("valid-until", each.until.isoformat()))],
                    "prose": prose(each.statement),
                }
                for each in self.pack.attestations
            ]
        }

    def observation(self, cited: Cited) -> Json:
        """One record."""
        record = cited.record
        looked = self.uuid("collector", f"{record.method.collector}\n{record.method.version}")
        subject = self.uuid("subject", f"{record.subject_kind}\n{record.subject}")
        return _full(
            {
                "uuid": self.uuid("record", record.id),
                "title": line(f"{record.id}: {record.subject}"),
                "description": prose(record.verdict.message),
                "props": [
                    *_props(
                        ("record", record.id),
                        ("digest", cited.stored.digest),
                        ("leaf", str(cited.stored.leaf)),
                        ("status", record.verdict.status.value),
                        ("period", "in" if cited.in_period else "out"),
                        ("laxer-than-required", cited.lax),
                        *(("code", code) for code in record.verdict.codes),
                    )
                ],
                "methods": ["TEST"],
                "types": ["control-objective"],
                "origins": [{"actors": [{"type": "tool", "actor-uuid": looked}]}],
                "subjects": [{"subject-uuid": subject, "type": "inventory-item"}],
                "relevant-evidence": [
                    {
                        "href": f"#{self.own('resource', 'records.jsonl')}",
                        "description": f"The line whose SHA-256 is {cited.stored.digest.removeprefix('sha256:')}",
                    }
                ],
                "collected": rfc3339(record.collected.start),
                "expires": rfc3339(record.life.valid_until) if record.life.valid_until else None,
            }
        )

    def finding(self, row: SoaRow) -> Json:
        """What the controls of one criterion say of it."""
        result = row.result
        state, reason = _STATE[result.verdict.status]
        linked = {link.control for link in result.links}
        held = [sheet.finding for sheet in self.pack.controls if sheet.control.id in linked]
        ids = dict.fromkeys(evidence.id for finding in held for evidence in finding.evidence)
        open_ = [gap for gap in self.pack.gaps if gap.control.id in linked]
        return _full(
            {
                "uuid": self.own("finding", row.criterion.id),
                "title": line(f"{row.criterion.id} {row.criterion.title}"),
                "description": prose(result.verdict.message),
                "props": [
                    *_props(
                        ("criterion", row.criterion.id),
                        ("status", result.verdict.status.value),
                        ("covered", "yes" if result.covered else "no"),
                        *(("component", link.control) for link in result.links),
                    )
                ],
                "target": {
                    "type": "objective-id",
                    "target-id": token(row.criterion.id),
                    "status": {"state": state, "reason": reason},
                },
                "related-observations": [
                    {"observation-uuid": self.uuid("record", id_)} for id_ in ids if id_ in self.cited
                ],
                "related-risks": [{"risk-uuid": self.own("risk", gap.control.id)} for gap in open_],
            }
        )

    def described(self, sheet: ControlSheet) -> Json:
        """What a component of either kind says of a control."""
        control = sheet.control
        return {
            "uuid": self.uuid("control", control.id),
            "type": "process-procedure",
            "title": line(f"{control.id} {control.title}"),
            "description": prose(control.objective),
            "props": [
                *_props(("control", control.id), ("owner", control.owner), ("automation", control.automation)),
            ],
        }

    def component(self, sheet: ControlSheet) -> Json:
        """A control with what it serves."""
        framework = self.pack.identity.framework
        requirements = [
            {
                "uuid": self.uuid("mapping", f"{sheet.control.id}\n{framework.id}\n{each.criterion.id}\n{place}"),
                "control-id": token(each.criterion.id),
                "description": prose(each.mapping.rationale),
                "props": [
                    *_props(
                        ("criterion", each.criterion.id),
                        ("relationship", each.mapping.relationship.value),
                        ("reviewed-by", each.mapping.review.by if each.mapping.review else None),
                    )
                ],
            }
            for place, each in enumerate(sheet.serves)
        ]
        return {
            **self.described(sheet),
            "control-implementations": [
                {
                    "uuid": self.uuid("implementation", f"{sheet.control.id}\n{framework.id}"),
                    "source": f"#{self.uuid('framework', framework.id)}",
                    "description": line(f"The criteria of {framework.name} that the control serves."),
                    "implemented-requirements": requirements,
                }
            ],
        }

    def risk(self, gap: Gap) -> Json:
        """What a control that does not stand leaves open; an exception that still runs is an approved deviation."""
        accepted = gap.grade == "accepted deviation"
        running = [each for each in gap.finding.exceptions if each.start <= self.pack.identity.at < each.end]
        return _full(
            {
                "uuid": self.own("risk", gap.control.id),
                "title": line(f"{gap.control.id} {gap.control.title}"),
                "description": prose(gap.finding.verdict.message),
                "statement": prose(gap.control.objective),
                "props": [*_props(("proposed-grade", gap.grade), ("component", gap.control.id))],
                "status": "deviation-approved" if accepted else "open",
                "mitigating-factors": [
                    {"uuid": self.own("mitigation", each.id), "description": prose(each.compensating)}
                    for each in running
                    if each.compensating
                ],
                "deadline": rfc3339(min(each.end for each in running)) if running else None,
                "remediations": [
                    {
                        "uuid": self.own("remediation", f"{gap.control.id}\n{code.id}"),
                        "lifecycle": "recommendation",
                        "title": line(code.id),
                        "description": prose(f"{code.meaning} {code.mend}"),
                        "props": [*_props(("clause", code.clause))],
                    }
                    for code in gap.codes
                ],
                "related-observations": self.related(gap),
            }
        )

    def item(self, gap: Gap) -> Json:
        """One line of the plan."""
        return _full(
            {
                "uuid": self.own("item", gap.control.id),
                "title": line(f"{gap.control.id} {gap.control.title}"),
                "description": prose(gap.finding.verdict.message),
                "props": [
                    *_props(
                        ("owner", gap.control.owner),
                        ("proposed-grade", gap.grade),
                        ("status", gap.finding.verdict.status.value),
                        *(("criterion", each) for each in gap.criteria),
                    )
                ],
                "related-observations": self.related(gap),
                "related-risks": [{"risk-uuid": self.own("risk", gap.control.id)}],
            }
        )

    def related(self, gap: Gap) -> list[Json]:
        """The records that are as grave as the finding."""
        return [{"observation-uuid": self.uuid("record", id_)} for id_ in self.grave(gap)]

    def grave(self, gap: Gap) -> tuple[str, ...]:
        """Their ids, each once, as far as the pack holds them."""
        return tuple(dict.fromkeys(each for each in _grave(gap.finding) if each in self.cited))


def _grave(finding: Finding) -> Iterator[str]:
    return (each.id for each in finding.evidence if each.status is finding.verdict.status)


def _left_out(result: CriterionResult) -> bool:
    return result.decision is not None and not result.decision.applicable


def _system(described: Json, state: str) -> Json:
    return {**described, "status": {"state": state}}


def _props(*pairs: tuple[str, str | None]) -> Iterator[Json]:
    """Properties of our namespace; what was not recorded has none."""
    return ({"name": name, "ns": _NS, "value": line(value)} for name, value in pairs if value)


def _full(entries: Json) -> Json:
    """Without what is empty: OSCAL's lists have at least one entry or are not there."""
    return {key: value for key, value in entries.items() if value is not None and value != []}
