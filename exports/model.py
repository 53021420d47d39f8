"""The nouns of a pack: everything that is on the page, before there is a page.

A pack is the organisation's document, never an audit report: it states results, and the auditor's conclusion stays
blank. `None` means that something was not recorded, and is printed as such. Each section is a value that knows nothing
of its place in the document.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from muniment.controls.model import (
    AcceptedException,
    Attestation,
    ClaimResult,
    Control,
    Criterion,
    CriterionResult,
    Finding,
    Framework,
    Group,
    Sample,
)
from muniment.controls.model import Mapping as CriterionMapping
from muniment.controls.requests import AuditRequest
from muniment.controls.schedule_gaps import ScheduleGap
from muniment.evidence import (
    Code,
    EvidenceRecord,
    Exclusion,
    Observed,
    Period,
    Sealed,
    Status,
    StoredDecision,
    StoredRecord,
    StoredRun,
    Verdict,
)
from muniment.evidence.store.keys import Trust
from muniment.exports.charts import HeatMap, Timeline
from muniment.exports.palette import ACCENT


@dataclass(frozen=True)
class Identity:
    """What a reader needs to name this pack, and no other."""

    id: str
    version: str
    mark: str | None  # DEMO or DRAFT, printed on every page
    organisation: str
    framework: Framework
    period: Period
    at: datetime
    language: str
    classification: str
    audience: str = "auditor"  # or `internal`, or `redacted`


@dataclass(frozen=True)
class Logo:
    """A drawing that was taken apart and written anew: its file name in the document, its media type, its bytes."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True)
class Theme:
    """The organisation's own looks. Both colours have enough contrast with white."""

    accent: str = ACCENT
    cover: str = ACCENT
    logo: Logo | None = None


@dataclass(frozen=True)
class Held:
    """The newest head of the log that an anchor holds: of which kind, how many entries, and since when.

    A `timestamp` was verified; what a `remote` or a `witness` holds is known from the organisation's own notes. `note`
    is the head that was stamped, and `answer` what the authority gave (RFC 3161, DER).
    """

    kind: str
    size: int
    at: datetime
    note: str = field(default="", repr=False)
    answer: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Head:
    """The head of the log that the pack rests on: `root` is `sha256:…` over `size` leaves, `note` the signed text."""

    origin: str
    size: int
    root: str
    note: str
    commit: str
    trust: Trust
    anchors: tuple[Held, ...] = ()


@dataclass(frozen=True)
class Making:
    """How the file was made: the command, and the versions that its bytes depend on."""

    command: str | None
    versions: Mapping[str, str]
    workspace: str  # digest over the register's files


@dataclass(frozen=True)
class Edition:
    """An earlier version of this document, as the log has it."""

    pack: str
    version: str
    at: datetime
    by: str
    decision: str


@dataclass(frozen=True)
class Handover:
    """That a pack of this framework was handed to somebody, as the log has it."""

    to: str
    at: datetime
    packs: tuple[str, ...]
    decision: str


@dataclass(frozen=True)
class DocumentControl:
    """Who answers for the document, who gets it, and the versions before it."""

    owner: str | None = None
    reviewer: str | None = None
    approver: str | None = None
    distribution: tuple[str, ...] = ()
    editions: tuple[Edition, ...] = ()
    handovers: tuple[Handover, ...] = ()


@dataclass(frozen=True)
class Tally:
    """How many came to each status."""

    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    not_applicable: int = 0

    @property
    def total(self) -> int:
        """All of them together: nothing leaves the denominator."""
        return self.passed + self.failed + self.inconclusive + self.not_applicable

    @property
    def by_status(self) -> tuple[tuple[Status, int], ...]:
        """Status and number, gravest first."""
        return (
            (Status.FAIL, self.failed),
            (Status.INCONCLUSIVE, self.inconclusive),
            (Status.PASS, self.passed),
            (Status.NOT_APPLICABLE, self.not_applicable),
        )


