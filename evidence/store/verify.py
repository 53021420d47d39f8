"""Whether a store is what was signed: every commit from the first to the last, and fail closed.

All that is in the tree must be covered by a signed statement; what is unsigned, extra, missing, signed by an unknown
key, out of order or altered is a fault of its own, in a sentence that names the file, the run and, where it can be
known, the record. The reader pins origin and keys on his own side; without that, a store can only be held against
itself, and the report says so.

Not seen from inside: a key holder who rewrites everything, or who drops the last runs. Only a checkpoint that someone
kept outside (`witness`) shows that.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from muniment.evidence.errors import IntegrityError
from muniment.evidence.store import layout
from muniment.evidence.store.anchor import (
    CLOCK_TOLERANCE,
    Anchor,
    Entered,
    judge_anchors,
    unknown_sizes,
    waiting_anchors,
)
from muniment.evidence.store.database import Database
from muniment.evidence.store.examine import Examiner, Standing
from muniment.evidence.store.fault import Fault, place
from muniment.evidence.store.keys import Trust
from muniment.evidence.store.log import open_log, stored_trusts
from muniment.evidence.store.note import Checkpoint, opened_checkpoint
from muniment.evidence.store.objects import Commit, parse_commit
from muniment.evidence.store.portions import Link, examined
from muniment.evidence.store.repository import head_commit, journal, repository_faults
from muniment.evidence.store.rotation import StoredTrust, pin_fault, revoked_faults
from muniment.evidence.store.since import base_at, earlier_notes, keys_at
from muniment.evidence.store.waiting import rewritten, stamped_sizes
from muniment.evidence.store.witness import WitnessFile, witness_faults

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


@dataclass(frozen=True)
class VerifyReport:
    """What verification found. `pinned` says whether the keys were given by the reader or taken from the store itself.

    `open_runs` began and never ended; `unknown` names signed leaves of kinds that this version does not know. Neither
    is a fault. `anchors` are the timestamps that hold, `waiting` those that no run has stored yet; `entries` are the
    commits.
    """

    checkpoint: Checkpoint | None
    runs: int
    records: int
    faults: tuple[Fault, ...]
    pinned: bool
    open_runs: tuple[int, ...] = ()
    unknown: tuple[str, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    decisions: int = 0
    since: int | None = None
    waiting: tuple[Anchor, ...] = ()
    entries: tuple[Entered, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything is what was signed."""
        return not self.faults


def verify_store(
    path: Path,
    trust: Trust | None,
    *,
    witness: Checkpoint | None = None,
    witnesses: Sequence[WitnessFile] = (),
    authorities: "tuple[Certificate, ...]" = (),
    since: Checkpoint | None = None,
    progress: Callable[[int, int], None] | None = None,
    processes: int | None = None,
) -> VerifyReport:
    """Verify the store at `path`.

    Args:
        path: the store.
        trust: origin and keys, as the reader pinned them; None takes the store's own word for them.
        witness: a checkpoint that was kept outside: the store must be a continuation of it.
        witnesses: files of such checkpoints that a second person keeps.
        authorities: the certificates of timestamp authorities that the reader pinned; without any, whose a timestamp
            is cannot be said, and it proves no time.
        since: a checkpoint up to which the store was verified before: only what came after it is looked at.
        progress: called with the number of commits done and of all.
        processes: how many may be at work; by itself as many as there are processors, where the log is long.

    Raises:
        StoreFault: there is no store to verify, or it is of a format that this version does not know.
    """
    with contextlib.suppress(IntegrityError):  # to be told in full below
        open_log(path)
    database = Database(path)
    head, faults = head_commit(database)
    chain, broken = _chain(database, head, since.size if since else None)
    pinned = trust is not None
    trust, doubted = _believed(database, chain, trust)
    faults += doubted
    if trust is None:  # nobody says whose signatures to believe
        lost = (link for link in chain if isinstance(link, Fault))
        return VerifyReport(None, 0, 0, (*faults, *lost, *broken, *repository_faults(database)), pinned)
    if any(fault.code == "log.origin" for fault in doubted):  # each thing in it is another's: that says nothing more
        return VerifyReport(None, 0, 0, tuple(faults), pinned)

    examiner = Examiner(database, trust)
    base = _resumed(examiner, database, chain, since)
    if since is not None and base is None:  # then nothing is taken on trust
        chain, broken = _chain(database, head, None)
    found = [*faults, *examined(examiner, database, chain, progress, processes)]
    anchors, wrong = _anchored(examiner, path, base, authorities)
    found += [*_revoked(examiner, anchors, pinned=bool(authorities)), *wrong, *broken]
    files = [_newer(file, since if base else None) for file in witnesses]
    found += _kept_outside(examiner, (witness, since), files)
    found += repository_faults(database, sums=base is None)
    waiting = waiting_anchors(path, examiner.gathered.sighted.notes, authorities)
    report = _report(examiner, found, anchors, pinned=pinned)
    return replace(report, since=since.size if since and base else None, waiting=tuple(waiting))


