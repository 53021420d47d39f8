"""One pass over a plan: tasks become records. What goes wrong with one subject becomes that subject's record.

There are two places from which a look is taken, at most `limit` of both at once:

    Eye      the product's own collectors, each in a thread (`look`), for at most the collector's `seconds`
    Window   plug-ins and files of the workspace, each in a process of its own (`process`)

An executable is looked through by a collector of the product, `executable`. A thread that does not come back is
abandoned: it is a daemon and ends with the process. What the store would refuse is recorded as `record.…`.
"""

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from muniment.evidence.collector import Source
from muniment.evidence.confine import Leash
from muniment.evidence.errors import CouldNotLook, RecordRefused
from muniment.evidence.lock import Lock, pin_of
from muniment.evidence.look import Clock, Eye, Look, span
from muniment.evidence.process import Window
from muniment.evidence.record import Errored, EvidenceRecord, Life, Method, Outcome, Plan, Start, Task, record_id
from muniment.evidence.registry import Registration, Registry
from muniment.evidence.store.door import line_of

_ATTENTION = 0.2  # seconds between two questions whether to stop


@dataclass
class _Running:
    """An observation under way."""

    place: int
    eye: Eye | Window
    thread: threading.Thread
    began: datetime
    deadline: float


def open_eye(
    task: Task,
    registry: Registry,
    base: Path,
    *,
    lock: Lock | None = None,
    run: str | None = None,
    leash: Leash | None = None,
) -> Eye | Window:
    """Make ready to look at a task; `lock` says whether the code that looks is as it was pinned.

    A process of its own can be ended by the `leash`.

    Raises:
        CouldNotLook: there is no such collector, or it is the product's own and does not import.
    """
    registration = registry.get(task.collector)
    if registration is None:
        raise CouldNotLook("collector.unknown", f"no installed package and no file declares {task.collector!r}")
    if not registration.ours:
        return Window(task, registration, _method(task, registration, None, "unknown", lock), run, leash)
    collector = registration.load()
    program = collector.source_of(task.settings, base)
    return Eye(task, collector, _method(task, registration, program, collector.version, lock), run)


def look_at_all(
    plan: Plan,
    registry: Registry,
    *,
    clock: Clock,
    base: Path,
    lock: Lock | None = None,
    limit: int = 16,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, Look]]:
    """Carry out a plan. Yields each look, with its place in the plan from 0, as it comes back.

    `base` is the folder of the workspace. Without a `lock`, the records do not say whether the code was pinned.
    `stopped` is asked a few times a second; once it says yes, what has come back is still given, and the rest is left.
    """
    run = plan.run_id  # a digest over all tasks
    leash = Leash()
    eyes: list[tuple[int, Eye | Window]] = []
    for place, task in enumerate(plan.tasks):
        if stopped():
            return
        began = clock()
        try:
            eyes.append((place, open_eye(task, registry, base, lock=lock, run=run, leash=leash)))
        except CouldNotLook as error:
            method = Method(collector=task.collector, version="unknown", parameters=task.settings)
            outcome = Errored(cause=error.cause, message=error.what, where=error.where)
            yield place, Look(task, method, "unknown", outcome, span(began, clock))
    try:
        yield from _look_side_by_side(eyes[::-1], clock, base, limit, stopped)
    finally:
        leash.end()


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


def _method(task: Task, registration: Registration, program: Source | None, version: str, lock: Lock | None) -> Method:
    """What the record says of the code that looks: the collector's, or that of the program that it looks through."""
    source = program or Source(registration.origin, registration.code)
    pinned = None
    if lock is not None:
        pinned = lock.state_of_program(program) if program else lock.state(registration.id, pin_of(registration))
    return Method(
        collector=registration.id,
        version=version,
        package=source.package,
        code=source.code,
        parameters=task.settings,
        pinned=pinned,
    )


def _look_side_by_side(
    waiting: list[tuple[int, Eye | Window]], clock: Clock, base: Path, limit: int, stopped: Callable[[], bool]
) -> Iterator[tuple[int, Look]]:
    done: queue.SimpleQueue[tuple[int, Look | BaseException]] = queue.SimpleQueue()
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
                yield place, _returned(seen)
    while not done.empty():
        place, seen = done.get()
        if running.pop(place, None):
            yield place, _returned(seen)


def _returned(seen: Look | BaseException) -> Look:
    if isinstance(seen, BaseException):
        raise seen
    return seen


def _begin(
    place: int, eye: Eye | Window, done: "queue.SimpleQueue[tuple[int, Look | BaseException]]", clock: Clock, base: Path
) -> _Running:
    def look() -> None:
        try:
            done.put((place, eye.look(clock=clock, base=base)))
        except BaseException as error:  # noqa: BLE001 - a fault of our own must be heard, or the run would wait for ever
            done.put((place, error))

    began = clock()
    thread = threading.Thread(target=look, name=f"look {eye.task.id}", daemon=True)
    thread.start()
    return _Running(place, eye, thread, began, time.monotonic() + eye.patience)


def _too_slow(running: _Running, clock: Clock) -> Look:
    eye = running.eye
    outcome = Errored(
        cause="collector.timeout",
        message=f"no answer within {eye.patience:g} seconds",
        where=_where_now(running.thread, eye.file),
    )
    return Look(eye.task, eye.method, eye.subject_kind, outcome, span(running.began, clock))


def _where_now(thread: threading.Thread, file: Path | None) -> str | None:
    """`file.py:12`, the line of the collector's own file at which a thread stands, or of the innermost frame."""
    frame = sys._current_frames().get(thread.ident or 0)
    places = []
    while frame is not None:
        places.append((Path(frame.f_code.co_filename), frame.f_lineno))
        frame = frame.f_back
    own = [place for place in places if place[0] == file] or places
    return f"{own[0][0].name}:{own[0][1]}" if own else None
