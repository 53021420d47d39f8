"""A table that people filled in by hand, CSV (RFC 4180) or XLSX: every cell as it stands, with its place.

Nothing is guessed. A cell that spans several rows or columns says something of each that nobody wrote there, and a
formula says what a program made of it: both are refused by place. So is a workbook of several sheets, where nobody
says which is meant. The file is read from memory, so that what was read is what its digest says.
"""

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError  # the type only: reading is defusedxml's

from muniment.evidence.errors import InputFault

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

LARGEST = 16 * 1024 * 1024  # bytes of a file, and of the sheets of a workbook when unpacked
MOST_ROWS, MOST_COLUMNS = 10_000, 200
_LAST_ROW, _WIDEST = 100_000, 1_000  # of a sheet with empty cells, which cost time all the same
_DELIMITERS = (",", ";", "\t")
_DECIMALS = re.compile(r"0\.(0+)")  # a number's format: `5.10` is another clause than `5.1`


@dataclass(frozen=True)
class Row:
    """One row: `number` is the line or row of the file, counted from 1; `cells` has one text a column."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """Named columns, and the rows below them that hold anything."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_grid(name: str, data: bytes, *, sheet: str | None = None, header: int | None = None) -> Grid:
    """The table in a file; the end of its `name` says whether it is XLSX.

    Args:
        name: what the person who has the file calls it.
        data: its bytes.
        sheet: of a workbook, the sheet; otherwise there must be but one that holds anything.
        header: the row with the names of the columns, counted from 1; otherwise the first that holds anything.

    Raises:
        InputFault: with the place: merged cells, a formula, a column without a name, bytes that are no such file.
    """
    if len(data) > LARGEST:
        raise _fault("import.too_large", f"such a file is read up to {LARGEST:,} bytes", name)
    if name.lower().endswith((".xlsx", ".xlsm")):
        return _grid(name, _xlsx_rows(name, data, sheet, header or 1), header)
    if sheet is not None:
        raise _fault("import.format", "only a workbook has sheets", name, "leave out `--sheet`")
    return _grid(name, _csv_rows(name, data, header or 1), header)


def _grid(name: str, rows: Iterable[Row], header: int | None) -> Grid:
    """The rows below the header, each as wide as it; columns without a name and without content are left out."""
    below = (row for row in rows if any(row.cells) and (header is None or row.number >= header))
    first = next(below, None)
    if first is None or (header is not None and first.number != header):
        raise _fault("import.format", "there is no row with the names of the columns", _at(name, header))
    titles = tuple(title.strip() for title in first.cells)
    body = tuple(below)
    if len(body) > MOST_ROWS:
        raise _fault("import.too_large", f"it has more than {MOST_ROWS:,} rows", name)
    used = {place for row in body for place, cell in enumerate(row.cells) if cell.strip()}
    for place in sorted(used):
        if place >= len(titles) or not titles[place]:
            where = next(row for row in body if place < len(row.cells) and row.cells[place].strip())
            raise _fault(
                "import.format",
                f"the cell {_letters(place)}{where.number} stands in a column without a name",
                _at(name, where.number),
                "give each column a name in the header row; `--header ROW` says which row that is",
            )
    kept = [place for place, title in enumerate(titles) if title]
    columns = tuple(titles[place] for place in kept)
    if twice := next((title for title in columns if columns.count(title) > 1), None):
        raise _fault("import.format", f"two columns have the name {twice!r}", _at(name, first.number), "rename one")
    return Grid(columns, tuple(Row(row.number, tuple(_cell_at(row, place) for place in kept)) for row in body))


def _cell_at(row: Row, place: int) -> str:
    return row.cells[place] if place < len(row.cells) else ""


