"""`muniment anchor`: have the head of the store held outside, or say how that stands."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.x509 import Certificate

    from muniment.cli.desk import Desk
    from muniment.controls.model import Anchoring, Authority
    from muniment.evidence.errors import MunimentError
    from muniment.evidence.store import Checkpoint, Fault
    from muniment.evidence.store.anchor import AnchorState
    from muniment.evidence.store.remote import Remote


WITNESS = "witness"


@dataclass(frozen=True)
class Target:
    """One anchor that muniment.yaml names; `hold` has it hold a checkpoint, and gives which size since when."""

    name: str
    hold: "Callable[[Checkpoint], tuple[int, datetime]]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(anchor)


def anchor(
    context: typer.Context,
    status: Annotated[bool, typer.Option("--status", help="Only say how it stands; ask nobody.")] = False,
    witness: Annotated[
        Path | None, typer.Option(help="Write the head down in this file instead, which a second person keeps.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Have the anchors of muniment.yaml hold the head of the store: authorities stamp it, remotes take it."""
    from muniment.cli.console import print_json, result, tell_error, visible
    from muniment.cli.desk import desk_of
    from muniment.evidence import UsageError

    desk = desk_of(context)
    if witness is not None:
        return _witness(desk, witness, as_json=as_json)
    if desk.workspace.anchoring is None:
        raise UsageError(
            "no anchor is named",
            where="muniment.yaml",
            mend="write `anchors: {authority: URL, certificates: …}` or `anchors: {remotes: [URL]}`",
        )
    faults = () if status else anchor_head(desk)
    if faults:
        gravest = max(faults, key=lambda each: each.exit_code)
        for fault in faults:
            if fault is not gravest:
                tell_error(fault, as_json=False)
        raise gravest
    size, states = desk.store.checkpoint().size, standings(desk)
    if as_json:
        print_json("muniment.anchor/1", size=size, anchors={name: each.to_json() for name, each in states.items()})
    else:
        for name, state in states.items():
            result().print(visible(standing(name, size, state)))
    return 0


def anchor_head(desk: "Desk") -> "tuple[MunimentError, ...]":
    """Have each anchor hold the head, unless it does. What hinders one is noted, and never stops a run or another."""
    return tuple(fault for target in targets(desk) if (fault := _hold(desk, target)) is not None)


def targets(desk: "Desk") -> "tuple[Target, ...]":
    """The anchors that the workspace names, in the order in which they are asked."""
    anchoring = desk.workspace.anchoring
    if anchoring is None:
        return ()
    stamped = (_authority(desk, each, first=not at) for at, each in enumerate(anchoring.authorities))
    return (*stamped, *(_remote(desk, reference) for reference in anchoring.remotes))


def standings(desk: "Desk") -> "dict[str, AnchorState]":
    """How each anchor stands, by our own notes."""
    from muniment.evidence.store.anchor import anchor_state

    names = [target.name for target in targets(desk)]
    anchoring = desk.workspace.anchoring
    if anchoring is not None and WITNESS in anchoring.require:
        names.append(WITNESS)
    return {name: anchor_state(desk.store.path, name) for name in names}


def pinned_certificates(anchoring: "Anchoring | None") -> "tuple[Certificate, ...]":
    """The certificates of all authorities that the workspace names.

    Raises:
        UsageError: a file of them cannot be read.
    """
    from muniment.evidence.store.timestamp import load_certificates

    authorities = anchoring.authorities if anchoring else ()
    return tuple(each for authority in authorities for each in load_certificates(authority.certificates))


def held_by_notes(desk: "Desk") -> dict[str, int]:
    """Kind of anchor → how many leaves are held, by our own notes."""
    held: dict[str, int] = {}
    for name, state in standings(desk).items():
        kind = name.partition(" ")[0]
        held[kind] = max(held.get(kind, 0), state.size)
    return held


def policy_faults(desk: "Desk", held: Mapping[str, int]) -> "tuple[Fault, ...]":
    """The required kinds of anchor for which the head waits longer than muniment.yaml allows."""
    from datetime import timedelta

    from muniment.evidence.store.anchor import overdue

    anchoring = desk.workspace.anchoring
    if anchoring is None or not anchoring.require:
        return ()
    entries = desk.store.entries(since=min(held.get(kind, 0) for kind in anchoring.require))
    return tuple(overdue(anchoring.require, held, entries, desk.clock(), timedelta(seconds=anchoring.max_age)))


