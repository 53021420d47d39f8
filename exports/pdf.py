"""HTML to PDF, part by part.

The document is taken apart (`parts`), each part is drawn by itself into a fragment (`engine`), and the fragments are
put together (`merge`). What depends on the whole is drawn last: the contents, once all page numbers are known, and the
furniture. The result is PDF/A-3a. The same page gives the same bytes, for the same versions of WeasyPrint, Pango and
the fonts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from muniment.exports.fragment import Fragment
from muniment.exports.html import Page
from muniment.exports.parts import numbered, taken_apart

if TYPE_CHECKING:
    import pydyf  # type: ignore[import-untyped]

    from muniment.exports.engine import Engine
    from muniment.exports.merge import Furniture

Progress = Callable[[str, int, int], None]  # stage, done, total; the total is 0 while nobody knows it
Finish = Callable[["pydyf.PDF"], None]


@dataclass(frozen=True)
class Rendered:
    """A PDF and its number of pages."""

    data: bytes
    pages: int


def render_pdf(page: Page, identifier: str, finish: Finish, progress: Progress | None = None) -> Rendered:
    """The document as PDF/A-3a. `identifier` becomes the file's id (ISO 32000-1, section 14.4).

    `finish` is given the objects just before they are written.

    Raises:
        MunimentError: `pack.fetch` for a resource that is not registered, `pack.malformed` for what is no XML,
            `pack.temporary` where the disk is full.
    """
    import pydyf

    from muniment.exports.engine import Engine
    from muniment.exports.merge import Shared, colours, merge

    tell = progress or _silent
    parts = taken_apart(page.xhtml)
    engine = Engine(page.css, page.resources)
    count = _Count(tell)
    body = [count.added(engine.draw(part.xhtml)) for part in parts.body]
    front = count.added(engine.draw(numbered(parts.front, _page_numbers(body))))
    tell("layout", count.pages, count.pages)
    tell("pages", 0, count.pages)
    furniture = _furniture(engine, page, parts.root.get("lang", "en"))
    pdf = pydyf.PDF()
    profile = engine.describe(pdf, ElementTree.tostring(parts.root, encoding="unicode"))
    fonts = engine.embed_fonts(pdf, (front, *body, *([furniture.fragment] if furniture else [])))
    shared = Shared(fonts, colours(pdf, profile), profile)
    merge(pdf, front, body, furniture, shared, lambda done: tell("pages", done, count.pages))
    finish(pdf)
    out = BytesIO()
    pdf.write(out, b"1.7", identifier.encode(), compress=True)
    return Rendered(out.getvalue(), count.pages)


def _furniture(engine: "Engine", page: Page, language: str) -> "Furniture | None":
    """What is stamped on the pages, drawn once."""
    from muniment.exports.merge import Furniture

    if not page.furniture:
        return None
    ground = "@page ground" in page.furniture
    names = ("over-cover", "over-page", "over-number", *(("ground",) if ground else ()))
    blocks = "".join(f'<div style="page: {name}"></div>' for name in names)
    fragment = engine.draw(f'<html lang="{language}"><body>{blocks}</body></html>', page.furniture, tagged=False)
    return Furniture(fragment, 0, 1, 2, 3 if ground else None, page.count)


class _Count:
    """Tells each page that is laid out; how many there will be is not known yet."""

    def __init__(self, tell: Progress) -> None:
        self.tell = tell
        self.pages = 0
        tell("layout", 0, 0)

    def added(self, fragment: Fragment) -> Fragment:
        """The same fragment, told."""
        for _ in fragment.pages:
            self.pages += 1
            self.tell("layout", self.pages, 0)
        return fragment


def _page_numbers(body: Sequence[Fragment]) -> dict[str, int]:
    """The page of each anchor, counted from 1."""
    found: dict[str, int] = {}
    before = 1
    for fragment in body:
        for place in fragment.anchors:
            found.setdefault(place.name, before + place.page)
        before += len(fragment.pages)
    return found


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody is listening."""
