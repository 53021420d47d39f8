"""What a page shows its reader, and whether a sentence stands in it.

Texts are compared after NFKC, with every run of white space as one space, and with typographic quotes, apostrophes and
dashes as their plain forms. Letters keep their case: a sentence is carried word for word, or it is not.
"""

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from html.parser import HTMLParser

_UNSEEN = frozenset({"script", "style", "template", "title", "noscript"})
_UNENDED = frozenset({"p", "li", "dt", "dd", "td", "th", "tr", "option"})  # whose next one ends them (HTML, 13.1.2.4)
_INLINE = frozenset(
    [
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "cite",
        "code",
        "data",
        "dfn",
        "em",
        "i",
        "kbd",
        "mark",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "time",
        "u",
        "var",
        "wbr",
        "font",
    ]
)
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_PLAIN = str.maketrans({"“": '"', "”": '"', "„": '"', "’": "'", "‘": "'", "–": "-", "—": "-", "\u00ad": None})
_SENTENCES = 2_000  # that are compared
_LONGEST = 300  # characters of a sentence


@dataclass(frozen=True)
class Page:
    """The bytes of a page, and what they are."""

    data: bytes
    media_type: str
    charset: str | None = None


def shown_text(page: Page) -> str:
    """What a reader sees: without markup, comments, scripts and what is `hidden`; a block is a line."""
    try:
        text = page.data.decode(_charset(page), "replace")
    except (LookupError, UnicodeError):  # no charset that anybody knows
        text = page.data.decode("utf-8", "replace")
    if page.media_type != "text/html":
        return text
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return "".join(reader.pieces)


def carries(text: str, sentence: str) -> bool:
    """Whether the sentence stands in the text, not within longer words."""
    plain = _plain(sentence)
    return bool(plain) and re.search(rf"(?<!\w){re.escape(plain)}(?!\w)", _plain(text)) is not None


def likest(text: str, sentence: str) -> tuple[int, str | None]:
    """The sentence of the text that is most like another one, and by how many per cent."""
    best: tuple[int, str | None] = (0, None)
    matcher = SequenceMatcher(None, b=_plain(sentence).casefold(), autojunk=False)
    for each in _sentences(text):
        matcher.set_seq1(each.casefold())
        if 100 * matcher.real_quick_ratio() > best[0] and 100 * matcher.quick_ratio() > best[0]:
            best = max(best, (int(100 * matcher.ratio()), each), key=lambda pair: pair[0])
    return best


def _sentences(text: str) -> list[str]:
    pieces = (_plain(piece) for line in text.splitlines() for piece in re.split(r"(?<=[.!?])\s+", line))
    return [piece for piece in pieces if 0 < len(piece) <= _LONGEST][:_SENTENCES]


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text.translate(_PLAIN)).split())


def _charset(page: Page) -> str:
    found = re.search(rb"<meta[^>]+charset=[\"']?([A-Za-z0-9_-]{1,40})", page.data[:2048], re.IGNORECASE)
    return page.charset or (found[1].decode() if found else "utf-8")


class _Reader(HTMLParser):
    """Collects what is shown. Whoever hides a sentence does not say it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden: list[str] = []  # the open elements from the first that is not shown

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _INLINE:
            self.pieces.append("\n")
        if tag in _UNENDED and self._hidden[-1:] == [tag]:
            self._hidden.pop()
        if tag not in _VOID and (self._hidden or tag in _UNSEEN or _is_hidden(dict(attrs))):
            self._hidden.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _INLINE:
            self.pieces.append("\n")
        if tag in self._hidden:
            del self._hidden[len(self._hidden) - 1 - self._hidden[::-1].index(tag) :]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's
        self.pieces.append("" if tag in _INLINE else "\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data.replace("\n", " "))


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    style = re.sub(r"\s", "", attributes.get("style") or "").lower()
    return "hidden" in attributes or "display:none" in style or "visibility:hidden" in style
