"""`muniment verify`: is the store, or a pack, what was signed?"""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from muniment.cli.desk import Desk
    from muniment.evidence.store import Checkpoint, Fault, Trust, VerifyReport
    from muniment.evidence.store.witness import WitnessFile
    from muniment.exports.signed import Pinned
    from muniment.exports.verify import PackReport

INTEGRITY = 4


@dataclass(frozen=True)
class Outside:
    """What a store is held against beside its own signatures."""

    authorities: "tuple[Certificate, ...]"
    remotes: tuple[str, ...] = ()
    witnesses: "tuple[WitnessFile, ...]" = ()
    since: "Checkpoint | None" = None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(help="A store, or a pack's PDF or ZIP; without one, the workspace's store.")
    ] = None,
    trust: Annotated[
        Path | None,
        typer.Option(
            "--trust",
            "--root",
            help="The pinned origin and keys (trust.json); otherwise the workspace's, if there is one.",
        ),
    ] = None,
    authority: Annotated[
        Path | None,
        typer.Option(help="The timestamp authority's root certificate (PEM); otherwise the workspace's."),
    ] = None,
    roots: Annotated[
        Path | None,
        typer.Option(help="Certificates (PEM) that a pack's PDF signature must lead to; otherwise the workspace's."),
    ] = None,
    remote: Annotated[
        list[str] | None,
        typer.Option(help="A second repository that the store is held against: a URL, a path, or env:NAME."),
    ] = None,
    witness: Annotated[
        list[Path] | None,
        typer.Option(help="A file of earlier heads that a second person keeps: the store must continue each."),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(help="A checkpoint, or a witness's file, up to which it was verified before: only look further."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Verify the store or a pack, and name each fault."""
    from muniment.cli.desk import desk_of
    from muniment.evidence.errors import UsageError

    pinned = _pinned(context, trust, needed=path is None)
    target = path or desk_of(context).workspace.store_path
    if not target.exists():
        raise UsageError(f"there is nothing at {target}", mend="name a store's folder, or a pack's PDF or ZIP")
    if target.is_dir():
        witnesses = tuple(_witness(each) for each in witness or ())
        outside = Outside(_authorities(context, authority), tuple(remote or ()), witnesses, _newest(since))
        own = desk_of(context) if path is None else None
        return _verify_store(target, pinned, outside, own, as_json=as_json)
    if remote or witness or since:
        raise UsageError("a pack is held against no repository, witness or checkpoint", mend="name the store with them")
    return _verify_pack(target, pinned, _signers(context, roots, authority), as_json=as_json)


def _pinned(context: typer.Context, trust: Path | None, *, needed: bool) -> "Trust | None":
    """The trust that was named, or the workspace's; None where a file is verified outside any workspace."""
    from muniment.cli.desk import desk_of
    from muniment.evidence.errors import UsageError
    from muniment.evidence.store import Trust

    if trust is not None:
        return Trust.load(trust)
    try:
        return desk_of(context).trust
    except UsageError:
        if needed:
            raise
        return None


def _signers(context: typer.Context, named: Path | None, authority: Path | None) -> "Pinned | None":
    """What a PDF signature must lead to: the certificates that were named, or the workspace's; None for neither."""
    from muniment.cli.clock import now
    from muniment.cli.desk import desk_of
    from muniment.evidence.errors import UsageError
    from muniment.evidence.store.timestamp import load_certificates
    from muniment.exports.signed import Pinned

    at = now()
    if named is None:
        try:
            desk = desk_of(context)
        except UsageError:
            return None
        signature, at = desk.workspace.signature, desk.clock()
        named = signature.roots if signature else None
    if named is None:
        return None
    return Pinned(load_certificates(named), _authorities(context, authority), at)


def _newest(since: Path | None) -> "Checkpoint | None":
    """The newest checkpoint in a file that was kept.

    Raises:
        UsageError: it holds none.
    """
    if since is None:
        return None
    return max((line.checkpoint for line in _witness(since).lines), key=lambda checkpoint: checkpoint.size)


def _witness(path: Path) -> "WitnessFile":
    """The heads in a file that was kept.

    Raises:
        UsageError: it holds none, so that nothing could be held against it.
    """
    from muniment.evidence.errors import UsageError
    from muniment.evidence.store.witness import read_witness

    file = read_witness(path)
    if not file.lines:
        raise UsageError(
            "the witness's file holds no head, so it shows nothing",
            where=str(path),
            mend="ask who keeps it whether lines were taken out; `muniment anchor --witness FILE` writes one",
            code="witness.empty",
        )
    return file


def _authorities(context: typer.Context, named: Path | None) -> "tuple[Certificate, ...]":
    """The certificates that were named, or the workspace's; none where there is neither."""
    from muniment.cli.anchoring import pinned_certificates
    from muniment.cli.desk import desk_of
    from muniment.evidence.errors import UsageError
    from muniment.evidence.store.timestamp import load_certificates

    if named is not None:
        return load_certificates(named)
    try:
        anchoring = desk_of(context).workspace.anchoring
    except UsageError:
        return ()
    return pinned_certificates(anchoring)


def _verify_store(path: Path, trust: "Trust | None", outside: Outside, own: "Desk | None", *, as_json: bool) -> int:
    from muniment.cli.console import bar
    from muniment.cli.words import counted
    from muniment.evidence.store import verify_store

    with bar("Verifying", alone=True) as shown:
        report = verify_store(
            path,
            trust,
            authorities=outside.authorities,
            witnesses=outside.witnesses,
            since=outside.since,
            progress=shown,
        )
    held_against = [_against(path, reference) for reference in outside.remotes]
    outer = [each for each in held_against if not isinstance(each, dict)]
    if own is not None:
        outer += _overdue(own, report, outside, [each for each in held_against if isinstance(each, dict)])
    report = replace(report, faults=(*report.faults, *outer))
    held = sum(anchor.trusted for anchor in report.anchors)
    words = f"{counted(report.runs, 'run')}, {counted(report.records, 'record')}, {counted(held, 'trusted timestamp')}"
    facts = {"kind": "store", "runs": report.runs, "records": report.records, "pinned": report.pinned}
    if report.since is not None:
        words += f", looked at from leaf {report.since} on"
    if report.decisions:
        words += f", {counted(report.decisions, 'decision')}"
    facts |= {"decisions": report.decisions, "anchors": len(report.anchors), "anchors_trusted": held}
    if report.checkpoint is not None:
        facts |= {"size": report.checkpoint.size, "root": report.checkpoint.root}
    facts |= {"since": report.since}
    facts |= {"witnessed": sum(len(each.lines) for each in outside.witnesses)}
    facts |= {"remotes": [each for each in held_against if isinstance(each, dict)]}
    return _tell(path, report, words, facts, as_json=as_json)


def _overdue(
    own: "Desk", report: "VerifyReport", outside: Outside, remotes: "list[dict[str, Any]]"
) -> "tuple[Fault, ...]":
    """What muniment.yaml requires and is not there: timestamps by the tokens, the others by what was given or noted."""
    from muniment.cli.anchoring import held_by_notes, policy_faults

    held = held_by_notes(own)
    held["timestamp"] = max((each.size for each in (*report.anchors, *report.waiting) if each.trusted), default=0)
    if remotes:
        held["remote"] = max(each["size"] for each in remotes)
    if outside.witnesses:
        held["witness"] = max((line.checkpoint.size for file in outside.witnesses for line in file.lines), default=0)
    return policy_faults(own, held) if report.ok else ()


def _against(path: Path, reference: str) -> "Fault | dict[str, Any]":
    """How far a second repository follows the store, or the fault that it shows.

    Raises:
        CouldNotLook: it cannot be reached: that the store is in order is then not said.
    """
    from muniment.cli.anchoring import remote_at
    from muniment.evidence.errors import IntegrityError
    from muniment.evidence.store import Fault
    from muniment.evidence.store.remote import look_at_remote

    remote = remote_at(reference, Path.cwd())
    try:
        found = look_at_remote(path, remote)
    except IntegrityError as error:
        return Fault.of(error)
    return {"remote": remote.shown, "size": found.size, "behind": found.behind}


def _verify_pack(path: Path, trust: "Trust | None", signers: "Pinned | None", *, as_json: bool) -> int:
    from muniment.cli.words import counted
    from muniment.exports.verify import verify_pack

    report = verify_pack(path, trust, signers=signers)
    facts: dict[str, Any] = {"kind": "pack", "pinned": report.pinned, "sealed_by": report.sealed_by}
    words = "a pack"
    if report.facts is not None:
        words = f"pack {report.facts.id}, {counted(report.facts.records, 'record')}"
        facts |= {"pack": report.facts.id, "records": report.facts.records, "mark": report.facts.mark}
        hidden = report.facts.redacted
        facts |= {"redacted": {"records": hidden.records, "runs": hidden.runs, "decisions": hidden.decisions}}
        if report.facts.checkpoint is not None:
            facts |= {"size": report.facts.checkpoint.size, "root": report.facts.checkpoint.root}
    if report.signature is not None:
        from muniment.evidence import rfc3339

        told = vars(report.signature).items()
        facts |= {"signature": {name: rfc3339(each) if isinstance(each, datetime) else each for name, each in told}}
    return _tell(path, report, words, facts, as_json=as_json)


def _signature_words(told: dict[str, Any]) -> str:
    """Who signed the PDF, and when, in a sentence."""
    when = f"stamped {told['stamped_at']}" if told["stamped_at"] else f"{told['signed_at']} by the signer's clock"
    trust = (
        "which leads to what was pinned" if told["trusted"] else "and nobody was pinned who vouches for it (--roots)"
    )
    return (
        f"PDF signature {told['level']} by {told['subject']}, {when}; its certificate is by {told['issuer']}, {trust}."
    )


def _tell(path: Path, report: "VerifyReport | PackReport", words: str, facts: dict[str, Any], *, as_json: bool) -> int:
    """Say what was verified and name each fault. Exit code 4 where there is one."""
    from muniment.cli.console import print_json, result, talk, visible
    from muniment.cli.words import counted

    if as_json:
        faults = [{"code": each.code, "where": each.where, "message": each.message} for each in report.faults]
        print_json("muniment.verify/1", ok=report.ok, path=str(path), **facts, faults=faults)
        return 0 if report.ok else INTEGRITY
    console = result()
    if report.ok:
        console.print(f"✓ {path}: {words}, unaltered.", style="green")
        if "root" in facts:
            console.print(f"  {counted(facts['size'], 'leaf', 'leaves')}, root {facts['root']}")
        if any(facts.get("redacted", {}).values()):
            told = [counted(number, name[:-1]) for name, number in facts["redacted"].items() if number]
            console.print(f"  {', '.join(told)} redacted, proven by digest only; what they show is unproven.")
        if "signature" in facts:
            console.print("  " + visible(_signature_words(facts["signature"])))
        if facts.get("witnessed"):
            console.print(f"  It continues {counted(facts['witnessed'], 'head')} that a second person kept.")
        for each in facts.get("remotes", ()):
            console.print(f"  {visible(each['remote'])} holds {each['size']:,} of them, and no other history.")
    else:
        console.print(f"✗ {path}: {counted(len(report.faults), 'fault')}.", style="bold red")
    for fault in report.faults:
        console.print(f"  {fault.code}: {visible(fault.message)}\n    at {visible(fault.where)}")
    if not report.pinned:
        talk().print(
            "  The key was taken from the data itself, so this shows that nothing was altered since it was signed,\n"
            "  not who signed. Pin the signer's trust.json: `muniment verify PATH --trust trust.json`."
        )
    return 0 if report.ok else INTEGRITY
