"""Makes a consent log of any scale with exactly known violations.

    consent_gen.py OUT --subjects 200000 --events 10000000 [--seed 1] [--violations 600] [--shuffle] [--dups 0.001]

It is independent of any checker: the label of an event is decided while the event is made, from the stretch of time
that it is drawn from, never by a join. It writes `consents.parquet` (acts), `events.parquet`, `notices.parquet` and
`truth.json`: counts by kind of violation, and the ids of the violating events (at most 200,000 of each kind).

    never      the subject never gave this purpose
    before     before the first act that gave it
    withdrawn  after a withdrawal and before a renewed consent, the instant of the withdrawal included
    stale      the consent was to a version that had been superseded
    purpose    there is a consent, but for another purpose only
    incognito  a valid consent, but the mode is incognito

Traps: consents exactly at the instant of the event (lawful), withdrawals exactly at it (a violation), acts and events
that arrive up to three days late, exact duplicates of event rows, rows in random order.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

KINDS = ("never", "before", "withdrawn", "stale", "purpose", "incognito")
PURPOSES = ("telemetry", "crash", "ads", "personalisation")

SECOND = 1_000_000
DAY = 86_400 * SECOND
START = 1_577_836_800 * SECOND  # 2020-01-01T00:00:00Z
END = START + 360 * DAY
NOTICES = ((1, START - 30 * DAY, False), (2, START + 120 * DAY, False), (3, START + 240 * DAY, True))
V3 = NOTICES[2][1]

INSTANT = pa.timestamp("us", tz="UTC")
ENDPOINTS = tuple(f"t{number}.example-telemetry.test" for number in range(6))


@dataclass(frozen=True)
class Cells:
    """The story of each (subject, purpose), as arrays of that shape.

    `kind`: 0 nothing; 1 given at `first`; 2 given, and renewed at `third` after version 3; 3 given, withdrawn at
    `left`, given again at `second`, all before version 3, and renewed at `third`.
    """

    kind: Any
    first: Any
    left: Any
    second: Any
    third: Any


def main() -> None:
    """Write the four files, and print the truth without the ids."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--subjects", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--violations", type=int, default=600, help="in all, spread over the kinds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dups", type=float, default=0.001)
    parser.add_argument("--shuffle", action="store_true")
    parser.add_argument("--rowgroup", type=int, default=1_000_000)
    wanted = parser.parse_args()
    wanted.out.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(wanted.seed)

    cells = make_cells(random, wanted.subjects)
    acts = make_acts(random, cells, shuffle=wanted.shuffle)
    pq.write_table(acts, wanted.out / "consents.parquet", compression="zstd")
    pq.write_table(make_notices(), wanted.out / "notices.parquet")

    ids: dict[str, list[int]] = {kind: [] for kind in KINDS}
    rows = 0
    writer = None
    for batch in make_events(random, cells, wanted, ids):
        writer = writer or pq.ParquetWriter(wanted.out / "events.parquet", batch.schema, compression="zstd")
        writer.write_table(batch, row_group_size=wanted.rowgroup)
        rows += len(batch)
    if writer:
        writer.close()

    counts = {kind: len(found) for kind, found in ids.items()}
    truth = {
        "seed": wanted.seed,
        "subjects": wanted.subjects,
        "consent_acts": len(acts),
        "events_distinct": wanted.events,
        "event_rows": rows,
        "duplicate_rows": rows - wanted.events,
        "violations_total": sum(counts.values()),
        "violations_by_class": counts,
        "consent_violations": sum(counts.values()) - counts["incognito"],
    }
    ids = {kind: found[:200_000] for kind, found in ids.items()}
    (wanted.out / "truth.json").write_text(json.dumps({**truth, "ids": ids}))
    print(truth)


