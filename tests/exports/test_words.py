"""The words of a pack: plurals, days, and that another language reaches the page."""

import gettext
from datetime import UTC, datetime
from xml.etree import ElementTree

from muniment.exports.fonts import glyphs
from muniment.exports.html import render
from muniment.exports.words import Words


class _Pseudo(gettext.NullTranslations):
    """A pseudo-language: every message between angle quotes, so that what has no catalogue can be seen."""

    def gettext(self, message: str) -> str:
        return f"«{message}»"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"«{msgid1 if n == 1 else msgid2}»"


def test_plurals_are_right() -> None:
    words = Words(gettext.NullTranslations())
    assert words.counted(1, "record is", "records are") == "1 record is"
    assert words.counted(1204, "record is", "records are") == "1,204 records are"
    assert words.counted(0, "record is", "records are") == "0 records are"


def test_a_cadence_is_told_in_the_largest_unit_that_divides_it() -> None:
    words = Words(gettext.NullTranslations())
    assert [words.duration(seconds) for seconds in (604_800, 86_400, 43_200, 5_400, 61)] == [
        "1 week",
        "1 day",
        "12 hours",
        "90 minutes",
        "61 seconds",
    ]


def test_a_day_is_that_of_the_zone() -> None:
    words = Words(gettext.NullTranslations())
    assert words.day(datetime(2025, 12, 31, 23, tzinfo=UTC), "Europe/Paris") == "1 January 2026"


def test_the_strings_of_the_pages_come_from_the_catalogue(small) -> None:
    page = render(small.pack(), glyphs(), _Pseudo())
    root = ElementTree.fromstring(page.xhtml)
    headings = ["".join(each.itertext()) for each in root.iter("th") if each.get("scope") == "col"]
    assert [heading for heading in headings if "«" not in heading and heading != "SHA-256"] == []
    titles = ["".join(each.itertext()) for each in root.iter("h1")]
    assert [title for title in titles if "«" not in title] == []
    assert "«not recorded»" in page.xhtml
