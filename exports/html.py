"""Pack to HTML, as XML that a strict parser reads: every value escaped, every hostile character visible, every string
through one catalogue.

Three walls stand between evidence and page. Before the templates see a pack, every string in it is made printable and
cut to a length that a page can hold. The templates escape whatever they print. And the result must parse as XML, so
that markup which slipped through both would stop the build instead of reaching a reader.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum
from functools import partial
from gettext import NullTranslations
from hashlib import sha256
from importlib.resources import files
from typing import Any

import segno
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pydantic import BaseModel

from muniment.evidence import EvidenceRecord, Status
from muniment.exports import text
from muniment.exports.charts import draw_heat_map, draw_timeline
from muniment.exports.fonts import faces
from muniment.exports.judgements import judged
from muniment.exports.languages import Language, language, marked
from muniment.exports.model import Cited, Pack
from muniment.exports.palette import variables
from muniment.exports.words import SECTIONS, Words, standing_status

MOST_ROWS = 500  # of a table that only lists; a table of 20,000 rows takes minutes to lay out, and nobody reads it
_CELL = re.compile(r"<td\b[^>]*>.*?</td>", re.DOTALL)
_LONGEST_OWN = 4_000  # characters of a value that the organisation wrote itself


@dataclass(frozen=True)
class Page:
    """What the renderer needs: one document, its style sheet, and the files that they may name, by `muniment:` URL.

    `furniture` is the style sheet of what is stamped on each page, `count` the words before a page's number and between
    it and that of the pages.
    """

    xhtml: str
    css: str
    resources: Mapping[str, tuple[str, bytes]]  # name to media type and bytes
    furniture: str = ""
    count: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Section:
    """A section's place in this document; the section itself does not know it."""

    number: int
    title: str


def render(pack: Pack, glyphs: frozenset[int], spoken: Language | None = None) -> Page:
    """The whole document. `glyphs` are the code points that the fonts can draw; `spoken` is the pack's own language."""
    spoken = spoken or language(pack.identity.language)
    words = Words(spoken)
    shown = _shown(pack, glyphs, _LONGEST_OWN, "manifest.json", words.cut)
    environment = _environment(shown, spoken.catalogue, words)
    title = f"{shown.identity.organisation}: {words.title} {shown.identity.id}"
    xhtml = environment.get_template("pack.xhtml").render(
        pack=shown,
        title=title,
        description=f"{shown.identity.framework.name}, {shown.identity.id}",
        sections={name: Section(number, words.section(name)) for number, name in enumerate(SECTIONS, start=1)},
        anchors={sheet.control.id: f"control-{place}" for place, sheet in enumerate(shown.controls, start=1)},
        unrecorded=None,
        internal=shown.identity.audience == "internal",
    )
    if shown.identity.language == "zh":
        xhtml = xhtml.replace('"Muniment Sans, Muniment', '"Muniment Sans, Muniment CJK, Muniment')
    count = (f"{words.page} ", f" {words.of} ")
    xhtml = _CELL.sub(_lines, xhtml)
    return Page(xhtml, _css(shown), _resources(shown), _furniture(shown, words, count), count)


