"""What changed in the register since the log last heard of it: controls, exceptions, attestations, signatures. Pure.

The log keeps a digest of each item in the payload of the decision that speaks of it, under `digests`; none stands for
an item that is gone. Folded from the first decision to the last, they say what the log knows. What the workspace says
now is held against that, and each difference becomes a decision.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
from pydantic import JsonValue

from muniment.controls.model import AcceptedException, Attestation, Workspace
from muniment.evidence.decision import Decision, DecisionKind, StoredDecision
from muniment.evidence.model import Frozen, digest, rfc3339
from muniment.evidence.record import Actor
from muniment.evidence.sensitive import personal_in, secrets_in

DIGESTS = "digests"
AUTHORS = "authors"

_MOST = 200  # items in one decision, so that it stays a page that a person can read
_LONGEST = 1_000  # characters of a reason that is copied
_GONE = "it no longer stands in the workspace"


@dataclass(frozen=True)
class Difference:
    """What was added, changed and taken away among the items of one sort, by id."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Every id, added first."""
        return self.added + self.changed + self.removed

    def under(
        self, added: DecisionKind, changed: DecisionKind, removed: DecisionKind
    ) -> Iterator[tuple[DecisionKind, str]]:
        """Each id with the kind of decision that it calls for."""
        for kind, ids in ((added, self.added), (changed, self.changed), (removed, self.removed)):
            yield from ((kind, id_) for id_ in ids)


def noticed(
    workspace: Workspace,
    decisions: Iterable[StoredDecision],
    actor: Actor,
    at: datetime,
    authors: Mapping[str, str] | None = None,
) -> tuple[Decision, ...]:
    """The decisions that the log does not have yet.

    `authors` says who wrote which item last, as git has it: `control:TLS-1` → a name.
    """
    known = _known(decisions)
    now = standing(workspace)
    written = authors or {}
    return (
        *_controls(known, now, actor, at, written),
        *_exceptions(workspace, known, now, actor, at),
        *_attestations(workspace, known, now, actor, at),
        *_signatures(workspace, known, now, actor, at),
    )


def standing(workspace: Workspace) -> dict[str, str]:
    """The digest of every item as the workspace has it now: `control:TLS-1` → `sha256:…`."""
    items: dict[str, Frozen] = {f"control:{each.id}": each for each in workspace.controls}
    items |= {f"exception:{each.id}": each for each in workspace.exceptions}
    items |= {f"attestation:{each.id}": each for each in workspace.attestations}
    items |= {
        f"signature:{each.framework}/{each.criterion}": each.complete for each in workspace.decisions if each.complete
    }
    return {key: digest(orjson.dumps(item.to_json(), option=orjson.OPT_SORT_KEYS)) for key, item in items.items()}


def _known(decisions: Iterable[StoredDecision]) -> dict[str, str]:
    """What the log knows of each item, folded from the first decision to the last."""
    known: dict[str, str] = {}
    for each in decisions:
        told = each.decision.payload.get(DIGESTS)
        for key, value in (told if isinstance(told, dict) else {}).items():
            if isinstance(value, str):
                known[key] = value
            else:
                known.pop(key, None)
    return known


def _difference(known: Mapping[str, str], now: Mapping[str, str], sort: str) -> Difference:
    before = {key: value for key, value in known.items() if key.startswith(f"{sort}:")}
    after = {key: value for key, value in now.items() if key.startswith(f"{sort}:")}
    return Difference(
        added=_ids(key for key in after if key not in before),
        changed=_ids(key for key in after if before.get(key, after[key]) != after[key]),
        removed=_ids(key for key in before if key not in after),
    )


def _ids(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(key.partition(":")[2] for key in keys))


def _controls(
    known: Mapping[str, str], now: Mapping[str, str], actor: Actor, at: datetime, authors: Mapping[str, str]
) -> Iterator[Decision]:
    """One decision for all controls that differ, or one for every 200."""
    difference = _difference(known, now, "control")
    ids = difference.all
    for first in range(0, len(ids), _MOST):
        some = ids[first : first + _MOST]
        counts = {
            word: sum(id_ in those for id_ in some)
            for word, those in (
                ("added", difference.added),
                ("changed", difference.changed),
                ("removed", difference.removed),
            )
        }
        writers = sorted({name for id_ in some if (name := authors.get(f"control:{id_}")) and _is_plain(name)})
        payload: dict[str, JsonValue] = {**_told("control", some, now), **{word: n for word, n in counts.items() if n}}
        yield Decision(
            kind=DecisionKind.CONTROL_CHANGED,
            at=at,
            actor=actor,
            reason="the workspace differs: " + ", ".join(f"{_counted(n)} {word}" for word, n in counts.items() if n),
            refers_to=some,
            payload=payload | ({AUTHORS: [*writers]} if writers else {}),
        )


