"""`--since`: the earlier pack that a new one is compared with, verified before anything of it is believed."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.exports.changes import Earlier

LAST = "last"


def earlier_pack(desk: "Desk", asked: str, framework: str) -> "Earlier":
    """The pack at that path; `last` is the newest of the framework that the log says was built.

    Raises:
        UsageError: there is none, or it is of another framework.
        IntegrityError: it does not verify, or the log of this store does not continue the one that it rests on.
    """
    from muniment.evidence.errors import UsageError

    path = _last(desk, framework) if asked == LAST else Path(asked)
    if not path.is_file():
        raise UsageError("there is no such pack", where=str(path), mend="name the PDF or ZIP of a pack, or `last`")
    before = read_pack(desk, path)
    if before.framework != framework:
        raise UsageError(
            f"the earlier pack is of {before.framework}, not of {framework}",
            where=str(path),
            mend="name a pack of the same framework",
        )
    return before


def read_pack(desk: "Desk", path: Path) -> "Earlier":
    """What a pack of this log says, once it verifies.

    Raises:
        IntegrityError: it does not verify, or the log of this store does not continue the one that it rests on.
    """
    from muniment.evidence.errors import IntegrityError
    from muniment.exports.changes import earlier
    from muniment.exports.verify import manifest_of, verify_pack

    report = verify_pack(path, desk.trust)
    if not report.ok:
        first = report.faults[0]
        raise IntegrityError(
            f"the earlier pack does not verify, so nothing is compared with it: {first.message}",
            where=str(path),
            mend=f"`muniment verify {path.name}` names every fault",
            code=first.code,
        )
    before = earlier(manifest_of(path.read_bytes()))
    size = desk.store.checkpoint().size
    if before.size > size or desk.store.root(before.size) != before.root:
        raise IntegrityError(
            f"the log does not continue the one that {before.id} rests on",
            where=str(path),
            mend="find out which store was changed: the pack is signed, and so is the log",
            code="since.fork",
        )
    return before


def _last(desk: "Desk", framework: str) -> Path:
    """The file in `packs/` of the newest pack of the framework that is not redacted, and whose digest the log has."""
    from muniment.cli.packing import FOLDER
    from muniment.evidence import digest
    from muniment.evidence.decision import DecisionKind
    from muniment.evidence.errors import UsageError

    built = [
        each.decision
        for each in desk.store.decisions()
        if each.decision.kind == DecisionKind.PACK_BUILT
        and each.decision.payload.get("framework") == framework
        and each.decision.payload.get("audience") != "redacted"
    ]
    if not built:
        raise UsageError(f"the log knows of no earlier pack of {framework}", mend="leave out `--since` for the first")
    named = built[-1].refers_to
    for form in ("zip", "pdf"):
        path = desk.root / FOLDER / f"{named[0]}.{form}"
        if path.is_file() and digest(path.read_bytes()) in named:
            return path
    raise UsageError(
        f"{named[0]}, the last pack of {framework}, does not lie in {FOLDER}/ as it was built",
        mend="name its file: `--since PATH`",
    )
