"""HTML to PDF: the only file that speaks WeasyPrint.

The result is PDF/A-3a. One fetcher serves the registered resources and refuses all else fatally: no byte comes from a
network or a disk because a document says so. The same page gives the same bytes, for the same versions of WeasyPrint,
Pango and the fonts.
"""

import gc
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from muniment.evidence import MunimentError
from muniment.exports.fonts import fonts_digest
from muniment.exports.html import Page

if TYPE_CHECKING:
    import pydyf  # type: ignore[import-untyped]
    from weasyprint.urls import URLFetcherResponse

SCHEME = "muniment:"

Progress = Callable[[str, int, int], None]  # stage, done, total; the total is 0 while nobody knows it
Finish = Callable[["pydyf.PDF"], None]


@dataclass(frozen=True)
class Rendered:
    """A PDF and its number of pages."""

    data: bytes
    pages: int


def engine_versions(language: str = "en") -> dict[str, str]:
    """What the bytes of a PDF depend on beside its content."""
    from weasyprint.text.ffi import pango

    number = pango.pango_version()
    return {
        "weasyprint": version("weasyprint"),
        "pango": f"{number // 10000}.{number // 100 % 100}.{number % 100}",
        "fonts": fonts_digest(language).removeprefix("sha256:")[:12],
    }


def render_pdf(page: Page, identifier: str, finish: Finish, progress: Progress | None = None) -> Rendered:
    """The document as PDF/A-3a. `identifier` becomes the file's id (ISO 32000-1, section 14.4).

    `finish` is given WeasyPrint's objects just before they are written.

    Raises:
        MunimentError: `pack.fetch` for a resource that is not registered, `pack.malformed` for what is no XML,
            `pack.temporary` where the disk is full.
    """
    from weasyprint import CSS
    from weasyprint.text.fonts import FontConfiguration
    from weasyprint.urls import FatalURLFetchingError

    tell = progress or _silent
    fetch = fetcher(page.resources)
    fonts = FontConfiguration()
    try:
        with _rarely_collecting():
            style = CSS(string=page.css, url_fetcher=fetch, font_config=fonts, base_url=SCHEME)
            with _laid_out(tell):
                document = _document(page, fetch).render(font_config=fonts, stylesheets=[style])
            pages = len(document.pages)
            _tell_painting(document.pages, tell)
            data = _written(document, identifier, finish)
            tell("pages", pages, pages)
    except FatalURLFetchingError as error:
        raise _asked_outside(fetch.refused) from error
    except ElementTree.ParseError as error:
        raise MunimentError(f"the document is not well-formed: {error}", code="pack.malformed") from error
    except OSError as error:
        raise MunimentError(
            f"there is no room for the temporary files of the rendering: {error.strerror}",
            mend="free some space, or name another folder in TMPDIR",
            code="pack.temporary",
        ) from error
    if fetch.refused:  # WeasyPrint forgives a drawing whose image cannot be had; we do not
        raise _asked_outside(fetch.refused)
    return Rendered(data, pages)


def fetcher(resources: Mapping[str, tuple[str, bytes]]) -> Any:
    """A fetcher that serves `muniment:NAME` from `resources` and ends the rendering for every other URL.

    Its `refused` lists the URLs that were asked for and not served.
    """
    from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

    class Registered(URLFetcher):  # type: ignore[misc]  # WeasyPrint has no types
        def __init__(self) -> None:
            super().__init__(allowed_protocols=(), allow_redirects=False, fail_on_errors=True)
            self.refused: list[str] = []

        def fetch(self, url: str, headers: Any = None) -> "URLFetcherResponse":  # noqa: ARG002 - its signature
            media_type, data = resources.get(url.removeprefix(SCHEME), (None, b""))
            if media_type is None or not url.startswith(SCHEME):
                self.refused.append(url)
                raise FatalURLFetchingError("not a registered resource")
            return URLFetcherResponse(url, data, {"Content-Type": media_type})

    return Registered()


