"""The tables of a pack as one XLSX workbook, to sort and filter: a cover sheet, then one sheet a table.

No cell is a formula or a link, whatever its text begins with: strings are written as strings, and those that a
spreadsheet would take for a formula are marked as text too (`quotePrefix`, ECMA-376 part 1, section 18.8.45), so that
they stay text when somebody edits the cell. The same pack gives the same bytes.
"""

import io
from typing import Any

from muniment.controls.colour import washed
from muniment.evidence import rfc3339, utc
from muniment.exports.cells import Cell, Table, is_formula, shown
from muniment.exports.model import Pack
from muniment.exports.palette import GROUND, TEXT
from muniment.exports.words import Words

_WIDEST, _NARROWEST = 60, 9  # of a column, in characters
_STATUSES = ("status", "worst_in_period")  # columns in colour; the word stands there all the same
_MOST_ROWS = 1_048_575  # of a sheet, below its head (Excel's limit)


def workbook(pack: Pack, made: tuple[Table, ...], words: Words) -> bytes:
    """The XLSX file. A table with more rows than a sheet has says so in its last row; the CSV file has all."""
    import xlsxwriter

    out = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    book = xlsxwriter.Workbook(out, options)
    book.set_properties(
        {
            "title": shown(f"{pack.identity.organisation}: {words.title} {pack.identity.id}", "manifest"),
            "company": shown(pack.identity.organisation, "manifest"),
            "created": utc(pack.identity.at).replace(tzinfo=None),
        }
    )
    styles = _Styles(book, pack.theme.accent)
    _cover(book.add_worksheet(words.say("Pack")), pack, made, words, styles)
    for table in made:
        _sheet(book.add_worksheet(words.say(table.title)), table, words, styles)
    book.close()
    return out.getvalue()


class _Styles:
    """The formats of the workbook, each made once."""

    def __init__(self, book: Any, accent: str) -> None:
        plain = {"text_wrap": True, "valign": "top"}
        self.head = book.add_format({"bold": True, "font_color": "#ffffff", "bg_color": accent, "valign": "top"})
        self.label = book.add_format({"bold": True, "bg_color": washed(accent), "valign": "top"})
        self.text = book.add_format({**plain, "num_format": "@"})
        self.quoted = book.add_format({**plain, "num_format": "@", "quote_prefix": True})
        self.number = book.add_format({"valign": "top", "num_format": "#,##0"})
        self.status = {
            status.value: book.add_format({**plain, "font_color": TEXT[status], "bg_color": GROUND[status]})
            for status in TEXT
            if status
        }


def _cover(sheet: Any, pack: Pack, made: tuple[Table, ...], words: Words, styles: _Styles) -> None:
    identity, _ = pack.identity, words.say
    rows: tuple[tuple[str, Cell], ...] = (
        (_("Pack"), identity.id),
        (_("Version"), identity.version),
        (_("Mark"), identity.mark),
        (_("Organisation"), identity.organisation),
        (_("Framework"), f"{identity.framework.name} ({identity.framework.edition})"),
        (_("Period from"), rfc3339(identity.period.start)),
        (_("Period to, exclusive"), rfc3339(identity.period.end)),
        (_("Time zone"), identity.period.zone),
        (_("Classification"), identity.classification),
        (_("Generated at"), rfc3339(identity.at)),
        (_("Log"), pack.head.origin),
        (_("Log size, leaves"), pack.head.size),
        (_("Merkle root"), pack.head.root),
        (
            _("Read this"),
            _("The organisation's document, not an audit report. The PDF and manifest.json are what verifies."),
        ),
        *((_(table.title), len(table.rows)) for table in made),
    )
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 80)
    for place, (label, value) in enumerate(rows):
        sheet.write_string(place, 0, label, styles.label)
        _write(sheet, place, 1, words.not_recorded if value is None else value, "manifest", styles)


def _sheet(sheet: Any, table: Table, words: Words, styles: _Styles) -> None:
    rows = table.rows if len(table.rows) <= _MOST_ROWS else table.rows[: _MOST_ROWS - 1]
    for place, column in enumerate(table.columns):
        sheet.write_string(0, place, column, styles.head)
        widest = max((len(str(row[place])) for row in rows if row[place] is not None), default=0)
        sheet.set_column(place, place, min(max(widest, len(column) + 2, _NARROWEST), _WIDEST))
    for number, row in enumerate(rows, start=1):
        for place, cell in enumerate(row):
            style = styles.status.get(str(cell)) if table.columns[place] in _STATUSES else None
            _write(sheet, number, place, cell, table.name, styles, style)
    if len(rows) < len(table.rows):
        told = words.say("The first %(n)s of %(all)s; all are in %(file)s.")
        rest = told % {
            "n": words.number(len(rows)),
            "all": words.number(len(table.rows)),
            "file": f"{table.name}.csv",
        }
        sheet.write_string(_MOST_ROWS, 0, rest, styles.text)
    sheet.freeze_panes(1, 2)
    if rows:
        sheet.autofilter(0, 0, len(rows), len(table.columns) - 1)


def _write(sheet: Any, row: int, column: int, cell: Cell, name: str, styles: _Styles, style: Any = None) -> None:
    match cell:
        case None:
            sheet.write_blank(row, column, None, styles.text)
        case bool():
            sheet.write_string(row, column, "yes" if cell else "no", styles.text)
        case int():
            sheet.write_number(row, column, cell, styles.number)
        case str():
            text = shown(cell, name)
            plain = styles.quoted if is_formula(text) else styles.text
            sheet.write_string(row, column, text, style or plain)
