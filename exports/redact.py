"""Redacted packs: declared values are masked wherever a pack says them, and what held one is withheld. Pure.

What is masked is declared: fields in `packs.masked` of `muniment.yaml`, and what a collector's author declared as
personal data, which stands in the signed plans.

    subject  query  system        of each record
    facts.NAME…  settings.NAME…   what lies under a field of its facts or settings
    people                        everyone who is named: who ran, owns, asked, approved, stated or reviewed
    register.NAME.KEY             a value of a register's entries; `id` is their name

The strings found there are masked in every string of the pack, as `[masked 3]` in the pack's language, the same number
for the same value. A record, plan, end or decision that held one is shown with its masks; its own bytes are withheld,
and its leaf hash stands with its proof, so that it is proven to be in the log by digest alone. Strings of fewer than
four characters are masked where they are the whole of a string; numbers and the like only in their own field. The
organisation's own name stays.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from enum import Enum
from typing import Any

from pydantic import BaseModel, JsonValue

from muniment.controls.model import Check, Criterion, Framework, Group, Workspace
from muniment.evidence import Code, EvidenceRecord, Observed, StoredDecision, StoredRun, Task, canonical
from muniment.evidence.errors import UsageError
from muniment.evidence.sensitive import personal_in
from muniment.evidence.store.merkle import leaf_hash
from muniment.exports.languages import language
from muniment.exports.model import Head, Identity, Making, MaskedField, Pack, Redaction, Theme
from muniment.exports.words import Words

_SHORT = 4  # characters below which a value is masked only where it is the whole of a string
_COMMON = 8  # letters below which a value is masked only where it is a word of its own
_DIGEST = re.compile(r"(sha256:)?[0-9a-f]{40,64}")
_KEY_LIKE_A_VALUE = re.compile(r"[@.:/\d]")
_ROOTS = ("facts", "settings")
# Who and what the pack is, into which masks may not reach, and the words of standards and collectors, which are public.
_PUBLIC = (Framework, Group, Criterion, Code)
_UNTOUCHED = (Identity, Head, Making, Theme, *_PUBLIC, Enum, datetime, date, bytes, bool)


def redacted(pack: Pack, workspace: Workspace, decisions: Iterable[StoredDecision] = ()) -> Pack:
    """The pack with what is declared masked. It has no attachments yet.

    Raises:
        UsageError: `redaction.nothing`: no field is declared; `redaction.too_wide`: a value is part of what names the
            pack, a record, a control or a check, so that it cannot be masked.
    """
    found = _values(pack, workspace, decisions)
    if not found:
        raise UsageError(
            "nothing is declared that could be masked",
            where="muniment.yaml",
            mend="name fields in `packs.masked`, such as `people` or `facts.contact`",
            code="redaction.nothing",
        )
    masks = _Masks(found, workspace.packs.masked, Words(language(pack.identity.language)))
    names = _names(pack)
    for text in _naming(pack):
        if field := masks.field_in(text):
            raise _too_wide(field)
    made: Pack = masks.over(pack)
    if _names(made) != names:
        raise _too_wide(masks.field_in("\n".join(sorted(names))))
    withheld = {
        **_withheld_records(pack, made),
        **_withheld_runs(pack, made),
        **_withheld_decisions(pack, made),
    }
    told = tuple(
        MaskedField(name, len(values))
        for name, values in sorted(found.items())
        if values or name in workspace.packs.masked
    )
    return replace(made, redaction=Redaction(told, withheld))


def _naming(pack: Pack) -> list[str]:
    """What names the pack, its log and its keys."""
    own = [value for value in vars(pack.identity).values() if isinstance(value, str)]
    return [*own, pack.head.origin, *(key.name for key in pack.head.trust.keys)]


def _too_wide(field: str) -> UsageError:
    return UsageError(
        f"a value of the field `{field}` is part of what names the pack, a key, a record, a control or a check",
        where="muniment.yaml",
        mend="mask another field, or rename what carries the value",
        code="redaction.too_wide",
    )


def _names(pack: Pack) -> set[str]:
    """What links one part of a pack to another, and must stand as it is."""
    return {
        *(each.record.id for each in pack.evidence),
        *(row.criterion.id for group in pack.applicability for row in group.rows),
        *(sheet.control.id for sheet in pack.controls),
        *(check.id for sheet in pack.controls for check in sheet.checks),
        *(each.id for each in pack.decisions),
        *(run.start.run_id for run in pack.custody),
    }


# --- what is declared, and its values --------------------------------------------------------------------------------


def _values(pack: Pack, workspace: Workspace, decisions: Iterable[StoredDecision]) -> dict[str, tuple[str, ...]]:
    """Each declared field with its values, in the order of the log; a field without values is there too."""
    found: dict[str, dict[str, None]] = {name: {} for name in workspace.packs.masked}

    def note(field: str, values: Iterable[str]) -> None:
        own = pack.identity.organisation.lower()  # stands on the cover, and is nobody's
        kept = (value for value in values if value.strip() and value.lower() != own)
        found.setdefault(field, {}).update(dict.fromkeys(kept))

    tasks = {(run.start.run, task.id): task for run in pack.custody for task in run.start.plan.tasks}
    for cited in pack.evidence:
        for field in workspace.packs.masked:
            note(field, _held(_of_record(cited.record, field)))
        for kind, field in _declared(tasks.get((cited.stored.run, cited.record.task))):
            note(field, _of_kind(kind, _of_record(cited.record, field)))
    for task in tasks.values():
        for field in workspace.packs.masked:
            note(field, _held(_of_task(task, field)))
        for kind, field in _declared(task):
            note(field, _of_kind(kind, _of_task(task, field)))
    for field in workspace.packs.masked:
        if field.startswith("register."):
            _, name, key = field.split(".", 2)
            note(field, _held(_of_register(workspace, name, key)))
        elif field == "people":
            note(field, _people(pack, workspace, decisions))
    return {field: tuple(values) for field, values in found.items()}


def _declared(task: Task | None) -> Iterator[tuple[str, str]]:
    """What the collector's author declared: a kind of personal data, and a field that may hold it."""
    for kind, paths in (task.declared if task else {}).items():
        yield from ((kind, path) for path in paths)


