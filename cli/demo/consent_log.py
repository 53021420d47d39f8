"""The consent log of the demonstration: made-up acts and events, with violations that are known beforehand.

    log = make_log(start=start, until=until, seed=7, violations={"withdrawn": 2}, violations_since=last_month)
    truth = log.as_of(instant).write(folder)     # consents.parquet, events.parquet, notices.parquet
    truth.violations["withdrawn"]                # the ids of the events that break the rule

Everything follows from the seed. Lawful events are drawn from stretches in which a consent holds; each violation has a
subject of its own, whose few acts are laid around it. So the truth is decided while the log is made, by no join, and it
stays exact as of any instant: an event is recorded after the acts that decide about it.

Times are integers here, microseconds since 1970-01-01T00:00:00Z.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Violation: TypeAlias = Literal["never", "before", "withdrawn", "stale", "purpose", "incognito"]
Rows: TypeAlias = npt.NDArray[np.void]
Integers: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

PURPOSES = ("telemetry", "crash", "ads", "personalisation")

_ENDPOINTS = ("t0.example-telemetry.test", "crash.example-telemetry.test", *("t0.example-telemetry.test",) * 2)
_SUBJECTS = 2_600
_EVENTS = 120_000  # the lawful ones
_STORIES = (0.15, 0.25, 0.30, 0.30)  # the shares of: no consent; given; given and renewed; also withdrawn in between
_SECOND = 1_000_000
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3_600 * _SECOND, 86_400 * _SECOND
_LAG = 5 * _SECOND  # the longest way of a row from the phone to the log
_APART = 2 * _LAG  # between an act and an event that it decides about
_KINDS = get_args(Violation)
_LAWFUL = -1
_ACT = np.dtype([("subject", np.int64), ("purpose", np.int64), ("given", np.bool_), ("at", np.int64)])
_EVENT = np.dtype([(name, np.int64) for name in ("subject", "purpose", "at", "sent", "violation")])
_STRETCH = np.dtype([(name, np.int64) for name in ("subject", "purpose", "low", "high")])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Truth:
    """What is so about a log: its rows, and the ids of the events that break the rule, by kind of violation."""

    acts: int
    events: int
    violations: Mapping[Violation, tuple[int, ...]]


@dataclass(frozen=True)
class ConsentLog:
    """Acts and events in the order in which they were recorded, the notices, and the truth about them."""

    acts: pa.Table
    events: pa.Table
    notices: pa.Table
    violations: Mapping[Violation, tuple[int, ...]]

    def as_of(self, instant: datetime) -> "ConsentLog":
        """What had been recorded by an instant, and the notices that had come into force."""
        events = _up_to(instant, self.events, "recorded_at")
        return ConsentLog(
            acts=_up_to(instant, self.acts, "recorded_at"),
            events=events,
            notices=_up_to(instant, self.notices, "valid_from"),
            violations={
                kind: tuple(event for event in ids if event < events.num_rows) for kind, ids in self.violations.items()
            },
        )

    def write(self, folder: Path) -> Truth:
        """Write the three Parquet files; the same log gives the same bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in (("consents", self.acts), ("events", self.events), ("notices", self.notices)):
            pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
        return Truth(self.acts.num_rows, self.events.num_rows, self.violations)


def make_log(
    *,
    start: datetime,
    until: datetime,
    seed: int,
    violations: Mapping[Violation, int],
    violations_since: datetime | None = None,
) -> ConsentLog:
    """A log over `[start, until)`, with so many violations of each kind, none of them before `violations_since`.

    The notice has three versions, in force from the start, and after one and two thirds of the time; the third asks
    for consent anew, so that nothing is `stale` before it.

    Raises:
        ValueError: the time is shorter than 30 days, or leaves the violations less than a day.
    """
    span = _Span(_microseconds(start), _microseconds(until))
    since = max(span.start + 2 * _DAY, _microseconds(violations_since or start))
    if span.length < 30 * _DAY or span.until - since < _DAY:
        raise ValueError("the log needs 30 days, and the last day of it for its violations")
    random = np.random.default_rng(seed)
    acts, events = _lawful(span, random)
    wanted = [kind for kind in _KINDS for _ in range(violations.get(kind, 0))]
    broken = [_broken(kind, _SUBJECTS + place, span, since, random) for place, kind in enumerate(wanted)]
    acts = np.concatenate([acts, *(each for each, _ in broken)])
    events = np.concatenate([events, *(each for _, each in broken)])
    return _log(span, acts, events, random)


