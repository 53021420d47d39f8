"""The contract of a collector as promises that can be proved: one look from outside, twice, with every promise tried.

A promise is about code, not about the subject: a verdict of fail keeps the contract as well as a pass does. What cannot
be seen from here is whether `observe` looks at the right thing; that is what the collector's own tests are for.
"""

import asyncio
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar

import orjson
from pydantic import ValidationError

from muniment.evidence.collector import Collector, Facts, Settings, subject_of
from muniment.evidence.errors import RecordRefused, UsageError
from muniment.evidence.model import Span, utc
from muniment.evidence.record import Actor, EvidenceRecord, Method, Observed, Origin, Population, record_id
from muniment.evidence.registry import AnyCollector, discover
from muniment.evidence.sensitive import declared_by
from muniment.evidence.store.door import line_of
from muniment.evidence.testing.watch import watched
from muniment.evidence.verdict import Verdict, inconclusive

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""The instant that a look stands for where a test names none."""

S = TypeVar("S", bound=Settings)
F = TypeVar("F", bound=Facts)


class Promise(StrEnum):
    """What every collector promises; the value is the sentence that people read."""

    NAMED = "it has an id, and its docstring says what it looks at"
    DESCRIBED = "every setting says what it means"
    SETTINGS = "settings are the same when they were written down and read again"
    TYPED = "observe gives the facts that the class names, and assess gives a verdict"
    SOURCE = "facts say which system they come from, and by which query"
    POPULATION = "what was collected, what was left out and what was expected add up"
    FACTS = "facts are the same when they were written down and read again"
    STEADY = "two looks at the same world see the same"
    PURE = "assess touches nothing: no file, no socket, no program, no clock"
    SAME = "the same facts at the same instant get the same verdict"
    DECLARED = "the codes of a verdict are among those that the class declares, if it declares any"
    STORED = (
        "the store takes the record: one way to spell it, small enough to read, no secret, no undeclared personal data"
    )


class PromiseBroken(AssertionError):
    """A collector does not keep the contract. `broken` says of each promise how."""

    def __init__(self, name: str, broken: Mapping[Promise, str]) -> None:
        lines = (f"  {promise}:\n    {how}" for promise, how in broken.items())
        super().__init__("\n".join((f"{name} does not keep the contract of a collector.", *lines)))
        self.broken = dict(broken)


@dataclass(frozen=True)
class Sight(Generic[F]):
    """What one look saw, and what it means."""

    facts: F
    verdict: Verdict


@dataclass(frozen=True)
class Examination(Generic[F]):
    """What came of trying every promise: the sight, and how each promise that does not hold was broken."""

    sight: Sight[F]
    broken: Mapping[Promise, str]


def check_collector(
    collector: type[Collector[S, F]] | Collector[S, F],
    settings: S | Mapping[str, Any],
    *,
    at: datetime = AT,
    base: Path | None = None,
) -> Sight[F]:
    """Prove that a collector keeps the contract, and give what it saw, for further asserts.

    Args:
        collector: the class, or an instance that was given its HTTP, DNS or TLS.
        settings: as an object, or as they stand in a file; they must point at something that can be seen.
        at: the instant to judge at; an aware time.
        base: the folder that relative paths start from.

    Raises:
        PromiseBroken: which is an AssertionError, and names every promise that does not hold.
        ValidationError: the settings are not those of the collector.
        Exception: whatever `observe` or `assess` raises goes through, with its traceback.
    """
    examination = examine(collector, settings, at=at, base=base)
    if examination.broken:
        raise PromiseBroken(_class_of(collector).__name__, examination.broken)
    return examination.sight


def examine(
    collector: type[Collector[S, F]] | Collector[S, F],
    settings: S | Mapping[str, Any],
    *,
    at: datetime = AT,
    base: Path | None = None,
) -> Examination[F]:
    """Try every promise. Arguments and errors are those of `check_collector`.

    Raises:
        PromiseBroken: `Promise.TYPED` does not hold, so that there is nothing to go on with.
    """
    instant = utc(at)
    kind = _class_of(collector)
    read: Any = settings if isinstance(settings, Settings) else kind.settings_type.read(dict(settings), base)
    first, second = (_looked(collector, read, instant) for _ in range(2))
    judge = collector if isinstance(collector, Collector) else kind(at=instant)
    again = _written_and_read(first)
    verdict, touched = watched(lambda: judge.assess(read, first, instant), own=_source(kind))
    _require_verdict(kind, verdict)
    later, touched_later = watched(lambda: judge.assess(read, again or first, instant), own=_source(kind))
    tried = {
        Promise.NAMED: _unnamed(kind),
        Promise.DESCRIBED: _undescribed(kind),
        Promise.SETTINGS: _changed_settings(read),
        Promise.SOURCE: _unsourced(first.origin),
        Promise.POPULATION: _does_not_add_up(first.origin.population),
        Promise.FACTS: "they cannot be read back" if again is None else _difference(first.to_json(), again.to_json()),
        Promise.STEADY: _difference(first.to_json(), second.to_json()),
        Promise.PURE: "; ".join(dict.fromkeys((*touched, *touched_later))) or None,
        Promise.SAME: None if verdict == later else f"first {_words(verdict)}, then {_words(later)}",
        Promise.DECLARED: _undeclared(kind, verdict),
        Promise.STORED: _refused(kind, read, first.observed(verdict), instant),
    }
    return Examination(Sight(first, verdict), {promise: how for promise, how in tried.items() if how})


def load_collector(file: Path) -> type[AnyCollector]:
    """The one collector that a file of a workspace's `collectors/` folder holds.

    Raises:
        UsageError: the file holds none, or several.
        CouldNotLook: it does not import; the message names file and line.
    """
    found = [each for each in discover(file.parent).values() if isinstance(each.source, Path) and each.source == file]
    if len(found) != 1:
        raise UsageError(f"it holds {len(found)} collectors, where one is wanted", where=str(file))
    return found[0].load()


def _class_of(collector: type[Collector[S, F]] | Collector[S, F]) -> type[Collector[S, F]]:
    return type(collector) if isinstance(collector, Collector) else collector


def _looked(collector: type[Collector[S, F]] | Collector[S, F], settings: Any, at: datetime) -> F:
    """One observation: a class is made anew each time, so that nothing is remembered from the first."""
    instance = collector if isinstance(collector, Collector) else collector(at=at)
    answer: Any = instance.observe(settings)
    facts = asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer
    wanted = instance.facts_type
    if not isinstance(facts, wanted):
        how = f"observe gave {type(facts).__name__}, and {wanted.__name__} was promised"
        raise PromiseBroken(type(instance).__name__, {Promise.TYPED: how})
    return facts  # type: ignore[return-value] # `facts_type` is the class that F stands for


async def _awaited(answer: Any) -> Any:
    return await answer


def _require_verdict(kind: type[AnyCollector], verdict: object) -> None:
    if not isinstance(verdict, Verdict):
        how = f"assess gave {type(verdict).__name__}, and a Verdict was promised"
        raise PromiseBroken(kind.__name__, {Promise.TYPED: how})


def _written_and_read(facts: F) -> F | None:
    """The facts as a record gives them back, or None where it cannot."""
    written = orjson.dumps(facts.observed(inconclusive("not judged yet")).to_json())
    try:
        return type(facts).of(Observed.model_validate_json(written))
    except ValidationError:
        return None


def _source(kind: type[AnyCollector]) -> Path | None:
    name = inspect.getsourcefile(kind)
    return Path(name) if name else None


def _unnamed(kind: type[AnyCollector]) -> str | None:
    missing = [what for what, there in (("id", getattr(kind, "id", "")), ("docstring", kind.__doc__)) if not there]
    return f"{kind.__name__} has no {' and no '.join(missing)}" if missing else None


def _undescribed(kind: type[AnyCollector]) -> str | None:
    schema = kind.settings_type.model_json_schema()
    models = {"": schema, **{f"{name}.": model for name, model in schema.get("$defs", {}).items()}}
    silent = [
        f"{owner}{name}"
        for owner, model in models.items()
        for name, field in model.get("properties", {}).items()
        if not field.get("description")
    ]
    return f'{", ".join(silent)}: say `Field(description="…")`' if silent else None


def _changed_settings(settings: Settings) -> str | None:
    try:
        again = type(settings).read(settings.to_json())
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))} cannot be read back: {first['msg']}"
    if difference := _difference(settings.to_json(), again.to_json()):
        return difference
    same = _without_paths(settings.model_dump()) == _without_paths(again.model_dump())
    return None if same else "what was read back is spelled the same, and is not equal"


def _without_paths(value: Any) -> Any:
    """Paths as text, since a setting that may be a path or a URL is a path in a test and text in a file."""
    if isinstance(value, dict):
        return {key: _without_paths(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_without_paths, value))
    return str(value) if isinstance(value, Path) else value


def _unsourced(origin: Origin) -> str | None:
    empty = [name for name in ("system", "query") if not getattr(origin, name, "").strip()]
    return f"origin.{' and origin.'.join(empty)} is empty" if empty else None


def _does_not_add_up(population: Population | None) -> str | None:
    """Whether a subject is unaccounted for. Exclusions may or may not be counted among the expected."""
    if population is None:
        return None
    counts = f"{population.expected} expected, {population.collected} collected, {len(population.exclusions)} left out"
    if population.collected > population.expected:
        return f"more than there is: {counts}"
    if population.complete and population.collected + len(population.exclusions) < population.expected:
        return f"{counts}: name what was left out in `exclusions`, or say `complete=False`"
    return None


def _difference(one: Any, other: Any, place: str = "$") -> str | None:
    """The first place, as a JSON path, at which two JSON values differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        found: Iterator[str | None] = (_difference(one[key], other[key], f"{place}.{key}") for key in one)
        return next(filter(None, found), None)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        found = (_difference(*pair, f"{place}[{number}]") for number, pair in enumerate(zip(one, other, strict=True)))
        return next(filter(None, found), None)
    if type(one) is type(other) and one == other:
        return None
    return f"{place} was {_short(one)}, then {_short(other)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]} …"


def _words(verdict: Verdict) -> str:
    return f"{verdict.status.word} ({verdict.message})"


def _undeclared(kind: type[AnyCollector], verdict: Verdict) -> str | None:
    declared = {code.id for code in kind.codes}
    unknown = [code for code in verdict.codes if code.partition(":")[0] not in declared]
    return f"{', '.join(unknown)}: add a `Code` to {kind.__name__}.codes" if declared and unknown else None


def _refused(kind: type[AnyCollector], settings: Settings, outcome: Observed, at: datetime) -> str | None:
    """What the door of the store says of the record that a run would make."""
    record = EvidenceRecord(
        id=record_id(at.year, 0, 1),
        task="check",
        check="check",
        controls=(),
        subject=subject_of(settings),
        subject_kind=kind.subject_kind,
        collected=Span(start=at, end=at),
        recorded=at,
        method=Method(collector=str(getattr(kind, "id", "")), version=kind.version, parameters=settings.to_json()),
        actor=Actor(name="check"),
        outcome=outcome,
    )
    try:
        line_of(record, declared_by(kind.settings_type, kind.facts_type))
    except RecordRefused as refused:
        return f"{refused.what}; {refused.mend}" if refused.mend else refused.what
    return None
