"""What is claimed: frameworks and their criteria, the organisation's controls, and what the evidence says of them.

Everything here is frozen and pure. What a person writes comes in through `catalog`; what the evidence says is made by
`assess`. OSCAL's words are given where it has one.
"""

from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Literal, NoReturn, Self, TypeAlias

from pydantic import Field, JsonValue, model_validator

from muniment.controls.packs import PLAIN_PACKS, PackSettings
from muniment.evidence.model import Digest, Frozen, Instant, Period
from muniment.evidence.record import Exclusion
from muniment.evidence.secret import Reference
from muniment.evidence.verdict import NOTHING, Status, Verdict

Freshness: TypeAlias = Literal["fresh", "due", "stale", "none"]


class Relationship(StrEnum):
    """How a control relates to a criterion (NIST IR 8477): read "the control is … the criterion"."""

    EQUAL = "equal"
    SUBSET_OF = "subset_of"
    SUPERSET_OF = "superset_of"
    INTERSECTS_WITH = "intersects_with"


class Confidence(Frozen):
    """How far the identifiers and titles of an edition are known to be right."""

    level: str
    notes: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()


class Group(Frozen):
    """A clause, annex or theme that holds criteria."""

    id: str
    title: str
    kind: str

    @property
    def heading(self) -> str:
        """Number and title; a group whose id is a word of our own is named by its title alone."""
        return f"{self.id} {self.title}" if any(each.isdigit() for each in self.id) else self.title


class Criterion(Frozen):
    """One numbered requirement of a framework: its identifier and short title, never its text."""

    id: str
    title: str
    group: str
    kind: str
    applies_to: str
    verification: str = Field(description="`verified`, or how far the title is not")
    specific: bool = Field(True, description="False where the edition only repeats what another standard asks")
    corresponds_to: tuple[str, ...] = Field((), description="Criteria of the edition before it, by title and order")
    guidance: str | None = Field(None, description="The clause that guides its implementation")
    title_variants: tuple[str, ...] = Field((), description="Other words that sources give for the title")
    summary: str | None = Field(None, description="What it asks, in our own words")
    text: str | None = Field(None, description="Licensed text, only ever in a customer's own file")
    note: str | None = None

    @property
    def verified(self) -> bool:
        """Whether independent sources agree on the identifier and the title."""
        return self.verification == "verified"


class Counts(Frozen):
    """What a framework file says that it holds; checked when it is read, so that a lost row is noticed."""

    groups: int
    criteria: int
    by_kind: dict[str, int] = Field(default_factory=dict)
    by_group: dict[str, int] = Field(default_factory=dict)


class Framework(Frozen):
    """One edition of one standard or programme. A framework file is this model, spelled in YAML."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", description="Also the name of its file")
    name: str
    publisher: str
    edition: str
    year: int
    certifiable: bool
    assessed_as: str | None = Field(None, description="How it is assessed, where it is not certifiable by itself")
    requires: tuple[str, ...] = Field((), description="Standards that it cannot stand without")
    licence_note: str
    sources: tuple[str, ...]
    supersedes: str | None = None
    superseded_by: str | None = None
    confidence: Confidence
    counts: Counts
    groups: tuple[Group, ...]
    criteria: tuple[Criterion, ...]

    def criterion(self, id: str) -> Criterion:  # noqa: A002 - the noun's own word
        """The criterion of that identifier; KeyError if there is none."""
        return next((each for each in self.criteria if each.id == id), None) or _missing(id)


class Review(Frozen):
    """A named person's look at a mapping or at a set of mappings."""

    by: str
    on: date
    note: str | None = None


class Mapping(Frozen):
    """That a control serves a criterion."""

    framework: str
    criterion: str
    relationship: Relationship
    rationale: str
    source: str = Field("library", description="Who wrote it: the library, or the workspace's file")
    derived_from: str | None = Field(None, description="The criterion of an older edition that it was copied from")
    note: str | None = None
    review: Review | None = None


