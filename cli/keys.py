"""`muniment keys`: who may sign, and how that changes: added, put in another's place, revoked, pinned.

A change is a proposal that its own machine signs and stores at once, or that goes round for others to sign first.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.evidence.store import Signer, TrustedKey

keys_app = typer.Typer(help="Who may sign in the store, and changes of that.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
With = Annotated[
    list[str] | None,
    typer.Option("--with", help="A further key that signs the change: file:PATH, ssh-agent:SHA256:… or program:PATH."),
]
Propose = Annotated[
    Path | None,
    typer.Option(help="Store nothing; write the change to this new file, for others to sign with `keys sign`."),
]


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(keys_app, name="keys")


@keys_app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> int:
    """The keys of the store: whose they are, from when until when, and which were revoked."""
    from muniment.cli.console import print_json, result, table
    from muniment.cli.desk import desk_of

    desk = desk_of(context)
    trust, now = desk.store.trust(), desk.clock()
    if as_json:
        states = [{**key.to_json(), "fingerprint": key.fingerprint, "state": _state(key, now)} for key in trust.keys]
        print_json("muniment.keys/1", version=trust.version, threshold=trust.threshold, keys=states)
        return 0
    rows = [
        (
            _state(key, now),
            key.name,
            key.fingerprint,
            _span(key),
            key.reason or ("only " + key.only if key.only else ""),
        )
        for key in trust.keys
    ]
    result().print(table(["STATE", "NAME", "KEY", "FROM, UNTIL", "REMARK"], rows))
    result().print(f"\nVersion {trust.version} for {trust.origin}: {trust.threshold} of them must sign a change.")
    return 0


@keys_app.command()
def rotate(
    context: typer.Context,
    to: Annotated[
        str | None, typer.Option(help="The new key, as a reference; otherwise one is made beside the old file.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Whose the new key is; otherwise the old one's name.")] = None,
    with_: With = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "a new key takes the place of the old one",
    destroy: Annotated[
        bool, typer.Option("--destroy", help="Destroy the private half of the old key, once the new one is in force.")
    ] = False,
    propose: Propose = None,
    as_json: Json = False,
) -> int:
    """Put a new key in the place of the one that signs now. Both sign the change."""
    from muniment.cli.desk import desk_of
    from muniment.cli.key_changes import new_beside, new_key, proposed_or_stored
    from muniment.evidence import UsageError
    from muniment.evidence.store import rotation
    from muniment.evidence.store.keyring import signer_at
    from muniment.evidence.store.proposal import Proposal

    desk = desk_of(context)
    workspace, old, at = desk.workspace, desk.signer, desk.clock()
    if to is None and workspace.signing is not None:
        raise UsageError("the key is in no file, so none can be made beside it", mend="name the new one with --to")
    if propose and destroy:
        raise UsageError("a key is destroyed once the new one is in force", mend="give --destroy to `keys apply`")
    new = signer_at(to, desk.root) if to else new_key(new_beside(workspace.key_path), name or old.name)
    now = desk.store.trusts()[-1]
    known = now.trust.key(new.public)  # an earlier rotation was broken off after it was stored
    if known is not None and not known.valid_at(at):
        raise UsageError("the new key has ended already", where=to or "the key beside the old one", mend="--to another")
    changed = now.trust if known else rotation.in_place_of(now, old, new, at, name=name or "")
    proposal = Proposal(
        changed=changed,
        at=at,
        subject=f"Keys, version {changed.version}: {new.fingerprint} in place of {old.fingerprint}",
        message=f"{new.name}, {new.fingerprint}, signs from now on; {old.fingerprint} has ended.",
        reason=reason,
        about=(new.fingerprint, old.fingerprint),
    )
    signers = [old, new, *_others(desk, with_)]
    return proposed_or_stored(desk, proposal, signers, new, propose=propose, destroy=destroy, to=to, as_json=as_json)


@keys_app.command()
def add(
    context: typer.Context,
    key: Annotated[
        str,
        typer.Argument(help="The new key: file:PATH, ssh-agent:SHA256:…, program:PATH, or public:PATH with --propose."),
    ],
    name: Annotated[str | None, typer.Option(help="Whose it is; otherwise the name that comes with the key.")] = None,
    only: Annotated[
        str | None, typer.Option(help="`runs` if it may not change keys, `keys` if it may do nothing else.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "a further key may sign",
    threshold: Annotated[int | None, typer.Option(min=1, help="How many keys must sign a change from now on.")] = None,
    with_: With = None,
    propose: Propose = None,
    as_json: Json = False,
) -> int:
    """Let a further key sign. It signs the change itself, so that nobody names a key that he does not hold."""
    from muniment.cli.desk import desk_of, known
    from muniment.cli.key_changes import proposed_or_stored
    from muniment.evidence.store import rotation
    from muniment.evidence.store.keyring import signer_at
    from muniment.evidence.store.proposal import Proposal

    desk = desk_of(context)
    new, at = signer_at(key, desk.root), desk.clock()
    kind = None if only is None else known(only, ("runs", "keys"), "kind of key")
    changed = rotation.with_key(desk.store.trusts()[-1], new, at, only=kind, name=name or "")
    if threshold is not None:
        changed = rotation.with_threshold(changed, threshold)
    proposal = Proposal(
        changed=changed,
        at=at,
        subject=f"Keys, version {changed.version}: {new.fingerprint} is added",
        message=f"{name or new.name}, {new.fingerprint}, may sign from now on.",
        reason=reason,
        about=(new.fingerprint,),
    )
    signers = [desk.signer, *([] if key.startswith("public:") and propose else [new]), *_others(desk, with_)]
    return proposed_or_stored(desk, proposal, signers, desk.signer, propose=propose, as_json=as_json)


@keys_app.command()
def revoke(
    context: typer.Context,
    fingerprint: Annotated[str, typer.Argument(help="The key, SHA256:…, as `muniment keys list` shows it.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    since: Annotated[
        str | None,
        typer.Option(
            help="Since when it is not believed, an instant or a day; otherwise now. Earlier runs are disowned."
        ),
    ] = None,
    with_: With = None,
    propose: Propose = None,
    as_json: Json = False,
) -> int:
    """Revoke a key that was lost or stolen. Another key signs that; put one in its place first."""
    from muniment.cli.desk import desk_of
    from muniment.cli.key_changes import proposed_or_stored
    from muniment.cli.reading import instant
    from muniment.evidence import UsageError
    from muniment.evidence.store import rotation
    from muniment.evidence.store.proposal import Proposal

    desk = desk_of(context)
    if desk.signer.fingerprint == fingerprint:
        raise UsageError(
            "the key that signs now cannot revoke itself", mend="`muniment keys rotate` first, then revoke the old one"
        )
    at = desk.clock()
    changed = rotation.without(
        desk.store.trusts()[-1], fingerprint, at, since=instant(since, desk) if since else at, reason=reason
    )
    proposal = Proposal(
        changed=changed,
        at=at,
        subject=f"Keys, version {changed.version}: {fingerprint} is revoked",
        message=f"{fingerprint} is revoked.",
        reason=reason,
        about=(fingerprint,),
    )
    signers = [desk.signer, *_others(desk, with_)]
    return proposed_or_stored(desk, proposal, signers, desk.signer, propose=propose, as_json=as_json)


@keys_app.command()
def pin(context: typer.Context, as_json: Json = False) -> int:
    """Pin the newest version of the keys, if the store proves it from the one that is pinned."""
    from muniment.cli.console import print_json, result
    from muniment.cli.desk import desk_of
    from muniment.cli.key_changes import write_pin
    from muniment.evidence.errors import IntegrityError
    from muniment.evidence.store import verify_store

    desk = desk_of(context)
    report = verify_store(desk.workspace.store_path, desk.trust)
    if not report.ok:
        first = report.faults[0]
        raise IntegrityError(
            f"nothing is pinned from a store that is not what was signed: {first.message}",
            where=first.where,
            mend="`muniment verify` names every fault",
            code=first.code,
        )
    trust = desk.store.trust()
    write_pin(desk, trust)
    if as_json:
        print_json("muniment.pin/1", version=trust.version, path=str(desk.workspace.trust_path))
    else:
        result().print(f"Version {trust.version} of the keys is pinned in {desk.workspace.trust_path}.")
    return 0


def _others(desk: "Desk", references: Sequence[str] | None) -> "list[Signer]":
    from muniment.evidence.store.keyring import signer_at

    return [signer_at(each, desk.root) for each in references or ()]


def _state(key: "TrustedKey", now: datetime) -> str:
    if key.revoked is not None:
        return "revoked"
    return "valid" if key.valid_at(now) else "ended" if key.valid_until and key.valid_until <= now else "not begun"


def _span(key: "TrustedKey") -> str:
    from muniment.evidence import rfc3339

    begun = rfc3339(key.valid_from) if key.valid_from else "the beginning"
    ended = rfc3339(key.valid_until) if key.valid_until else "now"
    return f"{begun} – {ended}" + (f", not believed since {rfc3339(key.revoked)}" if key.revoked else "")
