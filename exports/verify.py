"""Verify a pack against nothing but itself and a pinned key, and name what was altered.

In this order, and further even after a fault, so that the report says what was hit and not only that something was:

1. the seal: one signature over every byte, by a trusted key, and nothing after the end of the file but a PDF signature,
   which `exports.signed` verifies;
2. the attachments: plain names, sizes within reason, those that the manifest lists and no others, each with its digest;
3. the checkpoint: signed for this log by a trusted key, and the one that the manifest and the proofs speak of; where
   an earlier pack was given, its log is the beginning of this one;
4. the records: each line has the digest that the manifest gives, and its proof leads to the checkpoint's root;
5. the runs: the plan and the end of each are in the log, no run between them is left out, and of the checks that the
   findings rest on, each look that a run of the period planned has its record here or is counted as missing;
6. the decisions: each is in the log;
7. the findings: each rests on records that are there, by id and digest;
8. the pages: the drawing of each is what the seal's list says.

Without a pinned key the pack's own is believed, which shows only that the pack agrees with itself: the report says so.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from muniment.evidence import EvidenceRecord, IntegrityError, StoreFault, canonical, digest, rfc3339
from muniment.evidence.decision import decision_id
from muniment.evidence.record import record_id
from muniment.evidence.store.keys import Trust
from muniment.evidence.store.merkle import ConsistencyProof, InclusionProof, consistent, includes, leaf_hash
from muniment.evidence.store.note import Checkpoint, opened_checkpoint
from muniment.exports.contents import Contents, opened
from muniment.exports.received import Consistency, Manifest, PageDigests, Proofs, ReceivedRun, ReceivedSince
from muniment.exports.seal import sealed_part, verify_seal
from muniment.exports.signed import PdfSignature, Pinned, verify_signature

LARGEST_FILE = 256 << 20


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it should be: a stable code, the place, and a sentence."""

    code: str
    where: str
    message: str


@dataclass(frozen=True)
class Redacted:
    """How many leaves the pack shows with masks, so that only their digests are proven."""

    records: int = 0
    runs: int = 0
    decisions: int = 0


@dataclass(frozen=True)
class PackFacts:
    """What the pack says of itself; believe it as far as the report is without faults."""

    id: str
    organisation: str
    framework: str
    generated_at: str
    records: int
    checkpoint: Checkpoint | None
    mark: str | None
    redacted: Redacted = Redacted()


@dataclass(frozen=True)
class PackReport:
    """What was found. `pinned` says whether the reader brought the key; `sealed_by` names who sealed the file."""

    pinned: bool
    sealed_by: str | None
    faults: tuple[Fault, ...]
    facts: PackFacts | None
    signature: PdfSignature | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def verify_pack(
    path: Path,
    trust: Trust | None,
    progress: Callable[[str, int, int], None] | None = None,
    signers: Pinned | None = None,
) -> PackReport:
    """Check a pack. `trust` is what the reader pinned; None believes the pack's own key, and the report says so.

    `signers` are the certificates that a PDF signature must lead to.

    Raises:
        StoreFault: `pack.unreadable`: the file cannot be read at all. Whatever is in it is never raised, but reported.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            return _refused("pack.too_large", f"the file is larger than {LARGEST_FILE >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise StoreFault(
            f"the pack cannot be read: {error.strerror}", where=str(path), code="pack.unreadable"
        ) from error
    if not data:
        return _refused("pack.empty", "the file is empty")
    if data.startswith(b"PK\x03\x04"):
        from muniment.exports.unzipped import verify_zip

        return verify_zip(data, trust, signers)
    return verify_pdf(data, trust, progress, signers)


def verify_pdf(
    data: bytes,
    trust: Trust | None,
    progress: Callable[[str, int, int], None] | None = None,
    signers: Pinned | None = None,
) -> PackReport:
    """The same of the bytes of a PDF."""
    if not data.startswith(b"%PDF-"):
        return _refused("pack.not_pdf", "the file is neither a PDF nor a ZIP")
    return Verification(opened(data), trust, progress or _silent).of_pdf(data, signers)


def manifest_of(data: bytes) -> bytes:
    """`manifest.json` of a pack's PDF or ZIP that was verified before; empty where there is none."""
    if not data.startswith(b"PK"):
        return opened(data).files.get("manifest.json", b"")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read("manifest.json")


