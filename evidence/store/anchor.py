"""Anchors: proofs of a checkpoint that come from outside the store, fetched between runs and stored by the next one.

A token is fetched after the commit that it stamps, so it can only be stored by a later commit. Until then it waits in
`anchors/` beside git's own folders. In the tree it lies in the folder of the day on which it was stored, because a flat
folder would make each commit dearer than the one before.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from muniment.evidence.errors import IntegrityError, MunimentError
from muniment.evidence.model import Frozen, Instant, canonical, rfc3339
from muniment.evidence.store.fault import Fault
from muniment.evidence.store.layout import ANCHORS
from muniment.evidence.store.lock import unwritable
from muniment.evidence.store.timestamp import Token, believe_token, read_token

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

CLOCK_TOLERANCE = timedelta(minutes=5)  # how far two honest clocks may differ
_STATE = "state.json"
_NAME = re.compile(r"([0-9]{1,18})\.tsr")


class AnchorState(Frozen):
    """What is known of anchoring without asking anybody; nobody signs this, `verify` reads the tokens themselves."""

    size: int = Field(0, description="The newest anchored checkpoint")
    at: Instant | None = Field(None, description="When the authority stamped it")
    waiting_since: Instant | None = Field(None, description="When the first attempt failed that nothing followed")
    failure: str | None = None


@dataclass(frozen=True)
class Anchor:
    """A token over the checkpoint of `size` leaves; `trusted` is False where no certificate was pinned."""

    size: int
    at: datetime
    where: str
    trusted: bool


@dataclass(frozen=True)
class Claim:
    """A time that the log claims for something that stands at `leaf`."""

    leaf: int
    at: datetime
    where: str


@dataclass
class Sighted:
    """What an examination of the log came across that anchors are held against."""

    notes: dict[int, str] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)


def anchor_state(store: Path) -> AnchorState:
    """How anchoring stands; the beginning where nothing is known."""
    try:
        return AnchorState.model_validate_json((store / ANCHORS / _STATE).read_bytes())
    except (OSError, ValidationError):
        return AnchorState()


def keep_token(store: Path, size: int, token: Token) -> None:
    """Let a token wait for the next run.

    Raises:
        StoreFault: it cannot be written.
    """
    _write(store, f"{size}.tsr", token.answer)
    _write(store, _STATE, canonical(AnchorState(size=size, at=token.at)))


def note_failure(store: Path, error: MunimentError, at: datetime) -> None:
    """Remember that an attempt failed."""
    state = anchor_state(store)
    failed = AnchorState(size=state.size, at=state.at, waiting_since=state.waiting_since or at, failure=str(error))
    _write(store, _STATE, canonical(failed))


def waiting(store: Path) -> dict[str, bytes]:
    """Name → bytes of the tokens that no run has stored yet."""
    folder = store / ANCHORS
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tsr")) if _NAME.fullmatch(path.name)}


def stored_under(tokens: Mapping[str, bytes], at: datetime) -> dict[str, bytes]:
    """Path in the tree → bytes, for tokens that are stored at this instant."""
    return {f"{ANCHORS}/{at:%Y/%m/%d}/{name}": data for name, data in tokens.items()}


def forget(store: Path, tokens: Mapping[str, bytes]) -> None:
    """Remove tokens that a run has stored."""
    for name in tokens:
        (store / ANCHORS / name).unlink(missing_ok=True)


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


def _anchor(path: str, data: bytes, notes: Mapping[int, str], roots: "tuple[Certificate, ...]") -> Anchor:
    match = _NAME.fullmatch(path.rpartition("/")[2])
    note = notes.get(int(match[1])) if match else None
    if match is None or note is None:
        raise IntegrityError("it names no checkpoint of this log", where=path, code="anchor.unknown_size")
    token = read_token(data, note, where=path)
    if roots:
        believe_token(token, roots, where=path)
    return Anchor(int(match[1]), token.at, path, trusted=bool(roots))


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


def _write(store: Path, name: str, data: bytes) -> None:
    folder = store / ANCHORS
    try:
        folder.mkdir(exist_ok=True)
        (folder / f".{name}").write_bytes(data)
        (folder / f".{name}").replace(folder / name)
    except OSError as error:
        raise unwritable(error, folder) from error
