"""One commit of the log, put together: leaves, right edge, statement, checkpoint, tree, signature, pack. Reads nothing.

The same draft on the same head with the same clock and key gives the same bytes, down to the id of the commit.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from muniment.evidence.model import canonical, digest, utc
from muniment.evidence.store import sshsig, statement
from muniment.evidence.store.keys import Signer
from muniment.evidence.store.layout import CHECKPOINT, FRONTIER, FrontierFile, joined
from muniment.evidence.store.merkle import Frontier, leaf_hashes
from muniment.evidence.store.note import Checkpoint, signed_checkpoint
from muniment.evidence.store.objects import Pack, Tree, format_commit, with_signature
from muniment.evidence.store.statement import Entry, FileDigest, Page, Statement, Subject


@dataclass(frozen=True)
class Head:
    """What the log is at one commit: its tree, its signed checkpoint, its right edge, and how many runs have begun."""

    commit: str
    tree: str
    checkpoint: Checkpoint
    frontier: Frontier
    runs: int


@dataclass(frozen=True)
class Draft:
    """What is to be appended: `pages` holds the leaves by path, in order; `runs` counts the runs afterwards.

    `files` are stored beside the leaves and covered by the statement, without being leaves: anchors. `cosigners` sign
    the statement too.
    """

    kind: str
    subject: str
    statement: str
    pages: Mapping[str, Sequence[bytes]]
    runs: int
    leaf_hashes: str | None = None
    cosigners: Sequence[Signer] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Composed:
    """A commit that is ready to be handed to git; `head` is what the log is with it."""

    head: Head
    message: str
    pack: Pack = field(repr=False)


def compose(
    draft: Draft, head: Head | None, origin: str, signer: Signer, at: datetime, trees: Callable[[str], Tree]
) -> Composed:
    """The commit that appends `draft` to `head`, or that begins the log where there is no head."""
    before = head.frontier if head else Frontier()
    hashes = leaf_hashes(line for lines in draft.pages.values() for line in lines)
    after = before.extended(hashes)
    files = {path: joined(lines) for path, lines in draft.pages.items()} | dict(draft.files)
    files[FRONTIER] = canonical(FrontierFile.of(after, draft.runs)) + b"\n"
    if draft.leaf_hashes is not None:
        files[draft.leaf_hashes] = joined(hashed.hex().encode() for hashed in hashes)
    entry = Entry(
        origin=origin,
        kind=draft.kind,
        at=utc(at),
        first_leaf=before.size,
        previous_root=_spelled(before.root),
        pages=tuple(Page(path=path, leaves=len(lines)) for path, lines in draft.pages.items()),
        leaf_hashes=draft.leaf_hashes,
        size=after.size,
        root=_spelled(after.root),
    )
    files[draft.statement] = statement.sealed(
        Statement(subject=_subjects(files), predicate=entry), *draft.cosigners, signer
    )
    checkpoint = signed_checkpoint(origin, after.size, after.root, signer)
    files[CHECKPOINT] = checkpoint.note.encode()

    pack = Pack()
    tree = pack.update_tree(files, trees, head.tree if head else None)
    message = f"{draft.subject}\n\nEntry: {draft.statement}\nTree-Size: {after.size}\nRoot: {_spelled(after.root)}\n"
    parents = (head.commit,) if head else ()
    unsigned = format_commit(tree, parents, identity(signer), int(at.timestamp()), message)
    commit = pack.add("commit", with_signature(unsigned, sshsig.sign(unsigned, signer)))
    return Composed(Head(commit, tree, checkpoint, after, draft.runs), message, pack)


def identity(signer: Signer) -> str:
    """Author and committer of a commit: the signer's name, and the fingerprint of the key in place of an address."""
    name = re.sub(r"[<>\x00-\x1f]", "", signer.name).strip() or "muniment"
    return f"{name} <{signer.fingerprint}>"


def _subjects(files: Mapping[str, bytes]) -> tuple[Subject, ...]:
    return tuple(
        Subject(name=path, digest=FileDigest(sha256=digest(data).removeprefix("sha256:")))
        for path, data in sorted(files.items())
    )


def _spelled(root: bytes) -> str:
    return f"sha256:{root.hex()}"
