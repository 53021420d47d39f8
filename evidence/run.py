"""One pass over a plan: tasks become records. The one place that catches what plug-ins raise.

Every observation runs in a thread of its own, at most `limit` at once, and for at most the collector's `seconds`. What
goes wrong with one subject becomes that subject's `Errored` record; the others are still seen:

    CouldNotLook      its cause and message                 InputFault   its cause; the run ends with exit code 2
    any other raise   `collector.raised`, file and line     wrong type   `collector.wrong_type`
    too slow          `collector.timeout`, file and line    no admission `record.…`

A thread that does not come back is abandoned: it is a daemon and ends with the process.
"""

import asyncio
import inspect
import queue
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from muniment.evidence.collector import Facts
from muniment.evidence.errors import CouldNotLook, InputFault, RecordRefused
from muniment.evidence.model import Span
from muniment.evidence.record import (
    Errored,
    EvidenceRecord,
    Life,
    Method,
    Observed,
    Outcome,
    Plan,
    Start,
    Task,
    record_id,
)
from muniment.evidence.registry import AnyCollector, Registry, brief, place_of
from muniment.evidence.store.door import line_of

Clock = Callable[[], datetime]

_ATTENTION = 0.2  # seconds between two questions whether to stop


@dataclass(frozen=True)
class Look:
    """What came of one task: the outcome, and the fault where the input itself is to blame."""

    task: Task
    method: Method
    subject_kind: str
    outcome: Outcome
    collected: Span
    fault: InputFault | None = None


@dataclass(frozen=True)
class Eye:
    """A collector that is ready to look at one task, and what a record will say of it."""

    task: Task
    collector: type[AnyCollector]
    method: Method

    def look(self, *, clock: Clock, base: Path, at: datetime | None = None) -> Look:
        """One observation, in this thread and without a limit of time; judged at `at`, or else when it begins."""
        began = clock()
        fault = None
        outcome: Outcome
        try:
            outcome = _observe(self.collector, self.task, base, at or began)
        except (CouldNotLook, InputFault) as error:
            fault = error if isinstance(error, InputFault) else None
            where = error.where and error.where.replace(f"{base}/", "")  # a path of this machine is nobody's affair
            outcome = Errored(cause=error.cause, message=error.what.replace(f"{base}/", ""), where=where)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a plug-in may raise anything, SystemExit included
            where = place_of(error, _file_of(self.collector))
            outcome = Errored(cause="collector.raised", message=f"{type(error).__name__}: {brief(error)}", where=where)
        return Look(self.task, self.method, self.collector.subject_kind, outcome, _span(began, clock), fault)


@dataclass
class _Running:
    """An observation under way."""

    place: int
    eye: Eye
    thread: threading.Thread
    began: datetime
    deadline: float


def open_eye(task: Task, registry: Registry) -> Eye:
    """Import the task's collector.

    Raises:
        CouldNotLook: there is no such collector, or it does not import.
    """
    registration = registry.get(task.collector)
    if registration is None:
        raise CouldNotLook("collector.unknown", f"no installed package and no file declares {task.collector!r}")
    collector = registration.load()
    return Eye(task, collector, registration.method(collector, task))


def look_at_all(
    plan: Plan,
    registry: Registry,
    *,
    clock: Clock,
    base: Path,
    limit: int = 16,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, Look]]:
    """Carry out a plan. Yields each look, with its place in the plan from 0, as it comes back.

    `stopped` is asked a few times a second; once it says yes, what has come back is still given, and the rest is left.
    """
    eyes: list[tuple[int, Eye]] = []
    for place, task in enumerate(plan.tasks):
        if stopped():
            return
        began = clock()
        try:
            eyes.append((place, open_eye(task, registry)))
        except CouldNotLook as error:
            method = Method(collector=task.collector, version="unknown", parameters=task.settings)
            outcome = Errored(cause=error.cause, message=error.what, where=error.where)
            yield place, Look(task, method, "unknown", outcome, _span(began, clock))
    yield from _look_side_by_side(eyes[::-1], clock, base, limit, stopped)


