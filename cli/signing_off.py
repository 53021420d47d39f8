"""`muniment sign-off`: a person's statement about one pack, bound to its digest and to the log that it rests on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.evidence.decision import Decision
    from muniment.exports.verify import PackReport

ROLES = ("prepared", "reviewed", "approved")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sign-off")(sign_off)


def sign_off(
    context: typer.Context,
    pack: Annotated[Path, typer.Argument(help="The pack's PDF or ZIP, as it is handed over.")],
    name: Annotated[str, typer.Option("--name", help="Who signs off.")],
    role: Annotated[str, typer.Option(help=f"As what: {', '.join(ROLES)}.")],
    statement: Annotated[str, typer.Option(help="What they state, in their words.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Record that a person signs off a pack, once it verifies."""
    from muniment.cli.console import print_json, result
    from muniment.cli.deciding import fields
    from muniment.cli.desk import desk_of, known

    desk = desk_of(context)
    role = known(role, ROLES, "role")
    decision = _decided(desk, pack, name, role, statement)
    (stored,) = desk.decide(decision)
    if as_json:
        print_json("muniment.decision-stored/1", **fields(stored))
    else:
        id_, sha256 = decision.refers_to
        result().print(f"{stored.id}: {decision.approver} {role} {id_}, {sha256}, stored as leaf {stored.leaf}.")
    return 0


def _decided(desk: "Desk", pack: Path, name: str, role: str, statement: str) -> "Decision":
    """The decision; `refers_to` holds the pack's id and the digest of the file.

    Raises:
        IntegrityError: the pack does not verify, or it rests on another log than this store's.
        UsageError: it is a draft, or the same person signed it in another role.
    """
    from muniment.cli.deciding import made, person
    from muniment.evidence import digest
    from muniment.exports.verify import verify_pack

    signer = person(name, "--name")
    report = verify_pack(pack, desk.trust)
    _stands(desk, pack, report)
    facts = report.facts
    assert facts is not None  # noqa: S101 - a report without faults has them
    assert facts.checkpoint is not None  # noqa: S101 - the same
    sha256 = digest(pack.read_bytes())
    _signs_once(desk, sha256, signer, role)
    return made(
        desk.clock(),
        desk.actor(),
        "signed_off",
        statement,
        (facts.id, sha256),
        approver=signer,
        role=role,
        origin=facts.checkpoint.origin,
        size=str(facts.checkpoint.size),
        root=facts.checkpoint.root,
    )


def _stands(desk: "Desk", pack: Path, report: "PackReport") -> None:
    """Refuse a pack that does not verify, a draft, and a pack of another log."""
    from muniment.evidence.errors import IntegrityError, UsageError

    if not report.ok or report.facts is None or report.facts.checkpoint is None:
        first = report.faults[0]
        raise IntegrityError(
            f"the pack does not verify, so nobody signs it off: {first.message}",
            where=str(pack),
            mend=f"`muniment verify {pack.name}` names every fault",
            code=first.code,
        )
    if report.facts.mark == "DRAFT":
        raise UsageError("a draft is not signed off", where=str(pack), mend="build the pack without --draft")
    checkpoint = report.facts.checkpoint
    if checkpoint.size > desk.store.checkpoint().size or desk.store.root(checkpoint.size) != checkpoint.root:
        raise IntegrityError(
            "the pack rests on another log than the one of this store",
            where=str(pack),
            mend="find out which was changed: the pack is signed, and so is the log",
            code="since.fork",
        )


def _signs_once(desk: "Desk", sha256: str, signer: str, role: str) -> None:
    """Whoever prepared a pack does not approve it, and nobody signs twice (separation of duties)."""
    from muniment.evidence.decision import same_person
    from muniment.evidence.errors import UsageError

    for each in desk.store.decisions():
        decision = each.decision
        if decision.kind != "signed_off" or sha256 not in decision.refers_to or not decision.approver:
            continue
        before = decision.payload.get("role")
        if same_person(decision.approver, signer) and (before == role or "prepared" in (before, role)):
            raise UsageError(
                f"{decision.approver} has {before} this pack already ({each.id})",
                mend="somebody else signs it off",
                code="decision.duties",
            )
