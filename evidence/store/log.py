"""The log as it is read: its head, its commits, and the files that their statements cover.

Every read is checked on the way: git's object against its name, the file against the digest in the signed statement.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from muniment.evidence.errors import IntegrityError, StoreFault
from muniment.evidence.model import digest
from muniment.evidence.store import layout, statement
from muniment.evidence.store.append import Head
from muniment.evidence.store.database import Database
from muniment.evidence.store.keys import Trust
from muniment.evidence.store.merkle import Tree, leaf_hash
from muniment.evidence.store.note import opened_checkpoint
from muniment.evidence.store.objects import parse_commit
from muniment.evidence.store.rotation import StoredTrust
from muniment.evidence.store.statement import Statement

_Document = TypeVar("_Document", bound=BaseModel)


@dataclass(frozen=True)
class LogEntry:
    """One commit of the log: the path of its statement, and the size of the log after it."""

    commit: str
    statement: str
    size: int

    @cached_property
    def run(self) -> int | None:
        """The number of the run that the entry belongs to."""
        return layout.run_number(self.statement)


class Log:
    """The log in the repository at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = Database(path)
        self._history: tuple[LogEntry, ...] = ()
        self._leaves: Tree | None = None
        self._tree_of: tuple[str, str] = ("", "")  # the last commit that was asked for, and its tree
        self._head: Head | None = None  # as it was verified last, or signed by ourselves
        self._trusts: dict[str, Trust] = {}  # by the object that holds it

    @property
    def commit(self) -> str:
        """The id of the head commit.

        Raises:
            StoreFault: the repository has no log.
            IntegrityError: the branch is gone or damaged.
        """
        commit = self.database.reference(layout.BRANCH)
        if commit is not None:
            return commit
        if (self.path / "logs" / layout.BRANCH).exists():
            raise IntegrityError(
                "the branch of the log is gone",
                where=f"{self.path}: {layout.BRANCH}",
                mend=f"the last line of logs/{layout.BRANCH} says where it pointed",
                code="ref.missing",
            )
        raise _not_a_store(self.path)

    def log_file(self) -> layout.LogFile:
        """What the log says of itself.

        Raises:
            StoreFault: it is no log, or one of a later format.
        """
        try:
            data = self.database.blob_at(self._tree(), layout.LOG)
        except KeyError as error:
            raise _not_a_store(self.path) from error
        try:
            log = layout.LogFile.model_validate_json(data)
        except ValidationError as error:
            raise _unknown_format(self.path) from error
        if log.format != layout.FORMAT:
            raise _unknown_format(self.path, log.format)
        return log

    def trust(self) -> Trust:
        """Who may sign, as the newest version in the store says."""
        return self._trust(self._tree())

    def trusts(self) -> tuple[StoredTrust, ...]:
        """All versions of who may sign, the oldest first; nothing of them is believed."""
        return stored_trusts(self.database, self._tree())

    def head(self) -> Head:
        """The head of the log, its checkpoint verified and its right edge held against the checkpoint.

        Raises:
            IntegrityError: the head is not what was signed.
        """
        commit = self.commit  # asked for once: a writer may move the branch between two questions
        if self._head is not None and self._head.commit == commit:
            return self._head
        tree = parse_commit(self.database.read(commit, "commit")).tree
        trust = self._trust(tree)
        checkpoint = opened_checkpoint(self._file(tree, layout.CHECKPOINT).decode("utf-8", "replace"), trust)
        edge = parsed(layout.FrontierFile, self._file(tree, layout.FRONTIER), layout.FRONTIER)
        frontier = edge.frontier
        if (frontier.size, frontier.root) != (checkpoint.size, checkpoint.root_hash):
            raise IntegrityError(
                "the right edge of the tree does not lead to the signed root",
                where=f"{self.path}: {layout.FRONTIER}",
                mend="`muniment verify` says what was altered",
                code="frontier.mismatch",
            )
        self._head = Head(commit, tree, checkpoint, frontier, edge.runs)
        return self._head

    def remember(self, head: Head, before: Head | None, entry: LogEntry) -> None:
        """Take what was just committed for the head, while the branch names it: what we signed we need not verify."""
        self._head, self._tree_of = head, (head.commit, head.tree)
        if self._history and before is not None and self._history[-1].commit == before.commit:
            self._history = (*self._history, entry)

    def history(self) -> tuple[LogEntry, ...]:
        """Every commit of the log, oldest first; only what is new since the last call is read."""
        tip = self._history[-1].commit if self._history else None
        new: list[LogEntry] = []
        commit: str | None = self.commit
        while commit is not None and commit != tip:
            parsed_commit = parse_commit(self.database.read(commit, "commit"))
            try:
                trailers = parsed_commit.trailers
                new.append(LogEntry(commit, trailers["Entry"], int(trailers["Tree-Size"])))
            except (KeyError, ValueError) as error:
                raise IntegrityError(
                    "the commit does not say what it appended", where=f"commit {commit}", code="commit.malformed"
                ) from error
            commit = parsed_commit.parents[0] if parsed_commit.parents else None
        if new or commit is None:
            self._history = (*(self._history if commit is not None else ()), *reversed(new))
        return self._history

    def file(self, path: str) -> bytes:
        """A file of the head that must be there.

        Raises:
            IntegrityError: it is not, or it is damaged.
        """
        return self._file(self._tree(), path)

    def find(self, path: str) -> bytes | None:
        """A file of the head, or None where there is none."""
        try:
            return self.database.blob_at(self._tree(), path)
        except KeyError:
            return None

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder of the head; none where there is no such folder."""
        tree = self.database.tree(self._tree())
        for part in folder.split("/"):
            if part not in tree:
                return ()
            tree = self.database.tree(tree[part][1])
        return tuple(tree)

    def statement(self, entry: LogEntry, trust: Trust) -> Statement:
        """The statement of an entry, its signature verified."""
        return statement.opened(self.file(entry.statement), entry.statement, trust)

    def covered(self, covering: Statement, path: str) -> bytes:
        """A file whose digest is the one that the statement signs.

        Raises:
            IntegrityError: it is another.
        """
        return self._covered(self._tree(), covering, path)

    def record_lines(self, covering: Statement, needle: bytes = b"") -> Iterator[tuple[int, bytes]]:
        """Leaf index and bytes of each record of an entry, or of those that hold `needle`."""
        leaf, tree = covering.predicate.first_leaf, self._tree()
        for page in covering.predicate.pages:
            if layout.is_record_page(page.path):
                data = self._covered(tree, covering, page.path)
                if needle in data:
                    lines = enumerate(layout.split(data), start=leaf)
                    yield from lines if not needle else ((at, line) for at, line in lines if needle in line)
            leaf += page.leaves

    def leaves(self) -> Tree:
        """All leaf hashes as a Merkle tree.

        Raises:
            IntegrityError: they do not lead to the signed root.
        """
        checkpoint = self.head().checkpoint
        if self._leaves is None or self._leaves.size != checkpoint.size:
            trust = self.trust()
            self._leaves = Tree(
                [
                    hashed
                    for entry in self.history()
                    if entry.size <= checkpoint.size
                    for hashed in self._leaf_hashes(self.statement(entry, trust))
                ]
            )
        if self._leaves.root() != checkpoint.root_hash:
            raise IntegrityError(
                "the leaves do not lead to the signed root", where=str(self.path), code="checkpoint.root"
            )
        return self._leaves

    def _covered(self, tree: str, covering: Statement, path: str) -> bytes:
        data = self._file(tree, path)
        if digest(data) != covering.digests.get(path):
            raise IntegrityError("the file is not the one that was signed", where=path, code="file.altered")
        return data

    def _trust(self, tree: str) -> Trust:
        path = _trust_paths(self.database, tree)[-1]
        folder = self.database.tree(tree).get(layout.KEYS)
        held = self.database.tree(folder[1]).get(path.removeprefix(f"{layout.KEYS}/")) if folder else None
        name = held[1] if held else ""
        if name not in self._trusts:
            self._trusts[name] = parsed(Trust, self._file(tree, path), path)
        return self._trusts[name]

    def _file(self, tree: str, path: str) -> bytes:
        try:
            return self.database.blob_at(tree, path)
        except KeyError as error:
            raise IntegrityError("the file is missing", where=path, code="file.missing") from error

    def _tree(self) -> str:
        commit = self.commit
        if self._tree_of[0] != commit:
            self._tree_of = (commit, parse_commit(self.database.read(commit, "commit")).tree)
        return self._tree_of[1]

    def _leaf_hashes(self, covering: Statement) -> list[bytes]:
        listed = covering.predicate.leaf_hashes
        if listed is not None:
            return layout.leaf_hashes(self.covered(covering, listed))
        pages = (self.covered(covering, page.path) for page in covering.predicate.pages)
        return [leaf_hash(line) for page in pages for line in layout.split(page)]


def open_log(path: Path) -> Log:
    """The log at a path, if there is one that this version can read; nothing of it is verified.

    Raises:
        StoreFault: there is none, or it is of a later format.
        IntegrityError: its first file cannot be read.
    """
    if not path.exists():
        raise StoreFault(
            "there is no store here", where=str(path), mend="`muniment init` makes one", code="store.missing"
        )
    if not (path / "objects").is_dir() or not (path / "HEAD").is_file():
        raise _not_a_store(path)
    log = Log(path)
    log.log_file()
    return log


def stored_trusts(database: Database, tree: str) -> tuple[StoredTrust, ...]:
    """The versions of who may sign that a tree holds, the oldest first.

    Raises:
        IntegrityError: one cannot be read, or they are not numbered without a gap.
    """
    chain = []
    for version, path in enumerate(_trust_paths(database, tree), start=1):
        try:
            line = database.blob_at(tree, path).removesuffix(b"\n")
        except KeyError as error:
            raise IntegrityError("the store does not say who may sign", where=path, code="root.missing") from error
        trust = parsed(Trust, line, path)
        if (layout.trust_version(path), trust.version) != (version, version):
            raise IntegrityError("the versions of the keys are not counted through", where=path, code="root.missing")
        chain.append(StoredTrust(trust, line))
    return tuple(chain)


def _trust_paths(database: Database, tree: str) -> list[str]:
    """The paths of the versions, in their order; the first is always named."""
    folder = database.tree(tree).get(layout.KEYS)
    names = database.tree(folder[1]) if folder else {}
    found = {path for name in names if layout.trust_version(path := f"{layout.KEYS}/{name}") is not None}
    return [layout.ROOT, *sorted(found - {layout.ROOT}, key=lambda path: layout.trust_version(path) or 0)]


def parsed(kind: type[_Document], data: bytes, path: str) -> _Document:
    """The document in a file.

    Raises:
        IntegrityError: it is not of this kind.
    """
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise IntegrityError(
            f"this is not a {kind.__name__}: {error.errors()[0]['msg']}", where=path, code="file.malformed"
        ) from error


def _not_a_store(path: Path) -> StoreFault:
    return StoreFault(
        "this is not an evidence store", where=str(path), mend="name another folder", code="store.foreign"
    )


class LaterFormat(StoreFault):
    """The store was written by a later version: what is asked of this one cannot be, and nothing is broken."""

    exit_code = 2
    code = "store.future"


def _unknown_format(path: Path, number: int | None = None) -> LaterFormat:
    what = f"the store is of format {number}" if number else "the store is of a format that this version does not know"
    return LaterFormat(
        f"{what}; this version knows format {layout.FORMAT}" if number else what,
        where=f"{path}: {layout.LOG}",
        mend="install the Muniment that wrote it, or a later one",
    )
