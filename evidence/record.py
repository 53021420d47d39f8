"""The evidence record: one look at one subject at one instant, or the failure to look.

It answers what an auditor asks of any listing: which system, which exact query, which filters, is it complete, who ran
it, in which time zone. `None` means that the answer was not recorded, and is printed as such. A record is immutable;
its digest is the SHA-256 of its canonical bytes (RFC 8785). OSCAL calls it an observation.

A run is recorded as three kinds of leaf: a `Start` with the whole plan, written and signed before the first look; the
`EvidenceRecord`s; and an `End` that counts planned against got.
"""

import operator
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import orjson
from pydantic import Field, JsonValue

from muniment.evidence.model import Digest, Frozen, Instant, Period, Span, canonical, digest
from muniment.evidence.verdict import Status, Verdict, inconclusive

# Type checkers other than mypy with pydantic's plug-in know a default only by its name (PEP 681), so it is named in
# what collectors build: `Population`, `Content` and `Origin`.


class Exclusion(Frozen):
    """A subject that was left out of a population on purpose."""

    subject: str
    reason: str = Field(min_length=1)


class Population(Frozen):
    """All that should have been looked at: `expected` and on what `basis` we know; what was left out, and why."""

    expected: int = Field(ge=0)
    collected: int = Field(ge=0)
    basis: str = Field(min_length=1, description="How the expected number is known, for instance the register's path")
    filters: tuple[str, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    complete: bool = Field(default=True, description="False where paging or reading stopped before the end")


class Tool(Frozen):
    """A program, library or policy file that shaped what was seen or how it was judged."""

    name: str
    version: str | None = None
    digest: Digest | None = None


class Content(Frozen):
    """The raw bytes that were read: their digest, never the bytes."""

    name: str | None = Field(
        default=None, description="What the bytes are called at the source, for instance a file name"
    )
    media_type: str
    size: int = Field(ge=0)
    sha256: Digest


SEALED_ID = r"^SP-[0-9a-f]{32}$"


class Sealed(Frozen):
    """Raw bytes that may identify a person, kept outside the store: what the record commits to, never the bytes.

    `commitment` is `SHA-256(salt || payload)`; the salt of 128 bits lies with the key, and goes with it.
    """

    id: str = Field(pattern=SEALED_ID)
    commitment: Digest
    size: int = Field(ge=0)
    media_type: str
    name: str | None = None


class Origin(Frozen):
    """Where evidence comes from. Facts cannot be built without it."""

    system: str = Field(min_length=1, description="The system of record, as a URI")
    query: str = Field(min_length=1, description="The exact query, command or request, as it was sent")
    population: Population | None = None
    zone: str | None = Field(default=None, description="IANA zone of the source's own times")
    environment: str | None = None
    owner: str | None = None
    authenticated_as: str | None = Field(default=None, description="The identity that was used, never the secret")
    stands_for: Period | None = Field(
        default=None, description="The period that the evidence stands for, if not one instant"
    )
    tools: tuple[Tool, ...] = ()
    contents: tuple[Content, ...] = ()
    redactions: tuple[str, ...] = ()
    sealed: tuple[Sealed, ...] = Field(
        default=(), description="Payloads that are kept outside the store and can be erased", exclude_if=operator.not_
    )


class Actor(Frozen):
    """Who ran it, on which machine, and what set it off."""

    name: str
    kind: Literal["human", "service"] = "human"
    host: str | None = None
    trigger: str = "manual"


class Method(Frozen):
    """The code that looked: a verdict can always be traced to it."""

    collector: str
    version: str
    package: str | None = Field(None, description="Distribution and version, or the workspace file")
    code: Digest | None = Field(None, description="Digest of the collector's source file")
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    pinned: Literal["pinned", "changed", "unpinned"] | None = Field(
        None,
        description="Whether the code was as the workspace's muniment.lock has it; None where nobody compared",
        exclude_if=operator.not_,  # records from before there was a lock keep their canonical bytes
    )


class Observed(Frozen):
    """We looked. Facts carry no opinion; the verdict is that of the rules in force at the time."""

    kind: Literal["observed"] = "observed"
    origin: Origin
    facts: dict[str, JsonValue]
    verdict: Verdict


class Errored(Frozen):
    """We could not look. Kept for ever; judged inconclusive, never fail."""

    kind: Literal["errored"] = "errored"
    cause: str
    message: str
    where: str | None = Field(None, description="File and line, where a plug-in broke")

    @property
    def verdict(self) -> Verdict:
        """Inconclusive, with the cause as its code."""
        return inconclusive(self.message, self.cause)


Outcome = Annotated[Observed | Errored, Field(discriminator="kind")]


class Life(Frozen):
    """How long the evidence speaks, and what it follows."""

    valid_until: Instant | None = None
    previous: str | None = Field(None, description="Id of the record before it in the same series")
    retention: str | None = None


class EvidenceRecord(Frozen):
    """One look at one subject. `id` is year, run number and place in the run's plan: `EV-2026-000123-0007`."""

    schema_: Literal["muniment.record/1"] = Field("muniment.record/1", alias="schema")
    id: str = Field(pattern=r"^EV-\d{4}-\d{6,}-\d{4,}$")
    task: str
    check: str
    controls: tuple[str, ...]
    subject: str
    subject_kind: str
    collected: Span
    recorded: Instant
    method: Method
    actor: Actor
    outcome: Outcome
    life: Life = Life()

    @property
    def observed(self) -> Span:
        """The time that the evidence stands for: the period the source declares, else that of the look itself."""
        declared = self.outcome.origin.stands_for if isinstance(self.outcome, Observed) else None
        return declared or self.collected

    @property
    def verdict(self) -> Verdict:
        """The verdict at collection time."""
        return self.outcome.verdict


class Task(Frozen):
    """One planned look: a check's collector pointed at one subject."""

    id: str
    check: str
    controls: tuple[str, ...]
    collector: str
    subject: str
    settings: dict[str, JsonValue]
    valid_for: int | None = Field(None, description="Seconds for which the evidence speaks: cadence and grace", gt=0)
    declared: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Personal data that a record of this task may hold: kind → fields of settings and facts",
        exclude_if=operator.not_,
    )