class Check(Frozen):
    """A control's use of a collector. Its subjects come from a register, or are written beside it."""

    id: str
    control: str
    collector: str
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    register_name: str | None = Field(None, alias="register", description="The register that names the subjects")
    subject: str | None = Field(None, description="The name of the one subject, where there is no register")
    cadence: int = Field(86_400, gt=0, description="Seconds between looks")
    grace: int = Field(0, ge=0, description="Seconds by which a look may be late")
    requires: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="What the recorded settings must be, so that a laxer run cannot satisfy the control",
    )

    @property
    def valid_for(self) -> int:
        """Seconds for which one look speaks."""
        return self.cadence + self.grace


class Control(Frozen):
    """What the organisation does, in its own words."""

    id: str
    title: str
    objective: str
    domain: str
    owner: str | None = Field(None, description="None in the library; a workspace must name one")
    automation: Literal["full", "partial", "manual"] = "manual"
    collectors: tuple[str, ...] = Field((), description="Kinds of collector that could serve it")
    attested: tuple[str, ...] = Field((), description="What only a named person can state")
    claims: tuple[str, ...] = ()
    mappings: tuple[Mapping, ...]
    checks: tuple[Check, ...] = ()


class AcceptedException(Frozen):
    """A named person's accepted deviation; shown beside a verdict, never changes it."""

    id: str
    control: str
    subject: str | None = Field(None, description="One subject, or None for the whole control")
    reason: str
    compensating: str | None = None
    requested_by: str
    approver: str
    start: Instant
    end: Instant


class Decision(Frozen):
    """One line of the Statement of Applicability."""

    framework: str
    criterion: str
    applicable: bool
    reason: str
    implemented: Literal["yes", "partly", "no"] = "no"
    complete: Review | None = Field(None, description="Who signed that the subset mappings together are complete")


class Claim(Frozen):
    """A sentence that the organisation says in public, tied to the controls that must hold it up."""

    id: str
    text: str
    controls: tuple[str, ...]
    url: str | None = None
    said_on: date | None = None
    page: str | None = Field(None, description="The page as a file of the workspace, read in place of `url`")
    saved: str | None = Field(None, description="A copy of the page as it was, a file of the workspace")
    digest: Digest | None = Field(None, description="The digest of that copy, as sha256:…")


class Attestation(Frozen):
    """A named person's signed statement where no machine can look."""

    id: str
    control: str
    statement: str
    by: str
    on: date
    until: date


class DrawMethod(StrEnum):
    """How a sample is drawn: see `controls/sampling.py`."""

    RANDOM = "random"
    SYSTEMATIC = "systematic"
    STRATIFIED = "stratified"


class Stratum(StrEnum):
    """What a population is divided by."""

    CHECK = "check"
    STATUS = "status"
    SUBJECT = "subject"
    MONTH = "month"


class Sample(Frozen):
    """A sample that was drawn, with all that it takes to draw it again. `tree_size` and `root` are of the log."""

    id: str = Field(min_length=1)
    population: str
    period: Period
    method: DrawMethod = DrawMethod.RANDOM
    by: Stratum | None = None
    size: int = Field(ge=1)
    seed: str
    asked_by: str
    on: date
    tree_size: int = Field(ge=1)
    root: Digest
    digest: Digest
    of: int = Field(ge=1, description="How many the population holds")
    drawn: tuple[str, ...]


class Hole(Frozen):
    """A stretch of the period without valid evidence, and why."""

    period: Period
    reason: str


class Coverage(Frozen):
    """The share of a period in which a check had valid evidence for one subject."""

    check: str
    subject: str
    covered_seconds: int
    period_seconds: int
    holes: tuple[Hole, ...] = ()


class Evidence(Frozen):
    """What a finding rests on: a record, by id, digest and leaf."""

    id: str
    digest: str
    leaf: int
    check: str
    subject: str
    status: Status
    at: Instant
    message: str
    codes: tuple[str, ...] = ()
    lax: str | None = Field(None, description="How the recorded settings fall short of what the control requires")


