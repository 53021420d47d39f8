"""Anchors: proofs of a checkpoint that come from outside the store, fetched between runs and stored by the next one.

A token is fetched after the commit that it stamps, so it can only be stored by a later commit. Until then it waits
(`waiting.py`). In the tree it lies in the folder of the day on which it was stored, because a flat
folder would make each commit dearer than the one before.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from muniment.evidence.errors import IntegrityError, MunimentError
from muniment.evidence.model import Frozen, Instant, canonical, rfc3339, utc
from muniment.evidence.store.fault import Fault
from muniment.evidence.store.layout import ANCHORS
from muniment.evidence.store.timestamp import believe_token, read_token
from muniment.evidence.store.waiting import stamped_size, waiting, write_among_anchors

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

CLOCK_TOLERANCE = timedelta(minutes=5)  # how far two honest clocks may differ
_STATE = "state.json"
_UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))


class AnchorState(Frozen):
    """What is known of one anchor without asking anybody; nobody signs this, `verify` reads the tokens themselves."""

    size: int = Field(0, description="The newest anchored checkpoint")
    at: Instant | None = Field(None, description="When the authority stamped it, or by our clock when it was taken")
    waiting_since: Instant | None = Field(None, description="When the first attempt failed that nothing followed")
    failure: str | None = None
    alarm: bool = Field(False, description="Whether the failure is one of integrity")


class AnchorStates(Frozen):
    """The states of all anchors, by name: `timestamp https://…`, `remote ssh://…`."""

    schema_: Literal["muniment.anchors/1"] = Field("muniment.anchors/1", alias="schema")
    anchors: dict[str, AnchorState] = Field(default_factory=dict)


@dataclass(frozen=True)
class Anchor:
    """A token over the checkpoint of `size` leaves; `trusted` is False where no certificate was pinned.

    `note` is that checkpoint as it was signed, and `answer` the token as the authority gave it.
    """

    size: int
    at: datetime
    where: str
    trusted: bool
    note: str = field(default="", repr=False)
    answer: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Claim:
    """A time that the log claims for something that stands at `leaf`."""

    leaf: int
    at: datetime
    where: str


@dataclass(frozen=True)
class Entered:
    """A commit of the log: how many leaves it led to, and when it says that it was made."""

    size: int
    at: datetime


@dataclass
class Sighted:
    """What an examination of the log came across that anchors are held against."""

    notes: dict[int, str] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    entries: list[Entered] = field(default_factory=list)


def anchor_state(store: Path, name: str) -> AnchorState:
    """How the anchor of this name stands; the beginning where nothing is known."""
    return _states(store).anchors.get(name, AnchorState())


def note_anchored(store: Path, name: str, size: int, at: datetime) -> None:
    """Remember that this anchor holds the checkpoint of so many leaves."""
    _note(store, name, AnchorState(size=size, at=utc(at)))


def note_failure(store: Path, name: str, error: MunimentError, at: datetime) -> None:
    """Remember that an attempt failed."""
    known = anchor_state(store, name)
    since, alarm = known.waiting_since or utc(at), isinstance(error, IntegrityError)
    _note(
        store,
        name,
        AnchorState(size=known.size, at=known.at, waiting_since=since, failure=str(error), alarm=alarm),
    )


def judge_anchors(sighted: Sighted, roots: "tuple[Certificate, ...]") -> tuple[list[Anchor], list[Fault]]:
    """The tokens that hold, and what is wrong: with a token, or with a time that the log claims in spite of one.

    The backdating rule: what stands at or after an anchored size was written after the anchor, so it may not claim an
    earlier time. Only tokens of a pinned authority can say so.
    """
    anchors: list[Anchor] = []
    faults: list[Fault] = []
    for path, data in sighted.files:
        try:
            anchors.append(_anchor(path, data, sighted.notes, roots))
        except MunimentError as error:
            faults.append(Fault(error.code, path, error.what))
    return anchors, [*faults, *_backdated(sighted.claims, [anchor for anchor in anchors if anchor.trusted])]


def unknown_sizes(sighted: Sighted) -> list[int]:
    """The sizes that tokens stamp and whose checkpoints were not met."""
    sizes = (stamped_size(path) for path, _ in sighted.files)
    return [size for size in sizes if size is not None and size not in sighted.notes]


def waiting_anchors(store: Path, notes: Mapping[int, str], roots: "tuple[Certificate, ...]") -> Iterator[Anchor]:
    """The anchors among the tokens that no run has stored yet. One that does not hold is no fault yet."""
    for name, data in waiting(store).items():
        with contextlib.suppress(MunimentError):
            yield _anchor(f"{ANCHORS}/{name}", data, notes, roots)


def overdue(
    required: Sequence[str], held: Mapping[str, int], entries: Iterable[Entered], at: datetime, max_age: timedelta
) -> Iterator[Fault]:
    """The required kinds of anchor for which a head waits longer than it may.

    Args:
        required: `timestamp`, `remote`, `witness`.
        held: how many leaves the anchors of a kind hold.
        entries: the commits of the log, at least those that some kind does not hold.
        at: now.
        max_age: how long a head may wait.
    """
    known = tuple(entries)
    for kind in required:
        size = held.get(kind, 0)
        since = min((entry.at for entry in known if entry.size > size), default=None)
        if since is not None and at - since > max_age:
            what = f"what was written since {rfc3339(since)} has no {kind}; the policy allows {_spelled(max_age)}"
            yield Fault("anchor.overdue", f"beyond {size} leaves", what)


def _spelled(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    unit, size = next((name, size) for name, size in _UNITS if seconds % size == 0)
    count = seconds // size
    return f"{count} {unit if count != 1 else unit.removesuffix('s')}"


def _anchor(path: str, data: bytes, notes: Mapping[int, str], roots: "tuple[Certificate, ...]") -> Anchor:
    size = stamped_size(path)
    note = notes.get(size) if size is not None else None
    if size is None or note is None:
        raise IntegrityError("it names no checkpoint of this log", where=path, code="anchor.unknown_size")
    token = read_token(data, note, where=path)
    if roots:
        believe_token(token, roots, where=path)
    return Anchor(size, token.at, path, bool(roots), note, token.answer)


def _backdated(claims: Sequence[Claim], anchors: Sequence[Anchor]) -> Iterator[Fault]:
    ordered = sorted(anchors, key=lambda anchor: anchor.size)
    latest: Anchor | None = None
    at = 0
    for claim in sorted(claims, key=lambda claim: claim.leaf):
        while at < len(ordered) and ordered[at].size <= claim.leaf:
            latest = ordered[at] if latest is None or ordered[at].at > latest.at else latest
            at += 1
        if latest is not None and claim.at < latest.at - CLOCK_TOLERANCE:
            what = f"it claims {rfc3339(claim.at)}, but stands after what an authority stamped {rfc3339(latest.at)}"
            yield Fault("anchor.backdated", claim.where, what)


def _states(store: Path) -> AnchorStates:
    try:
        return AnchorStates.model_validate_json((store / ANCHORS / _STATE).read_bytes())
    except (OSError, ValidationError):
        return AnchorStates()


def _note(store: Path, name: str, state: AnchorState) -> None:
    states = AnchorStates(anchors={**_states(store).anchors, name: state})
    write_among_anchors(store, _STATE, canonical(states) + b"\n")