class _Span(NamedTuple):
    """The time of the log, and when the later versions of the notice come into force."""

    start: int
    until: int

    @property
    def length(self) -> int:
        return self.until - self.start

    @property
    def second(self) -> int:
        return self.start + self.length // 3

    @property
    def third(self) -> int:
        return self.start + self.length * 2 // 3


def _lawful(span: _Span, random: np.random.Generator) -> tuple[Rows, Rows]:
    """The acts of all subjects, and events that each happen while a consent holds."""
    subject, purpose = np.divmod(np.arange(_SUBJECTS * len(PURPOSES)), len(PURPOSES))
    story = random.choice(len(_STORIES), len(subject), p=_STORIES)

    def after(instant: Integers | int, least: int, most: int) -> Integers:
        return instant + random.integers(least, most, len(subject))

    given = after(span.start, 0, span.length // 4)
    withdrawn = after(given, span.length // 8, span.length // 4)
    again = after(withdrawn, span.length // 60, span.length // 8)
    renewed = after(span.third, _HOUR, span.length // 12)

    def acts(mask: Mask, at: Integers, word: bool) -> Rows:
        return _rows(_ACT, subject=subject[mask], purpose=purpose[mask], given=word, at=at[mask])

    def stretches(mask: Mask, low: Integers, high: Integers | int) -> Rows:
        ends = np.broadcast_to(high, len(subject))
        return _rows(_STRETCH, subject=subject[mask], purpose=purpose[mask], low=low[mask], high=ends[mask])

    said = [
        acts(story >= 1, given, True),
        acts(story >= 2, renewed, True),
        acts(story == 3, withdrawn, False),
        acts(story == 3, again, True),
    ]
    covered = np.concatenate(
        [
            stretches((story == 1) | (story == 2), given, span.third),
            stretches(story == 3, given, withdrawn),
            stretches(story == 3, again, span.third),
            stretches(story >= 2, renewed, span.until),
        ]
    )
    return np.concatenate(said), _events_in(covered, random)


def _events_in(covered: Rows, random: np.random.Generator) -> Rows:
    """Events at one rate over all stretches, well inside each."""
    room = covered["high"] - covered["low"] - 2 * _APART
    drawn = random.choice(len(covered), _EVENTS, p=room / room.sum())
    at = covered["low"][drawn] + _APART + random.integers(0, room[drawn])
    return _rows(
        _EVENT, subject=covered["subject"][drawn], purpose=covered["purpose"][drawn], at=at, sent=at, violation=_LAWFUL
    )


def _broken(kind: Violation, subject: int, span: _Span, since: int, random: np.random.Generator) -> tuple[Rows, Rows]:
    """The acts and the one event of a subject whose consent is broken in this way."""
    earliest = max(since, span.third) if kind == "stale" else since
    at = int(random.integers(earliest, span.until - 3 * _HOUR))
    if span.third <= at < span.third + 2 * _HOUR and kind != "stale":
        at += 2 * _HOUR  # a consent of an hour ago would have been superseded
    purpose = int(random.integers(len(PURPOSES)))
    other = (purpose + 1) % len(PURPOSES)
    late = at + 10 * _MINUTE
    story: dict[Violation, tuple[tuple[int, bool, int], ...]] = {
        "never": (),
        "before": ((purpose, True, late),),
        "withdrawn": ((purpose, True, at - _DAY), (purpose, False, at - _HOUR)),
        "stale": ((purpose, True, span.third - _HOUR),),
        "purpose": ((other, True, at - _HOUR),),
        "incognito": ((purpose, True, at - _HOUR),),
    }
    acts = np.array([(subject, *act) for act in story[kind]], dtype=_ACT)
    sent = late + _APART if kind == "before" else at
    return acts, np.array([(subject, purpose, at, sent, _KINDS.index(kind))], dtype=_EVENT)


def _log(span: _Span, acts: Rows, events: Rows, random: np.random.Generator) -> ConsentLog:
    """The rows in the order in which they were recorded, with ids and pseudonyms, as tables."""
    pseudonyms = random.permutation(events["subject"].max() + 1)

    def in_order(rows: Rows, sent: Integers) -> tuple[Rows, Integers]:
        recorded = sent + random.integers(0, _LAG, len(rows))
        order = np.argsort(recorded, kind="stable")
        return rows[order], recorded[order]

    acts, acts_recorded = in_order(acts, acts["at"])
    events, events_recorded = in_order(events, events["sent"])
    versions = 1 + (acts["at"] >= span.second) + (acts["at"] >= span.third)
    return ConsentLog(
        acts=pa.table(
            {
                "act_id": np.arange(len(acts)),
                "subject_id": pseudonyms[acts["subject"]],
                "purpose": _words(PURPOSES, acts["purpose"]),
                "notice_version": versions.astype(np.int16),
                "action": _words(("withdrawn", "given"), acts["given"].astype(np.int8)),
                "at": _instants(acts["at"]),
                "recorded_at": _instants(acts_recorded),
            }
        ),
        events=pa.table(
            {
                "event_id": np.arange(len(events)),
                "subject_id": pseudonyms[events["subject"]],
                "purpose": _words(PURPOSES, events["purpose"]),
                "at": _instants(events["at"]),
                "recorded_at": _instants(events_recorded),
                "mode": _words(
                    ("normal", "incognito"), (events["violation"] == _KINDS.index("incognito")).astype(np.int8)
                ),
                "endpoint": _words(_ENDPOINTS, events["purpose"]),
            }
        ),
        notices=_notices(span),
        violations={
            kind: tuple(np.nonzero(events["violation"] == place)[0].tolist()) for place, kind in enumerate(_KINDS)
        },
    )


def _notices(span: _Span) -> pa.Table:
    """Three versions for each purpose; the last one supersedes consent."""
    versions = [(span.start - 30 * _DAY, False), (span.second, False), (span.third, True)]
    return pa.table(
        {
            "purpose": [purpose for purpose in PURPOSES for _ in versions],
            "notice_version": pa.array([*range(1, len(versions) + 1)] * len(PURPOSES), pa.int16()),
            "valid_from": _instants(np.array([valid_from for valid_from, _ in versions] * len(PURPOSES))),
            "supersedes_consent": [supersedes for _, supersedes in versions] * len(PURPOSES),
        }
    )


def _rows(dtype: np.dtype[np.void], **columns: npt.ArrayLike) -> Rows:
    """Rows from their columns; a single value stands for all."""
    filled = np.broadcast_arrays(*columns.values())
    rows = np.empty(len(filled[0]), dtype=dtype)
    for name, values in zip(columns, filled, strict=True):
        rows[name] = values
    return rows


def _up_to(instant: datetime, table: pa.Table, column: str) -> pa.Table:
    return table.filter(pc.less_equal(table[column], pa.scalar(instant, _INSTANT)))


def _words(words: Sequence[str], places: npt.NDArray[Any]) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array(places, pa.int8()), pa.array(words)).cast(pa.string())


def _instants(values: Integers) -> Any:
    return pa.array(values, pa.int64()).cast(_INSTANT)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
