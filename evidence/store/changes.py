"""What one commit changed in the tree of the one before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from muniment.evidence.errors import IntegrityError
from muniment.evidence.store.database import Database
from muniment.evidence.store.fault import Fault, place, run_place
from muniment.evidence.store.layout import run_number
from muniment.evidence.store.objects import Tree, is_file, is_folder


@dataclass
class Changes:
    """Path → object name of the files that were added and removed; path → (old, new) of those that were rewritten."""

    added: dict[str, str] = field(default_factory=dict)
    removed: dict[str, str] = field(default_factory=dict)
    rewritten: dict[str, tuple[str, str]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def changes_between(database: Database, old: str | None, new: str) -> Changes:
    """The files that differ between two trees; a folder that cannot be read is a fault and is passed over."""
    changes = Changes()
    _compare(database, _entries(database, old, "", changes), _entries(database, new, "", changes), "", changes)
    return changes


def _compare(database: Database, old: Tree, new: Tree, folder: str, changes: Changes) -> None:
    for name, entry in new.items():
        before = old.get(name)
        if before == entry:
            continue
        path = folder + name
        if is_folder(entry):
            was = before[1] if before and is_folder(before) else None
            below = _entries(database, entry[1], path, changes)
            _compare(database, _entries(database, was, path, changes), below, path + "/", changes)
        elif not is_file(entry):
            where = place(run_place(run_number(path)), path)
            changes.faults.append(Fault("file.kind", where, "it is neither a plain file nor a folder"))
        elif before:
            changes.rewritten[path] = (before[1], entry[1])
        else:
            changes.added[path] = entry[1]
    for name in old.keys() - new.keys():
        _remove(database, old[name], folder + name, changes)


def _remove(database: Database, entry: tuple[bytes, str], path: str, changes: Changes) -> None:
    if not is_folder(entry):
        changes.removed[path] = entry[1]
        return
    for name, below in _entries(database, entry[1], path, changes).items():
        _remove(database, below, f"{path}/{name}", changes)


def _entries(database: Database, tree: str | None, path: str, changes: Changes) -> Mapping[str, tuple[bytes, str]]:
    if tree is None:
        return {}
    try:
        return database.tree(tree)
    except IntegrityError as error:
        changes.faults.append(Fault.of(error, run_place(run_number(path + "/")), f"folder {path or '/'}"))
        return {}