def remote_at(reference: str, base: Path) -> "Remote":
    """The second repository that a URL, a path or `env:NAME` names; a relative path starts at `base`.

    Raises:
        CouldNotLook: the variable is not set.
    """
    from muniment.evidence.secret import resolve
    from muniment.evidence.store.remote import Remote

    if reference.startswith("env:"):
        return Remote(resolve({"remote": reference}, base)["remote"])
    return Remote(reference if ":" in reference else str(base / reference))


def standing(name: str, size: int, state: "AnchorState") -> str:
    """How one anchor stands, in a sentence."""
    from muniment.evidence import rfc3339

    held = f"holds {state.size:,} leaves since {rfc3339(state.at)}" if state.at else "never held the head"
    if state.failure:
        word = "ALARM" if state.alarm else "the last attempt failed"
        return f"{name}: {held}; {word}: {state.failure}"
    return f"{name}: {held}" + ("." if state.size >= size else f"; the head of {size:,} leaves waits.")


def _witness(desk: "Desk", file: Path, *, as_json: bool) -> int:
    """Hold the store against what the file says, then write the head down."""
    from muniment.cli.console import print_json, result, visible
    from muniment.cli.words import counted
    from muniment.evidence.errors import IntegrityError
    from muniment.evidence.store.anchor import note_anchored
    from muniment.evidence.store.witness import append_to_witness, read_witness, witness_faults

    store, at = desk.store, desk.clock()
    checkpoint = store.checkpoint()
    if file.exists():
        fault = next(witness_faults(read_witness(file), desk.trust, checkpoint.size, store.root), None)
        if fault is not None:
            raise IntegrityError(
                fault.message, where=fault.where, mend="nothing was written; keep the file as it is", code=fault.code
            )
    new = append_to_witness(file, checkpoint, at)
    note_anchored(store.path, WITNESS, checkpoint.size, at)
    heads = len(read_witness(file).lines)
    if as_json:
        print_json("muniment.witness/1", file=str(file), size=checkpoint.size, root=checkpoint.root, heads=heads)
    else:
        words = "wrote down" if new else "has already"
        result().print(visible(f"{file} {words} the head of {checkpoint.size:,} leaves: {counted(heads, 'head')}."))
    return 0


def _hold(desk: "Desk", target: Target) -> "MunimentError | None":
    from muniment.evidence.errors import MunimentError, StoreFault
    from muniment.evidence.store import anchor as anchors

    store = desk.store
    checkpoint = store.checkpoint()
    if anchors.anchor_state(store.path, target.name).size >= checkpoint.size:
        return None
    try:
        size, at = target.hold(checkpoint)
        anchors.note_anchored(store.path, target.name, size, at)
    except MunimentError as error:
        with contextlib.suppress(StoreFault):  # a note that cannot be written must not cost the run
            anchors.note_failure(store.path, target.name, error, desk.clock())
        return error
    return None


def _authority(desk: "Desk", authority: "Authority", *, first: bool) -> Target:
    import hashlib

    from muniment.evidence.errors import IntegrityError
    from muniment.evidence.store import anchor as anchors
    from muniment.evidence.store.timestamp import ask_authority, believe_token, load_certificates
    from muniment.evidence.store.waiting import keep_token

    url = authority.url
    mark = "" if first else hashlib.sha256(url.encode()).hexdigest()[:8]

    def hold(checkpoint: "Checkpoint") -> "tuple[int, datetime]":
        token = ask_authority(url, checkpoint.note)
        believe_token(token, load_certificates(authority.certificates), where=url)
        if abs(token.at - desk.clock()) > anchors.CLOCK_TOLERANCE:
            raise IntegrityError(
                "our clock and the authority's differ by more than five minutes, so its timestamp is not kept",
                where=url,
                mend="set the clock: later records would look backdated",
                code="anchor.clock",
            )
        keep_token(desk.store.path, checkpoint.size, token, mark=mark)
        return checkpoint.size, token.at

    return Target(f"timestamp {url}", hold)


def _remote(desk: "Desk", reference: str) -> Target:
    from muniment.evidence.store.anchor import anchor_state
    from muniment.evidence.store.remote import push_to_remote

    # A remote that is named by a variable is known by the variable: the state must be readable without it.
    name = f"remote {reference if reference.startswith('env:') else remote_at(reference, desk.root).shown}"

    def hold(checkpoint: "Checkpoint") -> "tuple[int, datetime]":  # noqa: ARG001 - the branch goes as it is
        store = desk.store.path
        pushed = anchor_state(store, name).size
        return push_to_remote(store, remote_at(reference, desk.root), pushed=pushed), desk.clock()

    return Target(name, hold)