def own_trust(raw: bytes) -> Trust | None:
    """The keys that a pack says may sign it; None where it does not say so."""
    try:
        return Trust.model_validate_json(raw)
    except ValidationError:
        return None


class Verification:
    """One pass over one file; each step adds what it finds to `faults` and leaves what later steps need."""

    def __init__(
        self, contents: Contents, pinned: Trust | None, tell: Callable[[str, int, int], None] | None = None
    ) -> None:
        self.contents = contents
        self.pinned = pinned
        self.tell = tell or _silent
        self.faults: list[Fault] = [Fault(code, where, message) for code, where, message in contents.faults]

    def of_pdf(self, data: bytes, signers: Pinned | None = None) -> PackReport:
        """All steps in order."""
        trust = self.pinned or self._own_trust()
        sealed = sealed_part(data)
        sealed_by = self._seal(sealed, trust) if trust else None
        report = self._of_sealed(trust)
        if len(sealed) == len(data):
            return replace(report, sealed_by=sealed_by)
        signature = self._signature(data, len(sealed), signers)
        return replace(report, sealed_by=sealed_by, faults=tuple(self.faults), signature=signature)

    def _signature(self, data: bytes, sealed: int, signers: Pinned | None) -> PdfSignature | None:
        """What was appended to the sealed pack: one PDF signature, or a fault."""
        if b"/ByteRange" not in data[sealed:]:
            self._add("seal.trailing", "the file", "there are bytes after the end of the file")
            return None
        try:
            return verify_signature(data, sealed, signers)
        except IntegrityError as error:
            self._add(error.code, "the file", error.what)
            return None

    def _of_sealed(self, trust: Trust | None) -> PackReport:
        """Steps 2 to 8."""
        manifest = self._manifest()
        if manifest is None:
            return PackReport(self.pinned is not None, None, tuple(self.faults), None)
        self._unlisted(manifest)
        checkpoint = self._content(manifest, trust)
        self._pages()
        if [fault.code for fault in self.faults] == ["seal.broken"]:
            self._add(
                "structure.altered",
                "the file",
                "no attachment and no page's drawing is hit: it is a font, a link, "
                "a bookmark, the structure or the metadata",
            )
        return self._report(manifest, checkpoint, None)

    def of_files(self) -> PackReport:
        """Steps 2 to 7, for files that something else than a PDF's seal vouches for."""
        trust = self.pinned or self._own_trust()
        manifest = self._manifest()
        if manifest is None:
            return PackReport(self.pinned is not None, None, tuple(self.faults), None)
        return self._report(manifest, self._content(manifest, trust), None)

    def _content(self, manifest: Manifest, trust: Trust | None) -> Checkpoint | None:
        """Steps 2 to 7; the checkpoint, if it is signed."""
        self._attachments(manifest)
        checkpoint = self._checkpoint(manifest, trust) if trust else None
        self._continued(manifest, checkpoint)
        proofs = self._proofs(checkpoint)
        records = self._records(manifest, proofs)
        self._runs(manifest, proofs, records)
        self._decisions(manifest, proofs)
        self._findings(manifest)
        return checkpoint

    def _report(self, manifest: Manifest, checkpoint: Checkpoint | None, sealed_by: str | None) -> PackReport:
        facts = PackFacts(
            id=manifest.pack.id,
            organisation=manifest.pack.organisation,
            framework=manifest.framework.id,
            generated_at=rfc3339(manifest.pack.generated_at),
            records=len(manifest.records),
            checkpoint=checkpoint,
            mark=manifest.pack.mark,
            redacted=Redacted(
                sum(each.shown is not None for each in manifest.records),
                sum(bool(each.withheld) for each in manifest.runs),
                sum(each.withheld for each in manifest.decisions),
            ),
        )
        return PackReport(self.pinned is not None, sealed_by, tuple(self.faults), facts)

    def _add(self, code: str, where: str, message: str) -> None:
        self.faults.append(Fault(code, where, message))

    def _own_trust(self) -> Trust | None:
        trust = own_trust(self.contents.files.get("trust.json", b""))
        if trust is None:
            self._add("trust.malformed", "trust.json", "the pack does not say which keys may sign, and none was pinned")
        return trust

    def _seal(self, data: bytes, trust: Trust) -> str | None:
        try:
            return verify_seal(data, trust).name
        except IntegrityError as error:
            self._add(error.code, "the file", error.what)
            return None

    def _manifest(self) -> Manifest | None:
        raw = self.contents.files.get("manifest.json")
        if raw is None:
            self._add(
                "attachment.missing", "manifest.json", "the pack has no manifest, so that nothing in it can be named"
            )
            return None
        try:
            return Manifest.model_validate_json(raw)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            self._add("manifest.malformed", f"manifest.json: {place}", f"this is no manifest of a pack: {first['msg']}")
            return None

    def _unlisted(self, manifest: Manifest) -> None:
        listed = {each.name for each in manifest.attachments} | {"manifest.json", "seal.json", "seal.sig"}
        for name in sorted(self.contents.files.keys() - listed):
            self._add("attachment.extra", name, f"the attachment {name} is not in the manifest")

    def _attachments(self, manifest: Manifest) -> None:
        for name, each in {each.name: each for each in manifest.attachments}.items():
            data = self.contents.files.get(name)
            if data is None:
                self._add("attachment.missing", name, f"the attachment {name} is missing")
            elif digest(data) != each.sha256:
                self._add("attachment.altered", name, f"the attachment {name} is not what the manifest describes")

    def _checkpoint(self, manifest: Manifest, trust: Trust) -> Checkpoint | None:
        note = self.contents.files.get("checkpoint.txt", b"")
        try:
            checkpoint = opened_checkpoint(note.decode(), trust)
        except UnicodeDecodeError:
            self._add("note.malformed", "checkpoint.txt", "this is not a checkpoint: it is not text")
            return None
        except IntegrityError as error:
            self._add(error.code, "checkpoint.txt", error.what)
            return None
        if (checkpoint.size, checkpoint.root) != (manifest.checkpoint.size, manifest.checkpoint.root):
            self._add(
                "checkpoint.differs", "manifest.json", "the manifest speaks of another checkpoint than is attached"
            )
        return checkpoint

    def _continued(self, manifest: Manifest, checkpoint: Checkpoint | None) -> None:
        """The log begins with that of the earlier pack, and with the head that was stamped, where there are such."""
        files = self.contents.files
        if checkpoint is None:
            return
        if "consistency.json" in files:
            what = "no proof shows that the log of the earlier pack is the beginning of this one"
            self._led("consistency.json", manifest.since, checkpoint, what)
        stamped = files.get("timestamp.txt")
        if stamped is not None and stamped != files.get("checkpoint.txt"):
            what = "no proof shows that the log continues the head that was stamped"
            self._led("timestamp.json", _head_in(stamped), checkpoint, what)

    def _led(self, name: str, old: ReceivedSince | None, checkpoint: Checkpoint, what: str) -> None:
        """The proof in this file leads from the old root to that of the checkpoint; otherwise `what` is the fault."""
        try:
            told = Consistency.model_validate_json(self.contents.files.get(name, b""))
        except ValidationError:
            self._add("consistency.malformed", name, "the proof of consistency cannot be read")
            return
        new = checkpoint.size, checkpoint.root
        proof = ConsistencyProof(told.old.size, told.new.size, tuple(map(bytes.fromhex, told.path)))
        named = old is not None and told.old == old and (told.new.size, told.new.root) == new
        if not named or not consistent(proof, _hash(told.old.root), _hash(told.new.root)):
            self._add("consistency.unproven", name, what)

    def _proofs(self, checkpoint: Checkpoint | None) -> "_Log | None":
        try:
            proofs = Proofs.model_validate_json(self.contents.files.get("proofs.json", b""))
        except ValidationError:
            self._add("proofs.malformed", "proofs.json", "the inclusion proofs cannot be read")
            return None
        if checkpoint is None:
            return None
        if (proofs.size, proofs.root) != (checkpoint.size, checkpoint.root):
            self._add("checkpoint.differs", "proofs.json", "the proofs speak of another checkpoint than is attached")
        paths = {each.leaf: tuple(map(bytes.fromhex, each.path)) for each in proofs.proofs}
        return _Log(checkpoint, paths, {each.leaf: each.leaf_hash for each in proofs.proofs if each.leaf_hash})

    def _records(self, manifest: Manifest, log: "_Log | None") -> list[EvidenceRecord]:
        """The records that are what the manifest lists."""
        lines = self.contents.files.get("records.jsonl", b"").split(b"\n")[:-1]
        good = []
        for place, listed in enumerate(manifest.records):
            self.tell("records", place + 1, len(manifest.records))
            if place >= len(lines):
                self._add("record.missing", listed.id, f"the record {listed.id} is not among the attached records")
            elif digest(lines[place]) != (listed.shown or listed.digest):
                self._add("record.altered", listed.id, f"the record {listed.id} was altered")
            elif listed.shown:
                if log and not log.holds_withheld(listed.leaf):
                    self._add("record.unproven", listed.id, f"no proof shows that the record {listed.id} is in the log")
            elif (record := _record(lines[place])) is None or record.id != listed.id:
                what = f"the line of {listed.id} is not that record in its canonical form"
                self._add("record.malformed", listed.id, what)
            else:
                good.append(record)
                if log and not log.holds(lines[place], listed.leaf):
                    self._add("record.unproven", listed.id, f"no proof shows that the record {listed.id} is in the log")
        if len(lines) > len(manifest.records):
            extra = len(lines) - len(manifest.records)
            self._add("record.extra", "records.jsonl", f"there are {extra} more records than the manifest lists")
        return good

    def _runs(self, manifest: Manifest, log: "_Log | None", records: Sequence[EvidenceRecord]) -> None:
        """Each run is in the log, none between them is left out, and of none a record that its plan promises."""
        attached = {listed.id for listed in manifest.records}
        seen = {(_run_of(record), record.task) for record in records}
        checks = {check.check for finding in manifest.findings for check in finding.checks}
        for place, run in enumerate(manifest.runs):
            number, plan, end = run.start.run, run.start.plan, run.end
            if place and number != manifest.runs[place - 1].start.run + 1:
                self._add("run.left_out", f"run {number}", f"the runs before run {number} are not all in the pack")
            if log and not log.holds_run(run):
                self._add("run.unproven", f"run {number}", f"no proof shows that run {number} is in the log as printed")
            if end is None or end.ended > manifest.pack.generated_at or plan.planned not in manifest.pack.period:
                continue
            for place_in_plan, task in enumerate(plan.tasks, start=1):
                if task.check not in checks or task.id in end.missing or (number, task.id) in seen:
                    continue
                unseen = record_id(plan.planned.year, number, place_in_plan)
                if unseen not in attached:
                    what = f"run {number} has a record of {task.id}, {unseen}, which the pack leaves out"
                    self._add("record.left_out", unseen, what)

    def _decisions(self, manifest: Manifest, log: "_Log | None") -> None:
        """Each decision is in the log, at the leaf that its id names."""
        for each in manifest.decisions:
            named = decision_id(each.decision.at.year, each.leaf) == each.id
            if not named or (log is not None and not log.holds(canonical(each.decision), each.leaf, each.withheld)):
                what = f"no proof shows that the decision {each.id} is in the log as printed"
                self._add("decision.unproven", each.id, what)

    def _findings(self, manifest: Manifest) -> None:
        known = {each.id: each.digest for each in manifest.records}
        for finding in manifest.findings:
            for evidence in finding.evidence:
                if known.get(evidence.id) != evidence.digest:
                    what = f"the finding on {finding.control} rests on {evidence.id}, which is not attached as it says"
                    self._add("finding.unsupported", finding.control, what)

    def _pages(self) -> None:
        try:
            listed = PageDigests.model_validate_json(self.contents.files.get("seal.json", b"")).pages
        except ValidationError:
            self._add("attachment.missing", "seal.json", "the list of the pages' digests cannot be read")
            return
        if len(listed) != len(self.contents.pages):
            what = f"the pack has {len(self.contents.pages)} pages and was sealed with {len(listed)}"
            self._add("page.count", "the file", what)
        for number, (expected, content) in enumerate(zip(listed, self.contents.pages, strict=False), start=1):
            if content is None or hashlib.sha256(content).hexdigest() != expected:
                self._add("page.altered", f"page {number}", f"what is drawn on page {number} was altered")