def _exceptions(
    workspace: Workspace, known: Mapping[str, str], now: Mapping[str, str], actor: Actor, at: datetime
) -> Iterator[Decision]:
    kinds = (DecisionKind.EXCEPTION_GRANTED, DecisionKind.EXCEPTION_CHANGED, DecisionKind.EXCEPTION_WITHDRAWN)
    there = {each.id: each for each in workspace.exceptions}
    difference = _difference(known, now, "exception")
    for kind, id_ in difference.under(*kinds):
        gone = kind is DecisionKind.EXCEPTION_WITHDRAWN
        yield _gone(kind, "exception", id_, actor, at) if gone else _exception(there[id_], kind, now, actor, at)


def _exception(
    item: AcceptedException, kind: DecisionKind, now: Mapping[str, str], actor: Actor, at: datetime
) -> Decision:
    return Decision(
        kind=kind,
        at=at,
        actor=actor,
        reason=_copied(item.reason),
        refers_to=(item.id, item.control),
        asked_by=item.requested_by,
        approver=item.approver,
        payload={
            **_told("exception", (item.id,), now),
            "start": rfc3339(item.start),
            "end": rfc3339(item.end),
            "whole_control": item.subject is None,
        },
    )


def _attestations(
    workspace: Workspace, known: Mapping[str, str], now: Mapping[str, str], actor: Actor, at: datetime
) -> Iterator[Decision]:
    kinds = (DecisionKind.ATTESTATION_MADE, DecisionKind.ATTESTATION_CHANGED, DecisionKind.ATTESTATION_WITHDRAWN)
    there = {each.id: each for each in workspace.attestations}
    difference = _difference(known, now, "attestation")
    for kind, id_ in difference.under(*kinds):
        gone = kind is DecisionKind.ATTESTATION_WITHDRAWN
        yield _gone(kind, "attestation", id_, actor, at) if gone else _attestation(there[id_], kind, now, actor, at)


def _attestation(item: Attestation, kind: DecisionKind, now: Mapping[str, str], actor: Actor, at: datetime) -> Decision:
    return Decision(
        kind=kind,
        at=at,
        actor=actor,
        reason=_copied(item.statement),
        refers_to=(item.id, item.control),
        approver=item.by,
        payload={
            **_told("attestation", (item.id,), now),
            "on": item.on.isoformat(),
            "until": item.until.isoformat(),
        },
    )


def _signatures(
    workspace: Workspace, known: Mapping[str, str], now: Mapping[str, str], actor: Actor, at: datetime
) -> Iterator[Decision]:
    """Who signed in soa.yaml that the subset controls together are the whole criterion."""
    difference = _difference(known, now, "signature")
    signed = {f"{each.framework}/{each.criterion}": each.complete for each in workspace.decisions if each.complete}
    for id_ in (*difference.added, *difference.changed):
        review = signed[id_]
        yield Decision(
            kind=DecisionKind.SIGNED_OFF,
            at=at,
            actor=actor,
            reason=_copied(review.note or "the controls together are the whole criterion"),
            refers_to=(id_,),
            approver=review.by,
            payload={**_told("signature", (id_,), now), "on": review.on.isoformat()},
        )
    for id_ in difference.removed:
        yield _gone(DecisionKind.SIGNED_OFF, "signature", id_, actor, at)


def _gone(kind: DecisionKind, sort: str, id_: str, actor: Actor, at: datetime) -> Decision:
    return Decision(kind=kind, at=at, actor=actor, reason=_GONE, refers_to=(id_,), payload=_told(sort, (id_,), {}))


def _told(sort: str, ids: Iterable[str], now: Mapping[str, str]) -> dict[str, JsonValue]:
    return {DIGESTS: {f"{sort}:{id_}": now.get(f"{sort}:{id_}") for id_ in ids}}


def _copied(text: str) -> str:
    """A reason as it was written, unless the store may not hold it: the file has it, and the digest covers it."""
    if not _is_plain(text):
        return "as the workspace has it; the words hold data that the log must not keep"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _is_plain(text: str) -> bool:
    return not any(personal_in(text)) and not any(secrets_in(text))


def _counted(count: int) -> str:
    return "1 control" if count == 1 else f"{count} controls"
