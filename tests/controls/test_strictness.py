"""Which recorded settings satisfy what a control requires."""

import pytest
from pydantic import JsonValue

from muniment.controls.strictness import shortfall


@pytest.mark.parametrize(
    ("wanted", "recorded"),
    [
        ("mozilla-modern-6.0", "mozilla-modern-6.0"),
        (["modern", "intermediate"], "modern"),
        (["TLSv1.2", "TLSv1.3"], ["TLSv1.3"]),
        ({"min": 1000}, 1000),
        ({"max": "1d"}, "12h"),
        ({"min": "1h", "max": "1d"}, 7200),
        (False, False),
    ],
)
def test_as_strict_or_stricter_satisfies(wanted: JsonValue, recorded: JsonValue) -> None:
    assert shortfall({"setting": wanted}, {"setting": recorded, "other": 1}) is None


@pytest.mark.parametrize(
    ("wanted", "recorded", "words"),
    [
        ("modern", "old", "setting was old, required is modern"),
        (["modern", "intermediate"], "old", "setting was old, required is modern or intermediate"),
        (
            ["TLSv1.2", "TLSv1.3"],
            ["TLSv1.0", "TLSv1.3"],
            "setting was TLSv1.0 or TLSv1.3, required is TLSv1.2 or TLSv1.3",
        ),
        (["TLSv1.2"], [], "setting was empty, required is TLSv1.2"),
        ({"min": 1000}, 999, "setting was 999, required is at least 1000"),
        ({"max": "1d"}, "25h", "setting was 25h, required is at most 1d"),
        ({"min": 1}, "many", "setting was many, required is at least 1"),
        (False, 0, "setting was 0, required is False"),
        ("modern", None, "setting was not recorded, required is modern"),
    ],
)
def test_laxer_is_said_in_words(wanted: JsonValue, recorded: JsonValue, words: str) -> None:
    assert shortfall({"setting": wanted}, {"setting": recorded}) == words


def test_a_setting_that_was_not_recorded_is_laxer() -> None:
    assert shortfall({"sample": {"min": 25}}, {}) == "sample was not recorded, required is at least 25"


def test_nothing_required_is_satisfied_by_anything() -> None:
    assert shortfall({}, {"policy": "old"}) is None
