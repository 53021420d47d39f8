"""Reads XML that another program wrote: piece by piece, without document types and therefore without entities."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError  # the types only: reading is defusedxml's

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from muniment.evidence.errors import InputFault
from muniment.evidence.imports.report import Source, damaged, not_this

DEEPEST = 100  # elements within elements; reports have ten


def walk(source: Source, whole: frozenset[str]) -> Iterator[tuple[bool, Element]]:
    """Each element of a file as it begins (`True`, with its attributes) and as it ends (`False`).

    Elements whose name is in `whole` have their children when they end; all others are let go as they end, so that the
    size of the file does not matter.

    Raises:
        InputFault: not XML or cut off, with line and column; a document type; too deep.
    """
    above: list[Element] = []
    kept = 0  # how many of those above must be whole
    try:
        for event, element in iterparse(str(source.path), events=("start", "end"), forbid_dtd=True):
            if event == "start":
                above.append(element)
                kept += local(element) in whole
                if len(above) > DEEPEST:
                    raise damaged(source, f"elements lie more than {DEEPEST} deep")
                yield True, element
                continue
            yield False, element
            above.pop()
            kept -= local(element) in whole
            if not kept:
                element.clear()
                if above:
                    above[-1].remove(element)
    except DefusedXmlException as error:
        raise InputFault(
            "import.entities",
            "the file declares a document type or entities, which are not read",
            where=source.name,
            mend="no report needs them: ask who made this file",
        ) from error
    except ParseError as error:
        line, column = error.position
        if (line, column) == (1, 0):
            raise not_this(source, "this is not XML", line=line) from error
        raise damaged(source, f"not XML: {error.msg}", line=line, column=column + 1) from error


def local(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def child(element: Element, name: str) -> Element | None:
    """The first child of that name in any namespace."""
    return next((each for each in element if local(each) == name), None)


def text_of(element: Element | None) -> str:
    """The text of an element, without the spaces around it."""
    return (element.text or "").strip() if element is not None else ""


def whole_number(text: str | None) -> int | None:
    """The number that an attribute spells, if it does."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None