class PlannedPopulation(Frozen):
    """The subjects of one check as the register had them when the run was planned."""

    check: str
    expected: int = Field(ge=0)
    basis: str
    exclusions: tuple[Exclusion, ...] = ()


class Plan(Frozen):
    """Everything that a run is going to do, fixed before the first look."""

    planned: Instant
    actor: Actor
    workspace: Digest = Field(description="Digest over the files of the register in force")
    tasks: tuple[Task, ...]
    populations: tuple[PlannedPopulation, ...] = ()
    reason: str | None = None

    @property
    def run_id(self) -> str:
        """The same plan at the same instant is the same run: submitting it twice changes nothing."""
        return run_id_of(canonical(self))


class Start(Frozen):
    """The first leaf of a run. A run that began and never ended is visible for ever."""

    schema_: Literal["muniment.start/1"] = Field("muniment.start/1", alias="schema")
    run: int = Field(ge=1)
    run_id: str
    plan: Plan
    previous_size: int = Field(ge=0)
    previous_root: Digest
    versions: dict[str, str]

    def spelled(self, plan: bytes) -> bytes:
        """The canonical bytes, where those of the plan are known already: most of a start is its plan."""
        rest = self.model_dump(mode="json", by_alias=True, exclude={"plan"})
        return orjson.dumps({**rest, "plan": orjson.Fragment(plan)}, option=orjson.OPT_SORT_KEYS)


class End(Frozen):
    """The last leaf of a run: planned against got."""

    schema_: Literal["muniment.end/1"] = Field("muniment.end/1", alias="schema")
    run: int = Field(ge=1)
    run_id: str
    ended: Instant
    planned: int
    got: int
    missing: tuple[str, ...] = Field((), description="Task ids that have no record, with the run's reason beside them")
    reason: str | None = None
    by_status: dict[str, int]
    errored: int
    milliseconds: int = Field(ge=0)
    clock_skew_milliseconds: int | None = None


@dataclass(frozen=True)
class StoredRecord:
    """A record as the store holds it: `leaf` counts from 0 in the log, `digest` is that of the canonical bytes."""

    record: EvidenceRecord
    run: int
    leaf: int
    digest: str


@dataclass(frozen=True)
class StoredRun:
    """A run as the store holds it. `end` is None where a run began and never ended."""

    start: Start
    end: End | None
    commits: tuple[str, ...]
    leaves: range


def run_id_of(plan: bytes) -> str:
    """The run id, from the canonical bytes of the plan."""
    return digest(plan).removeprefix("sha256:")[:32]


def record_id(year: int, run: int, place: int) -> str:
    """`EV-2026-000123-0007`: year of the plan, run number, place in the plan from 1."""
    return f"{record_ids(year, run)}{place:04d}"


def record_ids(year: int, run: int) -> str:
    """How the ids of a run begin: `EV-2026-000123-`."""
    return f"EV-{year:04d}-{run:06d}-"


def count_by_status(records: Iterable[EvidenceRecord]) -> dict[str, int]:
    """How many records came to each status; all four keys are always there."""
    counts = Counter([record.outcome.verdict.status for record in records])
    return {status.value: counts[status] for status in Status}
