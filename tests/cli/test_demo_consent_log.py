"""The consent log of the demonstration, held against the consent collector."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from muniment.cli.demo.consent_log import ConsentLog, Truth, Violation, make_log
from muniment.evidence import Status
from muniment.evidence.collectors.consent import Consent, ConsentSettings

START, UNTIL = datetime(2025, 12, 24, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
COUNTS: dict[Violation, int] = {"never": 1, "before": 2, "withdrawn": 3, "stale": 4, "purpose": 5, "incognito": 6}


def a_log(seed: int = 7, since: datetime | None = None) -> ConsentLog:
    return make_log(start=START, until=UNTIL, seed=seed, violations=COUNTS, violations_since=since)


def seen(folder: Path, at: datetime) -> tuple[dict[str, int], Status]:
    """The violations that the collector counts, and its verdict."""
    files = {"acts": "consents.parquet", "events": "events.parquet", "notices": "notices.parquet"}
    settings = ConsentSettings.read(dict(files), base=folder)
    collector = Consent(at=at)
    facts = collector.observe(settings)
    assert (facts.pending, facts.ok_within_skew, facts.implausible_rows, facts.unknown_version_rows) == (0, 0, 0, 0)
    return dict(facts.violations), collector.assess(settings, facts, at).status


def counts(truth: Truth) -> dict[str, int]:
    return {kind: len(ids) for kind, ids in truth.violations.items()}


def test_it_is_large_and_has_the_columns_that_the_collector_reads(tmp_path: Path) -> None:
    truth = a_log().write(tmp_path)
    acts, events, notices = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("consents", "events", "notices"))
    assert (acts.num_rows, events.num_rows) == (truth.acts, truth.events)
    assert truth.acts >= 12_000
    assert truth.events >= 100_000
    assert " ".join(acts.column_names) == "act_id subject_id purpose notice_version action at recorded_at"
    assert " ".join(events.column_names) == "event_id subject_id purpose at recorded_at mode endpoint"
    assert " ".join(notices.column_names) == "purpose notice_version valid_from supersedes_consent"
    for table in (acts, events):
        assert pc.min(table["at"]).as_py() >= START
        assert pc.max(table["recorded_at"]).as_py() < UNTIL


@pytest.mark.parametrize("seed", [7, 8])
def test_the_collector_sees_exactly_the_truth(tmp_path: Path, seed: int) -> None:
    truth = a_log(seed).write(tmp_path)
    assert counts(truth) == COUNTS
    assert seen(tmp_path, UNTIL) == (COUNTS, Status.FAIL)


def test_the_truth_stays_exact_as_of_any_instant(tmp_path: Path) -> None:
    log = a_log()
    for month in range(1, 11, 3):
        at = START + month * (UNTIL - START) / 11
        truth = log.as_of(at).write(tmp_path / str(month))
        assert seen(tmp_path / str(month), at)[0] == counts(truth)


def test_as_of_the_minutes_around_an_event_without_consent_the_truth_is_exact_too(tmp_path: Path) -> None:
    log = make_log(start=START, until=UNTIL, seed=3, violations={"before": 1})
    [event] = log.violations["before"]
    happened = log.events["at"][event].as_py()
    for minutes in (1, 10, 12):
        at = happened + timedelta(minutes=minutes)
        truth = log.as_of(at).write(tmp_path / str(minutes))
        assert seen(tmp_path / str(minutes), at)[0] == counts(truth)
    assert counts(truth)["before"] == 1


def test_nothing_is_wrong_before_the_violations_begin(tmp_path: Path) -> None:
    log = a_log(since=OCTOBER)
    before = log.as_of(OCTOBER).write(tmp_path)
    assert sum(counts(before).values()) == 0
    assert seen(tmp_path, OCTOBER) == (dict.fromkeys(COUNTS, 0), Status.PASS)
    ids = [event for events in log.violations.values() for event in events]
    assert len(ids) == sum(COUNTS.values())
    assert all(log.events["at"][event].as_py() >= OCTOBER for event in ids)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        a_log(seed).write(tmp_path / name)
    one, two, other = ((tmp_path / name / "events.parquet").read_bytes() for name in ("one", "two", "other"))
    assert one == two != other


def test_too_little_time_is_refused() -> None:
    with pytest.raises(ValueError, match="30 days"):
        make_log(start=START, until=START + timedelta(days=20), seed=1, violations={})
    with pytest.raises(ValueError, match="30 days"):
        a_log(since=UNTIL - timedelta(hours=2))
