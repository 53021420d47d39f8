"""`muniment anchor`: have the head of the store stamped outside, or say how that stands."""

import contextlib
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.evidence.errors import MunimentError
    from muniment.evidence.store.anchor import AnchorState


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(anchor)


def anchor(
    context: typer.Context,
    status: Annotated[bool, typer.Option("--status", help="Only say how it stands; ask nobody.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Have the authority of muniment.yaml stamp the head of the store; the next run stores the timestamp."""
    from muniment.cli.console import print_json, result
    from muniment.cli.desk import desk_of
    from muniment.evidence import UsageError
    from muniment.evidence.store.anchor import anchor_state

    desk = desk_of(context)
    if desk.workspace.anchoring is None:
        raise UsageError(
            "no authority is named", where="muniment.yaml", mend="write `anchors: {authority: URL, certificates: …}`"
        )
    fault = None if status else anchor_head(desk)
    if fault is not None:
        raise fault
    size, state = desk.store.checkpoint().size, anchor_state(desk.store.path)
    if as_json:
        print_json("muniment.anchor/1", size=size, anchored=state.to_json())
    else:
        result().print(standing(size, state))
    return 0


def anchor_head(desk: "Desk") -> "MunimentError | None":
    """Have the head stamped, unless it is or nobody is to do it. What hinders it is noted, and never stops a run."""
    from muniment.evidence.errors import IntegrityError, MunimentError, StoreFault
    from muniment.evidence.store import anchor as anchors
    from muniment.evidence.store.timestamp import ask_authority, believe_token, load_certificates

    anchoring, store = desk.workspace.anchoring, desk.store
    checkpoint = store.checkpoint()
    if anchoring is None or anchors.anchor_state(store.path).size >= checkpoint.size:
        return None
    url = anchoring.authority
    try:
        token = ask_authority(url, checkpoint.note)
        believe_token(token, load_certificates(anchoring.certificates), where=url)
        if abs(token.at - desk.clock()) > anchors.CLOCK_TOLERANCE:
            raise IntegrityError(
                "our clock and the authority's differ by more than five minutes, so its timestamp is not kept",
                where=url,
                mend="set the clock: later records would look backdated",
                code="anchor.clock",
            )
        anchors.keep_token(store.path, checkpoint.size, token)
    except MunimentError as error:
        with contextlib.suppress(StoreFault):  # a note that cannot be written must not cost the run
            anchors.note_failure(store.path, error, desk.clock())
        return error
    return None


def standing(size: int, state: "AnchorState") -> str:
    """How anchoring stands, in a sentence."""
    from muniment.evidence import rfc3339

    anchored = f"anchored at {state.size:,} leaves, {rfc3339(state.at)}" if state.at else "never anchored"
    if state.size >= size:
        return f"The head is {anchored}."
    failed = f"; the last attempt failed: {state.failure}" if state.failure else ""
    return f"The head of {size:,} leaves waits for its timestamp ({anchored}){failed}."
