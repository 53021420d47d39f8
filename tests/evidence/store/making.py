"""Plans, records and stores for the tests: real ones, small and the same every time."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from muniment.evidence import (
    Actor,
    Errored,
    EvidenceRecord,
    Method,
    Observed,
    Origin,
    Plan,
    Span,
    Start,
    Task,
    failed,
    passed,
)
from muniment.evidence.record import record_id
from muniment.evidence.store import Signer, Store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ORIGIN = "example.org/evidence"


def new_store(folder: Path) -> tuple[Store, Signer]:
    """An empty store and its key."""
    signer = Signer.generate(folder / "key", name="Example signer")
    return Store.create(folder / "evidence.git", origin=ORIGIN, signer=signer, at=NOON), signer


def plan_of(tasks: int, at: datetime = NOON, reason: str | None = None) -> Plan:
    """A plan of so many looks."""
    return Plan(
        planned=at,
        actor=Actor(name="scheduler", kind="service", trigger="schedule"),
        workspace="sha256:" + "0" * 64,
        tasks=tuple(
            Task(
                id=f"tls/host-{place}",
                check="tls",
                controls=("C-1",),
                collector="tls",
                subject=f"host-{place}.example.org:443",
                settings={"host": f"host-{place}.example.org"},
            )
            for place in range(1, tasks + 1)
        ),
        reason=reason,
    )


def records_of(start: Start, places: Iterable[int] | None = None, padding: int = 0) -> list[EvidenceRecord]:
    """One record for each task, or for the tasks at these places: the third fails, the fifth could not be seen."""
    wanted = range(1, len(start.plan.tasks) + 1) if places is None else places
    return [record_at(start, place, padding) for place in wanted]


def record_at(start: Start, place: int, padding: int = 0, note: str = "") -> EvidenceRecord:
    """The record of the task at this place; `padding` makes it so many bytes longer."""
    task, at = start.plan.tasks[place - 1], start.plan.planned
    seen = Observed(
        origin=Origin(system=f"tls://{task.subject}", query="handshake TLS 1.0 to TLS 1.3"),
        facts={"protocols": ["TLSv1.2", "TLSv1.3"], "note": note, "padding": "x" * padding, "place": place},
        verdict=failed("TLS 1.0 is offered", "tls.version.legacy") if place == 3 else passed("As it should be"),
    )
    unseen = Errored(cause="net.timeout", message="no answer in 10 s")
    return EvidenceRecord(
        id=record_id(at.year, start.run, place),
        task=task.id,
        check=task.check,
        controls=task.controls,
        subject=task.subject,
        subject_kind="endpoint",
        collected=Span(start=at, end=at + timedelta(seconds=1)),
        recorded=at + timedelta(seconds=2),
        method=Method(collector="tls", version="1"),
        actor=start.plan.actor,
        outcome=unseen if place == 5 else seen,
    )


def add_run(store: Store, signer: Signer, tasks: int = 6, at: datetime = NOON, padding: int = 0) -> Start:
    """A whole run, begun and finished."""
    start = store.begin(plan_of(tasks, at), signer, at=at)
    later = at + timedelta(minutes=1)
    store.finish(start, records_of(start, padding=padding), signer, at=later, milliseconds=60_000)
    return start
