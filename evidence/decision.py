"""The decision: what a person or a program did to the evidence or to what it is held against, as the log keeps it.

Records say what was seen. Decisions say what people made of it: a control that was changed, an exception that was
granted, a pack that was handed over. A decision is a leaf of the log as a record is; it is never changed, and a later
one may only say more.

Who acted, when, why, and what it is about stand in every decision. Where one person asks and another approves, the two
are not the same person: `Decision` cannot be built otherwise (separation of duties, ISO/IEC 27001:2022, A.5.3).
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from muniment.evidence.model import Frozen, Instant
from muniment.evidence.record import Actor


class DecisionKind(StrEnum):
    """What this version writes. A store may hold decisions of kinds that came later."""

    CONTROL_CHANGED = "control.changed"
    EXCEPTION_GRANTED = "exception.granted"
    EXCEPTION_CHANGED = "exception.changed"
    EXCEPTION_WITHDRAWN = "exception.withdrawn"
    ATTESTATION_MADE = "attestation.made"
    ATTESTATION_CHANGED = "attestation.changed"
    ATTESTATION_WITHDRAWN = "attestation.withdrawn"
    SIGNED_OFF = "signed_off"
    PACK_BUILT = "pack.built"
    PACK_GIVEN = "pack.given"
    IMPORTED = "imported"
    ERASED = "erased"
    PAYLOAD_OPENED = "payload.opened"
    GAP_EXPLAINED = "gap.explained"
    KEY_ROTATED = "key.rotated"
    REQUEST_RECEIVED = "request.received"
    REQUEST_REVISED = "request.revised"
    REQUEST_ANSWERED = "request.answered"

    @property
    def words(self) -> str:
        """As a person would say it: `exception granted`."""
        return self.value.replace(".", " ").replace("_", " ")


APPROVED = frozenset({DecisionKind.EXCEPTION_GRANTED, DecisionKind.EXCEPTION_CHANGED, DecisionKind.ERASED})


class Decision(Frozen):
    """One act. `actor` is who entered it; `asked_by` and `approver` are named where one asks and another approves."""

    schema_: Literal["muniment.decision/1"] = Field("muniment.decision/1", alias="schema")
    kind: str = Field(pattern=r"^[a-z][a-z_]*(\.[a-z][a-z_]*)?$", description="See DecisionKind; others may follow")
    at: Instant
    actor: Actor
    reason: str = Field(min_length=1, max_length=2_000)
    refers_to: tuple[str, ...] = Field((), description="Ids and digests of what it is about: controls, records, packs")
    asked_by: str | None = Field(None, min_length=1)
    approver: str | None = Field(None, min_length=1)
    payload: dict[str, JsonValue] = Field(default_factory=dict, description="What else the kind has to say")

    @model_validator(mode="after")
    def _duties_are_separate(self) -> Self:
        if self.kind in APPROVED and not (self.asked_by and self.approver):
            raise ValueError(f"{said(self.kind)}: somebody asks and somebody else approves; both have to be named")
        if self.asked_by and self.approver and same_person(self.asked_by, self.approver):
            raise ValueError(f"{self.approver} cannot approve what {self.asked_by} asks for: name another approver")
        return self

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who is named as acting; `authors` of the payload wrote what was decided on, as git has it."""
        authors = self.payload.get("authors")
        named = (self.actor.name, self.asked_by, self.approver, *(authors if isinstance(authors, list) else ()))
        return tuple(dict.fromkeys(name for name in named if isinstance(name, str) and name))


@dataclass(frozen=True)
class StoredDecision:
    """A decision as the store holds it: `leaf` counts from 0 in the log, `digest` is that of the canonical bytes."""

    decision: Decision
    leaf: int
    digest: str

    @property
    def id(self) -> str:
        """`DE-2026-004711`: the year, and the leaf; so it cannot be given twice, and it points at its proof."""
        return decision_id(self.decision.at.year, self.leaf)


def decision_id(year: int, leaf: int) -> str:
    """`DE-2026-004711`."""
    return f"DE-{year:04d}-{leaf:06d}"


def said(kind: str) -> str:
    """A kind in words, also one that this version does not know."""
    return kind.replace(".", " ").replace("_", " ")


def same_person(one: str, other: str) -> bool:
    """Whether two names are the same but for letters' case, spacing and spelling in Unicode."""
    return _plain(one) == _plain(other)


def chosen(
    decisions: Iterable[StoredDecision],
    *,
    kinds: Iterable[str] = (),
    actor: str | None = None,
    refers_to: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[StoredDecision, ...]:
    """Those that fit every condition that is given. `actor` fits whoever acted, asked or approved.

    A kind also stands for those below it: `exception` for `exception.granted`. `until` is excluded.
    """
    wanted = tuple(kinds)
    return tuple(
        each
        for each in decisions
        if (not wanted or any(_is_of(each.decision.kind, kind) for kind in wanted))
        and (actor is None or any(same_person(actor, name) for name in each.decision.people))
        and (refers_to is None or refers_to in each.decision.refers_to)
        and (since is None or each.decision.at >= since)
        and (until is None or each.decision.at < until)
    )


def _is_of(kind: str, wanted: str) -> bool:
    return kind == wanted or kind.startswith(f"{wanted}.")


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
