"""What a table is, tables as files, CSV and JSON, and what a cell of a spreadsheet can hold. Pure.

Strings are hostile. In CSV a cell that a spreadsheet would take for a formula gets an apostrophe before it, and what
hides or turns text round is shown as its code point. JSON has every value as it is.
"""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from muniment.evidence import canonical
from muniment.exports.model import Attachment
from muniment.exports.text import clipped, visible

SCHEMA = "muniment.table/1"
LONGEST_CELL = 30_000  # characters; a cell of a workbook holds 32,767

# What Excel, LibreOffice and Google Sheets may take for a formula, in both widths (OWASP, CSV injection).
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20|%]")


Cell: TypeAlias = str | int | bool | None


@dataclass(frozen=True)
class Table:
    """Rows under named columns; each row has one cell for each column. `title` is the English name."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def table(head: tuple[str, ...], rows: Iterable[tuple[Cell, ...]]) -> Table:
    """A table; `head` is its name, its title and its columns."""
    name, title, *columns = head
    return Table(name, title, tuple(columns), tuple(rows))


def files(made: tuple[Table, ...]) -> tuple[Attachment, ...]:
    """Each table as CSV and as JSON, under plain names."""
    found = []
    for table in made:
        found.append(Attachment(f"{table.name}.csv", "text/csv", table.title, as_csv(table)))
        found.append(Attachment(f"{table.name}.json", "application/json", table.title, as_json(table)))
    return tuple(found)


def as_csv(table: Table) -> bytes:
    """RFC 4180, in UTF-8 with the mark that spreadsheets look for; instants in UTC, `yes` and `no`."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(table.columns)
    writer.writerows([_plain(cell, table.name) for cell in row] for row in table.rows)
    return out.getvalue().encode("utf-8-sig")


def as_json(table: Table) -> bytes:
    """`muniment.table/1`: canonical JSON (RFC 8785), one object a row."""
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return canonical({"schema": SCHEMA, "name": table.name, "title": table.title, "rows": rows})


def shown(text: str, name: str) -> str:
    """A string as a cell can hold it: visible, and cut with a pointer to the table's JSON where it is very long."""
    return visible(clipped(text, f"{name}.json", LONGEST_CELL))


def is_formula(text: str) -> bool:
    """Whether a spreadsheet could take the text for a formula or a command."""
    return _FORMULA.match(text) is not None


def _plain(cell: Cell, name: str) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case int():
            return str(cell)
        case str():
            text = shown(cell, name)
            return f"'{text}" if is_formula(text) else text
