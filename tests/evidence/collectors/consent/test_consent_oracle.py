"""The rule in Ibis against the same rule told again, slowly, in plain Python: one event after another."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.evidence.collectors.consent_log import sql
from muniment.evidence.collectors.consent_rule import WORDS, Terms, judged, repeated

DAY_ONE = datetime(2020, 1, 1, tzinfo=UTC)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
INSTANT = "timestamp('UTC')"


@dataclass(frozen=True)
class Act:
    subject: int
    purpose: str
    version: int
    action: str
    at: datetime


@dataclass(frozen=True)
class Event:
    id: int
    subject: int
    purpose: str
    mode: str
    at: datetime


@dataclass(frozen=True)
class Notice:
    purpose: str
    version: int
    valid_from: datetime
    supersedes: bool


def expected(acts: list[Act], events: list[Event], notices: list[Notice], terms: Terms) -> dict[int, str]:
    """The word of each event id that is not plainly lawful."""
    words: dict[int, str] = {}
    doubtful = {act.subject for act in acts if unbelievable(act, notices, terms)}
    doubtful |= {event.subject for event in events if not terms.earliest <= event.at <= terms.latest}
    for event in events:
        word = "inconclusive" if event.subject in doubtful else judge(event, acts, notices, terms)
        if word != "lawful":
            words[event.id] = min(word, words.get(event.id, word), key=WORDS.index)
    return words


def unbelievable(act: Act, notices: list[Notice], terms: Terms) -> bool:
    versions = {notice.version for notice in notices if notice.purpose == act.purpose}
    return bool(versions and act.version not in versions) or not terms.earliest <= act.at <= terms.latest


def judge(event: Event, acts: list[Act], notices: list[Notice], terms: Terms) -> str:
    own = [act for act in acts if (act.subject, act.purpose) == (event.subject, event.purpose)]
    covered = holds(own, notices, event.at)
    soon = any(
        event.at < act.at <= event.at + terms.skew and holds(own, notices, act.at)
        for act in own
        if act.action == "given"
    )
    young = bool(terms.lateness) and event.at > terms.newest - terms.lateness
    if event.mode not in terms.modes and (covered or soon or young):
        return "incognito"
    if covered:
        return "lawful"
    if soon:
        return "ok_within_skew"
    if young:
        return "pending"
    if any(act.at <= event.at for act in own):
        return "withdrawn" if withdrawn(own, event.at) else "stale"
    if any(act.action == "given" for act in own):
        return "before"
    governed = {notice.purpose for notice in notices}
    others = (act for act in acts if act.subject == event.subject and act.purpose in governed)
    return "purpose" if any(act.action == "given" and act.at <= event.at for act in others) else "never"


def withdrawn(own: list[Act], at: datetime) -> bool:
    last = max(act.at for act in own if act.at <= at)
    return any(act.action == "withdrawn" for act in own if act.at == last)


def holds(own: list[Act], notices: list[Notice], at: datetime) -> bool:
    """Whether a consent holds at an instant: the last act gave it, to a version that is not superseded yet."""
    past = [act for act in own if act.at <= at]
    if not past or withdrawn(own, at):
        return False
    last = max(act.at for act in past)
    return any(not superseded(act, notices, at) for act in past if act.at == last)


def superseded(act: Act, notices: list[Notice], at: datetime) -> bool:
    theirs = [notice for notice in notices if notice.purpose == act.purpose]
    since = next((notice.valid_from for notice in theirs if notice.version == act.version), None)
    return since is not None and any(each.supersedes and since < each.valid_from <= at for each in theirs)


instants = st.integers(0, 12).map(lambda hours: DAY_ONE + timedelta(hours=hours))
odd_instants = st.sampled_from([datetime(1582, 10, 15, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)])
rarely_odd = st.one_of(*[instants] * 30, odd_instants)
subjects = st.integers(0, 5)
purposes = st.sampled_from(["p", "q", "ungoverned"])
versions = st.sampled_from([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 9])
actions = st.sampled_from(["given", "given", "withdrawn"])
acts = st.lists(st.builds(Act, subjects, purposes, versions, actions, rarely_odd), max_size=25)
modes = st.sampled_from(["normal", "normal", "normal", "incognito"])
events = st.lists(st.builds(Event, st.integers(0, 40), subjects, purposes, modes, rarely_odd), max_size=40)


@st.composite
def registers(draw: st.DrawFn) -> list[Notice]:
    """Three versions for p, two for q, in force one after another or at once; or no register at all."""
    if not draw(st.integers(0, 5)):
        return []
    return [
        Notice(purpose, version, draw(instants), draw(st.booleans()))
        for purpose, last in (("p", 3), ("q", 2))
        for version in range(1, last + 1)
    ]


TERMS = [
    Terms(("normal",), timedelta(), timedelta(), DAY_ONE + timedelta(days=1), EARLIEST, DAY_ONE + timedelta(days=2)),
    Terms(
        ("normal",), timedelta(hours=2), timedelta(), DAY_ONE + timedelta(days=1), EARLIEST, DAY_ONE + timedelta(days=2)
    ),
    Terms(
        ("normal", "incognito"),
        timedelta(hours=1),
        timedelta(hours=4),
        DAY_ONE + timedelta(hours=10),
        EARLIEST,
        DAY_ONE + timedelta(hours=11),
    ),
]


@contextmanager
def tables() -> Iterator[Any]:
    """An engine with the three tables, empty, and the same as Ibis sees them."""
    shapes = {
        "acts": {
            "subject_id": "int64",
            "purpose": "string",
            "notice_version": "int64",
            "action": "string",
            "at": INSTANT,
        },
        "events": {"event_id": "int64", "subject_id": "int64", "purpose": "string", "mode": "string", "at": INSTANT},
        "notices": {
            "purpose": "string",
            "notice_version": "int64",
            "valid_from": INSTANT,
            "supersedes_consent": "boolean",
        },
    }
    kinds = {"int64": "BIGINT", "string": "VARCHAR", INSTANT: "TIMESTAMPTZ", "boolean": "BOOLEAN"}
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        for name, shape in shapes.items():
            columns = ", ".join(f'"{column}" {kinds[kind]}' for column, kind in shape.items())
            engine.execute(f"CREATE TABLE {name} ({columns})")
        yield engine, [ibis.table(shape, name=name) for name, shape in shapes.items()]


def fill(engine: Any, name: str, rows: list[tuple[Any, ...]]) -> None:
    engine.execute(f"DELETE FROM {name}")  # noqa: S608
    if rows:
        engine.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608


@pytest.mark.parametrize("terms", TERMS, ids=["plain", "skew", "lateness"])
def test_the_rule_agrees_with_a_loop_over_every_event(terms: Terms) -> None:
    with tables() as (engine, (of_acts, of_events, of_notices)):
        query = sql(judged(of_acts, of_events, of_notices, terms))

        @settings(max_examples=100, deadline=None)
        @given(acts, events, registers())
        def agrees(some_acts: list[Act], some_events: list[Event], notices: list[Notice]) -> None:
            fill(engine, "acts", [(a.subject, a.purpose, a.version, a.action, a.at) for a in some_acts])
            fill(engine, "events", [(e.id, e.subject, e.purpose, e.mode, e.at) for e in some_events])
            fill(engine, "notices", [(n.purpose, n.version, n.valid_from, n.supersedes) for n in notices])
            found = engine.execute(query).fetchall()
            assert len(found) == len(dict(found))
            assert dict(found) == expected(some_acts, some_events, notices, terms)

        agrees()


def test_duplicates_are_counted_as_a_loop_counts_them() -> None:
    with tables() as (engine, (_, of_events, _)):
        query = sql(repeated(of_events))

        @settings(max_examples=100, deadline=None)
        @given(events)
        def agrees(some_events: list[Event]) -> None:
            fill(engine, "events", [(e.id, e.subject, e.purpose, e.mode, e.at) for e in some_events])
            ids = {event.id for event in some_events}
            conflicting = sum(len({e for e in some_events if e.id == each}) > 1 for each in ids)
            assert engine.execute(query).fetchall() == [(len(some_events) - len(ids), conflicting)]

        agrees()
