"""Periods and durations as people write them."""

from datetime import timedelta

import pytest

from muniment.controls.period import parse_duration, parse_period
from muniment.evidence import UsageError, rfc3339


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z"),
        ("2026-Q3", "2026-06-30T22:00:00Z", "2026-09-30T22:00:00Z"),
        ("2026-Q4", "2026-09-30T22:00:00Z", "2026-12-31T23:00:00Z"),
        ("2026-03", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"),
        ("2026-12", "2026-11-30T23:00:00Z", "2026-12-31T23:00:00Z"),
        ("2026-01-01..2026-06-30", "2025-12-31T23:00:00Z", "2026-06-30T22:00:00Z"),
        ("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
    ],
)
def test_a_period_runs_from_midnight_to_midnight_in_its_zone(text: str, start: str, end: str) -> None:
    period = parse_period(text, "Europe/Paris")
    assert (rfc3339(period.start), rfc3339(period.end), period.zone) == (start, end, "Europe/Paris")


def test_the_day_on_which_clocks_go_forward_has_23_hours() -> None:
    assert parse_period("2026-03-29", "Europe/Paris").length == timedelta(hours=23)


@pytest.mark.parametrize(
    "text",
    ["", "last year", "2026-Q5", "2026-13", "2026-06-30..2026-01-01", "2026-02-30", "9999", "0000", "1..2"],
)
def test_a_period_that_means_nothing_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match="is not a period") as caught:
        parse_period(text, "UTC")
    assert caught.value.mend == "write 2026, 2026-Q3, 2026-03 or 2026-01-01..2026-06-30"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("zone", ["Europe/Pariis", "", "../etc/passwd", "Europe"])
def test_a_zone_that_is_not_there_is_refused(zone: str) -> None:
    with pytest.raises(UsageError, match="is not a time zone"):
        parse_period("2026", zone)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43_200), ("1d", 86_400), ("4w", 2_419_200), (60, 60)]
)
def test_a_duration_becomes_seconds(text: str | int, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["1", "d", "1.5h", "-1d", "1 month", ""])
def test_a_duration_that_means_nothing_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="write 30m, 12h, 1d or 4w"):
        parse_duration(text)
