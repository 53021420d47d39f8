"""The consent log of the demonstration, held against the consent collector."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from muniment.cli.demo.consent_log import Truth, Violation, write_log
from muniment.evidence import Status
from muniment.evidence.collectors.consent import Consent, ConsentSettings

UNTIL = datetime(2026, 11, 24, tzinfo=UTC)
YEAR, FORTNIGHT = timedelta(days=365), timedelta(days=14)
COUNTS: dict[Violation, int] = {
    "never": 1,
    "before": 2,
    "withdrawn": 3,
    "stale": 4,
    "purpose": 5,
    "incognito": 6,
}


def a_log(folder: Path, *, time: timedelta = FORTNIGHT, seed: int = 7, counts: dict[Violation, int] = COUNTS) -> Truth:
    return write_log(folder, start=UNTIL - time, until=UNTIL, seed=seed, acts=1_500, events=8_000, violations=counts)


def seen(folder: Path) -> tuple[dict[str, int], Status]:
    """The violations that the collector counts, and its verdict."""
    files = {"acts": "consents.parquet", "events": "events.parquet", "notices": "notices.parquet"}
    settings = ConsentSettings.read(dict(files), base=folder)
    collector = Consent(at=UNTIL)
    facts = collector.observe(settings)
    assert (facts.pending, facts.ok_within_skew, facts.implausible_rows, facts.unknown_version_rows) == (0, 0, 0, 0)
    return dict(facts.violations), collector.assess(settings, facts, UNTIL).status


@pytest.mark.parametrize("time", [FORTNIGHT, YEAR], ids=["fortnight", "year"])
@pytest.mark.parametrize("seed", [7, 8, 9])
def test_the_collector_sees_exactly_the_truth(tmp_path: Path, time: timedelta, seed: int) -> None:
    truth = a_log(tmp_path, time=time, seed=seed)
    assert {kind: len(ids) for kind, ids in truth.violations.items()} == COUNTS
    assert seen(tmp_path) == (COUNTS, Status.FAIL)


def test_a_log_without_violations_passes(tmp_path: Path) -> None:
    truth = a_log(tmp_path, counts={})
    assert set(truth.violations.values()) == {()}
    assert seen(tmp_path) == (dict.fromkeys(COUNTS, 0), Status.PASS)


def test_it_is_as_large_as_asked_and_has_the_columns_that_the_collector_reads(tmp_path: Path) -> None:
    truth = write_log(
        tmp_path, start=UNTIL - FORTNIGHT, until=UNTIL, seed=1, acts=12_500, events=100_000, violations={"before": 3}
    )
    acts, events, notices = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("consents", "events", "notices"))
    assert (acts.num_rows, events.num_rows) == (truth.acts, truth.events)
    assert 12_500 <= truth.acts < 12_600
    assert truth.events == 100_000
    assert " ".join(acts.column_names) == "act_id subject_id purpose notice_version action at recorded_at"
    assert " ".join(events.column_names) == "event_id subject_id purpose at recorded_at mode endpoint"
    assert " ".join(notices.column_names) == "purpose notice_version valid_from supersedes_consent"
    for table in (acts, events):
        assert pc.min(table["at"]).as_py() >= UNTIL - FORTNIGHT
        assert pc.max(table["recorded_at"]).as_py() < UNTIL


def test_the_ids_of_the_truth_are_those_of_the_events_that_break_the_rule(tmp_path: Path) -> None:
    truth = a_log(tmp_path)
    acts, events = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("consents", "events"))
    modes = events["mode"].to_pylist()
    assert [event for event, mode in enumerate(modes) if mode == "incognito"] == list(truth.violations["incognito"])
    consenting = set(acts["subject_id"].to_pylist())
    [stranger] = truth.violations["never"]
    assert events["subject_id"][stranger].as_py() not in consenting


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        a_log(tmp_path / name, seed=seed)
    one, two, other = ((tmp_path / name / "events.parquet").read_bytes() for name in ("one", "two", "other"))
    assert one == two != other


def test_less_than_a_week_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a week"):
        a_log(tmp_path, time=timedelta(days=6))
    assert list(tmp_path.iterdir()) == []
