"""Fragments put together into one PDF: pages, structure, names, bookmarks, page labels, headers and page numbers.

Everything that depends on where a page stands is made here: the numbers of objects, the tree that leads from a page's
marked pieces to the structure (ISO 32000-1, section 14.7.4.4), destinations, and what is stamped on each page. A stamp
is a pagination artifact: a screen reader does not read it out between two lines of the text.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pydyf  # type: ignore[import-untyped]

from muniment.evidence import MunimentError
from muniment.exports.fragment import TOKEN, Drawn, Fragment

_TOKEN = re.compile(TOKEN + b"([^" + TOKEN + b"]+)" + TOKEN)
_COLOUR = re.compile(rb"\n([0-9. ]+ rg)\n")
_TEXT = re.compile(rb"BT\n1 0 0 -1 [0-9.-]+ ([0-9.-]+) Tm\n/[A-Z]+ ([0-9.]+) Tf\n")


@dataclass(frozen=True)
class Furniture:
    """What is stamped: pages of a fragment that lie over the cover, over each other page, and under all; a page that
    shows how numbers are written; the words before and after a page's number."""

    fragment: Fragment
    cover: int
    page: int
    number: int
    ground: int | None
    words: tuple[str, str]


@dataclass(frozen=True)
class Shared:
    """The references of what all fragments share."""

    fonts: bytes
    colours: bytes
    profile: bytes


class Raw(pydyf.Object):  # type: ignore[misc]  # pydyf has no types
    """An object whose syntax is known; only one without a stream may be packed among others."""

    data = b""  # not pydyf's properties
    compressible = True

    def __init__(self, data: bytes = b"", *, stream: bool = False) -> None:
        super().__init__()
        self.data = data
        self.compressible = not stream


def merge(
    pdf: pydyf.PDF,
    front: Fragment,
    body: Sequence[Fragment],
    furniture: Furniture | None,
    shared: Shared,
    told: Callable[[int], None],
) -> None:
    """Put all pages into the PDF, those of the front before the others and numbered apart, in Roman numerals.

    `told` gets the number of pages that are done.
    """
    merged = _Merged(pdf, shared, told)
    stamps = _Stamps(pdf, shared, furniture, len(front.pages), sum(len(each.pages) for each in body))
    for fragment in (front, *body):
        merged.add(fragment, stamps)
    merged.finish()
    labels = pydyf.Dictionary({"Nums": pydyf.Array([0, pydyf.Dictionary({"S": "/r"})])})
    if body:
        labels["Nums"].extend([len(front.pages), pydyf.Dictionary({"S": "/D"})])
    pdf.catalog["PageLabels"] = labels


def colours(pdf: pydyf.PDF, profile: bytes) -> bytes:
    """The colour spaces that WeasyPrint's drawings name; their reference."""
    raw = Raw(b"<</srgb[/ICCBased %b]>>" % profile)
    pdf.add_object(raw)
    return bytes(raw.reference)


