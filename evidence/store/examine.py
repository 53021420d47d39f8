"""One commit of the log, held against the commits before it. Damage is told and stepped over, never raised.

The order of the rules, from the particular to the general: whether there is a signed statement; which files the commit
touched and whether the statement covers them; whether each is the one that was signed, down to the record; whether the
leaves lead from the old root to the new; whether the run makes sense; whether checkpoint, right edge and message say
the same; and who signed the commit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

import orjson
from pydantic import ValidationError

from muniment.evidence.decision import Decision, decision_id
from muniment.evidence.errors import IntegrityError
from muniment.evidence.model import digest
from muniment.evidence.record import End
from muniment.evidence.store import layout, naming, sshsig, statement
from muniment.evidence.store.anchor import Claim, Entered, Sighted
from muniment.evidence.store.changes import Changes, changes_between
from muniment.evidence.store.database import Database, ObjectDamaged
from muniment.evidence.store.fault import Fault, place, run_place
from muniment.evidence.store.keys import Trust, TrustedKey
from muniment.evidence.store.layout import FrontierFile, run_number
from muniment.evidence.store.meaning import (
    SeenRecord,
    SeenStart,
    end_faults,
    names_of,
    schema_of,
    seen_records,
    seen_start,
    start_faults,
)
from muniment.evidence.store.merkle import Frontier, leaf_hash
from muniment.evidence.store.note import Checkpoint, opened_checkpoint
from muniment.evidence.store.objects import Commit
from muniment.evidence.store.pages import (
    File,
    Looked,
    damaged_page,
    line_place,
    listed_hashes,
    looked_at,
    page_faults,
    unsigned,
)
from muniment.evidence.store.rotation import Signed, StoredTrust, change_faults
from muniment.evidence.store.since import Base, begun_before
from muniment.evidence.store.statement import Page, Statement


@dataclass(frozen=True)
class Standing:
    """All that a commit is held against: the log before it, the keys, and the runs that began and have not ended.

    `keys` is the version of the keys that holds, as the log has it, and `changed` since when, None for the first;
    `verified` is the tree from which on a reader had the log looked at.
    """

    base: Base
    trust: Trust
    keys: StoredTrust | None
    changed: datetime | None
    verified: str | None
    open: dict[int, SeenStart]


@dataclass
class Gathered:
    """What commits brought that is judged when all are known, and counts; `roots` are those of the log by its size."""

    records: int = 0
    decisions: int = 0
    roots: dict[int, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    signed: list[Signed] = field(default_factory=list)
    sighted: Sighted = field(default_factory=Sighted)

    def add(self, other: "Gathered") -> None:
        """What later commits brought."""
        self.records += other.records
        self.decisions += other.decisions
        self.roots |= other.roots
        self.unknown += other.unknown
        self.signed += other.signed
        self.sighted.notes |= other.sighted.notes
        self.sighted.claims += other.sighted.claims
        self.sighted.files += other.sighted.files
        self.sighted.entries += other.sighted.entries


class Examiner:
    """What is known after the commits so far: tree, right edge, number of runs, runs that have not ended."""

    def __init__(self, database: Database, trust: Trust) -> None:
        self._database = database
        self.trust = trust
        self._root: StoredTrust | None = None
        self._changed: datetime | None = None
        self._tree: str | None = None
        self.verified: str | None = None
        self._gap = False
        self._gapped = False
        self._frontier: Frontier | None = Frontier()
        self._runs: int | None = 0
        self._open: dict[int, SeenStart] = {}
        self.checkpoint: Checkpoint | None = None
        self.gathered = Gathered()

    @property
    def runs(self) -> int:
        """How many runs have begun."""
        return self._runs or 0

    @property
    def open_runs(self) -> tuple[int, ...]:
        """The runs that began and have not ended."""
        return tuple(sorted(self._open))

    @property
    def standing(self) -> Standing | None:
        """What the next commit will be held against; None after damage, when not all of it is known."""
        if self._gapped or self._frontier is None or self._runs is None or self._tree is None or not self.checkpoint:
            return None
        base = Base(self._tree, self.checkpoint, self._frontier, self._runs)
        return Standing(base, self.trust, self._root, self._changed, self.verified, dict(self._open))

    def resume(self, standing: Standing) -> None:
        """Go on from a commit that is taken to be as it says."""
        base = standing.base
        self._tree, self._frontier, self._runs, self.checkpoint = base.tree, base.frontier, base.runs, base.checkpoint
        self.trust, self._root, self._changed = standing.trust, standing.keys, standing.changed
        self.verified, self._open = standing.verified, dict(standing.open)
        self.gathered.roots[base.checkpoint.size] = base.checkpoint.root
        self.gathered.sighted.notes[base.checkpoint.size] = base.checkpoint.note

    def skip(self) -> None:
        """A commit could not be read: what follows it cannot be held against what was before."""
        self._gap, self._gapped, self._frontier, self._runs = True, True, None, None

    def examine(self, name: str, commit: Commit) -> list[Fault]:
        """The faults of the next commit."""
        path = commit.trailers.get("Entry", "")
        where = place(run_place(run_number(path)), f"commit {name[:12]}")
        faults: list[Fault] = []
        changes = changes_between(self._database, None if self._gap else self._tree, commit.tree)
        covering: Statement | None = None
        keys: tuple[TrustedKey, ...] = ()
        if path not in changes.added:
            faults.append(Fault("commit.unstated", where, "it brings no statement that would cover its files"))
        else:
            try:
                data = self._database.read(changes.added[path], "blob")
                covering, keys = statement.opened_by(data, path, self.trust)
                faults += self._alive(keys, where)
            except IntegrityError as error:
                faults.append(Fault.of(error, where, "" if error.where == path else path))
        if self._gap and covering is not None:
            changes = _only_covered(changes, covering, path)
        faults += [*changes.faults, *self._tampered(changes), *_uncovered(changes, covering, path)]
        if covering is not None:
            faults += self._content(covering, changes)
            self._sight(covering, changes, where)
            entry = covering.predicate
            names = tuple(key.fingerprint for key in keys)
            self.gathered.signed.append(Signed(entry.first_leaf, entry.size, entry.at, where, names))
        faults += [*self._head(commit, changes, covering, where), *self._signature(commit, where)]
        self._tree, self._gap = commit.tree, False
        return faults

    def _signature(self, commit: Commit, where: str) -> Iterator[Fault]:
        if commit.signature is None:
            yield Fault("commit.unsigned", where, "the commit carries no signature")
            return
        try:
            key = sshsig.verify(commit.payload, commit.signature, self.trust)
        except IntegrityError as error:
            yield Fault(error.code, where, error.what)
        else:
            yield from self._alive((key,), where)

    def _alive(self, keys: Sequence[TrustedKey], where: str) -> Iterator[Fault]:
        """A key that a change of the keys has ended signs nothing after that change, whatever time is claimed."""
        at = self._changed
        if at is not None and all(key.valid_until is not None and key.valid_until <= at for key in keys):
            yield Fault(
                "statement.key_ended", where, f"the key of {keys[0].name} ended with an earlier change of the keys"
            )

    def _sight(self, covering: Statement, changes: Changes, where: str) -> None:
        """Anchors that this commit stored, and the time that it claims. What cannot be read is told elsewhere."""
        entry = covering.predicate
        self.gathered.sighted.claims.append(Claim(entry.first_leaf, entry.at, where))
        self.gathered.sighted.entries.append(Entered(entry.size, entry.at))
        for path in covering.digests:
            if path.startswith(f"{layout.ANCHORS}/"):
                data = self._file(covering, changes, path).data
                if data is not None:
                    self.gathered.sighted.files.append((path, data))

    def _tampered(self, changes: Changes) -> Iterator[Fault]:
        """Files are written once: what an earlier commit wrote is never removed or changed."""
        for path in sorted(changes.removed):
            where = place(run_place(run_number(path)), path)
            yield Fault("file.removed", where, "the file was signed, and a later commit removed it")
        for path, (old, new) in sorted(changes.rewritten.items()):
            if path in layout.REWRITTEN:
                continue
            run = run_number(path)
            where = place(run_place(run), path)
            yield Fault("file.rewritten", where, "the file was signed, and a later commit changed it")
            if run is not None and layout.is_record_page(path):
                yield from self._rewritten_page(run, path, old, new)

    def _rewritten_page(self, run: int, path: str, old: str, new: str) -> Iterator[Fault]:
        try:
            before, after = self._database.read(old, "blob"), self._database.read(new, "blob")
            names = [record.id for record in seen_records(layout.split(before))]
        except (IntegrityError, ValueError):
            return  # the damage of the page itself was told where it was written
        yield from naming.altered(run, path, after, [leaf_hash(line) for line in layout.split(before)], names)

    def _content(self, covering: Statement, changes: Changes) -> Iterator[Fault]:
        """Files, leaves and the sense that they make; then the right edge is moved on."""
        entry = covering.predicate
        pages = {page.path for page in entry.pages if layout.is_record_page(page.path)}
        files = {path: self._file(covering, changes, path) for path in covering.digests if path not in pages}
        yield from (file.fault for file in files.values() if file.fault is not None)

        signed, wrong = listed_hashes(entry.leaf_hashes, files)
        yield from wrong
        looked: list[Looked] = []
        hashes: list[bytes] | None = []
        at = 0
        for page in entry.pages:
            span = slice(at, at + page.leaves)
            file = files.get(page.path) or self._page(covering, changes, page.path)
            belongs = None if signed is None else signed[span]
            found = belongs
            if file.data is None:
                yield from damaged_page(page, file, belongs, self._names(entry.pages, files)[span])
            else:
                looked.append(looked_at(page, entry.first_leaf + at, file.data))
                found = looked[-1].hashes
                yield from page_faults(page, found, belongs)
            hashes = None if hashes is None or found is None else hashes + found
            at += page.leaves
        yield from self._edge(covering, hashes)
        yield from self._sense(looked, whole=len(looked) == len(entry.pages))
        yield from self._rekey(covering, files)

    def _page(self, covering: Statement, changes: Changes, path: str) -> File:
        """A page of records; one that the statement names among the leaves and not among its files is unsigned."""
        return self._file(covering, changes, path) if path in covering.digests else File(None, fault=unsigned(path))

    def _file(self, covering: Statement, changes: Changes, path: str) -> File:
        """A file that the statement covers, read and held against its digest."""
        where = place(run_place(run_number(path)), path)
        object_id = changes.added.get(path) or changes.rewritten.get(path, ("", ""))[1]
        if not object_id:
            return File(None, fault=Fault("file.missing", where, "the file was signed and is not there"))
        try:
            data = self._database.read(object_id, "blob")
        except ObjectDamaged as error:
            return File(None, error.salvage, Fault("file.damaged", where, f"{error.where}: {error.what}"), broken=True)
        except IntegrityError as error:
            return File(None, fault=Fault("file.missing", where, f"{error.where}: {error.what}"))
        if digest(data) != covering.digests[path]:
            return File(None, data, Fault("file.altered", where, "the file is not the one that was signed"))
        return File(data)

    def _names(self, pages: tuple[Page, ...], files: dict[str, File]) -> tuple[str, ...]:
        """The ids of the records of this entry in leaf order, as far as start and end of the run can be read."""
        path = pages[-1].path if pages else ""
        start, end = self._open.get(run_number(path) or 0), files.get(path, File(None)).data
        if start is None or end is None or not path.endswith(f"/{layout.END}"):
            return ()
        try:
            return names_of(start, End.model_validate_json(end))
        except ValidationError:
            return ()

    def _edge(self, covering: Statement, hashes: list[bytes] | None) -> Iterator[Fault]:
        """The leaves lead from the old root to the new one; the right edge moves on."""
        entry, before = covering.predicate, self._frontier
        run = next((run_place(run_number(page.path)) for page in entry.pages), "")
        where = place(run, f"leaves from {entry.first_leaf}")
        if before is not None and (entry.first_leaf, entry.previous_root) != (before.size, _spelled(before.root)):
            yield Fault("leaf.order", where, f"the statement does not follow the log as it was, {before.size} leaves")
        self._frontier = None if before is None or hashes is None else before.extended(hashes)
        if self._frontier is not None and (entry.size, entry.root) != (
            self._frontier.size,
            _spelled(self._frontier.root),
        ):
            yield Fault("leaf.root", where, "the leaves do not lead to the root that was signed")

    def _sense(self, looked: Sequence[Looked], *, whole: bool) -> Iterator[Fault]:
        """What the leaves say. `whole` is False where a page of the entry could not be read."""
        records: list[SeenRecord] = []
        for each in looked:
            records += each.records or ()
            page, first, holds_records = each.page, each.first, layout.is_record_page(each.page.path)
            for at, line in enumerate(each.lines):
                try:
                    schema = schema_of(line)
                    if schema == "muniment.record/1" and holds_records:
                        records += seen_records([line])
                    elif schema == "muniment.start/1":
                        yield from self._begin(line, page.path, first + at)
                    elif schema == "muniment.end/1":
                        yield from self._end(End.model_validate_json(line), page.path, records, whole=whole)
                    elif schema == "muniment.log/1" or schema == "muniment.root/1":
                        yield from self._genesis(line, page.path, line_place(page, at))
                    elif schema == "muniment.decision/1":
                        self._decision(Decision.model_validate_json(line), first + at)
                    else:
                        self.gathered.unknown.append(f"{line_place(page, at)}: {schema}")
                        whole = False
                except ValueError as error:  # the errors of orjson and pydantic are ValueErrors
                    what = f"it cannot be understood: {_first_words(error)}"
                    yield Fault("leaf.malformed", line_place(page, at), what)
        self.gathered.records += len(records)
        if records:
            oldest = min(records, key=attrgetter("recorded"))
            self.gathered.sighted.claims.append(Claim(looked[0].first, oldest.recorded, f"record {oldest.id}"))

    def _begin(self, line: bytes, path: str, leaf: int) -> Iterator[Fault]:
        start = seen_start(line)
        expected = None if self._runs is None else self._runs + 1
        root = self.gathered.roots.get(leaf)
        yield from start_faults(line, start, path, expected, leaf, root)
        self._runs = start.run
        self._open[start.run] = start

    def _end(self, end: End, path: str, records: Sequence[SeenRecord], *, whole: bool) -> Iterator[Fault]:
        run = run_number(path) or 0
        start = self._open.pop(run, None) or begun_before(self._database, self.verified, path)
        if start is None and not self._gapped:
            yield Fault("run.end", place(run_place(run), path), "it ends a run that did not begin, or ended before")
        elif start is not None and whole:
            yield from end_faults(start, end, records, path)

    def _decision(self, decision: Decision, leaf: int) -> None:
        """It is counted, and may not claim a time before that of an anchor that it stands after."""
        self.gathered.decisions += 1
        self.gathered.sighted.claims.append(Claim(leaf, decision.at, f"decision {decision_id(decision.at.year, leaf)}"))

    def _genesis(self, line: bytes, path: str, where: str) -> Iterator[Fault]:
        """The two leaves of the first commit, which say whose log this is; later ones change the keys."""
        if self.checkpoint is not None and (layout.trust_version(path) or 1) == 1:
            yield Fault("root.changed", where, "origin or keys were changed, but not by a new version of the keys")
        elif path == layout.ROOT:
            self._root = StoredTrust(Trust.model_validate_json(line), line)
        origin = orjson.loads(line).get("origin")
        if origin != self.trust.origin:
            yield Fault("log.origin", where, f"this is the log of {origin}, not {self.trust.origin}")

    def _rekey(self, covering: Statement, files: dict[str, File]) -> Iterator[Fault]:
        """A new version of the keys holds from its own commit on, if it follows the one before."""
        for page in covering.predicate.pages:
            version = layout.trust_version(page.path)
            data = files.get(page.path, File(None)).data
            if version is None or version == 1 or data is None:
                continue
            if self._root is None:
                yield Fault("root.changed", page.path, "the version of the keys before it could not be read")
                return
            signatures = files.get(layout.trust_path(version, layout.SIGNATURES), File(None)).data or b""
            try:
                changed = StoredTrust(Trust.model_validate_json(data), data.removesuffix(b"\n"))
            except ValidationError:
                yield Fault("root.changed", page.path, "this is no list of trusted keys")
                return
            at = covering.predicate.at
            wrong = list(change_faults(self._root, changed.line, changed.trust, signatures, at))
            if changed.trust.version != version:
                wrong.append(Fault("root.version", page.path, f"it holds version {changed.trust.version}"))
            yield from wrong
            if not wrong:
                self.trust, self._root, self._changed = changed.trust, changed, at

    def _head(self, commit: Commit, changes: Changes, covering: Statement | None, where: str) -> Iterator[Fault]:
        """Checkpoint, right edge and message say what the statement says; after damage, they set the edge anew."""
        checkpoint = edge = None
        try:
            note = self._database.read(_object_of(layout.CHECKPOINT, changes), "blob").decode("utf-8", "replace")
            checkpoint = opened_checkpoint(note, self.trust)
            data = self._database.read(_object_of(layout.FRONTIER, changes), "blob")
            edge = FrontierFile.model_validate_json(data)
            led_to = (edge.size, _spelled(edge.frontier.root))
        except IntegrityError as error:
            yield Fault(
                error.code, place(where, layout.CHECKPOINT if checkpoint is None else layout.FRONTIER), error.what
            )
            return
        except ValidationError:
            yield Fault("frontier.malformed", place(where, layout.FRONTIER), "it is not the right edge of a tree")
            return
        head = (checkpoint.size, checkpoint.root)
        entry = covering.predicate if covering is not None else None
        if entry is not None and (entry.size, entry.root) != head:
            yield Fault(
                "checkpoint.root", place(where, layout.CHECKPOINT), "it is not the head that the leaves lead to"
            )
        if led_to != head or (self._runs is not None and edge.runs != self._runs):
            yield Fault("frontier.mismatch", place(where, layout.FRONTIER), "it does not fit the checkpoint")
        said = (commit.trailers.get("Tree-Size"), commit.trailers.get("Root"))
        if said != (str(checkpoint.size), checkpoint.root):
            yield Fault("commit.message", where, "the message names another size or root than the checkpoint")
        self.checkpoint, self.gathered.roots[checkpoint.size] = checkpoint, checkpoint.root
        self.gathered.sighted.notes[checkpoint.size] = note
        if led_to == head:
            self._frontier, self._runs = edge.frontier, edge.runs


def _first_words(error: ValueError) -> str:
    return error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error).splitlines()[0]


def _uncovered(changes: Changes, covering: Statement | None, path: str) -> Iterator[Fault]:
    """Files that the commit wrote and its statement does not list."""
    signed = {path, layout.CHECKPOINT} | (covering.digests.keys() if covering is not None else set())
    written = changes.added.keys() | (changes.rewritten.keys() & layout.REWRITTEN)
    yield from (unsigned(file) for file in sorted(written - signed))


def _only_covered(changes: Changes, covering: Statement, path: str) -> Changes:
    """After a gap, all older files look new: only those of this commit are looked at."""
    own = {path, layout.CHECKPOINT, layout.FRONTIER, *covering.digests}
    return Changes(added={name: each for name, each in changes.added.items() if name in own}, faults=changes.faults)


def _object_of(path: str, changes: Changes) -> str:
    """The object of a file that every commit writes.

    Raises:
        IntegrityError: this one did not.
    """
    object_id = changes.added.get(path) or changes.rewritten.get(path, ("", ""))[1]
    if not object_id:
        raise IntegrityError("the commit did not write it", code="checkpoint.stale")
    return object_id


def _spelled(root: bytes) -> str:
    return f"sha256:{root.hex()}"
