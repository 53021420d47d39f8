"""What is claimed: frameworks and their criteria, the organisation's controls, and what the evidence says of them.

Everything here is frozen and pure. What a person writes comes in through `catalog`; what the evidence says is made by
`assess`. OSCAL's words are given where it has one.
"""

from datetime import date
from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue

from muniment.evidence.model import Frozen, Instant, Period
from muniment.evidence.verdict import Status, Verdict


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


class Criterion(Frozen):
    """One numbered requirement of a framework: its identifier and short title, never its text."""

    id: str
    title: str
    group: str
    kind: str
    applies_to: str
    verification: str = Field(description="`verified`, or how far the title is not")
    note: str | None = None

    @property
    def verified(self) -> bool:
        """Whether independent sources agree on the identifier and the title."""
        return self.verification == "verified"


class Framework(Frozen):
    """One edition of one standard or programme."""

    id: str
    name: str
    publisher: str
    edition: str
    year: int
    certifiable: bool
    licence_note: str
    sources: tuple[str, ...]
    supersedes: str | None = None
    superseded_by: str | None = None
    confidence: Confidence
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
    review: Review | None = None


class Check(Frozen):
    """A control's use of a collector. Its subjects come from a register, or are written beside it."""

    id: str
    control: str
    collector: str
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    register_name: str | None = Field(None, alias="register", description="The register that names the subjects")
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


class Attestation(Frozen):
    """A named person's signed statement where no machine can look."""

    id: str
    control: str
    statement: str
    by: str
    on: date
    until: date


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
    evidence: tuple[Evidence, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    next_due: Instant | None = None


class Finding(Frozen):
    """The verdict on one control over one period, with the digests that it rests on (OSCAL: finding)."""

    control: str
    period: Period
    verdict: Verdict
    freshness: Literal["fresh", "due", "stale", "none"]
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


class ClaimResult(Frozen):
    """What the findings say of one public sentence."""

    claim: Claim
    standing: Literal["substantiated", "unsubstantiated", "contradicted"]
    reason: str


def _missing(id: str) -> Criterion:  # noqa: A002 - see above
    raise KeyError(id)