def _report(examiner: Examiner, faults: Sequence[Fault], anchors: Sequence[Anchor], *, pinned: bool) -> VerifyReport:
    gathered = examiner.gathered
    return VerifyReport(
        checkpoint=examiner.checkpoint,
        runs=examiner.runs,
        records=gathered.records,
        faults=tuple(faults),
        pinned=pinned,
        open_runs=examiner.open_runs,
        unknown=tuple(gathered.unknown),
        anchors=tuple(anchors),
        decisions=gathered.decisions,
        entries=tuple(gathered.sighted.entries),
    )


def _revoked(examiner: Examiner, anchors: Sequence[Anchor], *, pinned: bool) -> Iterator[Fault]:
    """What a key signed that is not believed any more; the newest keys still name those that signed before."""
    stamped = [(anchor.size, anchor.at) for anchor in anchors if anchor.trusted]
    return revoked_faults(examiner.gathered.signed, examiner.trust, stamped, pinned=pinned, patience=CLOCK_TOLERANCE)


def _kept_outside(
    examiner: Examiner, checkpoints: Sequence[Checkpoint | None], files: Sequence[WitnessFile]
) -> Iterator[Fault]:
    """The log continues each checkpoint that was kept outside, and those that a second person keeps."""
    for kept in checkpoints:
        yield from _witnessed(examiner, kept, examiner.trust)
    size = examiner.checkpoint.size if examiner.checkpoint else 0
    for file in files:
        yield from witness_faults(file, examiner.trust, size, examiner.gathered.roots.get)


def _anchored(
    examiner: Examiner, path: Path, base: Commit | None, authorities: "tuple[Certificate, ...]"
) -> tuple[list[Anchor], list[Fault]]:
    """The timestamps that hold, and what is wrong with others, whether they were stored or lie beside the log."""
    sighted = examiner.gathered.sighted
    if base is not None:
        sizes = [*unknown_sizes(sighted), *stamped_sizes(path)]
        sighted.notes |= dict(earlier_notes(Database(path), base, sizes))
    anchors, wrong = judge_anchors(sighted, authorities)
    size = examiner.checkpoint.size if examiner.checkpoint else 0
    return anchors, [*wrong, *rewritten(path, sighted.notes, examiner.trust, size)]


def _believed(database: Database, chain: list[Link], trust: Trust | None) -> tuple[Trust | None, tuple[Fault, ...]]:
    """Whose signatures to believe: the reader's pin, or else the store's first word, and what speaks against it."""
    try:
        own = _own_trusts(database, chain)
        foreign = None if trust is None else pin_fault(own, trust)
    except IntegrityError as error:
        return trust, (Fault.of(error),)
    return (own[0].trust, ()) if foreign is None else (trust, (foreign,))


