"""WeasyPrint: markup to fragments, and fonts and metadata into a PDF. Only this file and its `shortcuts` speak it.

One fetcher serves the registered resources and refuses all else fatally: no byte comes from a network or a disk because
a document says so. WeasyPrint is pinned; what is used of its inside stands in these two files.
"""

import gc
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from html import escape
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from muniment.evidence import MunimentError
from muniment.exports import shortcuts
from muniment.exports.fonts import fonts_digest
from muniment.exports.fragment import Face, Fragment, Place
from muniment.exports.parts import INSIDE

if TYPE_CHECKING:
    import pydyf  # type: ignore[import-untyped]
    from weasyprint.urls import URLFetcherResponse

SCHEME = "muniment:"
_POINTS = 0.75  # in a pixel of CSS
_STYLES = ("normal", "oblique", "italic")  # in Pango's order


def engine_versions(language: str = "en") -> dict[str, str]:
    """What the bytes of a PDF depend on beside its content."""
    from weasyprint.text.ffi import pango

    number = pango.pango_version()
    return {
        "weasyprint": version("weasyprint"),
        "pango": f"{number // 10000}.{number // 100 % 100}.{number % 100}",
        "fonts": fonts_digest(language).removeprefix("sha256:")[:12],
    }


def drawing_versions() -> dict[str, str]:
    """What a fragment depends on beside markup, style and resources."""
    from weasyprint.text.ffi import harfbuzz, pango

    return {
        "weasyprint": version("weasyprint"),
        "pydyf": version("pydyf"),
        "pango": str(pango.pango_version()),
        "harfbuzz": str([number for number in range(1, 20) if harfbuzz.hb_version_atleast(number, 0, 0)][-1]),
    }


class Engine:
    """Draws documents in one style, with one set of resources; style and fonts are read once."""

    def __init__(self, css: str, resources: Mapping[str, tuple[str, bytes]]) -> None:
        """Raises MunimentError: `pack.fetch` for a resource that is not registered, `pack.temporary` on a full disk."""
        from weasyprint.text.fonts import FontConfiguration

        _quick_references()
        shortcuts.take()
        self._fetch = fetcher(resources)
        self._fonts = FontConfiguration()
        self._known: dict[str, Any] = {}  # WeasyPrint's fonts by their hash
        with self._guarded():
            self._style = self._sheet(css)

    def draw(self, xhtml: str, css: str = "", *, tagged: bool = True) -> Fragment:
        """The pages of a document; a style of its own comes after the engine's. What is not tagged has no structure.

        Raises:
            MunimentError: `pack.fetch`, `pack.malformed` for what is no XML, `pack.temporary`.
        """
        with self._guarded():
            styles = [self._style, *([self._sheet(css)] if css else [])]
            document = self._document(xhtml).render(font_config=self._fonts, stylesheets=styles, output_intent="srgb")
            return self._lifted(document, tagged=tagged)

    def embed_fonts(self, pdf: "pydyf.PDF", fragments: Iterable[Fragment]) -> bytes:
        """Put each face into the PDF once, with the glyphs that some fragment uses; the reference of their names."""
        from weasyprint.pdf.fonts import build_fonts_dictionary

        faces: dict[str, Face] = {}
        for fragment in fragments:
            for name, face in fragment.faces.items():
                faces[name] = _joined(faces[name], face) if name in faces else face
        self._learn({name: face for name, face in faces.items() if name not in self._known})
        fonts = {}
        for name, face in sorted(faces.items()):
            fonts[name] = font = self._known[name]
            font.widths = dict(sorted(face.widths.items()))
            font.to_unicode = dict(sorted(face.text.items()))
        with self._guarded():
            made = build_fonts_dictionary(pdf, fonts, True, True, {"hinting": False, "pdf_version": "1.7"})
        pdf.add_object(made)
        return bytes(made.reference)

    def describe(self, pdf: "pydyf.PDF", head: str) -> bytes:
        """Put what PDF/A-3a asks for into the PDF: metadata, language, colours; the reference of the colour profile.

        `head` is a document with the title, the author and the dates.
        """
        import pydyf
        from weasyprint.html import get_html_metadata
        from weasyprint.pdf.metadata import DocumentMetadata

        metadata = DocumentMetadata(**get_html_metadata(self._document(head)))
        _inform(pdf, metadata)
        profile = pydyf.Stream(
            [(files("weasyprint") / "pdf" / "sRGB2014.icc").read_bytes()], pydyf.Dictionary({"N": 3}), compress=True
        )
        pdf.add_object(profile)
        name = pydyf.String("sRGB2014.icc")
        intent = {"Type": "/OutputIntent", "S": "/GTS_PDFA1", "OutputConditionIdentifier": name, "Info": name}
        pdf.catalog["OutputIntents"] = pydyf.Array(
            [pydyf.Dictionary(intent | {"DestOutputProfile": profile.reference})]
        )
        pdf.catalog["ViewerPreferences"] = pydyf.Dictionary({"DisplayDocTitle": "true"})
        pdf.catalog["MarkInfo"] = pydyf.Dictionary({"Marked": "true"})
        pdf.catalog["Lang"] = pydyf.String(metadata.lang or "")
        metadata.include_in_pdf(pdf, "a", 3, "A", True)
        return bytes(profile.reference)

    def _sheet(self, css: str) -> Any:
        from weasyprint import CSS

        return CSS(string=css, url_fetcher=self._fetch, font_config=self._fonts, base_url=SCHEME)

    def _document(self, xhtml: str) -> Any:
        """WeasyPrint's document over a tree that the strict XML parser read."""
        import cssselect2  # type: ignore[import-untyped]
        from weasyprint import HTML

        fetch = self._fetch

        class Parsed(HTML):  # type: ignore[misc]  # WeasyPrint has no types
            def __init__(self) -> None:
                root = ElementTree.fromstring(xhtml)  # noqa: S314 - ours, and without declarations
                self.base_url = SCHEME
                self.url_fetcher = fetch
                self.media_type = "print"
                self.wrapper_element = cssselect2.ElementWrapper.from_html_root(root, content_language=None)
                self.etree_element = self.wrapper_element.etree_element

        return Parsed()

    def _lifted(self, document: Any, *, tagged: bool) -> Fragment:
        """The fragment, taken out before WeasyPrint writes; the fonts' files are kept out of it."""
        from muniment.exports.lift import lifted

        used = document.fonts
        last = document.pages[-1]
        last.paint = partial(_then, last.paint, lambda: setattr(document, "fonts", {}))
        found: list[Fragment] = []

        def finish(_: Any, pdf: Any) -> None:
            self._known |= {font.hash: font for font in used.values()}
            faces = {font.hash: _face(font) for font in used.values()}
            for font in used.values():
                faces[font.hash] = _joined(faces[font.hash], _face(font))
            found.append(lifted(pdf, _bookmarks(document.pages), dict(sorted(faces.items())), INSIDE))
            del pdf.objects[1:]  # what was wanted of it is taken

        with warnings.catch_warnings(category=ResourceWarning, action="ignore"):  # it leaves its profile's file open
            document.write_pdf(pdf_tags=tagged, output_intent="srgb", finisher=finish)
        return found[0]

    def _learn(self, faces: Mapping[str, Face]) -> None:
        """Have WeasyPrint load faces that only fragments from elsewhere use: as they are named, then as they may be."""
        named = [(each.style, each.weight, each) for each in faces.values()]
        like = [(style, weight, each) for each in faces.values() for style in _STYLES for weight in (400, 600, 700)]
        for wanted in (named, like):
            if faces.keys() <= self._known.keys():
                return
            lines = "".join(
                f"<p style=\"font: {style} {weight} 9pt '{escape(each.family)}'\">{escape(_shown(each))}</p>"
                for style, weight, each in wanted
            )
            self.draw(f'<html lang="en"><body>{lines}</body></html>')
        if missing := [each.family for name, each in faces.items() if name not in self._known]:
            raise MunimentError(f"the font {missing[0]} is not found again", code="pack.font")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """What WeasyPrint raises, as ours; what it forgives and we do not."""
        from weasyprint.urls import FatalURLFetchingError

        try:
            with _rarely_collecting():
                yield
        except FatalURLFetchingError as error:
            raise _asked_outside(self._fetch.refused) from error
        except ElementTree.ParseError as error:
            raise MunimentError(f"the document is not well-formed: {error}", code="pack.malformed") from error
        except OSError as error:
            raise MunimentError(
                f"there is no room for the temporary files of the rendering: {error.strerror}",
                mend="free some space, or name another folder in TMPDIR",
                code="pack.temporary",
            ) from error
        if self._fetch.refused:  # WeasyPrint forgives a drawing whose image cannot be had; we do not
            raise _asked_outside(self._fetch.refused)


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


