"""What a reader sees of strings that were made to deceive him, to break the file, or that are only long."""

from datetime import UTC, datetime

import pytest

from muniment.exports import text
from muniment.exports.fonts import glyphs


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("abc\u202etxt.exe", "abc⟨U+202E⟩txt.exe"),
        ("a\x00b\x1b[31m", "a⟨U+0000⟩b⟨U+001B⟩[31m"),
        ("lone \ud800 surrogate", "lone ⟨U+D800⟩ surrogate"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("\ufffe\U0010ffff\ue000", "⟨U+FFFE⟩⟨U+10FFFF⟩⟨U+E000⟩"),
        ("soft\u00adhyphen\u2028line", "soft⟨U+00AD⟩hyphen⟨U+2028⟩line"),
        ("a\ufe0fb\u3164c", "a⟨U+FE0F⟩b⟨U+3164⟩c"),
        ("tab\tand\rreturn", "tab and return"),
    ],
)
def test_what_hides_or_turns_text_round_is_shown_as_its_code_point(hostile: str, shown: str) -> None:
    assert text.printable(hostile, glyphs()) == shown


def test_letters_of_many_scripts_are_printed_as_they_are() -> None:
    for written in ("Société Générale", "Ελλάδα", "Россия", "שלום", "العربية", "✓ ✗ ? – ⟨U+202E⟩"):
        assert text.printable(written, glyphs()) == written


def test_a_letter_that_no_shipped_font_can_draw_is_shown_as_its_code_point() -> None:
    assert text.printable("適", glyphs()) == "⟨U+9069⟩"


def test_a_long_value_is_cut_with_its_length_its_digest_and_the_place_of_the_whole() -> None:
    cut = text.clipped("x" * 1_048_576, "records.jsonl")
    assert cut.startswith("x" * 600 + " … 1,048,576 characters, sha256 ")
    assert cut.endswith(", whole in the attachment records.jsonl")
    assert text.clipped("short", "records.jsonl") == "short"


def test_instants_are_utc_and_a_day_is_that_of_the_zone() -> None:
    at = datetime(2026, 11, 24, 3, 12, 33, 500, tzinfo=UTC)
    assert text.instant(at) == "2026-11-24T03:12:33Z"
    assert text.day(datetime(2025, 12, 31, 23, tzinfo=UTC), "Europe/Paris") == "2026-01-01"