def make_cells(random: np.random.Generator, subjects: int) -> Cells:
    """Draw a story for every subject and purpose."""
    shape = (subjects, len(PURPOSES))
    kind = random.choice(4, size=shape, p=[0.12, 0.28, 0.30, 0.30]).astype(np.int8)
    first = START + random.integers(1 * DAY, 40 * DAY, shape)
    left = first + random.integers(20 * DAY, 60 * DAY, shape)
    second = left + random.integers(5 * DAY, 40 * DAY, shape)
    third = V3 + random.integers(1 * DAY, 30 * DAY, shape)
    return Cells(kind, first, left, second, third)


def make_acts(random: np.random.Generator, cells: Cells, *, shuffle: bool) -> pa.Table:
    """The acts of all stories; some consents are repeated inside a covered stretch."""
    kind = cells.kind
    parts = [
        (kind > 0, cells.first, True),
        (kind >= 2, cells.third, True),
        (kind == 3, cells.left, False),
        (kind == 3, cells.second, True),
        ((kind == 1) & (random.random(kind.shape) < 0.3), cells.first + DAY, True),
    ]
    subject = np.concatenate([np.nonzero(mask)[0] for mask, _, _ in parts])
    purpose = np.concatenate([np.nonzero(mask)[1] for mask, _, _ in parts])
    at = np.concatenate([times[mask] for mask, times, _ in parts])
    given = np.concatenate([np.full(np.count_nonzero(mask), gives) for mask, _, gives in parts])
    version = np.where(at >= V3, 3, np.where(at >= NOTICES[1][1], 2, 1)).astype(np.int16)
    late = random.random(len(at)) < 0.05
    recorded = at + np.where(late, random.integers(0, 3 * DAY, len(at)), random.integers(0, 5 * SECOND, len(at)))
    order = random.permutation(len(subject)) if shuffle else np.lexsort((at, purpose, subject))
    return pa.table(
        {
            "act_id": pa.array(np.arange(len(subject))),
            "subject_id": pa.array(subject[order].astype(np.int64)),
            "purpose": words(purpose[order], PURPOSES),
            "notice_version": pa.array(version[order]),
            "action": pa.array(np.where(given[order], "given", "withdrawn")),
            "at": pa.array(at[order]).cast(INSTANT),
            "recorded_at": pa.array(recorded[order]).cast(INSTANT),
        }
    )


def make_notices() -> pa.Table:
    """Three versions for each purpose, of which the third needs fresh consent."""
    rows = [(purpose, *notice) for purpose in PURPOSES for notice in NOTICES]
    purpose, version, valid_from, supersedes = zip(*rows, strict=True)
    return pa.table(
        {
            "purpose": pa.array(purpose),
            "notice_version": pa.array(version, pa.int16()),
            "valid_from": pa.array(valid_from).cast(INSTANT),
            "supersedes_consent": pa.array(supersedes),
        }
    )