@dataclass(frozen=True)
class _Log:
    """A signed checkpoint, and the audit paths that should lead to it, by leaf."""

    checkpoint: Checkpoint
    paths: Mapping[int, tuple[bytes, ...]]
    hashes: Mapping[int, str]  # of the leaves that are withheld

    def holds(self, line: bytes, leaf: int, withheld: bool = False) -> bool:
        """Whether the log has this line at this leaf; of a leaf that is withheld, whether it has its hash there."""
        return self.holds_withheld(leaf) if withheld else self._leads(leaf_hash(line), leaf)

    def holds_withheld(self, leaf: int) -> bool:
        """Whether the log has at this leaf what the proof says that it has, whatever it is."""
        return leaf in self.hashes and self._leads(bytes.fromhex(self.hashes[leaf]), leaf)

    def holds_run(self, run: ReceivedRun) -> bool:
        """Whether the log has the plan and the end of a run."""
        if not self.holds(canonical(run.start), run.start.previous_size, "start" in run.withheld):
            return False
        if run.end is None:
            return True
        return run.end_leaf is not None and self.holds(canonical(run.end), run.end_leaf, "end" in run.withheld)

    def _leads(self, hashed: bytes, leaf: int) -> bool:
        path = self.paths.get(leaf)
        return path is not None and includes(
            InclusionProof(leaf, self.checkpoint.size, hashed, path), self.checkpoint.root_hash
        )


def _record(line: bytes) -> EvidenceRecord | None:
    """The record that a line is in its canonical form; None where it is none."""
    try:
        record = EvidenceRecord.model_validate_json(line)
        return record if canonical(record) == line else None
    except ValueError:  # pydantic's ValidationError is one
        return None


def _head_in(note: bytes) -> ReceivedSince | None:
    """Size and root of the head that a note says; None where it is none. Whose it is does not matter to a proof."""
    try:
        head = Checkpoint.parse(note.decode())
    except (IntegrityError, UnicodeDecodeError):
        return None
    return ReceivedSince(size=head.size, root=head.root)


def _hash(root: str) -> bytes:
    return bytes.fromhex(root.removeprefix("sha256:"))


def _run_of(record: EvidenceRecord) -> int:
    """The run that a record's id names: `EV-2026-000123-0007`."""
    return int(record.id.split("-")[2])


def _refused(code: str, message: str) -> PackReport:
    return PackReport(pinned=False, sealed_by=None, faults=(Fault(code, "the file", message),), facts=None)


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody is listening."""
