"""Whose code looked: the collectors behind a pack, and whether they were as somebody had reviewed them."""

from collections import Counter
from collections.abc import Iterable

from muniment.exports.model import Cited, CodeRow


def code_rows(cited: Iterable[Cited]) -> tuple[CodeRow, ...]:
    """One row for each code, in the order of its name; code that changed since it was pinned has a row of its own."""
    methods = (each.record.method for each in cited)
    found = Counter((each.collector, each.version, each.package, each.code, each.pinned) for each in methods)
    rows = (CodeRow(*method, records) for method, records in found.items())
    return tuple(sorted(rows, key=lambda row: (row.collector, row.version, row.code or "", row.pinned or "")))