@dataclass(frozen=True)
class Summary:
    """One page for a board."""

    controls: Tally
    criteria: Tally
    records: Tally
    errored: int
    coverage_permille: int
    criteria_covered: int
    heat: HeatMap
    mended: tuple[Finding, ...]  # findings whose worst in the period is graver than where they stand
    criteria_unmapped: int


@dataclass(frozen=True)
class Member:
    """One entry of a register: what is in scope, or was left out and why."""

    id: str
    owner: str | None
    note: str
    out_of_scope: str | None


@dataclass(frozen=True)
class RegisterSheet:
    """One register of the workspace."""

    name: str
    path: str
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Scope:
    """What the pack speaks of, and what it does not."""

    summary: str | None
    services: tuple[str, ...]
    exclusions: tuple[str, ...]
    registers: tuple[RegisterSheet, ...]

    @property
    def out_of_monitoring(self) -> tuple[tuple[str, Member], ...]:
        """Each entry that was left out, with the name of its register."""
        return tuple((sheet.name, each) for sheet in self.registers for each in sheet.members if each.out_of_scope)


@dataclass(frozen=True)
class SoaRow:
    """One line of the Statement of Applicability."""

    criterion: Criterion
    result: CriterionResult
    owners: tuple[str, ...]
    records: int
    newest: datetime | None
    next_due: datetime | None


@dataclass(frozen=True)
class SoaGroup:
    """A clause, annex or theme of the framework with its lines."""

    group: Group
    rows: tuple[SoaRow, ...]


@dataclass(frozen=True)
class Cited:
    """One record that the pack cites. `number` counts from 1 in the order of the log."""

    number: int
    stored: StoredRecord
    controls: tuple[str, ...]
    lax: str | None
    in_period: bool
    erased: tuple[StoredDecision, ...] = ()  # the tombstones of its sealed payloads

    @property
    def record(self) -> EvidenceRecord:
        """The record itself."""
        return self.stored.record

    @property
    def sealed(self) -> tuple[Sealed, ...]:
        """What was kept outside the store."""
        outcome = self.record.outcome
        return outcome.origin.sealed if isinstance(outcome, Observed) else ()


@dataclass(frozen=True)
class SubjectRow:
    """One subject of a check: where it stands, and the share of the time that had valid evidence."""

    subject: str
    status: Status | None
    covered_permille: int | None
    holes: tuple[tuple[Period, str], ...]


@dataclass(frozen=True)
class CheckSheet:
    """One check on a control sheet. `shown` are the newest records and all that did not pass; `total` counts all."""

    id: str
    collector: str
    cadence: int | None
    grace: int | None
    verdict: Verdict
    population: int
    seen: int
    basis: str
    next_due: datetime | None
    subjects: tuple[SubjectRow, ...]
    subjects_total: int
    timeline: Timeline | None
    shown: tuple[Cited, ...]
    total: int


@dataclass(frozen=True)
class Serves:
    """A criterion that the control serves, with its title and the mapping's rationale."""

    criterion: Criterion
    mapping: CriterionMapping


@dataclass(frozen=True)
class ControlSheet:
    """Everything about one control over the period."""

    control: Control
    finding: Finding
    serves: tuple[Serves, ...]
    checks: tuple[CheckSheet, ...]


@dataclass(frozen=True)
class Unadopted:
    """A control of the library that serves the framework and that the workspace has not adopted."""

    control: Control
    criteria: tuple[str, ...]


@dataclass(frozen=True)
class Gap:
    """One control that does not stand: what was seen, the proposed grade, and what would mend it."""

    number: int
    control: Control
    finding: Finding
    grade: str  # `nonconformity`, `accepted deviation` or `evidence gap`
    cited: tuple[Cited, ...]
    cited_total: int
    codes: tuple[Code, ...]
    unexplained: tuple[str, ...]  # codes that no installed collector explains
    criteria: tuple[str, ...]