class _Merged:
    """The PDF as it grows."""

    def __init__(self, pdf: pydyf.PDF, shared: Shared, told: Callable[[int], None]) -> None:
        self.pdf = pdf
        self.shared = shared
        self.told = told
        self.root, self.document = Raw(), Raw()
        pdf.add_object(self.root)
        pdf.add_object(self.document)
        self.tops: list[bytes] = []
        self.marks: list[bytes] = []  # numbers, and what they lead to
        self.names: dict[str, bytes] = {}
        self.bookmarks: list[tuple[int, str, bytes]] = []

    def add(self, fragment: Fragment, stamps: "_Stamps") -> None:
        """A fragment's objects, then its pages."""
        pages = [Raw() for _ in fragment.pages]
        links = [Raw() for _ in fragment.links]
        for each in (*pages, *links):
            self.pdf.add_object(each)
        named = {b"p%d" % place: page.reference for place, page in enumerate(pages)}
        named |= {b"a%d" % place: link.reference for place, link in enumerate(links)}
        objects = _objects(self.pdf, fragment, named | {b"D": self.document.reference}, self.shared)
        resources = _resources(self.pdf, fragment, objects, self.shared, stamps)
        for page, drawn in zip(pages, fragment.pages, strict=True):
            self._page(page, drawn, links, resources, stamps)
            for link in drawn.links:
                self._link(links[link], fragment, link, objects)
            array = Raw(b"[" + b" ".join(objects[b"%d" % each] for each in drawn.parents) + b"]")
            self.pdf.add_object(array)
            page.data += b"/StructParents %d>>" % self._mark(array.reference)
            self.told(self.pdf.pages["Count"])
        self.tops += [objects[b"%d" % top] for top in fragment.tops]
        for place in fragment.anchors:
            self.names.setdefault(place.name, _destination(pages[place.page], place.x, place.y))
        for place in fragment.bookmarks:
            self.bookmarks.append((place.level, place.name, _destination(pages[place.page], place.x, place.y)))

    def _page(self, page: Raw, drawn: Drawn, links: Sequence[Raw], resources: bytes, stamps: "_Stamps") -> None:
        content = stamps.stamped(drawn, self.pdf.pages["Count"])
        stream = Packed(content)
        self.pdf.add_object(stream)
        box = b"[0 0 %b %b]" % (pydyf._to_bytes(drawn.width), pydyf._to_bytes(drawn.height))
        annotations = b" ".join(links[each].reference for each in drawn.links)
        page.data = b"<</Type/Page/Parent %b/MediaBox%b/TrimBox%b/BleedBox%b/Contents %b/Resources %b/Tabs/S%b" % (
            self.pdf.pages.reference,
            box,
            box,
            box,
            stream.reference,
            resources,
            b"/Annots[" + annotations + b"]" if annotations else b"",
        )
        self.pdf.pages["Count"] += 1
        self.pdf.pages["Kids"].extend([page.number, 0, "R"])

    def _link(self, raw: Raw, fragment: Fragment, place: int, objects: Mapping[bytes, bytes]) -> None:
        link = fragment.links[place]
        target = pydyf.String(link.target).data
        action = b"/Dest " + target if link.inside else b"/A<</Type/Action/S/URI/URI " + target + b">>"
        raw.data = b"<</Type/Annot/Subtype/Link/F 4/BS<</W 0>>/Rect[%b]/Contents %b%b/StructParent %d>>" % (
            b" ".join(map(pydyf._to_bytes, link.rectangle)),
            target,
            action,
            self._mark(objects[b"%d" % link.element]),
        )

    def _mark(self, reference: bytes) -> int:
        """The number by which the structure is found from what has a place in it."""
        self.marks += [b"%d" % (len(self.marks) // 2), reference]
        return len(self.marks) // 2 - 1

    def finish(self) -> None:
        """The structure's root, the names and the bookmarks."""
        tree = Raw(b"<</Nums[" + b" ".join(self.marks) + b"]>>")
        self.pdf.add_object(tree)
        self.root.data = b"<</Type/StructTreeRoot/K[%b]/ParentTree %b>>" % (self.document.reference, tree.reference)
        self.document.data = b"<</Type/StructElem/S/Document/P %b/K[%b]>>" % (
            self.root.reference,
            b" ".join(self.tops),
        )
        self.pdf.catalog["StructTreeRoot"] = self.root.reference
        if self.names:
            found = sorted(self.names, key=_key)
            entries = b" ".join(pydyf.String(name).data + b" " + self.names[name] for name in found)
            names = Raw(b"<</Names[" + entries + b"]>>")
            self.pdf.add_object(names)
            self.pdf.catalog["Names"] = pydyf.Dictionary({"Dests": names.reference})
        _outline(self.pdf, self.bookmarks)


class Packed(pydyf.Object):  # type: ignore[misc]  # pydyf has no types
    """A deflated stream whose plain bytes are still at hand."""

    data = b""
    compressible = False

    def __init__(self, plain: bytes) -> None:
        super().__init__()
        self.plain = plain
        packed = zlib.compress(plain, 6)
        self.data = b"<</Filter/FlateDecode/Length %d>>\nstream\n" % len(packed) + packed + b"\nendstream"


def _objects(pdf: pydyf.PDF, fragment: Fragment, named: Mapping[bytes, bytes], shared: Shared) -> dict[bytes, bytes]:
    """Add the fragment's objects; the references by token."""
    raws = [Raw(stream=stream is not None) for _, stream in fragment.objects]
    for raw in raws:
        pdf.add_object(raw)
    known = dict(named) | {b"%d" % place: raw.reference for place, raw in enumerate(raws)}
    known |= {b"F": shared.fonts, b"C": shared.colours, b"I": shared.profile}
    for raw, (syntax, stream) in zip(raws, fragment.objects, strict=True):
        raw.data = _TOKEN.sub(lambda match: known[match[1]], syntax)
        if stream is not None:
            raw.data = raw.data[:-2] + b"/Length %d>>\nstream\n" % len(stream) + stream + b"\nendstream"
    return known


def _resources(
    pdf: pydyf.PDF, fragment: Fragment, known: Mapping[bytes, bytes], shared: Shared, stamps: "_Stamps | None"
) -> bytes:
    """Add the resources of a fragment's pages, and with them the stamps; their reference."""
    kinds = {kind: _TOKEN.sub(lambda match: known[match[1]], said) for kind, said in fragment.resources.items()}
    if stamps:
        kinds["XObject"] = kinds.get("XObject", b"") + stamps.resources
    said = b"".join(b"/" + kind.encode() + b"<<" + value + b">>" for kind, value in sorted(kinds.items()) if value)
    raw = Raw(b"<<%b/ColorSpace %b/Font %b>>" % (said, shared.colours, shared.fonts))
    pdf.add_object(raw)
    return bytes(raw.reference)


class _Stamps:
    """Headers, footers, the ground and the page's number, for each page that comes."""

    def __init__(self, pdf: pydyf.PDF, shared: Shared, furniture: Furniture | None, front: int, body: int) -> None:
        self.furniture = furniture
        self.front, self.body = front, body
        self.resources = b""
        if furniture is None:
            return
        known = _objects(pdf, furniture.fragment, {}, shared)
        resources = _resources(pdf, furniture.fragment, known, shared, None)
        for name, place in (("Mc", furniture.cover), ("Mp", furniture.page), ("Mg", furniture.ground)):
            if place is not None:
                form = _form(furniture.fragment.pages[place], resources)
                pdf.add_object(form)
                self.resources += b"/%b %b" % (name.encode(), form.reference)
        sample = furniture.fragment.pages[furniture.number].drawing
        colour, text = _COLOUR.search(sample), _TEXT.search(sample)
        if colour is None or text is None:
            raise MunimentError("the page's number was not drawn as it should be", code="pack.furniture")
        self.colour, self.line, self.size = colour[1], text[1], float(text[2])
        self.glyphs = _glyphs(furniture.fragment)

    def stamped(self, drawn: Drawn, place: int) -> bytes:
        """The page's drawing between what lies under and over it; `place` counts from 0."""
        if self.furniture is None:
            return drawn.drawing
        over = b"Mp" if place else b"Mc"
        under = b"/Artifact BMC\n/Mg Do\nEMC\n" if self.furniture.ground is not None else b""
        words = roman(place + 1) if place < self.front else str(place + 1 - self.front)
        before, after = self.furniture.words
        said = before + words + (f"{after}{self.body}" if place >= self.front else "")
        return (
            under
            + b"q\n"
            + drawn.drawing
            + b"\nQ\n/Artifact <</Type/Pagination>> BDC\n/"
            + over
            + b" Do\n"
            + self._number(said, drawn)
            + b"EMC"
        )

    def _number(self, said: str, drawn: Drawn) -> bytes:
        """The text in the middle of the page, glyph by glyph."""
        glyphs = [self.glyphs[letter] for letter in said]
        width = sum(advance for _, _, advance in glyphs) * self.size / 1000
        runs = b""
        face = b""
        for name, glyph, _ in glyphs:
            if name != face:
                runs += (b">] TJ\n" if face else b"") + b"/%b %b Tf\n[<" % (name, pydyf._to_bytes(self.size))
                face = name
            runs += b"%04x" % glyph
        x = pydyf._to_bytes((drawn.width / 0.75 - width) / 2)
        return b"q\n0.75 0 0 -0.75 0 %b cm\n%b\nBT\n1 0 0 -1 %b %b Tm\n%b>] TJ\nET\nQ\n" % (
            pydyf._to_bytes(drawn.height),
            self.colour,
            x,
            self.line,
            runs,
        )


def _form(drawn: Drawn, resources: bytes) -> Raw:
    """A page's drawing that is drawn on many pages."""
    data = zlib.compress(drawn.drawing, 9)
    said = b"<</Type/XObject/Subtype/Form/BBox[0 0 %b %b]/Resources %b/Filter/FlateDecode/Length %d>>" % (
        pydyf._to_bytes(drawn.width),
        pydyf._to_bytes(drawn.height),
        resources,
        len(data),
    )
    return Raw(said + b"\nstream\n" + data + b"\nendstream", stream=True)


def _glyphs(fragment: Fragment) -> dict[str, tuple[bytes, int, int]]:
    """Face, glyph and advance of each letter that the furniture shows by itself."""
    found: dict[str, tuple[bytes, int, int]] = {}
    for name, face in fragment.faces.items():
        for glyph, text in face.text.items():
            if len(text) == 1:
                found.setdefault(text, (name.encode(), glyph, face.widths[glyph]))
    return found


def _key(name: str) -> bytes:
    """A name as the bytes of its string, by which names are sorted."""
    return name.encode() if name.isascii() else b"\xfe\xff" + name.encode("utf-16-be")


def _destination(page: Raw, x: float, y: float) -> bytes:
    return b"[%b/XYZ %b %b 0]" % (page.reference, pydyf._to_bytes(x), pydyf._to_bytes(y))


def _outline(pdf: pydyf.PDF, bookmarks: Iterable[tuple[int, str, bytes]]) -> None:
    """Bookmarks as a tree; each of a higher level number stands under the last one of a lower."""
    root = pydyf.Dictionary({"Type": "/Outlines", "Count": 0})
    pdf.add_object(root)
    above: list[tuple[int, pydyf.Dictionary]] = [(0, root)]
    last: dict[int, pydyf.Dictionary] = {}
    for level, title, place in bookmarks:
        while above[-1][0] >= level:
            above.pop()
        parent = above[-1][1]
        entry = pydyf.Dictionary({"Title": pydyf.String(title), "Dest": place, "Parent": parent.reference, "Count": 0})
        pdf.add_object(entry)
        if before := last.get(parent.number):
            before["Next"], entry["Prev"] = entry.reference, before.reference
        parent.setdefault("First", entry.reference)
        parent["Last"] = entry.reference
        last[parent.number] = entry
        for _, each in above:
            each["Count"] += 1
        above.append((level, entry))
    if root["Count"]:
        pdf.catalog["Outlines"] = root.reference


def roman(number: int) -> str:
    """A number in small Roman numerals, as page labels of that style count (ISO 32000-1, table 159)."""
    said = ""
    for value, letters in (
        (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
        (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
    ):  # fmt: skip
        said += letters * (number // value)
        number %= value
    return said
