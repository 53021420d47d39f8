"""The door of the store: what a record must be to come in.

A record belongs to the plan of its run, one record to a task; it is small enough to be read by a person; and it holds
no secret, nor personal data that the task's collector did not declare (`sensitive.py`). The same holds for the plan.
"""

from collections.abc import Mapping, Sequence

from muniment.evidence.errors import RecordRefused, UsageError
from muniment.evidence.model import canonical, canonical_lines
from muniment.evidence.record import EvidenceRecord, Plan, Start, record_ids
from muniment.evidence.sensitive import Declarations, may_hold_any, sightings
from muniment.evidence.store.layout import RECORD_BYTES

_NOTHING: Declarations = {}
_TOGETHER = 100  # records whose bytes are searched at once, because to begin a search costs as much as to go on with it


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
    ids = record_ids(start.plan.planned.year, start.run)
    by_place: dict[int, EvidenceRecord] = {}
    for record in records:
        place = places.get(record.task)
        if place is None or record.id != f"{ids}{place:04d}":
            raise _refused("record.foreign", record, f"it does not belong to run {start.run}, task {record.task!r}")
        if place in by_place:
            raise _refused("record.duplicate", record, f"task {record.task!r} has a record already")
        by_place[place] = record
    if missing or len(by_place) != len(places):
        _refuse_holes(by_place, missing, places, start.run)
    ordered = [by_place[place] for place in sorted(by_place)]
    lines: list[bytes] = []
    for first in range(0, len(ordered), _TOGETHER):
        some = ordered[first : first + _TOGETHER]
        spelled = _spelled_together(some)
        if may_hold_any(b"\n".join(spelled)):
            for record, line in zip(some, spelled, strict=True):
                _refuse_secrets(record, line, start.plan.tasks[places[record.task] - 1].declared)
        lines += spelled
    return lines


def admitted_plan(plan: Plan, line: bytes) -> None:
    """A plan comes in only if it holds no secret, and no personal data but what its tasks declare.

    `line` is the leaf that holds the plan.

    Raises:
        UsageError: with the task in `where`; the register or the check has to be mended, and nothing was looked at.
    """
    if not may_hold_any(line):
        return
    rest = {**plan.to_json(), "tasks": []}
    parts = [("the plan", rest, _NOTHING)]
    for place, task in enumerate(plan.tasks, start=1):
        parts.append((f"task {place} of the plan", task.to_json(), task.declared))
    for where, part, declared in parts:
        seen = next(sightings(part, declared), None) if may_hold_any(canonical(part)) else None
        if seen is not None:
            raise UsageError(
                seen.sentence,
                where=where,
                mend="take it out of the register or the check: what is planned is stored for ever",
                code="plan.secret" if seen.secret else "plan.personal_data",
            )


def line_of(record: EvidenceRecord, declared: Declarations = _NOTHING) -> bytes:
    """The canonical bytes of a record that may come in; `declared` is what its task says that it may hold.

    Raises:
        RecordRefused: it has no canonical form, is too large, or holds what looks like a secret or personal data.
    """
    line = _spelled(record)
    _refuse_secrets(record, line, declared)
    return line


def _spelled_together(records: Sequence[EvidenceRecord]) -> list[bytes]:
    """The canonical bytes of each record; if one is to be refused, it is found by spelling them one by one."""
    try:
        lines = canonical_lines(records)
    except ValueError:
        return [_spelled(record) for record in records]
    return lines if max(map(len, lines)) <= RECORD_BYTES else [_spelled(record) for record in records]


def _spelled(record: EvidenceRecord) -> bytes:
    """The canonical bytes of a record, if it has any and they are not too many."""
    try:
        line = canonical(record)
    except ValueError as error:
        raise _refused("record.not_canonical", record, str(error)) from error
    if len(line) > RECORD_BYTES:
        raise _refused("record.too_large", record, f"it is {len(line)} bytes long; a record may have {RECORD_BYTES}")
    return line


def _refuse_secrets(record: EvidenceRecord, line: bytes, declared: Declarations) -> None:
    if may_hold_any(line):
        seen = next(sightings(record.to_json(), declared), None)
        if seen is not None:
            raise _refused("record.secret" if seen.secret else "record.personal_data", record, seen.sentence)


def _refuse_holes(
    by_place: Mapping[int, EvidenceRecord], missing: Sequence[str], places: Mapping[str, int], run: int
) -> None:
    """Every task has a record or is listed as missing, never both."""
    listed = set(missing)
    holes = {task for task, place in places.items() if place not in by_place}
    if holes == listed and len(listed) == len(missing):
        return
    wrong = ", ".join(sorted(holes ^ listed)[:5]) or "a task is listed twice"
    raise RecordRefused(
        f"planned and got do not meet: {wrong}",
        where=f"run {run}",
        mend="list each task without a record as missing, and only those",
        code="record.missing",
    )


def _refused(code: str, record: EvidenceRecord, what: str) -> RecordRefused:
    mends = {
        "record.secret": "have the collector leave the secret out of its facts and messages",
        "record.personal_data": "have the collector count instead, or declare the field: Annotated[…, Declared(…)]",
        "record.too_large": "have the collector keep counts and digests, not the data",
    }
    return RecordRefused(what, where=record.id, mend=mends.get(code), code=code)
