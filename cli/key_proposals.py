"""`muniment keys sign` and `apply`: a change of the keys that goes round, because they are not on one machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.cli.keys import Json, keys_app

if TYPE_CHECKING:
    from muniment.evidence.store import Trust
    from muniment.evidence.store.proposal import Proposal


def register(_: typer.Typer) -> None:
    """Add the commands to the group of the keys."""
    keys_app.command()(sign)
    keys_app.command()(apply)


def sign(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The proposed change, as --propose wrote it.")],
    key: Annotated[str | None, typer.Option(help="The key that signs; otherwise the workspace's.")] = None,
    trust: Annotated[
        Path | None, typer.Option(help="The keys as you know them (trust.json); otherwise the workspace's.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Sign a proposed change of the keys, on whatever machine your key is. Read first what it does."""
    from muniment.cli.console import print_json, result, visible
    from muniment.cli.desk import desk_of
    from muniment.evidence.store import Trust
    from muniment.evidence.store.keyring import signer_at
    from muniment.evidence.store.proposal import Proposal, differences

    proposal = Proposal.load(file)
    pinned = Trust.load(trust) if trust else desk_of(context).trust
    proposal.follows(pinned)
    signer = signer_at(key, Path.cwd()) if key else desk_of(context).signer
    signed = proposal.signed_by(signer)
    signed.dump(file)
    words = differences(pinned, proposal.changed)
    if as_json:
        print_json("muniment.keys-signed/1", changes=words, signatures=len(signed.signatures), by=signer.fingerprint)
        return 0
    for each in words:
        result().print(visible(each))
    result().print(visible(f"Why: {proposal.reason}."))
    result().print(visible(f"{signer.name} has signed that; {_gathered(signed, pinned)}."))
    return 0


def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The proposed change, signed by enough keys.")],
    destroy: Annotated[
        bool, typer.Option("--destroy", help="Destroy the private half of the key that ended with it.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Store a proposed change of the keys that enough of them have signed."""
    from muniment.cli.desk import desk_of
    from muniment.cli.key_changes import new_beside, stored
    from muniment.evidence.store.keyring import signer_at
    from muniment.evidence.store.proposal import Proposal

    desk, proposal = desk_of(context), Proposal.load(file)
    now = desk.store.trusts()[-1].trust
    if proposal.changed != now:  # otherwise an earlier call was broken off after it was stored
        proposal.follows(now)
    beside = new_beside(desk.workspace.key_path)
    writer = signer_at(f"file:{beside}", desk.root) if _brings(proposal, beside) else desk.signer
    return stored(desk, proposal, [desk.signer, *proposal.signers()], writer, destroy=destroy, as_json=as_json)


def _gathered(proposal: "Proposal", pinned: "Trust") -> str:
    """How many signatures a change has of those that it needs: of the keys as they are, and of its own."""
    signed = {each.keyid for each in proposal.signatures}
    parts = [
        f"{len(signed & {key.fingerprint for key in trust.keys if key.changes_keys})} of {trust.threshold} by {whose}"
        for trust, whose in ((pinned, "the keys as they are"), (proposal.changed, "the keys as they will be"))
    ]
    return " and ".join(parts)


def _brings(proposal: "Proposal", beside: Path) -> bool:
    """Whether the key that waits beside the old one is one of those that the change adds."""
    from muniment.evidence.store import Signer

    return beside.exists() and Signer.load(beside).fingerprint in proposal.about
