"""A fragment: some pages of a document, drawn, without anything that depends on where in the document they stand.

Links name their target; page numbers, headers and the fonts' files are not in it. So a fragment can be kept and put
into any document, and the same markup gives the same fragment wherever it is drawn.

Objects are PDF syntax (ISO 32000-1, section 7.3) in which each reference is a token between two bytes that PDF strings
never hold here: a number for an object of the fragment, `p3` for its page, `a5` for its link, and `D`, `F`, `C`, `I`
for what all fragments of a document share: the root of the structure, the fonts, the colour spaces, the profile.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TOKEN = b"\x01"
FORMAT = 1  # of the bytes; a kept fragment of another format is drawn anew


@dataclass(frozen=True)
class Drawn:
    """One page in points: its drawing as plain instructions; the object of the structure each marked piece belongs to;
    its links, as places in the fragment's `links`."""

    width: float
    height: float
    drawing: bytes
    parents: tuple[int, ...]
    links: tuple[int, ...]


@dataclass(frozen=True)
class Link:
    """A rectangle that leads to an anchor's name (`inside`) or to a URL; `element` is its object of the structure."""

    rectangle: tuple[float, ...]
    target: str
    inside: bool
    element: int


@dataclass(frozen=True)
class Place:
    """A point in the fragment: page, and points from the left and from the bottom; `level` is that of a bookmark."""

    name: str
    page: int
    x: float
    y: float
    level: int = 0


@dataclass(frozen=True)
class Face:
    """A face of a font, and what of it is used: the width of each glyph in thousandths of its size, and its text."""

    family: str
    weight: int
    style: str
    widths: Mapping[int, int]
    text: Mapping[int, str]


@dataclass(frozen=True)
class Fragment:
    """Pages and what they need. `objects` are syntax and, for streams, their bytes; `tops` the structure's highest."""

    pages: tuple[Drawn, ...]
    objects: tuple[tuple[bytes, bytes | None], ...]
    tops: tuple[int, ...]
    resources: Mapping[str, bytes]
    links: tuple[Link, ...]
    anchors: tuple[Place, ...]
    bookmarks: tuple[Place, ...]
    faces: Mapping[str, Face]


def packed(fragment: Fragment) -> bytes:
    """The fragment as bytes; the same fragment gives the same bytes."""
    blobs = [page.drawing for page in fragment.pages]
    blobs += [syntax for syntax, _ in fragment.objects]
    blobs += [stream for _, stream in fragment.objects if stream is not None]
    head = {
        "pages": [(each.width, each.height, each.parents, each.links) for each in fragment.pages],
        "streams": [stream is not None for _, stream in fragment.objects],
        "tops": fragment.tops,
        "resources": {key: value.decode("latin-1") for key, value in fragment.resources.items()},
        "links": [(each.rectangle, each.target, each.inside, each.element) for each in fragment.links],
        "anchors": [(each.name, each.page, each.x, each.y) for each in fragment.anchors],
        "bookmarks": [(each.name, each.page, each.x, each.y, each.level) for each in fragment.bookmarks],
        "faces": {
            key: (each.family, each.weight, each.style, sorted(each.widths.items()), sorted(each.text.items()))
            for key, each in fragment.faces.items()
        },
        "sizes": [len(blob) for blob in blobs],
    }
    return zlib.compress(json.dumps(head, separators=(",", ":")).encode() + b"\n" + b"".join(blobs), 1)


def unpacked(data: bytes) -> Fragment:
    """The fragment again.

    Raises:
        ValueError: these bytes are none.
    """
    try:
        first, _, rest = zlib.decompress(data).partition(b"\n")
        head = json.loads(first)
        return _fragment(head, _blobs(rest, head["sizes"]))
    except (zlib.error, KeyError, TypeError, IndexError, StopIteration) as error:
        raise ValueError("these bytes are not a fragment") from error


def _blobs(data: bytes, sizes: list[int]) -> list[bytes]:
    found, start = [], 0
    for size in sizes:
        found.append(data[start : start + size])
        start += size
    if start != len(data):
        raise ValueError("these bytes are not a fragment")
    return found


def _fragment(head: dict[str, Any], blobs: list[bytes]) -> Fragment:
    taken = iter(blobs)
    pages = tuple(
        Drawn(width, height, next(taken), tuple(parents), tuple(links))
        for width, height, parents, links in head["pages"]
    )
    syntaxes = [next(taken) for _ in head["streams"]]
    streams = [next(taken) if is_stream else None for is_stream in head["streams"]]
    return Fragment(
        pages=pages,
        objects=tuple(zip(syntaxes, streams, strict=True)),
        tops=tuple(head["tops"]),
        resources={key: value.encode("latin-1") for key, value in head["resources"].items()},
        links=tuple(Link(tuple(rectangle), *rest) for rectangle, *rest in head["links"]),
        anchors=tuple(Place(*each) for each in head["anchors"]),
        bookmarks=tuple(Place(*each) for each in head["bookmarks"]),
        faces={
            key: Face(family, weight, style, dict(widths), dict(text))
            for key, (family, weight, style, widths, text) in head["faces"].items()
        },
    )