def _environment(pack: Pack, catalogue: NullTranslations, words: Words) -> Environment:
    environment = Environment(
        loader=PackageLoader("muniment.exports"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        finalize=partial(_final, words.not_recorded),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    zone = pack.identity.period.zone
    environment.filters |= {
        "instant": text.instant,
        "opening": text.opening,
        "local": partial(words.local, zone=zone),
        "day": partial(words.day, zone=zone),
        "last_day": lambda end: words.day(end - timedelta(microseconds=1), zone),
        "date": partial(text.day, zone=zone),
        "percent": words.percent,
        "duration": words.duration,
        "thousands": words.number,
        "judged": partial(judged, say=words.say, status=words.status),
        "short": text.short,
        "grouped": text.grouped,
        "sha256": lambda data: text.grouped(sha256(data).hexdigest()),
    }
    environment.globals |= {
        "Status": Status,
        "MOST_ROWS": MOST_ROWS,
        "words": words,
        "counted": words.counted,
        "standing_status": standing_status,
        "qr": partial(_qr, words.say(marked("QR code:"))),
        "heat_map": lambda chart: Markup(draw_heat_map(chart, words)),  # noqa: S704 - our own XML, its text escaped there
        "timeline": lambda chart: Markup(draw_timeline(chart, words)),  # noqa: S704 - the same
    }
    return environment


def _lines(cell: re.Match[str]) -> str:
    """The cell with newlines where the template ends a line, and nowhere else; the style sheet keeps them.

    An element that ends a line is two boxes with styles of their own: a quarter of what a long table takes to draw.
    """
    return cell[0].replace("\n", " ").replace("<br/>", "\n")


def _final(not_recorded: str, value: Any) -> Any:
    """What stands for nothing: unknown is said, never left blank."""
    return Markup(f'<span class="unknown">{not_recorded}</span>') if value is None else value  # noqa: S704 - our word


def _shown(value: Any, glyphs: frozenset[int], longest: int, whole_in: str, cut: str) -> Any:
    """The same value with every string in it printable and short enough; instants, numbers and bytes stay."""
    if isinstance(value, Enum | datetime | date | int | bytes) or value is None:
        return value
    if isinstance(value, str):
        return text.printable(text.clipped(value, whole_in, longest, cut), glyphs)
    within = partial(_shown, glyphs=glyphs, longest=longest, whole_in=whole_in, cut=cut)
    if isinstance(value, Cited | EvidenceRecord):
        within = partial(_shown, glyphs=glyphs, longest=text.LONGEST_VALUE, whole_in="records.jsonl", cut=cut)
    if isinstance(value, tuple | list):
        return tuple(within(each) for each in value)
    if isinstance(value, Mapping):
        return {within(key): within(each) for key, each in value.items()}
    if isinstance(value, BaseModel):
        return value.model_copy(update={name: within(getattr(value, name)) for name in type(value).model_fields})
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: within(getattr(value, field.name)) for field in fields(value)})
    return value


def _qr(name: str, content: str) -> Markup:
    """A QR code as SVG; its words are the content itself."""
    code = segno.make(content, error="m", boost_error=False)
    side = code.symbol_size(border=0)[0]
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(code.matrix) for x, dark in enumerate(row) if dark)
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="qr" viewBox="0 0 {side} {side}" width="{side}" height="{side}">'
        '<title>{name} {content}</title><path d="{path}" fill="#000000"/></svg>'
    ).format(side=side, name=name, content=content, path=path)


def _css(pack: Pack) -> str:
    """The style sheet of the pages; nothing in it changes from one pack of an organisation to the next."""
    return (
        "".join(face.rule for face in faces(pack.identity.language))
        + variables(pack.theme.accent, pack.theme.cover)
        + _style("pack.css", pack.identity.language)
    )


def _furniture(pack: Pack, words: Words, count: tuple[str, str]) -> str:
    """The style sheet of what is stamped on the pages, with its strings."""
    identity = pack.identity
    style = _style("furniture.css", identity.language)
    strings = {
        "classification": identity.classification,
        "organisation": identity.organisation,
        "name": f"{identity.id} · {words.version(identity.version)}",
        "mark": identity.mark or "",
        "root": f"{words.root} {text.short(pack.head.root)}",
        "digits": f"{count[0]}0123456789ivxlcdm{count[1]}",
    }
    for key, value in strings.items():
        style = style.replace(f'"{{{key}}}"', css_string(value))
    return style if identity.mark else style[: style.index("@page ground")]


def _style(name: str, language: str) -> str:
    style = (files("muniment.exports") / "styles" / name).read_text(encoding="utf-8")
    if language == "zh":
        for family in ("Muniment Sans", "Muniment Mono"):
            style = style.replace(f'"{family}"', f'"{family}", "Muniment CJK"')
    return style


def css_string(value: str) -> str:
    """A CSS string that nothing can leave: all but plain letters and digits as escapes (CSS Syntax, section 4.3.7)."""
    return '"' + "".join(each if each.isascii() and each.isalnum() else f"\\{ord(each):x} " for each in value) + '"'


def _resources(pack: Pack) -> dict[str, tuple[str, bytes]]:
    named = {face.file: ("font/ttf", face.data) for face in faces(pack.identity.language)}
    if logo := pack.theme.logo:
        named[logo.name] = (logo.media_type, logo.data)
    if mark := pack.identity.mark:
        named["mark.svg"] = ("image/svg+xml", _mark(mark))
    return named


def _mark(mark: str) -> bytes:
    """The mark of a draft, across the page and light enough to read through."""
    drawing = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" width="400" height="400">'
        '<text x="200" y="232" text-anchor="middle" transform="rotate(-38 200 200)" font-family="Muniment Sans" '
        'font-weight="600" font-size="96" letter-spacing="8" fill="#f1f4f6">{mark}</text></svg>'
    ).format(mark=mark)
    return str(drawing).encode()
