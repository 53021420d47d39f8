"""What a program reads of a pack: the manifest, the cited records, their proofs, the checkpoint and the trusted keys.

These files are attached to the PDF, so that it verifies against nothing but itself and a pinned key. Everything
that the pages say stands here whole; all JSON is canonical (RFC 8785), so that the same inputs give the same bytes.

    manifest.json     muniment.pack/1     what the pages say, and the SHA-256 of every other attachment
    records.jsonl     one canonical record a line, in the order of the manifest's `records`
    proofs.json       muniment.proofs/1   the inclusion proofs of each record, of each run's plan and
                                          end, and of each decision (RFC 6962 section 2.1.1)
    consistency.json  muniment.consistency/1  where an earlier pack was given: that its log is the beginning of
                          this one (RFC 6962 section 2.1.2)
    checkpoint.txt    the signed head of the log (C2SP tlog-checkpoint)
    timestamp.tsr     where an authority stamped a head of the log: its newest answer (RFC 3161)
    timestamp.txt     the head that it stamped, byte by byte, for `openssl ts -verify`
    timestamp.json    muniment.consistency/1  where that head is an older one: that this pack's log continues it
    trust.json        muniment.root/1     the keys that may sign, as the store says; pin it elsewhere
    allowed_signers   the same keys, as `ssh-keygen -Y verify` reads them
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from muniment.evidence import StoredRun, canonical, digest, rfc3339
from muniment.evidence.store.merkle import ConsistencyProof, InclusionProof
from muniment.evidence.store.note import Checkpoint
from muniment.exports.languages import marked
from muniment.exports.model import Attachment, Pack, RequestRow, Since, Tally

SCHEMA = "muniment.pack/1"
PROOFS_SCHEMA = "muniment.proofs/1"
CONSISTENCY_SCHEMA = "muniment.consistency/1"
SEAL_NAMESPACE = "muniment-pack"  # of the SSH signature, so that a seal is no commit and a commit no seal

Prove = Callable[[int], InclusionProof]
Continue = Callable[[int], ConsistencyProof]


def attachments(pack: Pack, prove: Prove, continues: Continue | None = None) -> tuple[Attachment, ...]:
    """All files of the pack but the seal, the manifest first.

    `prove` gives the inclusion proof of a leaf, `continues` that the log of an earlier size is the beginning of this.
    """
    others = (
        Attachment(
            "records.jsonl",
            "application/x-ndjson",
            marked("The cited evidence records, one canonical JSON line each"),
            b"".join(canonical(cited.record) + b"\n" for cited in pack.evidence),
        ),
        Attachment(
            "proofs.json",
            "application/json",
            marked("That records and runs are in the log"),
            _proofs(pack, prove),
        ),
        *_consistency(pack, continues),
        Attachment("checkpoint.txt", "text/plain", marked("The signed head of the log"), pack.head.note.encode()),
        *_timestamp(pack, continues),
        Attachment("trust.json", "application/json", marked("The keys that may sign"), canonical(pack.head.trust)),
        Attachment(
            "allowed_signers", "text/plain", marked("The keys for ssh-keygen -Y verify"), _allowed_signers(pack)
        ),
    )
    manifest = canonical(_manifest(pack, others))
    described = Attachment("manifest.json", "application/json", marked("What the pages say, for programs"), manifest)
    return (described, *others)


def _manifest(pack: Pack, others: tuple[Attachment, ...]) -> dict[str, Any]:
    return {**_about(pack), **_judged(pack), **_logged(pack, others)}


def _about(pack: Pack) -> dict[str, Any]:
    """What the pack is, what it was made from, and its totals."""
    identity, framework = pack.identity, pack.identity.framework
    return {
        "schema": SCHEMA,
        "pack": {
            "id": identity.id,
            "version": identity.version,
            "mark": identity.mark,
            "organisation": identity.organisation,
            "classification": identity.classification,
            "language": identity.language,
            "audience": identity.audience,
            "period": identity.period.to_json(),
            "generated_at": rfc3339(identity.at),
        },
        "framework": framework.model_dump(
            mode="json", include={"id", "name", "publisher", "edition", "year", "confidence", "sources"}
        ),
        "making": {
            "command": pack.making.command,
            "versions": dict(pack.making.versions),
            "workspace": pack.making.workspace,
        },
        "checkpoint": {
            "origin": pack.head.origin,
            "size": pack.head.size,
            "root": pack.head.root,
            "commit": pack.head.commit,
        },
        "counts": {
            "controls": _counts(pack.summary.controls),
            "criteria": _counts(pack.summary.criteria),
            "records": _counts(pack.summary.records),
            "records_errored": pack.summary.errored,
            "criteria_covered": pack.summary.criteria_covered,
            "coverage_permille": pack.summary.coverage_permille,
        },
        "scope": {
            "summary": pack.scope.summary,
            "services": list(pack.scope.services),
            "exclusions": list(pack.scope.exclusions),
            "registers": {
                register.name: [_plain(member) for member in register.members] for register in pack.scope.registers
            },
        },
    }


def _judged(pack: Pack) -> dict[str, Any]:
    """What the evidence came to."""
    return {
        "controls": [sheet.control.to_json() for sheet in pack.controls],
        "not_adopted": [{"control": each.control.id, "criteria": list(each.criteria)} for each in pack.unadopted],
        "findings": [sheet.finding.to_json() for sheet in pack.controls],
        "proposed_grades": {gap.control.id: gap.grade for gap in pack.gaps},
        "applicability": [row.result.to_json() for group in pack.applicability for row in group.rows],
        "exceptions": [{**row.exception.to_json(), "state": row.state} for row in pack.exceptions],
        "attestations": [each.to_json() for each in pack.attestations],
        "claims": [
            {
                **each.claim.to_json(),
                "standing": each.standing,
                "why": each.reason,
                "findings": [finding.to_json() for finding in each.findings],
            }
            for each in pack.claims
        ],
        "populations": [
            {
                "check": row.check,
                "basis": row.basis,
                "expected": row.expected,
                "seen": row.seen,
                "exclusions": [exclusion.to_json() for exclusion in row.exclusions],
                "sources": list(row.sources),
                "query": row.query,
                "filters": list(row.filters),
                "digest": row.digest,
            }
            for row in pack.populations
        ],
        "requests": [_request(row) for row in pack.requests],
        "samples": [{**row.sample.to_json(), "redrawn": row.redrawn} for row in pack.samples],
    }


def _logged(pack: Pack, others: tuple[Attachment, ...]) -> dict[str, Any]:
    """What the log holds of it, and the files beside the manifest."""
    withheld = pack.redaction.withheld if pack.redaction else {}
    return {
        "runs": [
            {
                "start": run.start.to_json(),
                "end": run.end.to_json() if run.end else None,
                "end_leaf": run.leaves.stop - 1 if run.end else None,
                "commits": list(run.commits),
                **_parts_withheld(run, withheld),
            }
            for run in pack.custody
        ],
        "schedule_gaps": [gap.to_json() for gap in pack.schedule_gaps],
        "redaction": _redaction(pack),
        "since": _since(pack.since) if pack.since else None,
        "decisions": [
            {
                "id": each.id,
                "leaf": each.leaf,
                "decision": each.decision.to_json(),
                **({"withheld": True} if each.leaf in withheld else {}),
            }
            for each in pack.decisions
        ],
        "records": [
            {
                "id": cited.record.id,
                "leaf": cited.stored.leaf,
                "digest": cited.stored.digest,
                "run": cited.stored.run,
                **({"shown": digest(canonical(cited.record))} if cited.stored.leaf in withheld else {}),
            }
            for cited in pack.evidence
        ],
        "attachments": [
            {
                "name": each.name,
                "media_type": each.media_type,
                "size": len(each.data),
                "sha256": digest(each.data),
            }
            for each in others
        ],
    }


def _parts_withheld(run: StoredRun, withheld: Mapping[int, str]) -> dict[str, Any]:
    """Which leaves of a run are masked here, and proven by their digest alone; nothing where none is."""
    parts = [*(["start"] if run.start.previous_size in withheld else [])]
    parts += ["end"] if run.end and run.leaves.stop - 1 in withheld else []
    return {"withheld": parts} if parts else {}


def _request(row: RequestRow) -> dict[str, Any]:
    """A request as it stands; its words and each change are whole in the decisions."""
    each = row.request
    return {
        "id": each.id,
        "received": rfc3339(each.received),
        "status": each.status.value,
        "answer": each.answer,
        "revised_since_answer": each.revised_since,
        "auditor_status": each.auditor.value,
        "controls": list(each.controls),
        "criteria": list(row.criteria),
        "evidence": list(each.evidence),
        "decisions": [one.id for one in each.decisions],
    }


def _since(since: Since) -> dict[str, Any]:
    return {
        "pack": since.pack,
        "generated_at": rfc3339(since.generated_at),
        "size": since.size,
        "root": since.root,
        "changes": [
            {
                "noun": each.noun,
                "name": each.name,
                "how": each.how,
                "before": each.before and each.before.value,
                "now": each.now and each.now.value,
            }
            for each in since.changes
        ],
        "records_new": since.records_new,
        "records_gone": since.records_gone,
    }


def _redaction(pack: Pack) -> dict[str, Any] | None:
    if pack.redaction is None:
        return None
    return {
        "fields": [{"name": each.name, "values": each.values} for each in pack.redaction.fields],
        "leaves": len(pack.redaction.withheld),
    }


def _counts(tally: Tally) -> dict[str, int]:
    return {status.value: number for status, number in tally.by_status}


def _plain(member: Any) -> dict[str, str | None]:
    return {"id": member.id, "owner": member.owner, "note": member.note, "out_of_scope": member.out_of_scope}


def _proofs(pack: Pack, prove: Prove) -> bytes:
    withheld = pack.redaction.withheld if pack.redaction else {}
    leaves = {each.stored.leaf for each in pack.evidence}
    leaves |= {run.start.previous_size for run in pack.custody}
    leaves |= {run.leaves.stop - 1 for run in pack.custody if run.end}
    leaves |= {each.leaf for each in pack.decisions}
    return canonical(
        {
            "schema": PROOFS_SCHEMA,
            "origin": pack.head.origin,
            "size": pack.head.size,
            "root": pack.head.root,
            "proofs": [
                {
                    "leaf": leaf,
                    "path": [each.hex() for each in prove(leaf).path],
                    **({"leaf_hash": withheld[leaf]} if leaf in withheld else {}),
                }
                for leaf in sorted(leaves)
            ],
        }
    )


def _timestamp(pack: Pack, continues: Continue | None) -> Iterator[Attachment]:
    """The newest timestamp of an authority, if there is one, what it stamped, and how the log went on from there."""
    for each in pack.head.anchors:
        if each.answer:
            what = marked("What an authority outside says of the time of a head of the log (RFC 3161)")
            yield Attachment("timestamp.tsr", "application/timestamp-reply", what, each.answer)
            yield Attachment("timestamp.txt", "text/plain", marked("The head that it stamped"), each.note.encode())
            if continues is not None and each.size < pack.head.size:
                what = marked("That the log continues the head that was stamped")
                path = _path(pack, each.size, Checkpoint.parse(each.note).root, continues)
                yield Attachment("timestamp.json", "application/json", what, path)


def _consistency(pack: Pack, continues: Continue | None) -> Iterator[Attachment]:
    """The proof that leads from the earlier pack's root to this one's, if an earlier pack was given."""
    if pack.since is None or continues is None:
        return
    what = marked("That the log of the earlier pack is the beginning of this one")
    path = _path(pack, pack.since.size, pack.since.root, continues)
    yield Attachment("consistency.json", "application/json", what, path)


def _path(pack: Pack, size: int, root: str, continues: Continue) -> bytes:
    """The proof that leads from the root of a smaller log to that of the pack's."""
    return canonical(
        {
            "schema": CONSISTENCY_SCHEMA,
            "origin": pack.head.origin,
            "old": {"size": size, "root": root},
            "new": {"size": pack.head.size, "root": pack.head.root},
            "path": [each.hex() for each in continues(size).path],
        }
    )


def _allowed_signers(pack: Pack) -> bytes:
    """One line a key (ssh-keygen(1), ALLOWED SIGNERS); the principal is the log's origin."""
    lines = (f'{pack.head.origin} namespaces="git,{SEAL_NAMESPACE}" {key.public}\n' for key in pack.head.trust.keys)
    return "".join(lines).encode()
