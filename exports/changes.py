"""What changed since an earlier pack: controls, mappings, verdicts, evidence and exceptions. Pure.

An earlier pack is compared by its manifest, which must have been verified before it comes here. Only what is compared
is read of it: a pack of another version of Muniment may say more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from muniment.evidence import MunimentError, Status, UsageError, canonical
from muniment.evidence.model import Digest, Instant
from muniment.exports.model import Change, Pack, Since


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Named(_Read):
    id: str
    generated_at: Instant
    audience: str = "auditor"


class _Framework(_Read):
    id: str


class _Checkpoint(_Read):
    origin: str
    size: int
    root: Digest


class _Verdict(_Read):
    status: Status


class _Finding(_Read):
    control: str
    verdict: _Verdict


class _Criterion(_Read):
    criterion: str
    verdict: _Verdict


class _Record(_Read):
    id: str


class _Manifest(_Read):
    pack: _Named
    framework: _Framework
    checkpoint: _Checkpoint
    controls: tuple[dict[str, JsonValue], ...]
    findings: tuple[_Finding, ...]
    applicability: tuple[_Criterion, ...]
    exceptions: tuple[dict[str, JsonValue], ...]
    records: tuple[_Record, ...]


@dataclass(frozen=True)
class Earlier:
    """An earlier pack as far as it is compared; `verdicts` by what they are on, the others by id."""

    id: str
    framework: str
    generated_at: datetime
    origin: str
    size: int
    root: str
    controls: Mapping[str, str]
    mappings: Mapping[str, str]
    verdicts: Mapping[str, str]
    exceptions: Mapping[str, str]
    records: frozenset[str]


def earlier(manifest: bytes) -> Earlier:
    """What an earlier pack's verified manifest says.

    Raises:
        MunimentError: `since`: it is of a version that cannot be compared.
        UsageError: `since.redacted`: what it masks would be compared.
    """
    try:
        told = _Manifest.model_validate_json(manifest)
    except ValidationError as error:
        raise MunimentError(
            "the earlier pack cannot be compared: its manifest lacks what is compared",
            mend="name a pack of this version",
            code="since",
        ) from error
    if told.pack.audience == "redacted":
        raise UsageError(
            f"{told.pack.id} is redacted: every value that it masks would look like a change",
            mend="compare with a pack for the auditor of that time; a redacted pack may be compared with it too",
            code="since.redacted",
        )
    return Earlier(
        id=told.pack.id,
        framework=told.framework.id,
        generated_at=told.pack.generated_at,
        origin=told.checkpoint.origin,
        size=told.checkpoint.size,
        root=told.checkpoint.root,
        controls={str(each.get("id")): _without_mappings(each) for each in told.controls},
        mappings=dict(_mappings(told.controls, told.framework.id)),
        verdicts={
            **{each.control: each.verdict.status.value for each in told.findings},
            **{each.criterion: each.verdict.status.value for each in told.applicability},
        },
        exceptions={str(each.get("id")): canonical(each).decode() for each in told.exceptions},
        records=frozenset(each.id for each in told.records),
    )


def since(pack: Pack, before: Earlier) -> Since:
    """What is otherwise in this pack than it was in that one, in the order of the noun, then of the name."""
    rows = [row for group in pack.applicability for row in group.rows]
    controls = [sheet.control.to_json() for sheet in pack.controls]
    verdicts = {
        **{sheet.control.id: sheet.finding.verdict.status.value for sheet in pack.controls},
        **{row.criterion.id: row.result.verdict.status.value for row in rows},
    }
    exceptions = {
        row.exception.id: canonical({**row.exception.to_json(), "state": row.state}).decode() for row in pack.exceptions
    }
    records = {each.record.id for each in pack.evidence}
    mappings = dict(_mappings(controls, pack.identity.framework.id))
    return Since(
        pack=before.id,
        generated_at=before.generated_at,
        size=before.size,
        root=before.root,
        changes=(
            *_compared("control", before.controls, {str(each["id"]): _without_mappings(each) for each in controls}),
            *_compared("mapping", before.mappings, mappings),
            *_verdicts(before.verdicts, verdicts),
            *_compared("exception", before.exceptions, exceptions),
        ),
        records_new=len(records - before.records),
        records_gone=len(before.records - records),
    )


def _without_mappings(control: Mapping[str, Any]) -> str:
    return canonical({key: value for key, value in control.items() if key != "mappings"}).decode()


def _mappings(controls: Any, framework: str) -> Iterator[tuple[str, str]]:
    """`CONTROL → CRITERION` and what the mapping says."""
    for control in controls:
        for mapping in control.get("mappings") or ():
            if mapping.get("framework") == framework:
                yield f"{control.get('id')} → {mapping.get('criterion')}", canonical(mapping).decode()


def _compared(noun: str, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted(before.keys() | now.keys()):
        if name not in before:
            yield Change(noun, name, "added", None, None)
        elif name not in now:
            yield Change(noun, name, "gone", None, None)
        elif before[name] != now[name]:
            yield Change(noun, name, "changed", None, None)


def _verdicts(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
    """Of what both packs judge; what came or went stands among controls."""
    for name in sorted(before.keys() & now.keys()):
        if before[name] != now[name]:
            yield Change("verdict", name, "changed", Status(before[name]), Status(now[name]))