def _of_kind(kind: str, values: Iterable[JsonValue]) -> Iterator[str]:
    """Of the strings in the values, those that hold personal data of the kind: the field may hold other things too."""
    return (each for each in _held(values) if kind in set(personal_in(each)))


def _of_record(record: EvidenceRecord, field: str) -> Iterator[JsonValue]:
    root, _, path = field.partition(".")
    seen = record.outcome if isinstance(record.outcome, Observed) else None
    match root:
        case "subject":
            yield record.subject
        case "settings":
            yield from _under(record.method.parameters, path)
        case "facts" if seen:
            yield from _under(seen.facts, path)
        case "query" if seen:
            yield seen.origin.query
        case "system" if seen:
            yield seen.origin.system


def _of_task(task: Task, field: str) -> Iterator[JsonValue]:
    if field == "subject":
        yield task.subject
    elif field.startswith("settings."):
        yield from _under(task.settings, field.removeprefix("settings."))


def _of_register(workspace: Workspace, name: str, key: str) -> Iterator[JsonValue]:
    register = workspace.registers.get(name)
    for entry in register.entries if register else ():
        yield entry.id if key == "id" else entry.values.get(key)
    if register:
        yield register.defaults.get(key)


def _under(value: JsonValue, path: str) -> Iterator[JsonValue]:
    """What stands at a dotted path; lists on the way are gone through."""
    if isinstance(value, list):
        for each in value:
            yield from _under(each, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        name, _, rest = path.partition(".")
        if name in value:
            yield from _under(value[name], rest)


def _held(values: Iterable[JsonValue]) -> Iterator[str]:
    """All strings in JSON values, long numbers as text, and keys that look like values."""
    for value in values:
        match value:
            case str():
                yield value
            case bool() | None | float():
                pass
            case int() if abs(value) >= 10**5:
                yield str(value)
            case list():
                yield from _held(value)
            case dict():
                yield from (key for key in value if _KEY_LIKE_A_VALUE.search(key))
                yield from _held(value.values())


def _people(pack: Pack, workspace: Workspace, decisions: Iterable[StoredDecision]) -> Iterator[str]:
    for run in pack.custody:
        yield from (run.start.plan.actor.name, run.start.plan.actor.host or "")
    for record in (cited.record for cited in pack.evidence):
        yield from (record.actor.name, record.actor.host or "")
    for each in (stored.decision for stored in (*pack.decisions, *decisions)):
        yield from (each.actor.name, each.asked_by or "", each.approver or "", str(each.payload.get("to") or ""))
    for control in workspace.controls:
        yield control.owner or ""
        yield from (mapping.review.by for mapping in control.mappings if mapping.review)
    for exception in workspace.exceptions:
        yield from (exception.requested_by, exception.approver)
    yield from (each.by for each in workspace.attestations)
    yield from (each.complete.by for each in workspace.decisions if each.complete)
    yield from (each.asked_by for each in workspace.samples)
    yield from (row.request.asked.by or "" for row in pack.requests)
    for register in workspace.registers.values():
        yield from _held(_of_register(workspace, register.name, "owner"))
    settings = workspace.packs
    yield from (settings.owner or "", settings.reviewer or "", settings.approver or "", *settings.distribution)


# --- masking ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    value: str  # in small letters
    mask: str
    field: str
    alone: bool  # only as a word of its own


class _Masks:
    """Every value that is masked, to be found in any text in one pass over it."""

    def __init__(self, found: Mapping[str, tuple[str, ...]], hidden: Iterable[str], words: Words) -> None:
        self.hidden = tuple(map(_parted, hidden))  # fields whose numbers and the like are hidden too
        self.instead = words.hidden
        self.whole: dict[str, str] = {}
        self.places: dict[str, list[_Place]] = {}
        self.known: dict[str, str] = {}
        for field, values in found.items():
            for value in values:
                small = _small(value)
                if small in self.whole:
                    continue
                self.whole[small] = words.masked(len(self.whole) + 1)
                if len(value) >= _SHORT:
                    place = _Place(small, self.whole[small], field, len(value) < _COMMON and value.isalpha())
                    self.places.setdefault(small[:_SHORT], []).append(place)
        for places in self.places.values():
            places.sort(key=lambda place: (-len(place.value), place.value))

    def text(self, text: str) -> str:
        """The text with its masks."""
        if text not in self.known:
            self.known[text] = self.whole.get(_small(text)) or "".join(self._pieces(text))
        return self.known[text]

    def field_in(self, text: str) -> str:
        """The field of a value that the text holds; empty if it holds none."""
        small = _small(text)
        found = (self._at(small, start) for start in range(len(small)))
        return next((place.field for place in found if place), "")

    def _pieces(self, text: str) -> Iterator[str]:
        if _DIGEST.fullmatch(text):
            yield text
            return
        small, start, kept = _small(text), 0, 0
        while start <= len(small) - _SHORT:
            place = self._at(small, start)
            if place is None:
                start += 1
                continue
            yield text[kept:start] + place.mask
            start = kept = start + len(place.value)
        yield text[kept:]

    def _at(self, small: str, start: int) -> _Place | None:
        for place in self.places.get(small[start : start + _SHORT], ()):
            end = start + len(place.value)
            beside = small[start - 1 : start] + small[end : end + 1]
            if small.startswith(place.value, start) and not (place.alone and any(map(str.isalnum, beside))):
                return place
        return None

    def over(self, value: Any) -> Any:
        """The same value with masks in every string; what names the pack stays as it is."""
        if isinstance(value, str) and not isinstance(value, Enum):
            return self.text(value)
        if value is None or isinstance(value, _UNTOUCHED):
            return value
        if isinstance(value, int):
            return self.whole.get(str(value), value)
        if isinstance(value, EvidenceRecord | Task | Check):
            value = self._own(value)
        if isinstance(value, tuple | list):
            return type(value)(map(self.over, value))
        if isinstance(value, Mapping):
            return {self.over(key): self.over(each) for key, each in value.items()}
        if isinstance(value, BaseModel):
            return value.model_copy(
                update={name: self._kept(getattr(value, name)) for name in type(value).model_fields}
            )
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{each.name: self._kept(getattr(value, each.name)) for each in fields(value)})
        return value

    def _kept(self, value: Any) -> Any:
        """A field of a noun: a count is no value of evidence, and stays."""
        return value if isinstance(value, int) else self.over(value)

    def _own(self, value: EvidenceRecord | Task | Check) -> EvidenceRecord | Task | Check:
        """The same with its declared fields hidden, whatever they hold; long strings get masks of their own later."""
        under = {root: [path for name, _, path in self.hidden if name == root] for root in _ROOTS}
        if not isinstance(value, EvidenceRecord):
            return value.model_copy(update={"settings": _hidden(value.settings, under["settings"], self.instead)})
        parameters = _hidden(value.method.parameters, under["settings"], self.instead)
        changed: dict[str, Any] = {"method": value.method.model_copy(update={"parameters": parameters})}
        if isinstance(value.outcome, Observed):
            facts = _hidden(value.outcome.facts, under["facts"], self.instead)
            changed["outcome"] = value.outcome.model_copy(update={"facts": facts})
        return value.model_copy(update=changed)


