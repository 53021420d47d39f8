"""`muniment decide`: what people decide enters the log; and the decisions that other commands add by themselves."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muniment.cli.desk import Desk
    from muniment.evidence import Actor, Content, Start
    from muniment.evidence.decision import Decision, StoredDecision
    from muniment.exports.model import Pack
    from muniment.exports.write import PackFile

# A person may not enter what a command enters when it happens: it would not have happened.
BY_HAND = (
    "attestation.made",
    "control.changed",
    "exception.granted",
    "gap.explained",
    "key.rotated",
    "pack.given",
    "signed_off",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(decide)


def decide(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(BY_HAND)}.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence.")],
    about: Annotated[
        list[str] | None, typer.Option(help="What it is about: a control, a record, a run, a pack; may be repeated.")
    ] = None,
    asked_by: Annotated[str | None, typer.Option(help="Who asks.")] = None,
    approver: Annotated[str | None, typer.Option(help="Who approves or signs; never who asks.")] = None,
    to: Annotated[str | None, typer.Option(help="With pack.given: who the pack was handed to.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Record a decision: an exception, an attestation, a signature, a pack handed over, a gap explained."""
    from muniment.cli.console import print_json, result
    from muniment.cli.desk import desk_of, known
    from muniment.evidence.errors import UsageError

    desk = desk_of(context)
    known(kind, BY_HAND, "kind of decision")
    if (kind == "pack.given") != (to is not None):
        raise UsageError(
            "`--to` names who a pack was handed to", mend="`muniment decide pack.given --to NAME --about PACK-ID`"
        )
    decision = made(
        desk.clock(),
        desk.actor(),
        kind,
        reason,
        about or (),
        asked_by=person(asked_by, "--asked-by") if asked_by else None,
        approver=person(approver, "--approver") if approver else None,
        to=person(to, "--to") if to else None,
    )
    (stored,) = desk.decide(decision)
    if as_json:
        print_json("muniment.decision-stored/1", **fields(stored))
    else:
        result().print(f"{stored.id}: {kind}, signed and stored as leaf {stored.leaf}.")
    return 0


def made(
    at: datetime,
    actor: "Actor",
    kind: str,
    reason: str,
    about: "Sequence[str]",
    *,
    asked_by: str | None = None,
    approver: str | None = None,
    **payload: str | None,
) -> "Decision":
    """A decision of a person; of the `payload`, what is None is left out.

    Raises:
        UsageError: nobody is named who has to be, or who approves is who asks.
    """
    from pydantic import ValidationError

    from muniment.evidence.decision import Decision
    from muniment.evidence.errors import UsageError

    try:
        return Decision(
            kind=kind,
            at=at,
            actor=actor,
            reason=reason,
            refers_to=tuple(about),
            asked_by=asked_by,
            approver=approver,
            payload={key: value for key, value in payload.items() if value is not None},
        )
    except ValidationError as error:
        what = error.errors()[0]["msg"].removeprefix("Value error, ")
        code = "decision.duties" if error.errors()[0]["type"] == "value_error" else "usage"
        raise UsageError(what, where=f"the decision `{kind}`", code=code) from error


def person(name: str, option: str) -> str:
    """A name as it may stand in the log for ever.

    Raises:
        UsageError: it is empty, or an address or a number is given in place of a name.
    """
    from muniment.evidence.errors import UsageError
    from muniment.evidence.sensitive import personal_in, secrets_in

    if not name.strip() or any(personal_in(name)) or any(secrets_in(name)):
        raise UsageError(
            f"{option} takes a name",
            mend="write the name of the person or the organisation, not an address or a number",
        )
    return name.strip()


def notice(desk: "Desk", actor: "Actor") -> "tuple[StoredDecision, ...]":
    """Record what changed in the register since the log last heard of it."""
    from muniment.controls.noticing import noticed

    return desk.decide(*noticed(desk.workspace, desk.store.decisions(), actor, desk.clock(), _authors(desk)))


def pack_built(desk: "Desk", pack: "Pack", files: "Sequence[PackFile]") -> "Decision":
    """That a pack was built; `refers_to` holds its id and the digest of each file."""
    from muniment.evidence.decision import Decision, DecisionKind

    identity = pack.identity
    return Decision(
        kind=DecisionKind.PACK_BUILT,
        at=desk.clock(),
        actor=desk.actor(),
        reason=f"{identity.framework.id}, {identity.period.start:%Y-%m-%d} to {identity.period.end:%Y-%m-%d}",
        refers_to=(identity.id, *(each.sha256 for each in files)),
        payload={
            "framework": identity.framework.id,
            "period": identity.period.to_json(),
            "version": identity.version,
            "mark": identity.mark,
            "size": pack.head.size,
            "root": pack.head.root,
            **({"audience": identity.audience} if identity.audience != "auditor" else {}),
            "forms": [each.path.suffix.lstrip(".") for each in files],
        },
    )


def handed_over(desk: "Desk", pack: str, receiver: str, files: "Sequence[PackFile]") -> "Decision":
    """That a pack was built for somebody."""
    from muniment.evidence.decision import Decision, DecisionKind

    return Decision(
        kind=DecisionKind.PACK_GIVEN,
        at=desk.clock(),
        actor=desk.actor(),
        reason="built for them",
        refers_to=(pack, *(each.sha256 for each in files)),
        payload={"to": receiver},
    )


def imported(desk: "Desk", start: "Start", content: "Content", format_: str) -> "Decision":
    """That a file of another tool was taken in."""
    from muniment.evidence.decision import Decision, DecisionKind

    controls = dict.fromkeys(control for task in start.plan.tasks for control in task.controls)
    return Decision(
        kind=DecisionKind.IMPORTED,
        at=desk.clock(),
        actor=desk.actor("import"),
        reason=start.plan.reason or "import",
        refers_to=(f"run {start.run}", content.sha256, *controls),
        payload={"format": format_, "size": content.size},
    )


def fields(stored: "StoredDecision") -> "dict[str, object]":
    """A decision as JSON, with its place in the log."""
    return {
        "id": stored.id,
        "leaf": stored.leaf,
        "digest": stored.digest,
        "decision": stored.decision.to_json(),
    }


def _authors(desk: "Desk") -> dict[str, str]:
    """Who last wrote each control, where the workspace lies in a git repository and the file is as committed."""
    from muniment.evidence.errors import CouldNotLook
    from muniment.evidence.store.foreign import ForeignRepository

    files: dict[Path, str | None] = {}
    workspace = desk.workspace
    try:
        repository = ForeignRepository(desk.root)
        authors: dict[str, str] = {}
        for check in workspace.checks:
            place = workspace.places.get(("check", check.id))
            if place is None:
                continue
            if place.file not in files:
                files[place.file] = repository.author(place.file.as_posix())
            if name := files[place.file]:
                authors[f"control:{check.control}"] = name
    except CouldNotLook:
        return {}
    return authors
