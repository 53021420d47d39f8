"""The evidence store: an append-only log of signed runs in a bare git repository.

A run is two signed commits. `begin` stores the plan before the first look; `finish` stores what was seen. Both return
only when a power cut could not take it away again, and both may be repeated: a run that is there is acknowledged again.

Reads are checked one by one. That the whole history holds together is for `verify_store` to say.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from muniment.evidence.decision import Decision, StoredDecision
from muniment.evidence.errors import RecordRefused, StoreFault, UsageError
from muniment.evidence.model import canonical, utc
from muniment.evidence.record import (
    End,
    Errored,
    EvidenceRecord,
    Plan,
    Start,
    StoredRecord,
    StoredRun,
    count_by_status,
    run_id_of,
)
from muniment.evidence.store import anchor, deciding, layout, waiting
from muniment.evidence.store.append import Draft, Head
from muniment.evidence.store.commit import Writing, refuse_foreign_key, writing
from muniment.evidence.store.door import admitted, admitted_plan
from muniment.evidence.store.drafts import end_draft, folder_of, start_draft
from muniment.evidence.store.keys import Signer, Trust, trust_in
from muniment.evidence.store.lock import unwritable
from muniment.evidence.store.log import Log, LogEntry, open_log, parsed
from muniment.evidence.store.merkle import ConsistencyProof, InclusionProof, leaf_hash
from muniment.evidence.store.note import Checkpoint
from muniment.evidence.store.records import find_record, record_lines, stored_record
from muniment.evidence.store.rotation import StoredTrust, change_faults, signed_change
from muniment.evidence.store.runs import RunHead, run_entries, run_head, stored_run
from muniment.evidence.store.statement import SUFFIX
from muniment.evidence.store.written import Written


@dataclass(frozen=True)
class _Begun:
    """A run that was begun through this object, and the commit that stored its start."""

    start: Start
    commit: str


class Store:
    """One evidence store. Opening is cheap; nothing is kept open between calls but mapped packs."""

    def __init__(self, log: Log, origin: str) -> None:
        self.path = log.path
        self.origin = origin
        self._log = log
        self._begun_here: dict[str, _Begun] = {}  # by run id: each start that waits for its end
        self._written: Written | None = None

    @classmethod
    def create(cls, path: Path, *, origin: str, signer: Signer, at: datetime) -> "Store":
        """A new store whose only key is the signer's. `origin` names the log for ever: `example.org/evidence`.

        Raises:
            StoreFault: there is something at the path already, or it cannot be written.
            ValueError: the origin holds spaces, a plus sign or control characters.
        """
        from muniment.evidence.store import plumbing

        if path.exists():
            raise StoreFault(
                "there is something here already", where=str(path), mend="name another folder", code="store.exists"
            )
        pages = {
            layout.LOG: [canonical(layout.LogFile(origin=origin, created=utc(at)))],
            layout.ROOT: [canonical(trust_in(signer, origin))],
        }
        draft = Draft("genesis", f"Open the log {origin}", layout.GENESIS_STATEMENT, pages, runs=0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as workplace:
                folder = Path(workplace) / path.name
                folder.mkdir(mode=0o700)
                plumbing.make_repository(folder)
                with writing(Log(folder), origin, signer, at, "create") as writer:
                    writer.commit(draft, None)
                folder.rename(path)
            plumbing.sync(path.parent)
        except OSError as error:
            raise unwritable(error, path) from error
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> "Store":
        """The store at a path; its head is checked, its history is not.

        Raises:
            StoreFault: there is no store, or it is of a format that this version does not know.
            IntegrityError: the head is damaged or not signed by a key of the store.
        """
        log = open_log(path)
        store = cls(log, log.log_file().origin)
        log.head()
        return store

    @property
    def commit(self) -> str:
        """The id of the head commit."""
        return self._log.commit

    def checkpoint(self) -> Checkpoint:
        """The signed head of the log."""
        return self._log.head().checkpoint

    def trust(self) -> Trust:
        """Who may sign, as the store itself says; a reader pins this elsewhere."""
        return self._log.trust()

    def trusts(self) -> tuple[StoredTrust, ...]:
        """All versions of who may sign, the oldest first."""
        return self._log.trusts()

    def change_keys(
        self, changed: Trust, signers: Sequence[Signer], writer: Signer, *, at: datetime, subject: str
    ) -> Trust:
        """Store the next version of who may sign. The version that is in force already is acknowledged again.

        Args:
            changed: the version, as `rotation` makes it.
            signers: those who sign it: enough of the keys before, and enough of its own.
            writer: who signs the commit; the key must still be valid in the new version.
            at: the instant for which the version was made.
            subject: what changed, for people: the first line of the commit.

        Raises:
            UsageError: the version does not follow the one before, or is not signed by enough keys.
            StoreFault: the store cannot be written now, or none of the signers may write to it.
            IntegrityError: the head is not what was signed.
        """
        with writing(self._log, self.origin, writer, at, "rekey") as writing_:
            now = self._log.trusts()[-1]
            if now.trust == changed:
                return changed
            writing_.reached("known")
            line, signatures = canonical(changed), signed_change(changed, signers)
            refused = next(change_faults(now, line, changed, signatures, utc(at)), None)
            if refused is not None:
                raise UsageError(f"the keys were not changed: {refused.message}", code="keys.refused")
            refuse_foreign_key(changed, writer, at, self.path)
            before = [each for each in signers if (key := now.trust.key(each.public)) and key.signs_entries]
            if not before:
                raise UsageError(
                    "no signer may write to the log as it is", mend="add one with --with", code="keys.refused"
                )
            draft = Draft(
                kind="keys.change",
                subject=subject,
                statement=layout.trust_path(changed.version, SUFFIX),
                pages={layout.trust_path(changed.version): [line]},
                runs=self._log.head().runs,
                files={layout.trust_path(changed.version, layout.SIGNATURES): signatures},
                cosigners=() if any(each.public == writer.public for each in before) else tuple(before[:1]),
            )
            self._commit(writing_, draft, self._log.head())
            return changed

    def begin(self, plan: Plan, signer: Signer, *, at: datetime) -> Start:
        """Store the plan as a new run, before the first look. The same plan again gives the run that is there.

        Raises:
            UsageError: the plan holds a secret, or personal data that no task declares.
            StoreFault: the store cannot be written now, or the key is not one of the store's.
            IntegrityError: the head is not what was signed.
        """
        with writing(self._log, self.origin, signer, at, "begin") as writer:
            refuse_foreign_key(self._log.trust(), signer, at, self.path)
            planned = canonical(plan)
            run_id = run_id_of(planned)
            known = self._begun(plan, run_id)
            if known is not None:
                return known
            writer.reached("known")
            head = self._log.head()
            start = Start(
                run=head.runs + 1,
                run_id=run_id,
                plan=plan,
                previous_size=head.checkpoint.size,
                previous_root=head.checkpoint.root,
                versions=_versions(),
            )
            line = start.spelled(planned)
            admitted_plan(plan, line)
            self._begun_here[run_id] = _Begun(start, self._commit(writer, start_draft(start, line), head).commit)
            return start

    def finish(
        self,
        start: Start,
        records: Sequence[EvidenceRecord],
        signer: Signer,
        *,
        at: datetime,
        milliseconds: int,
        reason: str | None = None,
        missing: Sequence[str] = (),
        clock_skew_milliseconds: int | None = None,
    ) -> End:
        """Store what a run saw and end it. The same records again give the end that is there.

        Args:
            start: what `begin` gave.
            records: one for each task that is not missing, in any order.
            signer: one of the store's keys.
            at: when the run ended.
            milliseconds: how long it took.
            reason: why tasks are missing, or why the run was broken off.
            missing: the ids of the tasks that have no record.
            clock_skew_milliseconds: how far the clock was off, where that was measured.

        Raises:
            RecordRefused: a record holds a secret, is too large, or does not belong to the run; or planned and got
                do not meet. Nothing was stored.
            StoreFault: the store cannot be written now, the run was not begun here, or it has ended otherwise.
            IntegrityError: the head is not what was signed.
        """
        lines = admitted(start, records, missing)
        if missing and not reason:
            raise RecordRefused(
                "tasks are missing and nobody says why",
                where=f"run {start.run}",
                mend="give a reason",
                code="record.missing",
            )
        end = _end_of(start, records, at, milliseconds, reason, tuple(missing), clock_skew_milliseconds)
        folder = folder_of(start)
        with writing(self._log, self.origin, signer, at, "finish") as writer:
            refuse_foreign_key(self._log.trust(), signer, at, self.path)
            begun = self._begun_here.get(start.run_id)
            if not self._holds(start, folder, ours=begun is not None and begun.start is start):
                raise StoreFault(
                    f"run {start.run} was not begun in this store", where=str(self.path), code="store.run_unknown"
                )
            known = self._ended(folder, lines)
            if known is not None:
                return known
            writer.reached("known")
            head = self._log.head()
            after = self._commit(writer, end_draft(start, end, lines, head.runs), head)
            self._begun_here.pop(start.run_id, None)
            if begun is not None:
                leaves = range(head.checkpoint.size, after.checkpoint.size)
                run = StoredRun(start, end, (begun.commit, after.commit), leaves)
                self._written = Written(run, after.checkpoint, lines)
            return end

    def written(self, since: int, head: Checkpoint) -> Written | None:
        """What was appended from the leaf `since` on up to `head`, if it is the run that was finished here last.

        It is given once, and not kept any longer.
        """
        written, self._written = self._written, None
        return written if written is not None and written.is_all_since(since, head, self.history()) else None

    def decide(self, *decisions: Decision, signer: Signer, at: datetime) -> tuple[StoredDecision, ...]:
        """Append decisions, in one commit. The same decisions of the same instant again give those that are there.

        Raises:
            UsageError: a decision holds a secret or personal data, or is too large.
            StoreFault: the store cannot be written now, or the key is not one of the store's.
            IntegrityError: the head is not what was signed.
        """
        lines = deciding.admitted(decisions)
        if not lines:
            return ()
        with writing(self._log, self.origin, signer, at, "decide") as writer:
            refuse_foreign_key(self._log.trust(), signer, at, self.path)
            known = deciding.already(self._log, lines, decisions)
            if known:
                return known
            writer.reached("known")
            head = self._log.head()
            self._commit(writer, deciding.draft_of(lines, decisions, head), head)
            return deciding.stored(lines, head.checkpoint.size)

    def decisions(self, *, since: int = 0) -> Iterator[StoredDecision]:
        """All decisions in leaf order, from the leaf `since` on; each read is checked against its signed statement."""
        return deciding.read(self._log, since)

    def history(self) -> tuple[LogEntry, ...]:
        """Every commit of the log, oldest first."""
        return self._log.history()

    def entries(self, *, since: int = 0) -> Iterator[anchor.Entered]:
        """The commits that led beyond `since` leaves, oldest first, and when each says that it was made."""
        trust = self.trust()
        for entry in self.history():
            if entry.size > since:
                yield anchor.Entered(entry.size, self._log.statement(entry, trust).predicate.at)

    def runs(self, *, since: int = 0) -> Iterator[StoredRun]:
        """All runs in the order of their numbers, or those that have a leaf at or after `since`.

        `leaves` are those of records and end, none while a run is open; the leaf of the start is `start.previous_size`.
        """
        trust = self.trust()
        return (stored_run(self._log, entries, trust) for entries in run_entries(self.history(), since))

    def run_heads(self, *, since: int = 0) -> Iterator[RunHead]:
        """The runs as in `runs`, without the cost of understanding what each of their tasks was."""
        trust = self.trust()
        return (run_head(self._log, entries, trust) for entries in run_entries(self.history(), since))

    def records(self, *, since: int = 0) -> Iterator[StoredRecord]:
        """All records in leaf order, from the leaf `since` on; each read is checked against its signed statement."""
        return (stored_record(line, run, leaf) for run, leaf, line in self.lines(since=since))

    def lines(self, *, since: int = 0) -> Iterator[tuple[int, int, bytes]]:
        """Run, leaf and canonical bytes of all records, as in `records`, without the cost of understanding them."""
        return record_lines(self._log, since)

    def record(self, record_id: str) -> StoredRecord:
        """The record with this id.

        Raises:
            KeyError: the store has no such record.
        """
        return find_record(self._log, record_id)

    def proof(self, leaf: int) -> InclusionProof:
        """That a leaf is part of the log at its present checkpoint (RFC 6962 section 2.1.1).

        Raises:
            IndexError: the log has no such leaf.
        """
        return self._log.leaves().inclusion(leaf)

    def refused_tokens(self) -> tuple[str, ...]:
        """The names of what lies among the anchors and is no timestamp of a checkpoint of this log."""
        return waiting.refused(self._log)

    def root(self, size: int) -> str:
        """The root of the log as it was at `size` leaves, as `sha256:…`.

        Raises:
            IndexError: the log never was that small or large.
        """
        return f"sha256:{self._log.leaves().root(size).hex()}"

    def consistency(self, size: int) -> ConsistencyProof:
        """That the log as it was at `size` leaves is the beginning of the present one (RFC 6962 section 2.1.2).

        Raises:
            IndexError: the log never was that small or large.
        """
        return self._log.leaves().consistency(size)

    def _commit(self, writer: Writing, draft: Draft, head: Head) -> Head:
        """Commit, together with the anchors of earlier checkpoints that wait to be stored."""
        tokens = waiting.take(self._log)
        files = waiting.stored_under(tokens, utc(writer.at))
        new = {path: data for path, data in files.items() if self._log.find(path) is None}
        after = writer.commit(replace(draft, files={**draft.files, **new}), head)
        waiting.forget(self.path, tokens)
        return after

    def _holds(self, start: Start, folder: str, *, ours: bool) -> bool:
        """Whether a run was begun in this log with this start; one that we have stored ourselves is not read again."""
        if ours:
            return layout.START in self._log.names(folder)
        return self._log.find(f"{folder}/{layout.START}") == layout.joined([canonical(start)])

    def _begun(self, plan: Plan, run_id: str) -> Start | None:
        """The run of this plan, if it was begun."""
        day, ending = layout.day_folder(plan.planned), f"-{run_id[: layout.RUN_ID_DIGITS]}"
        for name in self._log.names(day):
            if name.endswith(ending):
                path = f"{day}/{name}/{layout.START}"
                start = parsed(Start, self._log.file(path), path)
                if start.run_id == run_id:
                    return start
        return None

    def _ended(self, folder: str, lines: Sequence[bytes]) -> End | None:
        """The end of this run, if it has ended with these records."""
        listed = self._log.find(f"{folder}/{layout.LEAVES}")
        if listed is None:
            return None
        *records, _ = layout.leaf_hashes(listed)
        if records != [leaf_hash(line) for line in lines]:
            raise StoreFault(
                f"run {layout.run_number(folder)} has ended already, with other records",
                where=f"{self.path}: {folder}",
                mend="plan a new run: what is stored stays as it is",
                code="store.run_ended",
            )
        path = f"{folder}/{layout.END}"
        return parsed(End, self._log.file(path), path)


def _end_of(
    start: Start,
    records: Sequence[EvidenceRecord],
    at: datetime,
    milliseconds: int,
    reason: str | None,
    missing: tuple[str, ...],
    clock_skew_milliseconds: int | None,
) -> End:
    """The last leaf of a run: planned against got."""
    return End(
        run=start.run,
        run_id=start.run_id,
        ended=at,
        planned=len(start.plan.tasks),
        got=len(records),
        missing=missing,
        reason=reason,
        by_status=count_by_status(records),
        errored=sum(isinstance(record.outcome, Errored) for record in records),
        milliseconds=milliseconds,
        clock_skew_milliseconds=clock_skew_milliseconds,
    )


@cache
def _versions() -> dict[str, str]:
    """What wrote a run. To have the whole metadata parsed for it would take as long again as to find them."""
    text = None
    with suppress(OSError):  # a disk that fails here need not fail the run
        text = distribution("muniment").read_text("METADATA")
    known = (text or "").partition("\nVersion: ")[2].partition("\n")[0]  # core metadata: one field a line
    return {"muniment": known or "unknown", "store": str(layout.FORMAT)}
