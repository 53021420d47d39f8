"""HTML to PDF, part by part.

The document is taken apart (`parts`), each part is drawn by itself into a fragment (`engine`), and the fragments are
put together (`merge`). What depends on the whole is drawn last: the contents, once all page numbers are known, and the
furniture. The result is PDF/A-3a. The same page gives the same bytes, for the same versions of WeasyPrint, Pango and
the fonts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from muniment.exports.fragment import Fragment, packed, unpacked
from muniment.exports.html import Page
from muniment.exports.kept import Kept, base, key
from muniment.exports.parts import Part, numbered, taken_apart, written
from muniment.exports.revision import revision
from muniment.exports.workers import drawn_by_workers, usual_workers

if TYPE_CHECKING:
    import pydyf  # type: ignore[import-untyped]

    from muniment.exports.engine import Engine
    from muniment.exports.merge import Furniture

WORTH = 150_000  # characters of markup, some thirty pages, from which on processes are worth their start

Progress = Callable[[str, int, int], None]  # stage, done, total; the total is 0 while nobody knows it
Finish = Callable[["pydyf.PDF"], None]


@dataclass(frozen=True)
class Rendered:
    """A PDF and its number of pages."""

    data: bytes
    pages: int


def render_pdf(
    page: Page,
    identifier: str,
    finish: Finish,
    progress: Progress | None = None,
    cache: Path | None = None,
    workers: int | None = None,
) -> Rendered:
    """The document as PDF/A-3a. `identifier` becomes the file's id (ISO 32000-1, section 14.4).

    `finish` is given the objects just before they are written. `cache` is a folder for parts that were drawn before;
    `workers` how many processes may draw, otherwise as many as there are processors, up to a few, where it is worth it.

    Raises:
        MunimentError: `pack.fetch` for a resource that is not registered, `pack.malformed` for what is no XML,
            `pack.temporary` where the disk is full, `pack.worker` where a process that drew a part died.
    """
    import pydyf

    from muniment.exports.engine import Engine
    from muniment.exports.merge import Shared, colours, merge

    tell = progress or _silent
    parts = taken_apart(page.xhtml)
    engine = Engine(page.css, page.resources)
    count = _Count(tell)
    atelier = _Atelier(page, engine, Kept(cache) if cache else None, workers, count)
    body = atelier.drawn(parts.body)
    (front,) = atelier.drawn((Part("", numbered(parts.front, _page_numbers(body))),))
    atelier.close()
    tell("layout", count.pages, count.pages)
    tell("pages", 0, count.pages)
    furniture = _furniture(engine, page, parts.head.get("lang", "en"))
    pdf = pydyf.PDF()
    profile = engine.describe(pdf, written(parts.head))
    fonts = engine.embed_fonts(pdf, (front, *body, *([furniture.fragment] if furniture else [])))
    shared = Shared(fonts, colours(pdf, profile), profile)
    merge(pdf, front, body, furniture, shared, lambda done: tell("pages", done, count.pages))
    finish(pdf)
    return Rendered(revision(pdf, identifier), count.pages)


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


class _Atelier:
    """Where parts are drawn: looked up first, then drawn here, or by workers if there is much to draw."""

    def __init__(self, page: Page, engine: "Engine", kept: Kept | None, workers: int | None, count: "_Count") -> None:
        from muniment.exports.engine import drawing_versions

        self.page, self.engine, self.kept, self.workers, self.count = page, engine, kept, workers, count
        self.key = partial(key, on=base(page.css, page.resources, drawing_versions())) if kept else None

    def drawn(self, parts: Sequence[Part]) -> list[Fragment]:
        """The fragment of each part."""
        names = [self.key(part.xhtml) if self.key else "" for part in parts]
        found = {place: self.kept.get(name) if self.kept else None for place, name in enumerate(names)}
        for fragment in found.values():
            if fragment:
                self.count.added(fragment)
        missing = [(place, parts[place]) for place, fragment in found.items() if fragment is None]
        for place, fragment, data in self._draw(missing):
            found[place] = self.count.added(fragment)
            if self.kept:
                self.kept.put(names[place], data or packed(fragment))
        return [fragment for _, fragment in sorted(found.items()) if fragment]

    def _draw(self, parts: Sequence[tuple[int, Part]]) -> Iterator[tuple[int, Fragment, bytes]]:
        """Place, fragment, and its packed form if it is known."""
        workers = usual_workers() if self.workers is None else self.workers
        much = self.workers is not None or sum(len(part.xhtml) for _, part in parts) >= WORTH
        if workers < 2 or len(parts) < 2 or not much:
            for place, part in parts:
                yield place, self.engine.draw(part.xhtml), b""
            return
        for place, data in drawn_by_workers(parts, self.page.css, self.page.resources, workers):
            yield place, unpacked(data), data

    def close(self) -> None:
        """All is drawn."""
        if self.kept:
            self.kept.shrink()


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
