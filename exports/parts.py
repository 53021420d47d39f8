"""A document taken apart into parts that are drawn one by one: what stands before the first section, and the sections.

A part begins on a page of its own. A section is a part, with those after it that go on where it ends; each sheet of a
control that begins a page is one too; and a long table is cut into blocks of rows, so that one changed record is one
block drawn anew. Nothing of the document's head goes into a part: its title and dates would change every part.
"""

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from muniment.evidence import MunimentError
from muniment.exports.blocks import emptied, in_blocks

INSIDE = "inside:"  # what the URL of a link within the document begins with
FRONT = ("cover", "contents")
HEADINGS = ("h1", "h2")
GOES_ON = ("exceptions", "claims", "requests")  # sections that begin on the page where the one before them ends
SHEETS = 12  # unchecked controls or findings, of which several stand on a page


@dataclass(frozen=True)
class Part:
    """What is drawn by itself: a whole document as XHTML, and the heading that it begins with or stands under."""

    name: str
    xhtml: str


@dataclass(frozen=True)
class Parts:
    """A document in parts: what only its head says, what stands before the first section, and the rest in order."""

    head: Element
    front: Element
    body: tuple[Part, ...]


def taken_apart(xhtml: str) -> Parts:
    """The parts of a document, read by the strict parser: entities and unclosed markup are refused.

    Raises:
        MunimentError: `pack.malformed`.
    """
    try:
        if "<!" in xhtml:
            raise ElementTree.ParseError("declarations are not allowed")
        root = ElementTree.fromstring(xhtml)  # noqa: S314 - ours, and without declarations
    except ElementTree.ParseError as error:
        raise MunimentError(f"the document is not well-formed: {error}", code="pack.malformed") from error
    _marked(root)
    body = root.find("body")
    if body is None or not any(_class(each) in FRONT for each in body):
        return Parts(_headed(root), root, ())
    front = [each for each in body if _class(each) in FRONT]
    groups: list[list[Element]] = []
    for section in (each for each in body if _class(each) not in FRONT):
        if groups and _class(section) in GOES_ON:
            groups[-1].append(section)
        else:
            groups.append([section])
    drawn: list[Part] = []
    for part in (part for group in groups for part in _group(group)):
        under = drawn[-1].name if drawn else ""  # a block of rows stands under the heading of the block before
        drawn.append(Part(_heading(part) or under, written(_document(root, part))))
    return Parts(_headed(root), _document(root, front), tuple(drawn))


def numbered(front: Element, pages: Mapping[str, int]) -> str:
    """What stands before the first section, with the page that each link leads to."""
    for link in front.iter("a"):
        page = pages.get(link.get("href", "").removeprefix(INSIDE))
        if page is not None:
            link.set("data-page", str(page))
    return written(front)


def _marked(root: Element) -> None:
    """Mark each link within the document; one that leads nowhere is no link."""
    known = {each.get("id") for each in root.iter()}
    for link in root.iter("a"):
        name = link.get("href", "")
        if name.startswith("#"):
            if name[1:] in known:
                link.set("href", INSIDE + name[1:])
            else:
                del link.attrib["href"]


def _group(sections: list[Element]) -> Iterator[list[Element]]:
    """Each part's sections: the last part of a section goes on with the section that follows on the same page."""
    part: list[Element] = []
    for section in sections:
        first, *others = _sections(section)
        part.append(first)
        for other in others:
            yield part
            part = [other]
    yield part


def _sections(section: Element) -> list[Element]:
    """The section in pieces that begin a page each."""
    pieces = [emptied(section)]
    several = 0
    for child in section:
        blocks = in_blocks(child) if child.tag == "table" else [child]
        sheet = child.get("class", "")
        if sheet == "sheet checked" and any(each.tag == "article" for each in pieces[-1]):
            pieces.append(emptied(section))
            several = 0
        elif sheet in ("sheet unchecked", "gap"):
            several += 1
            if several > SHEETS:
                pieces.append(emptied(section))
                several = 1
        pieces[-1].append(blocks[0])
        for block in blocks[1:]:
            pieces.append(emptied(section))
            pieces[-1].append(block)
    return pieces


def _headed(root: Element) -> Element:
    """The document without its body."""
    html = Element("html", dict(root.attrib))
    html.extend(root.findall("head"))
    return html


def _document(root: Element, content: list[Element]) -> Element:
    html = Element("html", dict(root.attrib))
    body = Element("body")
    body.extend(copy(each) for each in content)
    html.append(body)
    return html


def written(root: Element) -> str:
    """The markup of a document or of a part of it."""
    ElementTree.register_namespace("svg", "http://www.w3.org/2000/svg")  # whatever others have it called
    return ElementTree.tostring(root, encoding="unicode")


def _class(element: Element) -> str:
    return element.get("class", "")


def _heading(content: list[Element]) -> str:
    """The words of the heading that the part begins with; none if it begins with rows of a table."""
    first = next(iter(content[0]), None)
    if first is None:
        return _class(content[0])
    found = first if first.tag in HEADINGS else first.find(".//h2")
    return " ".join("".join(found.itertext()).split()) if found is not None else ""
