"""The languages of a pack: a catalogue of words (GNU gettext) and the marks of its typography.

The catalogues lie in `locale/` as text; the source's own language is English. What the organisation wrote, and what a
collector said when it looked, stays in the language in which it was recorded: the log holds those words.
"""

import gettext
import io
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from muniment.evidence import MunimentError

NARROW = "\u202f"  # narrow no-break space


@dataclass(frozen=True)
class Language:
    """A language by its BCP 47 code. `space` stands before a percent sign, `first` for the first day of a month."""

    code: str = "en"
    thousands: str = ","
    decimal: str = "."
    space: str = "\u00a0"
    first: str = "1"
    catalogue: gettext.NullTranslations = field(default_factory=gettext.NullTranslations, compare=False)


ENGLISH = Language()
_MARKS = {"fr": Language("fr", thousands=NARROW, decimal=",", space=NARROW, first="1er")}
COMPLETE = ("en", *_MARKS)
_MARKS["zh"] = Language("zh", space="")
PREPARED = ("zh",)  # no reader of it has read it through; it needs a font of the machine


@cache
def language(code: str) -> Language:
    """The language with its catalogue.

    Raises:
        MunimentError: `language`: packs are not made in this language.
    """
    if code == ENGLISH.code:
        return ENGLISH
    if code not in _MARKS:
        raise MunimentError(
            f"packs are not made in the language {code!r}",
            mend=f"choose {' or '.join((*COMPLETE, *PREPARED))}",
            code="language",
        )
    marks = _MARKS[code]
    return Language(code, marks.thousands, marks.decimal, marks.space, marks.first, catalogue(code))


def marked(text: str) -> str:
    """Mark a text for the catalogues; it is translated where it is used."""
    return text


def catalogue(code: str) -> gettext.GNUTranslations:
    """The words of `locale/CODE.po`."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    source = files("muniment.exports") / "locale" / f"{code}.po"
    compiled, read = io.BytesIO(), read_po(io.BytesIO(source.read_bytes()), locale=code)
    untranslated = [(each.id, each.context) for each in read if each.id and not any(each.string or ())]
    for id_, context in untranslated:
        read.delete(id_, context)
    write_mo(compiled, read)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
