"""A list goes back as it came, with ours beside it, and comes home without having changed."""

import io
from datetime import UTC, datetime

import openpyxl
import pytest

from muniment.controls.request_list import Names, read_list
from muniment.controls.requests import RequestStatus, answered, received, requests_in
from muniment.evidence import Actor, StoredDecision, canonical, digest
from muniment.evidence.imports.grid import read_grid
from muniment.exports.languages import language
from muniment.exports.request_list import as_csv, as_xlsx, rows_of
from muniment.exports.words import Words

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
ACTOR = Actor(name="Ada")
NAMES = Names(controls=("TLS-1",), criteria={}, serving={}, records=frozenset())
LIST = """Ref,Status,Request,Contact
1,Open," =cmd|' /C calc'!A0, TLS-1 ",ada@example.org
2,,"two
lines \u202e turned",
3,,'tis plain,'=1+1
"""


def asked(name: str, data: bytes):
    grid = read_grid(name, data)
    return read_list(grid, list_="pbc", file=name, sha256=digest(data), names=NAMES, said={}).asked


@pytest.fixture
def known():
    """Three requests, the first of them answered."""
    made = list(received(asked("pbc.csv", LIST.encode()), (), "pbc.csv", ACTOR, AT))
    stored = [StoredDecision(each, leaf, digest(canonical(each))) for leaf, each in enumerate(made)]
    answer = answered(requests_in(stored)[0], RequestStatus.ANSWERED, "=It is so.", ACTOR, AT)
    assert answer is not None
    return requests_in([*stored, StoredDecision(answer, 3, digest(canonical(answer)))])


def test_their_columns_come_first_as_they_came_and_ours_after(known) -> None:
    header, one, *_ = rows_of(known)
    assert header[:5] == ("Ref", "Status", "Request", "Contact", "Muniment: status")
    assert one[:3] == ("1", "Open", " =cmd|' /C calc'!A0, TLS-1 ")
    assert one[3] == "(kept out of the log: it holds what looks like an e-mail address)"
    assert one[4:8] == ("answered", "=It is so.", "", "TLS-1")


def test_our_columns_speak_the_language_of_the_packs(known) -> None:
    header, one, *_ = rows_of(known, Words(language("fr")))
    assert header[:6] == ("Ref", "Status", "Request", "Contact", "Muniment: statut", "Muniment: réponse")
    assert one[4:6] == ("traitée", "=It is so.")


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("code", ["en", "fr"])
def test_it_comes_back_and_only_what_the_auditor_changed_is_new(known, form: str, code: str) -> None:
    for status, changed in (("Open", []), ("Accepted", ["pbc/1"])):
        rows = [[status if cell == "Open" else cell for cell in row] for row in rows_of(known, Words(language(code)))]
        data = as_csv(rows) if form == "csv" else as_xlsx(rows, "pbc", AT)
        again = received(asked(f"pbc.{form}", data), known, "pbc", ACTOR, AT)
        assert [f"{each.payload['list']}/{each.payload['request']}" for each in again] == changed


def test_no_cell_is_a_formula(known) -> None:
    rows = rows_of(known)
    assert as_xlsx(rows, "pbc", AT) == as_xlsx(rows, "pbc", AT)
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx(rows, "pbc", AT))).active
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} == {"s"}
    assert sheet["F2"].value == "=It is so."
    assert b",'=It is so.," in as_csv(rows)
