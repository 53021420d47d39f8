"""A plain listing, CSV (RFC 4180, with commas, semicolons or tabs) or XLSX: one header, then one unit a row.

A listing says neither where it comes from nor how it was asked for, so the person who imports it must. Its rows are
often about people: unless a column is named as the id, a row is known by its number, and no other cell is kept.
"""

import csv
import warnings
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain

from muniment.evidence.errors import InputFault
from muniment.evidence.imports.report import Report, Source, Take, damaged, not_this, unit
from muniment.evidence.record import Tool

LISTED = "listed"  # the word of a row where no column says how it stands
LARGEST_XLSX = 1024 * 1024 * 1024  # bytes when unpacked
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Columns:
    """Which column names a row, and which says how it stands."""

    id: str | None = None
    status: str | None = None


def read_csv(source: Source, take: Take, columns: Columns = Columns()) -> Report:
    """Hand on every row, one by one. The text is UTF-8.

    Raises:
        InputFault: with the line: a row of another width, a header without names, bytes that are not UTF-8.
    """
    with closing(_csv_rows(source)) as rows:
        return _read(source, rows, take, columns)


def read_xlsx(source: Source, take: Take, columns: Columns = Columns()) -> Report:
    """Hand on every row of the first sheet; a formula counts as the value that was last stored for it.

    Raises:
        InputFault: with the row; or the file is no workbook, or is too large when unpacked.
    """
    with closing(_xlsx_rows(source)) as rows:
        return _read(source, rows, take, columns)


def _read(source: Source, rows: Iterator[tuple[int, list[str]]], take: Take, columns: Columns) -> Report:
    line, header = next(rows, (1, []))
    _check_header(source, header, line, columns)
    count = 0
    for line, cells in rows:
        if len(cells) != len(header):
            raise not_this(source, f"this row has {len(cells)} cells, the header {len(header)}", line=line)
        count += 1
        fields = dict(zip(header, cells, strict=True))
        id_ = fields[columns.id] if columns.id else f"row {line}"
        word = fields[columns.status].strip().lower() if columns.status else LISTED
        take(unit(id_ or f"row {line}", word or "empty", {}, word, fields))
    return Report(
        tools=(Tool(name="a listing that a person gave"),),
        system="not given",
        query="not given",
        counted={"rows": count},
    )


def _check_header(source: Source, header: list[str], line: int, columns: Columns) -> None:
    if not any(header):
        raise not_this(source, "the listing has no header", line=line)
    if len(set(header)) != len(header) or not all(header):
        raise not_this(source, "each column of the header has a name of its own", line=line)
    for wanted in filter(None, (columns.id, columns.status)):
        if wanted not in header:
            raise not_this(source, f"there is no column {wanted!r}; there are {', '.join(header)}", line=line)


def _csv_rows(source: Source) -> Generator[tuple[int, list[str]], None, None]:
    """Each row that is not empty, with the number of the line on which it ends."""
    line = 0
    try:
        with source.path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline(1024 * 1024)
            delimiter = max(_DELIMITERS, key=first.count)
            reader = csv.reader(chain([first], file), delimiter=delimiter, strict=True)
            for cells in reader:
                line = reader.line_num
                if cells:
                    yield line, [cell.strip() for cell in cells]
    except UnicodeDecodeError as error:
        raise damaged(
            source, f"after this line there are bytes that are not UTF-8: {error.reason}", line=line
        ) from error
    except csv.Error as error:
        raise damaged(source, f"not CSV: {error}", line=line + 1) from error


def _xlsx_rows(source: Source) -> Generator[tuple[int, list[str]], None, None]:
    # openpyxl takes a third of a second to import, and reads with defusedxml where that is installed.
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    _refuse_bombs(source)
    try:
        with warnings.catch_warnings(), source.path.open("rb") as file:
            warnings.simplefilter("ignore")  # about styles, which are not read
            book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()
            width = 0
            for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
                cells = _trimmed([_cell(value) for value in row])
                if cells:
                    width = width or len(cells)
                    yield number, cells + [""] * (width - len(cells))
            book.close()
    except InputFault:
        raise
    except (KeyError, ValueError, IndexError, OSError, EOFError, SyntaxError, InvalidFileException) as error:
        raise damaged(source, f"not a workbook: {type(error).__name__}") from error


def _refuse_bombs(source: Source) -> None:
    try:
        with zipfile.ZipFile(source.path) as archive:
            size = sum(each.file_size for each in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise not_this(source, "this is not XLSX: it is no ZIP archive") from error
    if size > LARGEST_XLSX:
        raise InputFault(
            "import.too_large",
            f"unpacked, the file has {size:,} bytes; up to {LARGEST_XLSX:,} are read",
            where=source.name,
            mend="export the listing as CSV",
        )


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _trimmed(cells: Sequence[str]) -> list[str]:
    """Without the empty cells at the end, which a workbook has at will."""
    last = max((place for place, cell in enumerate(cells, start=1) if cell), default=0)
    return list(cells[:last])