def _parted(field: str) -> tuple[str, str, str]:
    return field.partition(".")


def _hidden(value: Any, paths: list[str], instead: str) -> Any:
    """A JSON object in which whatever is no string at the paths is hidden; strings get masks of their own later."""
    for path in paths:
        value = _hide(value, path, instead)
    return value


def _hide(value: JsonValue, path: str, instead: str) -> JsonValue:
    if isinstance(value, list):
        return [_hide(each, path, instead) for each in value]
    if not path:
        return value if isinstance(value, str) and len(value) >= _SHORT else instead
    if not isinstance(value, dict):
        return value
    name, _, rest = path.partition(".")
    return {key: _hide(each, rest, instead) if key == name else each for key, each in value.items()}


def _small(text: str) -> str:
    """The text in small letters, as long as it was."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(x if len(x.lower()) > 1 else x.lower() for x in text)


# --- what is withheld ------------------------------------------------------------------------------------------------


def _withheld_records(before: Pack, after: Pack) -> dict[int, str]:
    pairs = zip(before.evidence, after.evidence, strict=True)
    return {
        one.stored.leaf: _leaf(line)
        for one, other in pairs
        for line in (canonical(one.record),)
        if line != canonical(other.record)
    }


def _withheld_runs(before: Pack, after: Pack) -> dict[int, str]:
    found: dict[int, str] = {}
    for one, other in zip(before.custody, after.custody, strict=True):
        for leaf, was, now in _leaves_of(one, other):
            if canonical(was) != canonical(now):
                found[leaf] = _leaf(canonical(was))
    return found


def _leaves_of(one: StoredRun, other: StoredRun) -> Iterator[tuple[int, BaseModel, BaseModel]]:
    yield one.start.previous_size, one.start, other.start
    if one.end and other.end:
        yield one.leaves.stop - 1, one.end, other.end


def _withheld_decisions(before: Pack, after: Pack) -> dict[int, str]:
    return {
        one.leaf: _leaf(canonical(one.decision))
        for one, other in zip(before.decisions, after.decisions, strict=True)
        if canonical(one.decision) != canonical(other.decision)
    }


def _leaf(line: bytes) -> str:
    return leaf_hash(line).hex()