def _resumed(examiner: Examiner, database: Database, chain: "list[Link]", since: Checkpoint | None) -> Commit | None:
    """The commit of the checkpoint that was kept, taken out of the chain; None where the log does not continue it."""
    if since is None or not chain or isinstance(chain[0], Fault):
        return None
    _, commit = chain[0]
    try:
        keys, at = keys_at(database, commit.tree)
        if keys[0].trust != examiner.trust:
            return None
        base = base_at(database, commit, since, keys[-1].trust)
        examiner.resume(Standing(base, keys[-1].trust, keys[-1], at, verified=base.tree, open={}))
    except IntegrityError:
        return None
    del chain[0]
    return commit


def _newer(file: WitnessFile, since: Checkpoint | None) -> WitnessFile:
    """The lines that are not older than what was verified before."""
    if since is None:
        return file
    return replace(file, lines=tuple(line for line in file.lines if line.checkpoint.size >= since.size))


def _chain(database: Database, head: str | None, since: int | None) -> tuple[list[Link], list[Fault]]:
    """The commits from the first to the last; in place of one that cannot be read, the fault that says so.

    Where `since` is given, the first is the commit after which the log had so many leaves, if there is one.

    Where a commit is gone, git's journal of the branch says which it was and which came before it. Nobody signs that
    journal: it only helps to name the damage and to go on looking.
    """
    noted = journal(database.folder)
    links: list[Link] = []
    extra: list[Fault] = []
    name, seen = head, set[str]()
    while name is not None and name not in seen:
        seen.add(name)
        try:
            commit = parse_commit(database.read(name, "commit"))
        except IntegrityError as error:
            before, subject = noted.get(name, (None, ""))
            links.append(_lost(name, subject, error))
            name = before if before and before.strip("0") else None
            continue
        links.append((name, commit))
        if len(commit.parents) > 1:
            extra.append(Fault("commit.merge", f"commit {name[:12]}", "the log is one line; this commit joins two"))
        if since is not None and commit.trailers.get("Tree-Size") == str(since):
            break
        name = commit.parents[0] if commit.parents else None
    return links[::-1], extra


def _lost(name: str, subject: str, error: IntegrityError) -> Fault:
    code = "commit.missing" if error.code == "object.missing" else "commit.damaged"
    what = f"the commit cannot be read ({error.what})"
    noted = f"; by git's own journal it was: {subject}" if subject else ""
    return Fault(code, place(f"commit {name[:12]}", subject.partition(":")[0]), what + noted)


def _own_trusts(database: Database, chain: list[Link]) -> tuple[StoredTrust, ...]:
    """The versions of the keys that the store itself names.

    The first is read from the first commit that can be read, before anybody could rewrite it, the later ones from the
    last.
    """
    trees = [link[1].tree for link in chain if not isinstance(link, Fault)]
    if not trees:
        raise IntegrityError("no commit of the log can be read", where=layout.BRANCH, code="log.unreadable")
    try:
        line = database.blob_at(trees[0], layout.ROOT)
        first = StoredTrust(Trust.model_validate_json(line), line.removesuffix(b"\n"))
    except (KeyError, ValidationError) as error:
        raise IntegrityError("the store does not say who may sign", where=layout.ROOT, code="root.missing") from error
    try:
        return (first, *stored_trusts(database, trees[-1])[1:])
    except IntegrityError:
        return (first,)  # what is wrong with the later ones is told where they were written


def _witnessed(examiner: Examiner, witness: Checkpoint | None, trust: Trust) -> Iterator[Fault]:
    """The store continues the checkpoint that was kept outside."""
    if witness is None:
        return
    where = f"checkpoint of {witness.size} leaves"
    try:
        opened_checkpoint(witness.note, trust)
    except IntegrityError as error:
        yield Fault("witness.invalid", where, f"what was kept outside is no checkpoint of this log: {error.what}")
        return
    size = examiner.checkpoint.size if examiner.checkpoint else 0
    if size < witness.size:
        yield Fault("history.shorter", where, f"the log has {size} leaves now: what came after was taken away")
    elif examiner.gathered.roots.get(witness.size) != witness.root:
        yield Fault("history.rewritten", where, "the log is not a continuation of it: its history was rewritten")