@dataclass(frozen=True)
class PopulationRow:
    """All subjects that a check should have looked at, on what basis we know, and what was left out."""

    check: str
    basis: str
    expected: int
    seen: int
    exclusions: tuple[Exclusion, ...]
    sources: tuple[str, ...] = ()  # the systems that were asked
    query: str | None = None  # of the newest record
    filters: tuple[str, ...] = ()
    digest: str | None = None  # SHA-256 over the names of the subjects, sorted, each with a newline


@dataclass(frozen=True)
class SampleRow:
    """A sample that was drawn; `cited` are those of its records that this pack holds; `redrawn` says whether the
    algorithm, run again when the pack was made, gives the same."""

    sample: Sample
    cited: Mapping[str, Cited]
    redrawn: bool


@dataclass(frozen=True)
class CodeRow:
    """Code that looked, and how many of the pack's records it made; `pinned` is None where nobody compared it."""

    collector: str
    version: str
    package: str | None
    code: str | None
    pinned: str | None  # `pinned`, `changed` or `unpinned`: how it stood to the workspace's muniment.lock
    records: int


@dataclass(frozen=True)
class AcceptedRow:
    """An exception with the state that it is in when the pack is made."""

    exception: AcceptedException
    state: str  # `open`, `ended` or `not begun`


@dataclass(frozen=True)
class Change:
    """One thing that is otherwise than in an earlier pack; the statuses are those of a verdict that changed."""

    noun: str  # `control`, `mapping`, `verdict` or `exception`
    name: str
    how: str  # `added`, `gone` or `changed`
    before: Status | None
    now: Status | None


@dataclass(frozen=True)
class Since:
    """What changed since an earlier pack of this log, which had the root `root` at `size` leaves then."""

    pack: str
    generated_at: datetime
    size: int
    root: str
    changes: tuple[Change, ...]
    records_new: int
    records_gone: int


@dataclass(frozen=True)
class MaskedField:
    """A field whose values are masked in this pack, and how many values it had."""

    name: str
    values: int


@dataclass(frozen=True)
class Redaction:
    """What a redacted pack withholds: leaves of the log, each with its leaf hash in hexadecimal."""

    fields: tuple[MaskedField, ...]
    withheld: Mapping[int, str]


@dataclass(frozen=True)
class RequestRow:
    """A request; `criteria` are those of the pack's framework, `cited` those of its records that the pack holds."""

    request: AuditRequest
    criteria: tuple[str, ...]
    cited: Mapping[str, Cited]


@dataclass(frozen=True)
class Attachment:
    """A file inside the pack."""

    name: str
    media_type: str
    description: str
    data: bytes


@dataclass(frozen=True)
class Pack:
    """The findings of a framework over a period at one checkpoint, made for one reader."""

    identity: Identity
    head: Head
    making: Making
    summary: Summary
    scope: Scope
    applicability: tuple[SoaGroup, ...]
    controls: tuple[ControlSheet, ...]
    unadopted: tuple[Unadopted, ...]
    gaps: tuple[Gap, ...]
    exceptions: tuple[AcceptedRow, ...]
    attestations: tuple[Attestation, ...]
    populations: tuple[PopulationRow, ...]
    samples: tuple[SampleRow, ...]
    claims: tuple[ClaimResult, ...]
    evidence: tuple[Cited, ...]
    custody: tuple[StoredRun, ...]
    code: tuple[CodeRow, ...]
    attachments: tuple[Attachment, ...]
    schedule_gaps: tuple[ScheduleGap, ...] = ()  # runs of the period that were due and that nobody made
    made_again: Mapping[int, int] = field(default_factory=dict)  # run → looks that were made again before they were due
    decisions: tuple[StoredDecision, ...] = ()  # all from the beginning of the period up to the checkpoint
    since: Since | None = None  # None where no earlier pack was given
    document: DocumentControl = DocumentControl()
    theme: Theme = Theme()
    redaction: Redaction | None = None  # None where nothing was masked
    requests: tuple[RequestRow, ...] = ()
    signed_off: tuple[StoredDecision, ...] = ()  # statements on earlier packs of the framework
