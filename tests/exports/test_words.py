"""The words of a pack: plurals, days, shares."""

from datetime import UTC, datetime

import pytest

from muniment.evidence import DecisionKind
from muniment.exports.words import Words


def test_plurals_are_right() -> None:
    words = Words()
    assert words.counted(1, "record is", "records are") == "1 record is"
    assert words.counted(1204, "record is", "records are") == "1,204 records are"
    assert words.counted(0, "record is", "records are") == "0 records are"


def test_a_cadence_is_told_in_the_largest_unit_that_divides_it() -> None:
    words = Words()
    assert [words.duration(seconds) for seconds in (604_800, 86_400, 43_200, 5_400, 61)] == [
        "1 week",
        "1 day",
        "12 hours",
        "90 minutes",
        "61 seconds",
    ]


def test_a_day_is_that_of_the_zone() -> None:
    words = Words()
    assert words.day(datetime(2025, 12, 31, 23, tzinfo=UTC), "Europe/Paris") == "1 January 2026"


def test_the_clock_of_the_zone_stands_beside_an_instant() -> None:
    at = datetime(2026, 11, 24, 3, 12, 33, 500, tzinfo=UTC)
    assert Words().local(at, "Europe/Paris") == "24 November 2026, 04:12:33 +0100"


@pytest.mark.parametrize(("permille", "shown"), [(1000, "100\u00a0%"), (999, "99.9\u00a0%"), (0, "0\u00a0%")])
def test_a_share_is_never_rounded_up_to_all(permille: int, shown: str) -> None:
    assert Words().percent(permille) == shown


def test_every_kind_of_decision_has_words_and_a_later_kind_stands_as_it_is() -> None:
    assert [Words().decision(kind) for kind in DecisionKind] == [kind.words for kind in DecisionKind]
    assert Words().decision("moon.landed") == "moon.landed"
