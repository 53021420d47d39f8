"""Takes a fragment out of the PDF that WeasyPrint is about to write: what is drawn, tagged, linked and named.

Only what can be reached from the pages, their structure and their resources comes along. The structure gets lighter on
the way: a span says nothing that its paragraph or cell does not, so its text goes to that; and a table's heads say by
their scope (ISO 32000-1, table 349) what they are heads of, because the names of heads would not stay unique in a
document that is put together from fragments.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import pydyf  # type: ignore[import-untyped]

from muniment.exports.fragment import TOKEN, Drawn, Face, Fragment, Link, Place

_REFERENCE = re.compile(rb"([0-9]+) 0 R")
_PLAIN = re.compile(r"[ -~]*")
_SILENT = {"/Span", "/NonStruct"}  # say nothing of what they hold
_HOLDERS = {"/TD", "/TH", "/P", "/H1", "/H2", "/H3", "/LBody", "/Lbl", "/Span", "/NonStruct", "/Link"}
_KINDS = ("ExtGState", "XObject", "Pattern", "Shading")


def lifted(pdf: pydyf.PDF, bookmarks: Iterable[Place], faces: dict[str, Face], inside: str) -> Fragment:
    """The fragment; `inside` is what the URL of a link within the document begins with."""
    pages = [pdf.objects[number] for number in pdf.pages["Kids"][::3]]
    lift = _Lift(pdf, pages)
    links = [lift.annotations(page, inside) for page in pages]
    tops = lift.structure()
    resources = lift.object(pages[0]["Resources"])
    return Fragment(
        pages=tuple(
            Drawn(
                width=float(page["MediaBox"][2]),
                height=float(page["MediaBox"][3]),
                drawing=_drawing(lift.object(page["Contents"])),
                parents=tuple(lift.parents[place][mark] for mark in range(len(lift.parents[place]))),
                links=tuple(links[place]),
            )
            for place, page in enumerate(pages)
        ),
        resources={kind: b"".join(lift.entries(resources[kind])) for kind in _KINDS if resources.get(kind)},
        objects=tuple((lift.syntax[number], lift.streams.get(number)) for number in range(len(lift.syntax))),
        tops=tuple(tops),
        links=tuple(lift.links),
        anchors=tuple(lift.anchors()),
        bookmarks=tuple(bookmarks),
        faces=faces,
    )


class _Lift:
    """One pass over one PDF; `syntax` and `streams` fill up with the fragment's objects."""

    def __init__(self, pdf: pydyf.PDF, pages: list[pydyf.Dictionary]) -> None:
        self.pdf = pdf
        self.syntax: dict[int, bytes] = {}
        self.streams: dict[int, bytes] = {}
        self.links: list[Link] = []
        self.parents: list[dict[int, int]] = [{} for _ in pages]
        self.tokens = {page.number: b"p%d" % place for place, page in enumerate(pages)}
        resources = self.object(pages[0]["Resources"])
        colours = self.object(resources["ColorSpace"])
        shared = {"F": resources["Font"], "C": resources["ColorSpace"], "I": colours["srgb"][1]}
        self.tokens |= {_number(reference): name.encode() for name, reference in shared.items()}

    def object(self, reference: Any) -> Any:
        """What a reference leads to."""
        return self.pdf.objects[_number(reference)]

    def annotations(self, page: pydyf.Dictionary, inside: str) -> list[int]:
        """The links of a page, as places in `links`; who they belong to in the structure is not known yet."""
        found = []
        for reference in page.get("Annots", ()):
            annotation = self.object(reference)
            target = annotation["A"]["URI"].string
            found.append(len(self.links))
            self.tokens[annotation.number] = b"a%d" % len(self.links)
            within = target.startswith(inside)
            rectangle = tuple(float(edge) for edge in annotation["Rect"])
            self.links.append(Link(rectangle, target.removeprefix(inside) if within else target, within, -1))
        return found

    def structure(self) -> list[int]:
        """The objects of the highest elements; all below them are taken along."""
        if "StructTreeRoot" not in self.pdf.catalog:
            return []
        document = self.object(self.object(self.pdf.catalog["StructTreeRoot"])["K"][0])
        self.tokens[document.number] = b"D"
        return [self._element(self.object(kid), b"D", in_head=False) for kid in document["K"]]

    def _element(self, element: pydyf.Dictionary, parent: bytes, *, in_head: bool) -> int:
        number = len(self.syntax)
        self.syntax[number] = b""
        kind = element["S"]
        kids = []
        place = int(self.tokens[_number(element["Pg"])][1:])
        for kid in self._kids(element):
            if isinstance(kid, int):
                self.parents[place][kid] = number
                kids.append(b"%d" % kid)
            elif kid.get("Type") == "/OBJR":
                kids.append(b"<</Type/OBJR/Obj " + self.written(kid["Obj"]) + b">>")
                link = int(self.tokens[_number(kid["Obj"])][1:])
                self.links[link] = Link(*_but_last(self.links[link]), number)
            else:
                below = self._element(kid, b"%d" % number, in_head=in_head or kind == "/THead")
                kids.append(_token(b"%d" % below))
        entries = [b"/S", kind.encode(), b"/P ", _token(parent)]
        if kids:
            entries += [b"/Pg ", self.written(element["Pg"]), b"/K[", b" ".join(kids), b"]"]
        if said := self._attributes(element, in_head=in_head):
            entries += [b"/A<<", said, b">>"]
        if "Alt" in element:
            entries += [b"/Alt ", self.written(element["Alt"])]
        self.syntax[number] = b"<<" + b"".join(entries) + b">>"
        return number

    def _kids(self, element: pydyf.Dictionary) -> Iterator[Any]:
        """Marks and elements, those of silent ones in their stead; silent ones that hold nothing are left out."""
        for kid in element["K"]:
            below = kid if isinstance(kid, int) else self.object(kid)
            if isinstance(below, int) or below.get("Type") == "/OBJR" or below["S"] not in _SILENT:
                yield below
            elif element["S"] in _HOLDERS:
                yield from self._kids(below)
            elif any(True for _ in self._kids(below)):
                yield below

    def _attributes(self, element: pydyf.Dictionary, *, in_head: bool) -> bytes:
        said = {key: value for key, value in element.get("A", {}).items() if key != "Headers"}
        if element["S"] == "/TH":
            said["Scope"] = "/Column" if in_head else "/Row"
        return b"".join(self.entries(said)) if set(said) - {"O"} else b""

    def anchors(self) -> Iterator[Place]:
        """The named places, in the order of their names."""
        names = self.pdf.catalog.get("Names", {}).get("Dests", {}).get("Names", ())
        for name, place in zip(names[::2], names[1::2], strict=True):
            reference, _, x, y, _ = place
            yield Place(name.string, int(self.tokens[_number(reference)][1:]), float(x), float(y))

    def entries(self, dictionary: Any) -> Iterator[bytes]:
        """Keys and values; names of our engine need no escapes."""
        for key, value in dictionary.items():
            yield b"/" + key.encode() + b" " + self.written(value)

    def written(self, value: Any) -> bytes:
        """The syntax of a value; what it refers to comes along."""
        if isinstance(value, bytes) and (match := _REFERENCE.fullmatch(value)):
            return _token(self._taken(int(match[1])))
        if isinstance(value, pydyf.String):
            return _string(value.string)
        if isinstance(value, dict):
            return b"<<" + b"".join(self.entries(value)) + b">>"
        if isinstance(value, list | tuple):
            return b"[" + b" ".join(self.written(each) for each in value) + b"]"
        return bytes(pydyf._to_bytes(value))

    def _taken(self, number: int) -> bytes:
        """The token of an object, which is taken along if it was not yet."""
        if number in self.tokens:
            return self.tokens[number]
        place = len(self.syntax)
        self.tokens[number] = token = b"%d" % place
        self.syntax[place] = b""
        found = self.pdf.objects[number]
        if isinstance(found, pydyf.Stream):
            data = b"\n".join(pydyf._to_bytes(item) for item in found.stream)
            extra = dict(found.extra)
            if found.compress:
                data, extra["Filter"] = zlib.compress(data, 9), "/FlateDecode"
            self.syntax[place], self.streams[place] = self.written(extra), data
        else:
            self.syntax[place] = self.written(found)
        return token


def _drawing(stream: pydyf.Stream) -> bytes:
    """The instructions; a kerning of 0 between two glyphs is no kerning."""
    return b"\n".join(pydyf._to_bytes(item) for item in stream.stream).replace(b">0<", b"").replace(b"<>", b"")


def _string(value: str) -> bytes:
    """A string that is plain to read, or UTF-16 as hexadecimal digits; the bytes of tokens are never in it."""
    text = str(value)
    if _PLAIN.fullmatch(text):
        return b"(" + re.sub(rb"([\\()])", rb"\\\1", text.encode()) + b")"
    return b"<feff" + text.encode("utf-16-be").hex().encode() + b">"


def _token(name: bytes) -> bytes:
    return TOKEN + name + TOKEN


def _number(reference: bytes) -> int:
    return int(reference.split(b" ", 1)[0])


def _but_last(link: Link) -> tuple[tuple[float, ...], str, bool]:
    return link.rectangle, link.target, link.inside
