"""What auditors ask for: their words, what we made of them, and where each request stands. Pure.

A request is not stored as such. It is what the decisions of the log come to: `request.received` when it came,
`request.revised` when its asker said it otherwise or judged the answer, `request.answered` when we did something about
it. Two statuses stand side by side and never move one another: ours, and the auditor's in the auditor's own word.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError

from muniment.evidence import Actor, Decision, DecisionKind, StoredDecision
from muniment.evidence.model import Digest, Frozen

SLUG = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"  # the name of a list
LONGEST_ID = 80  # characters of the asker's own id


class RequestStatus(StrEnum):
    """Where a request stands on our side."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    ANSWERED = "answered"
    NOT_APPLICABLE = "not_applicable"

    @property
    def words(self) -> str:
        """As a person would say it."""
        return self.value.replace("_", " ")


class AuditorStatus(StrEnum):
    """Where it stands on the auditor's side, as far as the auditor's own word is known; `other` where it is not."""

    OPEN = "open"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    OTHER = "other"


_AUDITOR_WORDS = {
    AuditorStatus.OPEN: (
        *("", "open", "new", "requested", "outstanding", "pending", "to do", "not started"),
        *("ouvert", "ouverte", "nouveau", "nouvelle", "demandé", "demandée", "en attente", "à faire"),
    ),
    AuditorStatus.ACCEPTED: (
        *("accepted", "closed", "complete", "completed", "cleared", "done", "satisfied", "resolved"),
        *("accepté", "acceptée", "clos", "close", "clôturé", "clôturée", "terminé", "terminée", "satisfait"),
    ),
    AuditorStatus.RETURNED: (
        *("returned", "rejected", "insufficient", "incomplete", "more information", "reopened", "follow-up"),
        *("renvoyé", "renvoyée", "refusé", "refusée", "insuffisant", "incomplet", "à compléter", "rouvert"),
    ),
}


def auditor_status(word: str) -> AuditorStatus:
    """What the auditor's word comes to. Of a word that is not known nothing is guessed."""
    plain = " ".join(word.casefold().replace("_", " ").split())
    return next((status for status, words in _AUDITOR_WORDS.items() if plain in words), AuditorStatus.OTHER)


class _Payload(Frozen):
    model_config = ConfigDict(extra="ignore")  # a later version may say more


class Withheld(_Payload):
    """A cell that stays out of the log, and why; never what stands in it."""

    column: str
    what: str


class Asked(_Payload):
    """What an asker wrote, cell by cell, with the ids that are named in it. A cell that is kept out of the log is None.

    `roles` says which column is the `id` and the `text`, and which, if any, `status`, `by` and `due`.
    """

    list_: str = Field(alias="list", pattern=SLUG)
    request: str = Field(min_length=1, max_length=LONGEST_ID)
    source: Literal["list", "notes"] = "list"
    cells: tuple[tuple[str, str | None], ...]
    roles: dict[str, str]
    withheld: tuple[Withheld, ...] = ()
    controls: tuple[str, ...] = ()
    criteria: tuple[str, ...] = Field((), description="`FRAMEWORK:CRITERION`")
    evidence: tuple[str, ...] = ()
    framework: str | None = None
    file: Digest
    row: int

    @property
    def id(self) -> str:
        """`LIST/ID`."""
        return f"{self.list_}/{self.request}"

    @property
    def text(self) -> str | None:
        """What is asked, in the asker's words; None where they may not be kept."""
        return self._said("text")

    @property
    def by(self) -> str | None:
        """Who asks, where a column says it."""
        return self._said("by") or None

    @property
    def due(self) -> str | None:
        """Until when, as the asker wrote it."""
        return self._said("due") or None

    @property
    def auditor(self) -> str:
        """The auditor's own word for where it stands."""
        return (self._said("status") or "").strip()

    @property
    def written(self) -> tuple[object, ...]:
        """What makes it another request when it changes: all that the asker wrote, empty columns aside."""
        cells = sorted((column, cell or "") for column, cell in self.cells if cell != "")
        return cells, self.withheld, self.text, self.by, self.due, self.auditor

    def _said(self, role: str) -> str | None:
        return dict(self.cells).get(self.roles.get(role, ""))


class Answer(_Payload):
    """What we did about a request; it takes the place of the answer before it."""

    list_: str = Field(alias="list", pattern=SLUG)
    request: str
    status: RequestStatus
    evidence: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()


@dataclass(frozen=True)
class AuditRequest:
    """A request as it stands. `controls` and `evidence` are those that the asker named and those that we linked."""

    asked: Asked
    status: RequestStatus
    answer: str | None
    linked_controls: tuple[str, ...]
    linked_evidence: tuple[str, ...]
    received: datetime
    changed: datetime
    revised_since: bool  # the asker said it otherwise after we answered
    decisions: tuple[StoredDecision, ...]

    @property
    def id(self) -> str:
        """`LIST/ID`: unique in the log."""
        return self.asked.id

    @property
    def auditor(self) -> AuditorStatus:
        """Where it stands on the auditor's side."""
        return auditor_status(self.asked.auditor)

    @property
    def controls(self) -> tuple[str, ...]:
        """Each control once."""
        return tuple(dict.fromkeys((*self.asked.controls, *self.linked_controls)))

    @property
    def evidence(self) -> tuple[str, ...]:
        """Each record's id once."""
        return tuple(dict.fromkeys((*self.asked.evidence, *self.linked_evidence)))


