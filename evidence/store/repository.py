"""What is checked of the git repository beside the log: references, packs, and what could lead git astray."""

from collections.abc import Iterator
from pathlib import Path

from muniment.evidence.errors import IntegrityError
from muniment.evidence.store.database import Database
from muniment.evidence.store.fault import Fault
from muniment.evidence.store.layout import BRANCH

_ASTRAY = {
    "objects/info/alternates": "the store borrows objects from another repository",
    "shallow": "the history is cut off for git",
    "info/grafts": "the history is bent for git",
}


def repository_faults(database: Database, *, sums: bool = True) -> Iterator[Fault]:
    """Faults of the repository itself; without `sums` the packs are not read from end to end."""
    if sums:
        for pack_fault in database.pack_faults():
            yield Fault.of(pack_fault)
    for name, what in _ASTRAY.items():
        if (database.folder / name).exists():
            yield Fault("repository.astray", name, what)
    head = database.folder / "HEAD"
    if not head.is_file() or head.read_bytes() != f"ref: {BRANCH}\n".encode():
        yield Fault("ref.head", "HEAD", f"it does not name {BRANCH}")
    for name in sorted(database.references()):
        if name.startswith(("refs/heads/", "refs/replace/")) and name != BRANCH:
            yield Fault("ref.unexpected", name, "no reference but the log's own belongs here")


def head_commit(database: Database) -> tuple[str | None, tuple[Fault, ...]]:
    """The id of the head commit. Where the branch is lost, git's own journal of it is asked, and that is a fault."""
    try:
        commit = database.reference(BRANCH)
    except IntegrityError as error:
        return _last_of(journal(database.folder)), (Fault.of(error),)
    if commit is not None:
        return commit, ()
    return _last_of(journal(database.folder)), (Fault("ref.missing", BRANCH, "the branch of the log is gone"),)


def journal(folder: Path) -> dict[str, tuple[str, str]]:
    """Commit → (the commit before it, its subject), as git noted each move of the branch. Nobody signs this."""
    path = folder / "logs" / BRANCH
    if not path.is_file():
        return {}
    noted: dict[str, tuple[str, str]] = {}
    for line in path.read_text("utf-8", "replace").splitlines():
        head, _, subject = line.partition("\t")
        words = head.split(" ")
        if len(words) > 2:
            noted[words[1]] = (words[0], subject)
    return noted


def _last_of(noted: dict[str, tuple[str, str]]) -> str | None:
    return next(reversed(noted), None)