def _quick_references() -> None:
    """Have pydyf keep what it says of a document's pages.

    WeasyPrint asks for the references of all pages once for each structure element, and pydyf 0.13 makes them anew each
    time. The pages only ever grow, so their number tells whether what was kept still holds.
    """
    import pydyf

    def page_references(pdf: Any) -> tuple[bytes, ...]:
        kids = pdf.pages["Kids"]  # three for each page: its number, 0, R
        if len(kids) != 3 * len(getattr(pdf, "kept_references", ())):
            pdf.kept_references = tuple(f"{number} 0 R".encode() for number in kids[::3])
        return getattr(pdf, "kept_references", ())

    pydyf.PDF.page_references = property(page_references)


def _then(paint: Callable[..., None], after: Callable[[], None], *args: Any, **options: Any) -> None:
    paint(*args, **options)
    after()


def _bookmarks(pages: Sequence[Any]) -> Iterator[Place]:
    for number, page in enumerate(pages):
        for level, label, (x, y), _ in page.bookmarks:
            yield Place(label, number, x * _POINTS, (page.height - y) * _POINTS, level)


def _shown(face: Face) -> str:
    """Some letter of the face."""
    return next((text for text in face.text.values() if text.strip()), "x")


def _face(font: Any) -> Face:
    return Face(font.family, int(font.weight), _STYLES[font.style], dict(font.widths), dict(font.to_unicode))


def _joined(one: Face, other: Face) -> Face:
    """What is used of a face in two places; where they differ in a width by rounding, the first has it."""
    return Face(one.family, one.weight, one.style, {**other.widths, **one.widths}, {**other.text, **one.text})


def _inform(pdf: "pydyf.PDF", metadata: Any) -> None:
    """The information dictionary (ISO 32000-1, section 14.3.3), which says what the metadata say."""
    import pydyf

    said = {
        "Producer": f"WeasyPrint {version('weasyprint')}",
        "Title": metadata.title,
        "Author": ", ".join(metadata.authors),
        "Subject": metadata.description,
        "Creator": metadata.generator,
        "CreationDate": _date(metadata.created),
        "ModDate": _date(metadata.modified),
    }
    for key, value in said.items():
        if value:
            pdf.info[key] = pydyf.String(value)


def _date(value: str | None) -> str:
    """`2026-11-24T03:12:33Z` as PDF has it (ISO 32000-1, section 7.9.4)."""
    return f"D:{''.join(each for each in value if each.isdigit())}Z" if value else ""
