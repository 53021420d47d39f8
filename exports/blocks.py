"""A long table in blocks of rows, each about as high as whole pages, so that one changed row is one block drawn anew.

How high a row will be is guessed from its words, as only drawing tells it: a block that is a little shorter leaves a
little of its last page empty, one that is a little longer would begin a page for a row or two. A block ends at a
multiple of a few rows, so that a row that has got a line longer seldom moves the ends of all blocks after it.
"""

from collections.abc import Iterator
from math import ceil
from xml.etree.ElementTree import Element

PAGE = 245.0  # millimetres that rows have on a page, below the table's head
TOP = 35.0  # what stands above the table's first row
LINE, SPACE = 3.75, 2.2  # millimetres of a line, and between the lines of two rows
LETTERS = 46  # letters of a line in the widest column, about
PAGES = 2  # of a block
UNCUT = 4  # pages of a table that is not cut
TOGETHER = 4  # rows; a block is a multiple


def in_blocks(table: Element) -> list[Element]:
    """The table itself, or its blocks if it is long; each has the table's head."""
    body = table.find("tbody")
    if body is None:
        return [table]
    heights = [_height(row) for row in body]
    if sum(heights) <= UNCUT * PAGE:
        return [table]
    return [_with(table, body, body[start:end]) for start, end in _blocks(heights)]


def emptied(element: Element) -> Element:
    """The element without what is in it."""
    made = Element(element.tag, dict(element.attrib))
    made.text = element.text
    return made


def _blocks(heights: list[float]) -> Iterator[tuple[int, int]]:
    """From which row to before which each block goes."""
    start, filled = 0, TOP
    for at in range(0, len(heights), TOGETHER):
        more = sum(heights[at : at + TOGETHER])
        if at > start and filled + more > PAGES * PAGE:
            yield start, at
            start, filled = at, 0.0
        filled += more
    yield start, len(heights)


def _height(row: Element) -> float:
    """Millimetres of the row, about: its longest cell's lines, which end at newlines or are full."""
    texts = ("".join(cell.itertext()) for cell in row)
    lines = max((sum(max(1, ceil(len(line) / LETTERS)) for line in text.split("\n")) for text in texts), default=1)
    return lines * LINE + SPACE


def _with(table: Element, body: Element, rows: list[Element]) -> Element:
    block = emptied(table)
    for child in table:
        if child is body:
            kept = emptied(body)
            kept.extend(rows)
            block.append(kept)
        else:
            block.append(child)
    return block
