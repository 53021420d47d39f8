"""The consent log of the demonstration: made-up acts and events, with violations that are known beforehand.

    size = {"acts": 1_500, "events": 8_000}
    truth = write_log(folder, start=start, until=until, seed=7, violations={"withdrawn": 2}, **size)
    truth.violations["withdrawn"]  # the ids of the events that break the rule

Everything follows from the seed. Lawful events are drawn from stretches in which a consent holds; each violation has a
subject of its own, whose few acts are laid around it. So the truth is decided while the log is made, and by no join.

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
import pyarrow.parquet as pq

Violation: TypeAlias = Literal["never", "before", "withdrawn", "stale", "purpose", "incognito"]
Rows: TypeAlias = npt.NDArray[np.void]
Integers: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

PURPOSES = ("telemetry", "crash", "ads", "personalisation")

_ENDPOINTS = ("t0.example-telemetry.test", "crash.example-telemetry.test", *("t0.example-telemetry.test",) * 2)
# What becomes of a purpose that a subject is asked for: 0 no consent; 1 given; 2 given, and renewed for the third
# notice; 3 given, withdrawn, given again and renewed. Every five subjects have these among them.
_STORIES = (0,) * 3 + (1,) * 5 + (2,) * 6 + (3,) * 6
_ACTS_IN_STORIES = sum((0, 1, 2, 4)[story] for story in _STORIES)
_SECOND = 1_000_000
_HOUR, _DAY = 3_600 * _SECOND, 86_400 * _SECOND
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


def write_log(
    folder: Path,
    *,
    start: datetime,
    until: datetime,
    seed: int,
    acts: int,
    events: int,
    violations: Mapping[Violation, int],
) -> Truth:
    """Write `consents.parquet`, `events.parquet` and `notices.parquet`; acts and events lie in `[start, until)`.

    Acts are as many as asked or a few more; events are as many as asked. The notice has three versions, in force from
    before the start, and after one and two thirds of the time; the third asks for consent anew. The same arguments
    give the same bytes.

    Raises:
        ValueError: the time is shorter than a week, which leaves no room for the story of a consent.
    """
    span = _Span(_microseconds(start), _microseconds(until))
    if span.length < 7 * _DAY:
        raise ValueError("a consent log needs a week")
    random = np.random.default_rng(seed)
    kinds = [kind for kind in _KINDS for _ in range(violations.get(kind, 0))]
    subjects = -(-acts // _ACTS_IN_STORIES) * len(_STORIES) // len(PURPOSES)
    lawful = _lawful(span, subjects, events - len(kinds), random)
    broken = [_broken(kind, subjects + place, span, random) for place, kind in enumerate(kinds)]
    all_acts, all_events = (np.concatenate(parts) for parts in zip(lawful, *broken, strict=True))
    return _write(folder, span, all_acts, all_events, random)


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


def _lawful(span: _Span, subjects: int, events: int, random: np.random.Generator) -> tuple[Rows, Rows]:
    """The acts of so many subjects, and events that each happen while a consent holds."""
    subject, purpose = np.divmod(np.arange(subjects * len(PURPOSES)), len(PURPOSES))
    story = random.permutation(np.resize(_STORIES, len(subject)))

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
    return np.concatenate(said), _events_in(covered, events, random)


def _events_in(covered: Rows, events: int, random: np.random.Generator) -> Rows:
    """So many events, at one rate over all stretches, well inside each."""
    room = covered["high"] - covered["low"] - 2 * _APART
    drawn = random.choice(len(covered), events, p=room / room.sum())
    at = covered["low"][drawn] + _APART + random.integers(0, room[drawn])
    return _rows(
        _EVENT, subject=covered["subject"][drawn], purpose=covered["purpose"][drawn], at=at, sent=at, violation=_LAWFUL
    )


def _broken(kind: Violation, subject: int, span: _Span, random: np.random.Generator) -> tuple[Rows, Rows]:
    """The acts and the one event of a subject whose consent is broken in this way."""
    earliest = span.third if kind == "stale" else span.start + 2 * _DAY
    at = int(random.integers(earliest, span.until - 3 * _HOUR))
    if span.third <= at < span.third + 2 * _HOUR and kind != "stale":
        at += 2 * _HOUR  # a consent of an hour ago would have been superseded
    purpose = int(random.integers(len(PURPOSES)))
    other = (purpose + 1) % len(PURPOSES)
    late = at + _HOUR
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


def _write(folder: Path, span: _Span, acts: Rows, events: Rows, random: np.random.Generator) -> Truth:
    """Write the rows in the order in which they were recorded, with ids and pseudonyms."""
    pseudonyms = random.permutation(max(acts["subject"].max(), events["subject"].max()) + 1)
    acts, acts_recorded = _as_recorded(acts, acts["at"], random)
    events, events_recorded = _as_recorded(events, events["sent"], random)
    versions = 1 + (acts["at"] >= span.second) + (acts["at"] >= span.third)
    incognito = events["violation"] == _KINDS.index("incognito")
    tables = {
        "consents": {
            "act_id": np.arange(len(acts)),
            "subject_id": pseudonyms[acts["subject"]],
            "purpose": _words(PURPOSES, acts["purpose"]),
            "notice_version": versions.astype(np.int16),
            "action": _words(("withdrawn", "given"), acts["given"]),
            "at": _instants(acts["at"]),
            "recorded_at": _instants(acts_recorded),
        },
        "events": {
            "event_id": np.arange(len(events)),
            "subject_id": pseudonyms[events["subject"]],
            "purpose": _words(PURPOSES, events["purpose"]),
            "at": _instants(events["at"]),
            "recorded_at": _instants(events_recorded),
            "mode": _words(("normal", "incognito"), incognito),
            "endpoint": _words(_ENDPOINTS, events["purpose"]),
        },
        "notices": _notices(span),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet", compression="zstd")
    ids = {kind: np.flatnonzero(events["violation"] == place) for place, kind in enumerate(_KINDS)}
    return Truth(len(acts), len(events), {kind: tuple(found.tolist()) for kind, found in ids.items()})


def _as_recorded(rows: Rows, sent: Integers, random: np.random.Generator) -> tuple[Rows, Integers]:
    """The rows in the order in which they arrive, and when each does."""
    recorded = sent + random.integers(0, _LAG, len(rows))
    order = np.argsort(recorded, kind="stable")
    return rows[order], recorded[order]


def _notices(span: _Span) -> dict[str, Any]:
    """Three versions for each purpose; the last one supersedes consent."""
    versions = [(span.start - 30 * _DAY, False), (span.second, False), (span.third, True)]
    return {
        "purpose": [purpose for purpose in PURPOSES for _ in versions],
        "notice_version": pa.array([*range(1, len(versions) + 1)] * len(PURPOSES), pa.int16()),
        "valid_from": _instants(np.array([valid_from for valid_from, _ in versions] * len(PURPOSES))),
        "supersedes_consent": [supersedes for _, supersedes in versions] * len(PURPOSES),
    }


def _rows(dtype: np.dtype[np.void], **columns: npt.ArrayLike) -> Rows:
    """Rows from their columns; a single value stands for all."""
    filled = np.broadcast_arrays(*columns.values())
    rows = np.empty(len(filled[0]), dtype=dtype)
    for name, values in zip(columns, filled, strict=True):
        rows[name] = values
    return rows


def _words(words: Sequence[str], places: npt.NDArray[Any]) -> Any:
    return pa.DictionaryArray.from_arrays(places.astype(np.int8), pa.array(words)).cast(pa.string())


def _instants(values: Integers) -> Any:
    return pa.array(values, pa.int64()).cast(_INSTANT)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
