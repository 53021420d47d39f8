"""Tables that people filled in: every cell as it stands, and what cannot be told is refused by place."""

import io
from typing import Any

import pytest
from openpyxl import Workbook

from muniment.evidence import InputFault
from muniment.evidence.imports.grid import read_grid

HEAD = ["Ref", "Request", "Clause"]


def xlsx(
    *rows: list[Any], title: str = "PBC", merged: str | None = None, more: dict[str, list[Any]] | None = None
) -> bytes:
    """A workbook as a person saves it."""
    book = Workbook()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    if merged:
        sheet.merge_cells(merged)
    for name, row in (more or {}).items():
        book.create_sheet(name).append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def refused(name: str, data: bytes, **options: Any) -> InputFault:
    with pytest.raises(InputFault) as fault:
        read_grid(name, data, **options)
    return fault.value


def test_cells_are_as_they_stand() -> None:
    book = xlsx(HEAD, [1, " two\nlines ", 5.1], [], ["R-2", True, None], title="List")
    grid = read_grid("list.xlsx", book)
    assert grid.columns == ("Ref", "Request", "Clause")
    assert [(row.number, row.cells) for row in grid.rows] == [
        (2, ("1", " two\nlines ", "5.1")),
        (4, ("R-2", "TRUE", "")),
    ]
    text = '\ufeffRef;Request;Clause\r\n1;" two\r\nlines ";5.1\r\n\r\n2;"a, b; ""c""";\r\n'.encode()
    assert [(row.number, row.cells) for row in read_grid("list.csv", text).rows] == [
        (2, ("1", " two\r\nlines ", "5.1")),
        (5, ("2", 'a, b; "c"', "")),
    ]


def test_a_number_keeps_the_decimals_that_it_shows() -> None:
    book = Workbook()
    book.active.append(HEAD)
    book.active.append([1, "x", 5.1])
    book.active["C2"].number_format = "0.00"
    out = io.BytesIO()
    book.save(out)
    assert read_grid("list.xlsx", out.getvalue()).rows[0].cells[2] == "5.10"


def test_merged_cells_are_refused_by_place_but_not_above_the_header() -> None:
    rows = (["Requests of 2026", None, None], HEAD, ["1", "x", "y"], ["2", None, "z"])
    fault = refused("list.xlsx", xlsx(*rows, merged="B3:B4"), header=2)
    assert (fault.code, "B3:B4" in fault.what, "unmerge" in str(fault.mend)) == ("import.merged", True, True)
    titled = xlsx(*rows[:3], merged="A1:C1")
    assert refused("list.xlsx", titled).code == "import.merged"
    assert read_grid("list.xlsx", titled, header=2).rows[0].cells == ("1", "x", "y")


def test_a_formula_is_no_request() -> None:
    fault = refused("list.xlsx", xlsx(HEAD, ["1", '=HYPERLINK("http://attacker.test")', ""]))
    assert (fault.code, "B2" in fault.what) == ("import.formula", True)
    assert read_grid("list.csv", b"Ref,Request\n1,=1+1\n2,'=1+1\n3,'tis\n").rows[0].cells == ("1", "=1+1")
    assert [row.cells[1] for row in read_grid("list.csv", b"Ref,Request\n2,'=1+1\n3,'tis\n").rows] == ["=1+1", "'tis"]


def test_of_several_sheets_one_is_named() -> None:
    book = xlsx(HEAD, ["1", "x", ""], more={"Notes": ["hello"]})
    fault = refused("list.xlsx", book)
    assert (fault.code, "PBC, Notes" in str(fault.mend)) == ("import.format", True)
    assert len(read_grid("list.xlsx", book, sheet="PBC").rows) == 1
    assert "'PBX'" in refused("list.xlsx", book, sheet="PBX").what


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("list.xlsx", b"no workbook", "import.format"),
        ("list.xlsx", xlsx(HEAD)[:-200], "import.format"),
        ("list.csv", b"Ref,Request\n1,caf\xe9\n", "import.damaged"),
        ("list.csv", b'Ref,Request\n1,"open\n', "import.damaged"),
        ("list.csv", b"Ref,Request\n1,a,b\n", "import.format"),
        ("list.csv", b"Ref,Ref\n1,a\n", "import.format"),
        ("list.csv", b"\n\n", "import.format"),
        ("list.csv", b"PK\x03\x04\x00\x00", "import.format"),
        ("list.csv", b"a," * 300 + b"\n", "import.too_large"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(name: str, data: bytes, code: str) -> None:
    fault = refused(name, data)
    assert (fault.code, name in str(fault.where)) == (code, True)
