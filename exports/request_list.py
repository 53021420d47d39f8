"""A list of requests as it goes back: the auditor's own columns in their order, and beside them what we say. Pure.

Each cell is as it came. Ours are named in the language of the workspace's packs, and begin with `Muniment: `, by which
an import passes over them when the list comes back. No cell is a formula: in XLSX strings are written as strings, in
CSV what a spreadsheet would take for one has an apostrophe before it, which an import takes away again.
"""

import csv
import io
from collections.abc import Sequence
from datetime import datetime

from muniment.controls.request_list import OURS, kept_out
from muniment.controls.requests import AuditRequest
from muniment.evidence import rfc3339, utc
from muniment.exports.cells import is_formula
from muniment.exports.languages import marked
from muniment.exports.words import Words

_OURS = (
    marked("status"),
    marked("answer"),
    marked("evidence"),
    marked("controls"),
    marked("changed"),
    marked("entry of the log"),
)
_WIDEST = 60  # of a column, in characters


def rows_of(requests: Sequence[AuditRequest], words: Words | None = None) -> tuple[tuple[str, ...], ...]:
    """The header and a row for each request of one list, in the order in which they came; ours in these words."""
    words = words or Words()
    columns = tuple(dict.fromkeys(column for each in requests for column, _ in each.asked.cells))
    return ((*columns, *(OURS + words.say(name) for name in _OURS)), *(_row(each, columns, words) for each in requests))


def _row(request: AuditRequest, columns: Sequence[str], words: Words) -> tuple[str, ...]:
    withheld = {each.column: kept_out(each.what) for each in request.asked.withheld}
    cells = {column: cell if cell is not None else withheld.get(column, "") for column, cell in request.asked.cells}
    ours = (
        words.request(request.status),
        request.answer or "",
        "; ".join(request.evidence),
        "; ".join(request.controls),
        rfc3339(request.changed),
        request.decisions[-1].id,
    )
    return (*(cells.get(column, "") for column in columns), *ours)


def as_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """RFC 4180, in UTF-8 with the mark that spreadsheets look for."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([[_guarded(cell) for cell in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")


def _guarded(cell: str) -> str:
    return f"'{cell}" if is_formula(cell) or is_formula(cell.removeprefix("'")) else cell


def as_xlsx(rows: Sequence[Sequence[str]], title: str, at: datetime) -> bytes:
    """A workbook of one sheet; `at` is when it says that it was made, so that the same list gives the same bytes."""
    import xlsxwriter

    out = io.BytesIO()
    plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    book = xlsxwriter.Workbook(out, plain)
    book.set_properties({"title": title, "created": utc(at).replace(tzinfo=None)})
    sheet = book.add_worksheet("Requests")
    head = book.add_format({"bold": True, "valign": "top"})
    text = book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
    quoted = book.add_format({"text_wrap": True, "valign": "top", "num_format": "@", "quote_prefix": True})
    for number, row in enumerate(rows):
        for place, cell in enumerate(row):
            sheet.write_string(number, place, cell, head if number == 0 else quoted if is_formula(cell) else text)
    for place, column in enumerate(zip(*rows, strict=True)):
        sheet.set_column(place, place, min(max(len(cell) for cell in column) + 2, _WIDEST))
    sheet.freeze_panes(1, 1)
    book.close()
    return out.getvalue()
