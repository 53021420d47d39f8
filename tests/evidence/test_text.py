"""Evidence is written by strangers: nothing in it may act on a terminal or a page."""

import pytest

from muniment.evidence.text import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\x00b\nc\td", r"a\x00b\x0ac\x09d"),
        ("abc\u202efdp.exe", r"abc\u202efdp.exe"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("\ud800", r"\ud800"),
        ("\ufffe\U0010ffff\U000e0041", r"\ufffe\U0010ffff\U000e0041"),
        ("Déclaration d’applicabilité – 適用性 🔒", "Déclaration d’applicabilité – 適用性 🔒"),
    ],
)
def test_what_does_not_show_itself_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert visible(text) == shown