class CheckResult(Frozen):
    """One check over the period: its population, and the verdict of its subjects."""

    check: str
    collector: str
    verdict: Verdict
    population: int = Field(description="Subjects that the register named in the last plan of the period")
    seen: int = Field(description="Subjects with evidence that is valid at the end of what was asked")
    basis: str
    exclusions: tuple[Exclusion, ...] = Field((), description="Subjects that the register leaves out, and why")
    evidence: tuple[Evidence, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    next_due: Instant | None = None
    freshness: Freshness = "none"
    worst_in_period: Verdict = Field(NOTHING, description="The gravest verdict that any record of the period came to")


class Finding(Frozen):
    """The verdict on one control over one period, with the digests that it rests on (OSCAL: finding)."""

    control: str
    period: Period
    verdict: Verdict
    freshness: Freshness
    checks: tuple[CheckResult, ...] = ()
    exceptions: tuple[AcceptedException, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    coverage_permille: int = Field(description="Of all checks and subjects together, 0 to 1000")
    worst_in_period: Verdict = Field(description="The gravest verdict that any record of the period came to")

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All evidence of all checks."""
        return tuple(item for check in self.checks for item in check.evidence)


class Link(Frozen):
    """One control's hold on one criterion, and whether it can carry it."""

    control: str
    relationship: Relationship
    carries: bool
    status: Status


class CriterionResult(Frozen):
    """What the findings say of one criterion. Manual and unmapped criteria stay in the denominator."""

    framework: str
    criterion: str
    decision: Decision | None
    verdict: Verdict
    covered: bool = Field(description="Reached through an equal or superset mapping, or a signed complete set")
    links: tuple[Link, ...] = ()


class ClaimFinding(Frozen):
    """What one control says for or against a public sentence, and the records that say so, by id."""

    control: str
    verdict: Verdict
    evidence: tuple[str, ...] = Field((), description="The records of the finding that are as grave as its verdict")


class ClaimResult(Frozen):
    """What the findings say of one public sentence."""

    claim: Claim
    standing: Literal["substantiated", "unsubstantiated", "contradicted"]
    reason: str
    findings: tuple[ClaimFinding, ...] = Field((), description="Of its controls, in the order of the claim")


class CollectorKind(Frozen):
    """A kind of collector that could serve controls, whether or not this installation has one."""

    does: str
    mode: str


class Library(Frozen):
    """The product's own controls and claims, in our own words: candidates that a workspace adapts."""

    status: str
    method: str
    confidence: str
    rules: tuple[str, ...]
    kinds: dict[str, CollectorKind]
    controls: tuple[Control, ...]
    claims: tuple[Claim, ...]


class Subject(Frozen):
    """One entry of a register. `out_of_scope` is the reason why no check looks at it."""

    id: str
    values: dict[str, JsonValue]
    out_of_scope: str | None = None


class Register(Frozen):
    """All subjects of one kind, as a file of the workspace names them; `path` is relative to the workspace."""

    name: str
    path: str
    defaults: dict[str, JsonValue] = Field(default_factory=dict, description="What holds where an entry is silent")
    entries: tuple[Subject, ...]


class Processor(Frozen):
    """An organisation that handles data for us, by contract."""

    name: str
    domains: tuple[str, ...] = ()
    contract: str | None = Field(None, description="Where the contract is filed, never its text")
    country: str | None = None


class Mail(Frozen):
    """Where notices are mailed. The password is a reference, and never goes over a line without TLS."""

    to: tuple[str, ...] = Field(min_length=1)
    sender: str = Field(alias="from", min_length=3)
    server: str = Field(pattern=r"^[^\s/:@]+:[0-9]{1,5}$", description="`host:port`")
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: Reference | None = None

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("`user` and `password` go together")
        if self.password is not None and self.security == "none":
            raise ValueError("a password is sent over TLS only: set `security` to starttls or tls")
        return self


class Notify(Frozen):
    """Who is told, once a day at most, of what fails, has gone stale or is about to end."""

    ahead: int = Field(1_209_600, gt=0, description="Seconds by which what ends is announced")
    webhook: Reference | None = Field(None, description="The URL that a notice is posted to; such URLs are secrets")
    mail: Mail | None = None

    @model_validator(mode="after")
    def _somebody_is_told(self) -> Self:
        if self.webhook is None and self.mail is None:
            raise ValueError("name a `webhook` or a `mail`")
        return self


class Scope(Frozen):
    """What the evidence is about, in the organisation's words."""

    summary: str
    services: tuple[str, ...] = ()
    exclusions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where something is written: `file` relative to the workspace, `line` and `column` from 1."""

    file: Path
    line: int
    column: int


@dataclass(frozen=True)
class Authority:
    """A timestamp authority, and the file of the certificates that it is known by."""

    url: str
    certificates: Path


@dataclass(frozen=True)
class Anchoring:
    """Who outside holds the store's head, and how old a head may be without an anchor of each required kind.

    `remotes` are URLs, absolute paths or `env:NAME`; `require` holds `timestamp`, `remote` or `witness`.
    """

    authorities: tuple[Authority, ...]
    remotes: tuple[str, ...]
    require: tuple[str, ...]
    max_age: int  # seconds


@dataclass(frozen=True)
class Card:
    """A certificate and its key on a PKCS#11 token, under one label, one identifier, or both.

    `pin` is a reference or `ask`, never the PIN.
    """

    module: str
    token: str
    label: str | None
    pin: str | None
    key_id: bytes | None = None


@dataclass(frozen=True)
class Signing:
    """How the PDF of a pack is signed (PAdES), with a certificate in a file or on a card.

    `level` is B, T, LT or LTA; `passphrase` is a reference, never the passphrase; `authority` stamps from level T on.
    """

    level: str
    certificate: Path | None
    key: Path | None
    passphrase: str | None
    card: Card | None
    roots: Path | None
    authority: Authority | None


@dataclass(frozen=True)
class Workspace:
    """Everything that an organisation wrote about itself, validated as a whole. Paths are absolute."""

    root: Path
    organisation: str
    scope: Scope
    language: str
    zone: str
    classification: str
    period: Period | None
    framework_ids: tuple[str, ...]
    frameworks: ReadOnly[str, Framework]
    controls: tuple[Control, ...]
    checks: tuple[Check, ...]
    decisions: tuple[Decision, ...]
    exceptions: tuple[AcceptedException, ...]
    claims: tuple[Claim, ...]
    attestations: tuple[Attestation, ...]
    samples: tuple[Sample, ...]
    registers: ReadOnly[str, Register]
    processors: tuple[Processor, ...]
    store_path: Path
    index_url: str
    key_path: Path
    trust_path: Path
    digest: Digest
    places: ReadOnly[tuple[str, ...], Place] = field(repr=False)
    anchoring: Anchoring | None = None
    signing: str | None = None  # `ssh-agent:…` or `program:…`, where the key is in no file
    notify: Notify | None = None
    packs: PackSettings = PLAIN_PACKS
    signature: Signing | None = None

    def control(self, id: str) -> Control:  # noqa: A002 - the noun's own word
        """The control of that identifier; KeyError if there is none."""
        return next((each for each in self.controls if each.id == id), None) or _missing(id)

    def check(self, id: str) -> Check:  # noqa: A002 - the noun's own word
        """The check of that identifier; KeyError if there is none."""
        return next((each for each in self.checks if each.id == id), None) or _missing(id)

    def users(self, check: str) -> tuple[str, ...]:
        """The controls that a check serves, in the order of the workspace."""
        return tuple(each.id for each in self.controls if any(use.id == check for use in each.checks))


def _missing(id: str) -> NoReturn:  # noqa: A002 - see above
    raise KeyError(id)