def requests_in(decisions: Iterable[StoredDecision]) -> tuple[AuditRequest, ...]:
    """Every request that the log knows of, in the order in which they came.

    A decision whose payload this version cannot read changes nothing here; it stands among the decisions all the same.
    """
    found: dict[str, AuditRequest] = {}
    for stored in decisions:
        decision = stored.decision
        try:
            match decision.kind:
                case DecisionKind.REQUEST_RECEIVED | DecisionKind.REQUEST_REVISED:
                    asked = Asked.model_validate(decision.payload)
                    found[asked.id] = _asked(found.get(asked.id), asked, stored)
                case DecisionKind.REQUEST_ANSWERED:
                    answer = Answer.model_validate(decision.payload)
                    id_ = f"{answer.list_}/{answer.request}"
                    if id_ in found:
                        found[id_] = _answered(found[id_], answer, stored)
        except ValidationError:
            continue
    return tuple(found.values())


def _asked(before: AuditRequest | None, asked: Asked, stored: StoredDecision) -> AuditRequest:
    at = stored.decision.at
    if before is None:
        return AuditRequest(asked, RequestStatus.OPEN, None, (), (), at, at, revised_since=False, decisions=(stored,))
    reworded = (asked.text, asked.due) != (before.asked.text, before.asked.due)
    return replace(
        before,
        asked=asked,
        changed=at,
        revised_since=before.revised_since or (reworded and before.answer is not None),
        decisions=(*before.decisions, stored),
    )


def _answered(before: AuditRequest, answer: Answer, stored: StoredDecision) -> AuditRequest:
    return replace(
        before,
        status=answer.status,
        answer=stored.decision.reason,
        linked_controls=answer.controls,
        linked_evidence=answer.evidence,
        changed=stored.decision.at,
        revised_since=False,
        decisions=(*before.decisions, stored),
    )


def received(
    asked: Sequence[Asked], known: Iterable[AuditRequest], file: str, actor: Actor, at: datetime
) -> tuple[Decision, ...]:
    """A decision for each request that is new or that its asker wrote otherwise; none for those that are as they were.

    `file` is what the person who has the file calls it.
    """
    before = {each.id: each.asked for each in known}
    made = []
    for each in asked:
        earlier = before.get(each.id)
        if earlier is not None and earlier.written == each.written:
            continue
        told = "note" if each.source == "notes" else "row"
        made.append(
            Decision(
                kind=DecisionKind.REQUEST_RECEIVED if earlier is None else DecisionKind.REQUEST_REVISED,
                at=at,
                actor=actor,
                reason=f"{told} {each.row} of {file}" + (f": {_changes(earlier, each)}" if earlier else ""),
                refers_to=(f"request:{each.id}", *each.controls, *each.evidence),
                payload=each.to_json(),
            )
        )
    return tuple(made)


def _changes(before: Asked, now: Asked) -> str:
    """Which columns are otherwise; the words themselves stand in both decisions."""
    earlier, later = dict(before.cells), dict(now.cells)
    columns = [name for name in {**later, **earlier} if (earlier.get(name) or "") != (later.get(name) or "")]
    shown = ", ".join(name[:60] for name in columns[:12]) or "what is kept out of the log"
    return f"changed: {shown}" if before.source == "list" else "the note was changed"


def answered(
    request: AuditRequest,
    status: RequestStatus,
    reason: str,
    actor: Actor,
    at: datetime,
    *,
    evidence: Sequence[str] | None = None,
    controls: Sequence[str] | None = None,
) -> Decision | None:
    """The decision that answers a request, or None where that is how it stands already.

    Evidence and controls that are given take the place of those that were linked before; None leaves them.
    """
    answer = Answer.model_validate(
        {
            "list": request.asked.list_,
            "request": request.asked.request,
            "status": status,
            "evidence": tuple(dict.fromkeys(request.linked_evidence if evidence is None else evidence)),
            "controls": tuple(dict.fromkeys(request.linked_controls if controls is None else controls)),
        }
    )
    now = (request.status, request.answer, request.linked_evidence, request.linked_controls)
    if not request.revised_since and now == (answer.status, reason, answer.evidence, answer.controls):
        return None
    return Decision(
        kind=DecisionKind.REQUEST_ANSWERED,
        at=at,
        actor=actor,
        reason=reason,
        refers_to=(f"request:{request.id}", *answer.controls, *answer.evidence),
        payload=answer.to_json(),
    )
