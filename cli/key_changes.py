"""What changes of the keys have in common: proposed in a file or stored, pinned, entered and told."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.evidence.store import Signer, Trust
    from muniment.evidence.store.proposal import Proposal


def proposed_or_stored(
    desk: "Desk",
    proposal: "Proposal",
    signers: "Sequence[Signer]",
    writer: "Signer",
    *,
    propose: Path | None,
    destroy: bool = False,
    to: str | None = None,
    as_json: bool,
) -> int:
    """Write the change to the file where one is named, for others to sign; else store it, as `stored` does."""
    if propose:
        return _proposed(proposal, signers, propose, as_json=as_json)
    return stored(desk, proposal, signers, writer, destroy=destroy, to=to, as_json=as_json)


def _proposed(proposal: "Proposal", signers: "Sequence[Signer]", path: Path, *, as_json: bool) -> int:
    """Write the change with the signatures of this machine, for others to sign."""
    from muniment.cli.console import print_json, result
    from muniment.evidence import UsageError

    if path.exists():
        raise UsageError("there is a file already", where=str(path), mend="name a new one", code="proposal.exists")
    for signer in signers:
        proposal = proposal.signed_by(signer)
    proposal.dump(path)
    version, names = proposal.changed.version, ", ".join(signer.name for signer in signers)
    if as_json:
        print_json("muniment.keys-proposed/1", version=version, path=str(path), signatures=len(proposal.signatures))
    else:
        result().print(
            f"Version {version} of the keys is proposed in {path}, signed by {names}; nothing is stored yet."
        )
        result().print(f"Others sign it with `muniment keys sign {path}`, then `muniment keys apply {path}` stores it.")
    return 0


def stored(
    desk: "Desk",
    proposal: "Proposal",
    signers: "Sequence[Signer]",
    writer: "Signer",
    *,
    destroy: bool = False,
    to: str | None = None,
    as_json: bool,
) -> int:
    """Store the change and say so; a new key beside the old one takes its place."""
    desk.store.change_keys(proposal.changed, signers, writer, at=desk.clock(), subject=proposal.subject)
    workspace, words = desk.workspace, proposal.message
    if workspace.signing is None and writer.public != desk.signer.public:
        kept = _put_in_place(workspace.key_path, None if to else new_beside(workspace.key_path), destroy=destroy)
        words += f" Its private half lies in {kept}." if kept else " Its private half is destroyed." if destroy else ""
    words += f" Write `signing: {to}` in muniment.yaml." if to else ""
    return _changed(desk, writer, words, proposal, as_json=as_json)


def _changed(desk: "Desk", signer: "Signer", words: str, proposal: "Proposal", *, as_json: bool) -> int:
    """Pin the version that this side has just made, enter why, have it anchored, and say what changed."""
    from muniment.cli.anchoring import anchor_head
    from muniment.cli.console import print_json, result, tell_error, visible
    from muniment.cli.deciding import made

    trust = desk.store.trust()
    write_pin(desk, trust)
    at = desk.clock()
    desk.store.decide(made(at, desk.actor(), "key.rotated", proposal.reason, proposal.about), signer=signer, at=at)
    for fault in anchor_head(desk):
        tell_error(fault, as_json=False)
    if as_json:
        print_json("muniment.keys-change/1", version=trust.version, message=words)
    else:
        result().print(visible(words))
        result().print(f"Version {trust.version} of the keys is pinned in {desk.workspace.trust_path}.")
    return 0


def write_pin(desk: "Desk", trust: "Trust") -> None:
    """Pin these keys on this side."""
    path = desk.workspace.trust_path
    new = path.with_name(path.name + ".new")
    trust.dump(new)
    new.replace(path)


def new_beside(path: Path) -> Path:
    """Where a new key waits to take the place of the one at this path."""
    return path.with_name(path.name + ".new")


def new_key(path: Path, name: str) -> "Signer":
    """The key at this path: a new one, or the one that a rotation which was broken off has left."""
    from muniment.evidence.store import Signer

    return Signer.load(path) if path.exists() else Signer.generate(path, name=name)


def _put_in_place(path: Path, new: Path | None, *, destroy: bool) -> Path | None:
    """The new key takes the name of the old one, which goes aside or is destroyed; gives where the old one lies now.

    At no time is there no key at `path`: whatever breaks this off, running the command again finishes it.
    """
    from muniment.evidence.store.keys import aside, destroyed, put

    old = path
    if new is not None:
        old = aside(path)
        put(new, path)
    if destroy:
        destroyed(old)
    return None if destroy else old
