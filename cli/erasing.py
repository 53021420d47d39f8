"""`muniment erase` and `muniment unseal`: payloads that lie outside the store, and what is left when they are gone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.evidence import Sealed
    from muniment.evidence.decision import StoredDecision


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(erase)
    app.command()(unseal)


@dataclass(frozen=True)
class Payload:
    """A sealed payload and the record that commits to it; None where no record does, because its look was refused."""

    id: str
    sealed: "Sealed | None"
    record: str | None


def erase(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID", help="A payload (SP-…), or a record with payloads (EV-…).")],
    ground: Annotated[str, typer.Option(help="On what ground, such as `GDPR Art. 17(1)(b), consent withdrawn`.")],
    approver: Annotated[str, typer.Option(help="Who approves; never who asks.")],
    asked_by: Annotated[str | None, typer.Option(help="Who asks; otherwise you.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Erase a sealed payload for good: key, salt and ciphertext. The record, its status and every proof stay."""
    from muniment.cli.console import print_json, result
    from muniment.cli.deciding import made, person
    from muniment.cli.desk import desk_of
    from muniment.evidence.vault import Vault

    desk = desk_of(context)
    approved, asked = person(approver, "--approver"), person(asked_by or desk.actor().name, "--asked-by")
    vault, payloads = Vault(desk.root), _payloads(desk, id_)
    erased = erasures(desk)
    tombstones = [
        made(
            desk.clock(),
            desk.actor(),
            "erased",
            ground,
            [each.id, *([each.record] if each.record else [])],
            asked_by=asked,
            approver=approved,
            commitment=each.sealed.commitment if each.sealed else None,
        )
        for each in payloads
        if each.id not in erased
    ]
    kept = desk.decide(*tombstones)  # first the word, then the deed: what was killed between the two is done again
    gone = [each.id for each in payloads if vault.destroy(each.id)]
    if as_json:
        print_json("muniment.erased/1", payloads=[each.id for each in payloads], decisions=[each.id for each in kept])
        return 0
    for each in payloads:
        told = f"{each.id} of {each.record}" if each.record else f"{each.id}, to which no record commits"
        words = "was erased before" if each.id in erased and each.id not in gone else "is erased"
        result().print(
            f"{told} {words}. The record, its status and its proof stay." if each.record else f"{told}, {words}."
        )
    return 0


def unseal(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID", help="A payload (SP-…), or a record with one payload (EV-…).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new file, for your eyes alone.")],
    reason: Annotated[str, typer.Option(help="Why it is opened, for the log.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Open a sealed payload, hold it against what its record committed to, and note in the log who opened it."""
    from muniment.cli.console import print_json, result
    from muniment.cli.deciding import made
    from muniment.cli.desk import desk_of
    from muniment.evidence.errors import UsageError
    from muniment.evidence.vault import Vault

    desk = desk_of(context)
    found = [each for each in _payloads(desk, id_) if each.sealed is not None]
    if len(found) != 1 or found[0].sealed is None:
        names = ", ".join(each.id for each in found)
        raise UsageError(
            f"{id_} holds {len(found)} payloads, and one can be opened at a time",
            mend=f"name one of {names}" if names else "`muniment show` lists the payloads of a record",
        )
    if output.exists():
        raise UsageError("there is a file of that name", where=str(output), mend="name a new one")
    sealed = found[0].sealed
    data = Vault(desk.root).open(sealed)
    about = [sealed.id, *([found[0].record] if found[0].record else [])]
    (kept,) = desk.decide(made(desk.clock(), desk.actor(), "payload.opened", reason, about))
    output.touch(mode=0o600, exist_ok=False)
    output.write_bytes(data)
    if as_json:
        print_json("muniment.unsealed/1", path=str(output), size=len(data), payload=sealed.id, decision=kept.id)
    else:
        result().print(
            f"{output}: {len(data):,} bytes, as the record committed to them. The log notes it as {kept.id}."
        )
    return 0


def erasures(desk: "Desk") -> "dict[str, StoredDecision]":
    """What was erased: payload → the decision, its tombstone."""
    return {each.decision.refers_to[0]: each for each in desk.store.decisions() if each.decision.kind == "erased"}


def standing_of(desk: "Desk", sealed: "Sealed", erased: "dict[str, StoredDecision]") -> str:
    """How a payload stands, in words: kept, erased on which ground, or gone without a word."""
    from muniment.evidence.vault import Vault
    from muniment.exports.text import instant

    if sealed.id in erased:
        decision = erased[sealed.id].decision
        return f"erased on {instant(decision.at)}, ground: {decision.reason}; approved by {decision.approver}"
    return {
        "kept": "kept",
        "incomplete": "cannot be opened any longer: its key or its ciphertext is missing, and nobody erased it",
        "gone": "missing, and nobody erased it",
    }[Vault(desk.root).state(sealed.id)]


def _payloads(desk: "Desk", id_: str) -> list[Payload]:
    """The payloads that an id names.

    Raises:
        UsageError: it names none.
    """
    from muniment.evidence.errors import UsageError
    from muniment.evidence.vault import Vault

    if id_.startswith("EV-"):
        try:
            record = desk.store.record(id_).record
        except KeyError as error:
            raise UsageError(f"the store has no record {id_!r}", mend="`muniment log` lists the runs") from error
        origin = record.outcome.origin if record.outcome.kind == "observed" else None
        found = [Payload(each.id, each, id_) for each in origin.sealed] if origin else []
    else:
        found = [each for each in sealed_in(desk) if each.id == id_]
        if not found and id_ in Vault(desk.root).ids():
            found = [Payload(id_, None, None)]
    if not found:
        raise UsageError(f"{id_} names no sealed payload", mend="`muniment show RECORD` lists the payloads of a record")
    return found


def sealed_in(desk: "Desk") -> Iterator[Payload]:
    """Every payload to which a record of the store commits."""
    for stored in desk.store.records():
        outcome = stored.record.outcome
        if outcome.kind == "observed":
            yield from (Payload(each.id, each, stored.record.id) for each in outcome.origin.sealed)