def make_events(
    random: np.random.Generator, cells: Cells, wanted: argparse.Namespace, ids: dict[str, list[int]]
) -> Iterator[pa.Table]:
    """Lawful events, some of which are then made unlawful; their ids are added to `ids` by kind."""
    share = {kind: wanted.violations // len(KINDS) for kind in KINDS}
    share["incognito"] += wanted.violations - sum(share.values())
    places = np.sort(random.choice(wanted.events, wanted.violations, replace=False))
    kinds = random.permutation(np.repeat(np.arange(len(KINDS)), [share[kind] for kind in KINDS]))
    for done in range(0, wanted.events, wanted.rowgroup):
        count = min(wanted.rowgroup, wanted.events - done)
        subject, purpose, at = lawful(random, cells, count)
        incognito = np.zeros(count, bool)
        begin, end = np.searchsorted(places, [done, done + count])
        for number, kind in enumerate(KINDS):
            chosen = places[begin:end][kinds[begin:end] == number] - done
            if len(chosen):
                spoil(random, cells, kind, chosen, subject, purpose, at)
                incognito[chosen] = kind == "incognito"
            ids[kind].extend((done + chosen).tolist())
        late = random.random(count) < 0.02
        lag = np.where(late, random.integers(0, 3 * DAY, count), random.integers(0, 3 * SECOND, count))
        endpoint = random.integers(0, len(ENDPOINTS), count)
        rows = [done + np.arange(count), subject, purpose, at, at + lag, incognito, endpoint]
        again = np.nonzero(random.random(count) < wanted.dups)[0]
        rows = [np.concatenate([column, column[again]]) for column in rows]
        order = random.permutation(len(rows[0])) if wanted.shuffle else np.argsort(rows[4], kind="stable")
        yield events_table([column[order] for column in rows])


def lawful(random: np.random.Generator, cells: Cells, count: int) -> tuple[Any, Any, Any]:
    """Subjects, purposes and instants inside covered stretches; one in a thousand at the consent's own instant."""
    given = np.nonzero(cells.kind > 0)
    drawn = random.integers(0, len(given[0]), count)
    subject, purpose = given[0][drawn].copy(), given[1][drawn].copy()
    cell = (subject, purpose)
    kind = cells.kind[cell]
    along = random.random(count)
    stretch = random.integers(0, 3, count)
    low = cells.first[cell].copy()
    high = np.where(kind == 3, cells.left[cell] - 1, V3 - 1)
    renewed = (stretch == 1) & (kind == 3)
    low[renewed], high[renewed] = cells.second[cell][renewed], V3 - 1
    fresh = (stretch == 2) & (kind >= 2)
    low[fresh], high[fresh] = cells.third[cell][fresh], END
    at = low + (along * (high - low)).astype(np.int64)
    return subject, purpose, np.where(random.random(count) < 0.001, low, at)


def spoil(
    random: np.random.Generator, cells: Cells, kind: str, chosen: Any, subject: Any, purpose: Any, at: Any
) -> None:
    """Move the chosen events, in place, to where they break the rule in one way."""
    count = len(chosen)

    def move_to(story: int) -> tuple[Any, Any]:
        there = np.nonzero(cells.kind == story)
        drawn = random.integers(0, len(there[0]), count)
        subject[chosen], purpose[chosen] = there[0][drawn], there[1][drawn]
        return subject[chosen], purpose[chosen]

    if kind == "never":
        move_to(0)
        at[chosen] = START + random.integers(0, END - START, count)
    elif kind == "before":
        at[chosen] = np.maximum(START, cells.first[subject[chosen], purpose[chosen]] - random.integers(1, DAY, count))
    elif kind == "withdrawn":
        cell = move_to(3)
        left, second = cells.left[cell], cells.second[cell]
        exact = random.random(count) < 0.2
        at[chosen] = np.where(exact, left, left + (random.random(count) * (second - 1 - left)).astype(np.int64))
    elif kind == "stale":
        move_to(1)
        at[chosen] = V3 + random.integers(0, 100 * DAY, count)
    elif kind == "purpose":
        mixed = np.nonzero((cells.kind == 0).any(1) & (cells.kind > 0).any(1))[0]
        subject[chosen] = mixed[random.integers(0, len(mixed), count)]
        purpose[chosen] = (cells.kind[subject[chosen]] == 0).argmax(1)
        at[chosen] = START + random.integers(60 * DAY, END - START, count)


def events_table(columns: list[Any]) -> pa.Table:
    """The rows as Arrow has them."""
    event, subject, purpose, at, recorded, incognito, endpoint = columns
    return pa.table(
        {
            "event_id": pa.array(event),
            "subject_id": pa.array(subject.astype(np.int64)),
            "purpose": words(purpose, PURPOSES),
            "at": pa.array(at).cast(INSTANT),
            "recorded_at": pa.array(recorded).cast(INSTANT),
            "mode": pa.array(np.where(incognito, "incognito", "normal")),
            "endpoint": words(endpoint, ENDPOINTS),
        }
    )


def words(numbers: Any, names: tuple[str, ...]) -> pa.Array:
    """A column of text out of small numbers."""
    return pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int8)), pa.array(names)).cast(pa.string())


if __name__ == "__main__":
    main()
