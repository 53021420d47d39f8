"""The door of the store: what a record must be to come in.

A record belongs to the plan of its run, one record to a task; it is small enough to be read by a person; and it holds
no secret. Secrets are looked for by their unmistakable shapes only: a false alarm would lose evidence.
"""

import re
from collections.abc import Sequence

from muniment.evidence.errors import RecordRefused
from muniment.evidence.model import canonical
from muniment.evidence.record import EvidenceRecord, Start, record_id
from muniment.evidence.store.layout import RECORD_BYTES

_SECRETS = {
    "a private key": (b"PRIVATE KEY", rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----"),
    "a bearer token": (b"earer ", rb"\b[Bb]earer [A-Za-z0-9._~+/-]{20,}"),
    "a JSON Web Token": (b"eyJ", rb"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "an AWS access key": (b"AKIA", rb"\bAKIA[0-9A-Z]{16}\b"),
    "a GitHub token": (b"gh", rb"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})"),
    "a GitLab token": (b"glpat-", rb"\bglpat-[A-Za-z0-9_-]{20,}"),
    "a Google API key": (b"AIza", rb"\bAIza[0-9A-Za-z_-]{35}\b"),
    "a Slack token": (b"xox", rb"\bxox[abprs]-[0-9A-Za-z-]{20,}"),
    "a Stripe key": (b"k_live_", rb"\b[rs]k_live_[0-9A-Za-z]{20,}"),
}
_PATTERNS = {what: (marker, re.compile(pattern)) for what, (marker, pattern) in _SECRETS.items()}


def admitted(start: Start, records: Sequence[EvidenceRecord], missing: Sequence[str]) -> list[bytes]:
    """The canonical bytes of the records, in the order of the plan.

    Args:
        start: the run that they belong to.
        records: one for each task of the plan that is not missing, in any order.
        missing: the ids of the tasks that have no record.

    Raises:
        RecordRefused: with the id of the record in `where`.
    """
    places = {task.id: place for place, task in enumerate(start.plan.tasks, start=1)}
    year = start.plan.planned.year
    by_place: dict[int, EvidenceRecord] = {}
    for record in records:
        place = places.get(record.task)
        if place is None or record.id != record_id(year, start.run, place):
            raise _refused("record.foreign", record, f"it does not belong to run {start.run}, task {record.task!r}")
        if place in by_place:
            raise _refused("record.duplicate", record, f"task {record.task!r} has a record already")
        by_place[place] = record
    _refuse_holes(start, by_place, missing, places)
    return [line_of(by_place[place]) for place in sorted(by_place)]


def line_of(record: EvidenceRecord) -> bytes:
    """The canonical bytes of a record that may come in.

    Raises:
        RecordRefused: it has no canonical form, is too large, or holds what looks like a secret.
    """
    try:
        line = canonical(record)
    except ValueError as error:
        raise _refused("record.not_canonical", record, str(error)) from error
    if len(line) > RECORD_BYTES:
        raise _refused("record.too_large", record, f"it is {len(line)} bytes long; a record may have {RECORD_BYTES}")
    for what, (marker, pattern) in _PATTERNS.items():
        if marker in line and pattern.search(line):
            raise _refused("record.secret", record, f"it holds what looks like {what}")
    return line


def _refuse_holes(
    start: Start, by_place: dict[int, EvidenceRecord], missing: Sequence[str], places: dict[str, int]
) -> None:
    """Every task has a record or is listed as missing, never both."""
    listed = set(missing)
    holes = {task for task, place in places.items() if place not in by_place}
    if holes == listed and len(listed) == len(missing):
        return
    wrong = ", ".join(sorted(holes ^ listed)[:5]) or "a task is listed twice"
    raise RecordRefused(
        f"planned and got do not meet: {wrong}",
        where=f"run {start.run}",
        mend="list each task without a record as missing, and only those",
        code="record.missing",
    )


def _refused(code: str, record: EvidenceRecord, what: str) -> RecordRefused:
    mends = {
        "record.secret": "have the collector leave the secret out of its facts and messages",
        "record.too_large": "have the collector keep counts and digests, not the data",
    }
    return RecordRefused(what, where=record.id, mend=mends.get(code), code=code)