def _csv_rows(name: str, data: bytes, header: int) -> Iterator[Row]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        mend = "save it as “CSV UTF-8”, or as XLSX"
        raise _fault("import.damaged", "there are bytes that are not UTF-8", _at(name, line), mend) from error
    if "\x00" in text:
        raise _fault("import.format", "this is no text", name, "save it as CSV, or name the file .xlsx if it is one")
    titles = next((line for line in text.splitlines()[header - 1 :] if line.strip()), "")
    delimiter = max(_DELIMITERS, key=titles.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if len(cells) > MOST_COLUMNS:
                raise _fault("import.too_large", f"it has more than {MOST_COLUMNS} columns", _at(name, line))
            yield Row(line, tuple(_unguarded(cell) for cell in cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise _fault("import.damaged", f"not CSV: {error}", _at(name, line), "save it again") from error


def _unguarded(cell: str) -> str:
    """A cell without the apostrophe by which our own CSV keeps a spreadsheet from taking it for a formula."""
    return cell[1:] if re.match(r"'\s*[=+\-@\uff1d\uff0b\uff0d\uff20|%]", cell) else cell


def _xlsx_rows(name: str, data: bytes, wanted: str | None, header: int) -> Iterator[Row]:
    # openpyxl takes a third of a second to import, and reads with defusedxml.
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    _refuse_bombs(name, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles, which are not read
            book = load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
            sheet = _sheet(name, book, wanted)
            _refuse_merged(name, data, sheet, header)
            yield from _rows_of(name, sheet)
            book.close()
    except InputFault:
        raise
    except (
        *(KeyError, ValueError, IndexError, OSError, EOFError, SyntaxError, TypeError, AttributeError, ParseError),
        InvalidFileException,
        zipfile.BadZipFile,
    ) as error:
        raise _fault(
            "import.damaged", f"not a workbook: {type(error).__name__}", name, "save it again as XLSX"
        ) from error


def _refuse_bombs(name: str, data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(each.file_size for each in archive.infolist() if each.filename.endswith((".xml", ".rels")))
    except (zipfile.BadZipFile, ValueError) as error:
        raise _fault("import.format", "this is not XLSX: it is no ZIP archive", name, "save it as XLSX") from error
    if size > LARGEST:
        raise _fault("import.too_large", f"unpacked, the workbook has {size:,} bytes", name, "save the sheet as CSV")


def _sheet(name: str, book: Any, wanted: str | None) -> "ReadOnlyWorksheet":
    """The sheet that is meant."""
    sheets = {each.title: each for each in book.worksheets}
    named = ", ".join(sheets)
    if wanted is not None:
        if wanted not in sheets:
            raise _fault("import.format", f"there is no sheet {wanted!r}", name, f"there are: {named}")
        return sheets[wanted]  # type: ignore[no-any-return]
    shown = [each for each in sheets.values() if each.sheet_state == "visible" and _holds_anything(each)]
    if len(shown) != 1:
        what = f"the workbook has {len(shown)} sheets that hold something" if shown else "every sheet is empty"
        raise _fault("import.format", what, name, f"say which is meant with `--sheet`: {named}")
    return shown[0]  # type: ignore[no-any-return]


def _holds_anything(sheet: Any) -> bool:
    sheet.reset_dimensions()
    return any(cell.value is not None for row in sheet.iter_rows(max_row=1_000) for cell in row)


def _refuse_merged(name: str, data: bytes, sheet: Any, header: int) -> None:
    """Refuse merged cells at the header or below it. They stand in the sheet's XML after the cells."""
    from defusedxml.ElementTree import iterparse
    from openpyxl.utils.cell import range_boundaries

    with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(sheet._worksheet_path) as file:
        for _, element in iterparse(file, events=("end",), forbid_dtd=True):
            if element.tag.rpartition("}")[2] == "mergeCell":
                place = element.get("ref") or ""
                last = range_boundaries(place)[3] or _LAST_ROW
                if last >= header:
                    raise _fault(
                        "import.merged",
                        f"the cells {place} are merged: what stands there cannot be told for each row",
                        f"{name}, sheet {sheet.title}",
                        "unmerge them, write into each cell what is meant for it, and save the file again; "
                        "a merged title above the table is passed over with `--header ROW`",
                    )
            element.clear()


def _rows_of(name: str, sheet: Any) -> Iterator[Row]:
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(), start=1):
        if number > _LAST_ROW or len(row) > _WIDEST:
            raise _fault("import.too_large", "the sheet is too long or too wide", name, "copy the list alone")
        formula = next((cell for cell in row if cell.data_type == "f"), None)
        if formula is not None:
            raise _fault(
                "import.formula",
                f"the cell {formula.coordinate} holds a formula, not words",
                f"{name}, sheet {sheet.title}",
                "replace it by its value (copy, then paste values only), and save the file again",
            )
        cells = [_text(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if len(cells) > MOST_COLUMNS:
            raise _fault("import.too_large", f"it has more than {MOST_COLUMNS} columns", _at(name, number))
        yield Row(number, tuple(cells))


def _text(cell: Any) -> str:
    """What the cell shows, as far as that is a matter of its value; a number keeps the decimals of its format."""
    match cell.value:
        case None:
            return ""
        case bool() as value:
            return "TRUE" if value else "FALSE"
        case datetime() as value if value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time() as value:
            return value.isoformat()
        case float() | int() as value:
            decimals = _DECIMALS.fullmatch(cell.number_format or "")
            if decimals:
                return f"{value:.{len(decimals[1])}f}"
            return str(int(value)) if float(value).is_integer() else repr(value)
        case value:
            return str(value)


def _letters(place: int) -> str:
    """`A` for the column 0, `AA` for the column 26."""
    name, left = "", place + 1
    while left:
        left, letter = divmod(left - 1, 26)
        name = chr(ord("A") + letter) + name
    return name


def _at(name: str, row: int | None) -> str:
    return f"{name}:{row}" if row is not None else name


def _fault(cause: str, what: str, where: str, mend: str | None = None) -> InputFault:
    return InputFault(cause, what, where=where, mend=mend)
