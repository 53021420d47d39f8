"""A collector before a look: what it says of itself, and what it makes of the settings that a plan has to offer.

Both are asked where the collector is imported, which for a plug-in is a process of its own (`process`); what goes in
and what comes out is plain data, so that nothing of a plug-in is needed where the plan is made.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue, ValidationError

from muniment.evidence.collector import Code, Collector, Facts, Settings, subject_of
from muniment.evidence.sensitive import declared_by

_FOR_PEOPLE = frozenset({"contact", "note"})  # an entry's words that no program is given, and no record keeps


@dataclass(frozen=True)
class Description:
    """What a collector says of itself; `settings` and `facts` are JSON Schemas."""

    version: str
    subject_kind: str
    first_line: str
    settings: dict[str, Any]
    facts: dict[str, Any]
    codes: tuple[Code, ...]
    undescribed: tuple[str, ...] = ()  # settings that say nothing of themselves: `hsm.py:12: depth`


@dataclass(frozen=True)
class Asked:
    """The settings for one look, the later before the earlier.

    Keys of `common` (what the workspace has for any collector) and of `offered` (an entry of a register) are taken
    where the collector has them; those of `settled` (the check itself) always.
    """

    offered: Mapping[str, JsonValue] = field(default_factory=dict)
    settled: Mapping[str, JsonValue] = field(default_factory=dict)
    common: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Filled:
    """Settings that the collector takes, with its defaults, and the words that name what they point at."""

    settings: dict[str, JsonValue]
    subject: str


@dataclass(frozen=True)
class Slip:
    """A setting that the collector refuses: `kind` is pydantic's word for why, `words` its sentence."""

    key: str
    kind: str
    words: str


@dataclass(frozen=True)
class Answers:
    """What a collector makes of what was asked, in the order of the asking. `keys` are the settings that it has."""

    keys: frozenset[str]
    filled: tuple[Filled | tuple[Slip, ...], ...]
    declared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # personal data: kind → dotted paths
    takes_all: bool = False  # whether it passes on keys that it does not have


def description_of(collector: type[Collector[Any, Any]]) -> Description:
    """What a collector says of itself."""
    return Description(
        version=collector.version,
        subject_kind=collector.subject_kind,
        first_line=(collector.__doc__ or "").strip().partition("\n")[0],
        settings=collector.settings_type.model_json_schema(),
        facts=collector.facts_type.model_json_schema(),
        codes=tuple(collector.codes),
        undescribed=tuple(_undescribed(collector.settings_type)),
    )


def fill(model: type[Settings], facts: type[Facts], asked: Sequence[Asked], base: Path) -> Answers:
    """Fill in the settings of one collector. Relative paths are tried from `base`, and stay as they are written."""
    return Answers(
        keys=frozenset(model.model_fields),
        filled=tuple(_filled(model, each, base) for each in asked),
        declared=declared_by(model, facts),
        takes_all=model.rest is not None,
    )


def _undescribed(model: type[Settings]) -> Iterator[str]:
    """The settings without a description, each with the line of the file that declares it."""
    try:
        lines, first = inspect.getsourcelines(model)
        file = Path(inspect.getfile(model)).name
    except (OSError, TypeError):
        lines, first, file = [], 0, model.__name__
    for name, field_ in model.model_fields.items():
        if not field_.description:
            places = (n for n, line in enumerate(lines, first) if line.partition(":")[0].strip() == name)
            yield f"{file}:{next(places, first)}: {name}"


def _filled(model: type[Settings], asked: Asked, base: Path) -> Filled | tuple[Slip, ...]:
    values = _taken(model, asked)
    try:
        model.read(values, base)
        # A record names no folder of the machine that looked.
        read = model.read(values)
    except ValidationError as error:
        return tuple(
            Slip(str(each["loc"][0]) if each["loc"] else "", each["type"], each["msg"].removeprefix("Value error, "))
            for each in error.errors(include_url=False)
        )
    return Filled(read.to_json(), subject_of(read))


def _taken(model: type[Settings], asked: Asked) -> dict[str, JsonValue]:
    if model.rest is None:
        wanted = {key: value for key, value in {**asked.common, **asked.offered}.items() if key in model.model_fields}
        return {**wanted, **asked.settled}
    own = asked.settled.get(model.rest) or {}
    if not isinstance(own, Mapping):
        return dict(asked.settled)
    offered = {key: value for key, value in asked.offered.items() if key not in _FOR_PEOPLE}
    return {**asked.settled, model.rest: {**offered, **own}}
