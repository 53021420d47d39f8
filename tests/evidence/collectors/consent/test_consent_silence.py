"""How long collecting goes on after a withdrawal: by hand, and on a generated log against plain Python."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

GENERATOR = Path(__file__).parents[3] / "subjects" / "consent_gen.py"
LEFT = datetime(2020, 2, 10, tzinfo=UTC)


def stories(bench: Any, *lags: timedelta | None) -> tuple[list[Any], list[Any]]:
    """For each lag a subject who consents, withdraws, and of whom something is collected so long after, or nothing."""
    acts, events = [], [bench.event("2020-02-02T00:00:00Z", event_id="lawful", subject_id=0)]
    for subject, lag in enumerate(lags):
        acts += [bench.act("2020-02-01T00:00:00Z", subject_id=subject)]
        acts += [bench.act(LEFT.isoformat(), "withdrawn", subject_id=subject)]
        if lag is not None:
            events += [bench.event((LEFT + lag).isoformat(), event_id=f"last {subject}", subject_id=subject)]
            events += [bench.event((LEFT + lag / 2).isoformat(), event_id=f"half {subject}", subject_id=subject)]
    return acts, events


def test_withdrawals_are_counted_by_how_long_collecting_went_on(bench: Any) -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    lags = [None, None, timedelta(0), timedelta(seconds=1), timedelta(seconds=1.001), hour, day, 2 * day, 8 * day]
    silence = bench.look(**bench.write(*stories(bench, *lags)))[0].silence
    assert silence.model_dump() == {
        "withdrawals": 9,
        "at_once": 2,
        "within_a_second": 2,
        "within_a_minute": 1,
        "within_an_hour": 1,
        "within_a_day": 1,
        "within_a_week": 1,
        "longer": 1,
        "median": 1001,
        "percentile_95": 8 * 86_400_000,
        "percentile_99": 8 * 86_400_000,
        "longest": 8 * 86_400_000,
    }


def test_where_every_withdrawal_is_heeded_there_is_silence_at_once(bench: Any) -> None:
    silence = bench.look(**bench.write(*stories(bench, None, None)))[0].silence
    assert (silence.withdrawals, silence.at_once, silence.median, silence.longest) == (2, 2, 0, 0)
    none = bench.look(**bench.write([bench.act("2020-02-01T00:00:00Z")], [bench.event("2020-02-02T00:00:00Z")]))[0]
    assert (none.silence.withdrawals, none.silence.at_once, none.silence.percentile_99) == (0, 0, 0)


def test_what_a_withdrawal_is_and_where_its_silence_ends(bench: Any) -> None:
    acts = [
        bench.act("2020-02-01T00:00:00Z"),
        bench.act("2020-02-02T00:00:00Z", "withdrawn"),
        bench.act("2020-02-03T00:00:00Z", "withdrawn"),  # ends nothing more
        bench.act("2020-02-05T00:00:00Z"),
        bench.act("2020-02-01T00:00:00Z", "withdrawn", subject_id="refuses"),
        bench.act("2020-02-01T00:00:00Z", subject_id="doubtful", notice_version=9),
        bench.act("2020-02-02T00:00:00Z", "withdrawn", subject_id="doubtful"),
    ]
    events = [
        bench.event("2020-02-04T00:00:00Z", event_id=1),
        bench.event("2020-02-06T00:00:00Z", event_id=2),
        bench.event("2020-02-04T00:00:00Z", event_id=3, subject_id="refuses"),
        bench.event("2020-02-04T00:00:00Z", event_id=4, subject_id="doubtful"),
        bench.event("2020-02-04T00:00:00Z", event_id=5, purpose="q"),
    ]
    facts, _ = bench.look(**bench.write(acts, events))
    assert facts.violations.withdrawn == 2
    assert (facts.silence.withdrawals, facts.silence.at_once) == (1, 0)
    assert facts.silence.longest == 2 * 86_400_000


def test_a_generated_log_has_the_distribution_that_plain_python_finds(bench: Any) -> None:
    words = ["--subjects", "200", "--events", "20000", "--violations", "1200", "--shuffle"]
    subprocess.run([sys.executable, GENERATOR, bench.folder, *words], check=True, capture_output=True)
    files = {"acts": "consents", "events": "events", "notices": "notices"}
    places = {role: bench.folder / f"{name}.parquet" for role, name in files.items()}
    silence = bench.look(datetime(2021, 6, 1, tzinfo=UTC), **places)[0].silence

    acts: dict[Any, list[Any]] = {}
    for row in pq.read_table(places["acts"]).to_pylist():
        acts.setdefault((row["subject_id"], row["purpose"]), []).append((row["at"], row["action"]))
    events: dict[Any, list[datetime]] = {}
    for row in pq.read_table(places["events"]).to_pylist():
        events.setdefault((row["subject_id"], row["purpose"]), []).append(row["at"])
    lags = []
    for key, told in acts.items():
        told.sort()
        for (_, before), (left, action), (again, _) in zip(told, told[1:], told[2:], strict=False):
            if before == "given" and action == "withdrawn":
                late = [at for at in events.get(key, ()) if left <= at < again]
                lags.append((max(late) - left) // timedelta(milliseconds=1) if late else -1)
    lags.sort()
    late = [lag for lag in lags if lag >= 0]
    assert (silence.withdrawals, silence.at_once, silence.longest) == (len(lags), lags.count(-1), max(late))
    ranked = [max(0, lags[ceil(len(lags) * share / 100) - 1]) for share in (50, 95, 99)]
    assert [silence.median, silence.percentile_95, silence.percentile_99] == ranked
    assert silence.within_a_second == sum(lag <= 1000 for lag in late)
