"""Where verification may begin: at a checkpoint that was verified before, and that the reader kept.

What stands before it is taken as it was. The right edge of the tree at that commit hashes to the root of the
checkpoint; every leaf that was appended since is added to it, and has to lead to the root that is signed now. That is
the proof of consistency (RFC 6962 section 2.1.2), made from the leaves and not only read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from pydantic import ValidationError

from muniment.evidence.errors import IntegrityError
from muniment.evidence.model import digest
from muniment.evidence.store import layout, statement
from muniment.evidence.store.database import Database
from muniment.evidence.store.keys import Trust
from muniment.evidence.store.layout import FrontierFile
from muniment.evidence.store.log import stored_trusts
from muniment.evidence.store.meaning import SeenStart, seen_start
from muniment.evidence.store.merkle import Frontier
from muniment.evidence.store.note import Checkpoint, opened_checkpoint
from muniment.evidence.store.objects import Commit, parse_commit
from muniment.evidence.store.rotation import StoredTrust, change_faults


@dataclass(frozen=True)
class Base:
    """The log at a commit that was verified before: its tree, its right edge, how many runs had begun."""

    tree: str
    checkpoint: Checkpoint
    frontier: Frontier
    runs: int


def base_at(database: Database, commit: Commit, kept: Checkpoint, trust: Trust) -> Base:
    """The state of the log at the commit of the checkpoint that was kept.

    Raises:
        IntegrityError: what was kept is no checkpoint of this log, the commit is not the one that it was made of, or it
            cannot be read.
    """
    opened_checkpoint(kept.note, trust)
    try:
        path = commit.trailers["Entry"]
        covering = statement.opened(database.blob_at(commit.tree, path), path, trust)
        data = database.blob_at(commit.tree, layout.FRONTIER)
        edge = FrontierFile.model_validate_json(data)
    except (KeyError, ValidationError) as error:
        raise _rewritten(kept) from error
    root = f"sha256:{edge.frontier.root.hex()}"
    if (edge.size, root) != (kept.size, kept.root) or covering.digests.get(layout.FRONTIER) != digest(data):
        raise _rewritten(kept)
    return Base(commit.tree, kept, edge.frontier, edge.runs)


def keys_at(database: Database, tree: str) -> tuple[tuple[StoredTrust, ...], datetime | None]:
    """The versions of the keys that a tree holds, and when the newest began to hold; None for the first.

    They are not taken as they were: each is held against the one before, because whose signatures count rests on them.

    Raises:
        IntegrityError: one cannot be read, or does not follow.
    """
    chain = stored_trusts(database, tree)
    at = None
    for old, new in pairwise(chain):
        path = layout.trust_path(new.trust.version, statement.SUFFIX)
        try:
            at = statement.opened(database.blob_at(tree, path), path, old.trust).predicate.at
            signatures = database.blob_at(tree, layout.trust_path(new.trust.version, layout.SIGNATURES))
        except KeyError as error:
            raise IntegrityError("the change of the keys is not signed", where=path, code="root.threshold") from error
        for fault in change_faults(old, new.line, new.trust, signatures, at):
            raise IntegrityError(fault.message, where=fault.where, code=fault.code)
    return chain, at


def begun_before(database: Database, tree: str | None, path: str) -> SeenStart | None:
    """The start of a run that had begun and not ended at that tree; `path` is where its end lies now."""
    if tree is None:
        return None
    folder = path.rpartition("/")[0]
    try:
        database.blob_at(tree, f"{folder}/{layout.END}")
    except KeyError:
        try:
            return seen_start(database.blob_at(tree, f"{folder}/{layout.START}"))
        except (KeyError, ValueError):
            return None
    return None


def earlier_notes(database: Database, commit: Commit, sizes: Sequence[int]) -> Iterator[tuple[int, str]]:
    """The checkpoints of these sizes, which a timestamp that was stored later may stamp, from the commit back."""
    wanted = set(sizes)
    while wanted and commit.parents:
        commit = parse_commit(database.read(commit.parents[0], "commit"))
        size = int(commit.trailers.get("Tree-Size", "0"))
        if size in wanted:
            yield size, database.blob_at(commit.tree, layout.CHECKPOINT).decode("utf-8", "replace")
        wanted = {each for each in wanted if each < size}


def _rewritten(kept: Checkpoint) -> IntegrityError:
    where = f"checkpoint of {kept.size} leaves"
    return IntegrityError("the commit is not the one of this checkpoint", where=where, code="history.rewritten")