def to_record(
    seen: Look, place: int, start: Start, *, recorded: datetime, previous: Mapping[tuple[str, str], str]
) -> EvidenceRecord:
    """The record of a look, at `place` from 0 in the plan.

    `previous` maps check and subject to the id of the record before it. A record that the store would refuse becomes an
    `Errored` one that says why, so that one subject's secret does not cost the run its other records.
    """
    task = seen.task
    speaks_for = timedelta(seconds=task.valid_for) if task.valid_for else None

    def record(outcome: Outcome) -> EvidenceRecord:
        return EvidenceRecord(
            id=record_id(start.plan.planned.year, start.run, place + 1),
            task=task.id,
            check=task.check,
            controls=task.controls,
            subject=task.subject,
            subject_kind=seen.subject_kind,
            collected=seen.collected,
            recorded=recorded,
            method=seen.method,
            actor=start.plan.actor,
            outcome=outcome,
            life=Life(
                valid_until=seen.collected.start + speaks_for if speaks_for and outcome.kind == "observed" else None,
                previous=previous.get((task.check, task.subject)),
            ),
        )

    whole = record(seen.outcome)
    try:
        line_of(whole, task.declared)
    except RecordRefused as refused:
        return record(Errored(cause=refused.code, message=refused.what))
    return whole


def _look_side_by_side(
    waiting: list[tuple[int, Eye]], clock: Clock, base: Path, limit: int, stopped: Callable[[], bool]
) -> Iterator[tuple[int, Look]]:
    done: queue.SimpleQueue[tuple[int, Look]] = queue.SimpleQueue()
    running: dict[int, _Running] = {}
    while (waiting or running) and not stopped():
        while waiting and len(running) < limit:
            place, eye = waiting.pop()
            running[place] = _begin(place, eye, done, clock, base)
        patience = min(each.deadline for each in running.values()) - time.monotonic()
        try:
            place, seen = done.get(timeout=max(0.0, min(patience, _ATTENTION)))
        except queue.Empty:
            for each in [each for each in running.values() if each.deadline <= time.monotonic()]:
                del running[each.place]
                yield each.place, _too_slow(each, clock)
        else:
            if running.pop(place, None):  # a look that was given up may still come back: too late
                yield place, seen
    while not done.empty():
        place, seen = done.get()
        if running.pop(place, None):
            yield place, seen


def _begin(place: int, eye: Eye, done: "queue.SimpleQueue[tuple[int, Look]]", clock: Clock, base: Path) -> _Running:
    began = clock()
    thread = threading.Thread(
        target=lambda: done.put((place, eye.look(clock=clock, base=base))), name=f"look {eye.task.id}", daemon=True
    )
    thread.start()
    return _Running(place, eye, thread, began, time.monotonic() + eye.collector.seconds)


def _observe(collector: type[AnyCollector], task: Task, base: Path, at: datetime) -> Observed:
    try:
        settings = collector.settings_type.read(task.settings, base)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise CouldNotLook("collector.settings", f"the setting {key!r} is off: {first['msg']}") from error
    instance = collector(at=at)
    answer: Any = instance.observe(settings)
    facts = asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer
    if not isinstance(facts, Facts) or not isinstance(facts, collector.facts_type):
        file = _file_of(collector)
        raise CouldNotLook(
            "collector.wrong_type",
            f"observe gave {type(facts).__name__} where {collector.facts_type.__name__} was promised",
            where=f"{file.name if file else collector.__name__}:{collector.observe.__code__.co_firstlineno}",
        )
    return facts.observed(instance.assess(settings, facts, at))


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer


def _too_slow(running: _Running, clock: Clock) -> Look:
    eye = running.eye
    outcome = Errored(
        cause="collector.timeout",
        message=f"no answer within {eye.collector.seconds:g} seconds",
        where=_where_now(running.thread, _file_of(eye.collector)),
    )
    return Look(eye.task, eye.method, eye.collector.subject_kind, outcome, _span(running.began, clock))


def _where_now(thread: threading.Thread, file: Path | None) -> str | None:
    """`file.py:12`, the line of the collector's own file at which a thread stands, or of the innermost frame."""
    frame = sys._current_frames().get(thread.ident or 0)
    places = []
    while frame is not None:
        places.append((Path(frame.f_code.co_filename), frame.f_lineno))
        frame = frame.f_back
    own = [place for place in places if place[0] == file] or places
    return f"{own[0][0].name}:{own[0][1]}" if own else None


def _span(began: datetime, clock: Clock) -> Span:
    return Span(start=began, end=max(began, clock()))


def _file_of(collector: type[AnyCollector]) -> Path | None:
    file = inspect.getsourcefile(collector)
    return Path(file) if file else None