def _asked_outside(urls: Sequence[str]) -> MunimentError:
    named = ", ".join(ascii(url[:100]) for url in urls[:3])
    return MunimentError(f"the document asks for something outside itself: {named}", code="pack.fetch")


@contextmanager
def _rarely_collecting() -> Iterator[None]:
    """A page is thousands of objects that live to the end: looking through them often finds nothing and takes time.

    The collector's own pace comes back afterwards, whatever happens.
    """
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _laid_out(tell: Progress) -> Iterator[None]:
    """Tells each page as it is laid out, after WeasyPrint's own log of it; how many there will be is not known yet."""
    log = logging.getLogger("weasyprint.progress")
    told = _Told(tell)
    before = log.level, log.propagate
    log.addHandler(told)
    log.setLevel(logging.INFO)
    log.propagate = False  # what it says is for us, not for whoever listens to all logs
    try:
        tell("layout", 0, 0)
        yield
        tell("layout", told.pages, told.pages)
    finally:
        log.removeHandler(told)
        log.level, log.propagate = before


class _Told(logging.Handler):
    """Reads `Step 5 - Creating layout - Page 12` and tells 12."""

    def __init__(self, tell: Progress) -> None:
        super().__init__()
        self.tell = tell
        self.pages = 0

    def emit(self, record: logging.LogRecord) -> None:
        """A page that is laid out once more is not told again."""
        if record.msg == "Step 5 - Creating layout - Page %d" and isinstance(record.args, tuple):
            page = int(str(record.args[0]))
            if page > self.pages:
                self.pages = page
                self.tell("layout", page, 0)


def _tell_painting(pages: Sequence[Any], tell: Progress) -> None:
    """Have each page tell when it is painted."""
    tell("pages", 0, len(pages))
    for number, page in enumerate(pages):
        page.paint = partial(_painted, page.paint, tell, number, len(pages))


def _painted(paint: Callable[..., None], tell: Progress, done: int, total: int, *args: Any, **options: Any) -> None:
    tell("pages", done, total)
    paint(*args, **options)


def _quick_references() -> None:
    """Have pydyf keep what it says of a document's pages.

    WeasyPrint asks for the references of all pages once for each structure element, and pydyf 0.13 makes them anew each
    time: for 1,000 pages that is hundreds of millions of small strings. The pages only ever grow, so their number tells
    whether what was kept still holds.
    """
    import pydyf

    def page_references(pdf: Any) -> tuple[bytes, ...]:
        kids = pdf.pages["Kids"]  # three for each page: its number, 0, R
        if len(kids) != 3 * len(getattr(pdf, "kept_references", ())):
            pdf.kept_references = tuple(f"{number} 0 R".encode() for number in kids[::3])
        return getattr(pdf, "kept_references", ())

    pydyf.PDF.page_references = property(page_references)


def _written(document: Any, identifier: str, finish: Finish) -> bytes:
    """The bytes of the PDF. WeasyPrint leaves the file of its colour profile to the garbage collector to close."""
    _quick_references()
    with warnings.catch_warnings(category=ResourceWarning, action="ignore"):
        data: bytes = document.write_pdf(
            pdf_variant="pdf/a-3a", pdf_identifier=identifier.encode(), finisher=lambda _, pdf: finish(pdf)
        )
    return data


def _document(page: Page, fetch: Any) -> Any:
    """WeasyPrint's document over a tree that the strict XML parser read: entities and unclosed markup are refused."""
    import cssselect2  # type: ignore[import-untyped]
    from weasyprint import HTML

    class Parsed(HTML):  # type: ignore[misc]  # WeasyPrint has no types
        def __init__(self) -> None:
            if "<!" in page.xhtml:
                raise ElementTree.ParseError("declarations are not allowed")
            root = ElementTree.fromstring(page.xhtml)  # noqa: S314 - ours, and without declarations
            self.base_url = SCHEME
            self.url_fetcher = fetch
            self.media_type = "print"
            self.wrapper_element = cssselect2.ElementWrapper.from_html_root(root, content_language=None)
            self.etree_element = self.wrapper_element.etree_element

    return Parsed()


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody is listening."""
