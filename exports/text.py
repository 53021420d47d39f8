"""Text as the page shows it: hostile characters made visible, long text cut with its digest, instants in words.

Evidence strings are hostile: a bidirectional override turns the text round, a NUL or a lone surrogate breaks the file,
a character without a glyph breaks PDF/A. What cannot be printed as itself is printed as its code point, `⟨U+202E⟩`; the
attached records hold the original.
"""

import hashlib
import re
import unicodedata
from collections.abc import Set as AbstractSet
from datetime import datetime
from zoneinfo import ZoneInfo

from muniment.evidence import rfc3339
from muniment.exports.languages import marked

LONGEST_VALUE = 600  # characters of one value of evidence; more takes minutes to lay out and is not read

_SPACES = str.maketrans("\t\r", "  ")
# Controls, formats (bidirectional and zero-width), surrogates, private use, unassigned, line and paragraph separators.
_WITHOUT_GLYPH = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and marks that fonts draw as nothing (Unicode property Default_Ignorable_Code_Point).
_DRAWN_AS_NOTHING = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def printable(text: str, glyphs: AbstractSet[int]) -> str:
    """The text as it can be printed; `glyphs` are the code points that the fonts can draw. Tabs become spaces."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_printed(each, glyphs) for each in text.translate(_SPACES))


def visible(text: str) -> str:
    """The text where the reader's own fonts draw it, in a workbook or a table: only what hides or breaks is escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_printed(each, None) for each in text.translate(_SPACES))


CUT = marked("%(count)s characters, sha256 %(digest)s, whole in the attachment %(file)s")


def clipped(text: str, whole_in: str, longest: int = LONGEST_VALUE, told: str = CUT) -> str:
    """The text, or its beginning and what `told` says of it: its length, its SHA-256, and what has the whole."""
    if len(text) <= longest:
        return text
    sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[:longest]} … " + told % {"count": f"{len(text):,}", "digest": sha256, "file": whole_in}


def opening(text: str, longest: int = 160) -> str:
    """The first characters of a text that a table has no room for; a dot-dot-dot says that there is more."""
    return text if len(text) <= longest else f"{text[:longest].rstrip()} …"


def instant(at: datetime) -> str:
    """`2026-11-24T03:12:33Z`: RFC 3339, whole seconds, UTC."""
    return rfc3339(at.replace(microsecond=0))


def day(at: datetime, zone: str) -> str:
    """The day of the instant in the zone: `2026-11-24`."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d}"


def short(digest: str) -> str:
    """The first twelve hexadecimal digits of a digest, as it is quoted on the page."""
    return digest.removeprefix("sha256:")[:12]


def grouped(hexadecimal: str, size: int = 8) -> str:
    """A long hexadecimal value in groups, so that two people can read it to one another."""
    digits = hexadecimal.removeprefix("sha256:")
    return " ".join(digits[start : start + size] for start in range(0, len(digits), size))


def _printed(character: str, glyphs: AbstractSet[int] | None) -> str:
    hides = (unicodedata.category(character) in _WITHOUT_GLYPH and character != "\n") or _DRAWN_AS_NOTHING.match(
        character
    )
    drawable = not hides and (glyphs is None or ord(character) in glyphs or character.isspace())
    return character if drawable else f"⟨U+{ord(character):04X}⟩"
