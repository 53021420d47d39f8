"""Which record a damaged or altered page hits: the page is held against the leaf hashes that were signed with it."""

from collections.abc import Sequence

from muniment.evidence.record import End, record_id
from muniment.evidence.store.fault import Fault, place, run_place
from muniment.evidence.store.layout import split
from muniment.evidence.store.merkle import leaf_hash


def record_names(year: int, run: int, tasks: Sequence[str], end: End) -> tuple[str, ...]:
    """The ids of a run's records in the order in which they are stored: that of the plan, without the missing ones."""
    missing = set(end.missing)
    common = record_id(year, run, 0)[: -len("0000")]
    return tuple([f"{common}{at:04d}" for at, task in enumerate(tasks, start=1) if task not in missing])


def altered(run: int, path: str, page: bytes, signed: Sequence[bytes], names: Sequence[str]) -> tuple[Fault, ...]:
    """A page that is readable and is not the one that was signed: which records were altered, removed, added, moved.

    Args:
        run: the number of the run.
        path: the page.
        page: its bytes as they are now.
        signed: the leaf hashes that belong on it.
        names: the ids of the records that belong on it.
    """
    found = [leaf_hash(line) for line in split(page)]
    gone = [at for at, hashed in enumerate(signed) if hashed not in set(found)]
    new = [at for at, hashed in enumerate(found) if hashed not in set(signed)]
    if len(found) == len(signed) and gone == new:
        cases = [("record.altered", at, "is not the one that was signed") for at in gone]
    else:
        cases = [("record.removed", at, "was signed and is gone") for at in gone]
    faults = [Fault(code, _place(run, path, at, names), f"{_name(names, at)} {what}") for code, at, what in cases]
    if len(found) != len(signed) or gone != new:
        faults += [
            Fault("record.added", _place(run, path, at), f"line {at + 1} is a record that nobody signed") for at in new
        ]
    if not faults:
        what = "the records are those that were signed, in another order or spelling"
        faults = [Fault("record.moved", place(run_place(run), path), what)]
    return tuple(faults)


def unreadable(run: int, path: str, salvage: bytes, signed: Sequence[bytes], names: Sequence[str]) -> tuple[Fault, ...]:
    """A page that git can no longer give: the record at which it breaks, and how many after it are lost.

    `salvage` is what could be inflated before the damage; the other arguments are those of `altered`.
    """
    lines = split(salvage)
    intact = 0
    while intact < min(len(lines), len(signed)) and leaf_hash(lines[intact]) == signed[intact]:
        intact += 1
    if intact == len(signed):
        what = "git's wrapping of the page is damaged; all its records can still be read"
        return (Fault("page.damaged", place(run_place(run), path), what),)
    what = f"{_name(names, intact)} is damaged"
    after = len(signed) - intact - 1
    if after:
        what += f"; the {after} after it on the page, up to {_name(names, len(signed) - 1)}, cannot be relied on"
    return (Fault("record.damaged", _place(run, path, intact, names), what),)


def _place(run: int, path: str, line: int, names: Sequence[str] = ()) -> str:
    name = names[line] if line < len(names) else ""
    return place(run_place(run), path, f"line {line + 1}", name)


def _name(names: Sequence[str], at: int) -> str:
    return f"record {names[at]}" if at < len(names) else f"the record on line {at + 1}"
