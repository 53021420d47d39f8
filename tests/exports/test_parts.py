"""A pack drawn in parts: cut where a page begins, kept, drawn by processes, and joined to the same bytes."""

import os
import signal
import sys
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest

from muniment.evidence import MunimentError
from muniment.exports.fragment import Fragment, packed
from muniment.exports.html import Page
from muniment.exports.kept import Kept
from muniment.exports.merge import roman
from muniment.exports.parts import Part, taken_apart
from muniment.exports.pdf import render_pdf
from muniment.exports.workers import drawn_by_workers

STYLE = "section { break-before: page } .contents a::after { content: attr(data-page) }"


def document(second: str = "A cell", rows: int = 2) -> str:
    """Cover, contents and three sections, of which the last is a table; each links to the next."""
    body = "".join(f'<tr id="r{row}"><th scope="row">{row}</th><td>{second} (1 0 R)</td></tr>' for row in range(rows))
    head = '<thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead>'
    return f"""<html lang="en"><head><title>T</title></head><body><section class="cover"><p>C</p></section>
      <section class="contents"><ul><li><a href="#one">One</a></li><li><a href="#three">Three</a></li></ul></section>
      <section class="one"><h1 id="one">One</h1><p><a href="#r1">a row</a> <a href="#nowhere">nowhere</a></p></section>
      <section class="two"><h1 id="two">Two</h1><p>{second} <a href="#one">back</a></p></section>
      <section class="three"><h1 id="three">Three</h1><table class="list">{head}<tbody>{body}</tbody></table></section>
      </body></html>"""


def rendered(xhtml: str, **options: object) -> bytes:
    return render_pdf(Page(xhtml, STYLE, {}), "id", lambda _: None, **options).data


def test_a_long_table_is_cut_into_blocks_that_repeat_its_head() -> None:
    assert [part.name for part in taken_apart(document(rows=160)).body] == ["One", "Two", "Three"]
    parts = taken_apart(document(rows=165)).body[2:]
    assert len(parts) == 3
    assert all("<thead>" in part.xhtml for part in parts)
    assert {part.name for part in parts} == {"Three"}
    assert sum(part.xhtml.count("<tr id") for part in parts) == 165


def test_the_blocks_after_a_row_that_got_a_line_longer_are_those_of_before() -> None:
    plain = document("A cell", rows=400)
    longer = plain.replace(">100</th><td>", ">100</th><td>" + "This says more than one line of a cell has room for. ")
    before, after = (taken_apart(each).body[2:] for each in (plain, longer))
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True, True, True, True]


def test_higher_rows_make_shorter_blocks() -> None:
    low, high = (taken_apart(document(cell, rows=400)).body[2:] for cell in ("A cell", "A\ncell\nof\nlines"))
    assert len(high) > 2 * len(low)
    assert all(part.xhtml.count("<tr id") % 4 == 0 for part in high)


def test_the_title_and_the_numbers_of_pages_are_in_no_part() -> None:
    assert all("<title>" not in part.xhtml and "data-page" not in part.xhtml for part in taken_apart(document()).body)


def test_cold_warm_by_one_worker_and_by_two_the_bytes_are_the_same(tmp_path: Path) -> None:
    cold = rendered(document(), cache=tmp_path)
    assert rendered(document(), cache=tmp_path) == cold
    assert rendered(document(), workers=1) == cold
    assert rendered(document(), workers=2) == cold


def test_one_change_draws_one_part_anew_and_a_damaged_one_is_not_believed(tmp_path: Path) -> None:
    xhtml = document()
    before = rendered(xhtml, cache=tmp_path)
    kept = {path.name for path in tmp_path.iterdir()}
    assert len(kept) == 4  # three sections and the front
    assert tmp_path.stat().st_mode & 0o77 == 0 or os.name == "nt"
    rendered(xhtml.replace("back", "backwards"), cache=tmp_path)
    assert len({path.name for path in tmp_path.iterdir()} - kept) == 1
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert rendered(xhtml, cache=tmp_path) == before


def test_of_what_is_kept_that_goes_first_which_was_not_used_for_longest(tmp_path: Path) -> None:
    kept = Kept(tmp_path, largest=400)
    for age, name in enumerate(("new", "used", "old", "older")):
        kept.put(name, packed(Fragment((), (), (), {}, (), (), (), {})))
        os.utime(tmp_path / name, (10**9 - age, 10**9 - age))
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    kept.largest = sizes["new"] + sizes["used"]
    assert kept.get("used") is not None
    kept.shrink()
    assert {path.name for path in tmp_path.iterdir()} == {"new", "used"}
    kept.largest -= 1
    kept.shrink()
    assert {path.name for path in tmp_path.iterdir()} == {"used"}


def test_every_link_leads_to_its_page_and_every_mark_to_its_element() -> None:
    with pikepdf.open(BytesIO(rendered(document()))) as pdf:
        names = pdf.Root.Names.Dests.Names
        places = {str(names[i]): names[i + 1][0].objgen for i in range(0, len(names), 2)}
        numbers = {page.objgen: place for place, page in enumerate(pdf.pages)}
        links = [(number, str(link.Dest)) for number, page in enumerate(pdf.pages) for link in page.get("/Annots", [])]
        assert [(at, name, numbers[places[name]]) for at, name in dict.fromkeys(links)] == [
            (1, "one", 2), (1, "three", 4), (2, "r1", 4), (3, "one", 2),
        ]  # fmt: skip
        assert [page.label for page in pdf.pages] == ["i", "ii", "1", "2", "3"]
        tree = pdf.Root.StructTreeRoot.ParentTree.Nums
        found = {int(tree[i]): tree[i + 1] for i in range(0, len(tree), 2)}
        for page in pdf.pages:
            marks = page.Contents.read_bytes().count(b"/MCID")
            assert len(found[int(page.StructParents)]) == marks > 0
            for link in page.get("/Annots", []):
                assert str(found[int(link.StructParent)].S) == "/Link"
        assert b"(1 0 R)" not in b"".join(page.Contents.read_bytes() for page in pdf.pages)  # a word, no reference
        scopes = {
            str(each.A.Scope)
            for each in pdf.objects
            if isinstance(each, pikepdf.Dictionary) and each.get("/S") == "/TH"
        }
        assert scopes == {"/Row", "/Column"}
        fonts = [
            each.BaseFont
            for each in pdf.objects
            if isinstance(each, pikepdf.Dictionary)
            and each.get("/Type") == "/Font"
            and each.get("/Subtype") == "/Type0"
        ]
        assert len(fonts) == len({str(name) for name in fonts})


def test_a_worker_that_dies_is_an_error_with_the_name_of_what_it_drew(tmp_path: Path) -> None:
    dying = tmp_path / "python"
    dying.write_text(f"#!/bin/sh\nkill -{signal.SIGKILL} $$\n")
    dying.chmod(0o755)
    with pytest.raises(MunimentError, match=r"“Scope” could not be drawn.*signal 9") as died:
        list(drawn_by_workers([(0, Part("Scope", "<html/>"))], "", {}, 2, str(dying)))
    assert died.value.code == "pack.worker"


@pytest.mark.parametrize(
    ("limit", "told"),
    [(f"-v {220 * 1024}", "takes more memory than"), ("-t 3", "took more CPU time than")],
)
def test_what_takes_more_than_a_worker_may_have_is_named(limit: str, told: str, tmp_path: Path) -> None:
    bounded = tmp_path / "python"
    bounded.write_text(f'#!/bin/sh\nulimit {limit}\nexec "{sys.executable}" "$@"\n')
    bounded.chmod(0o755)
    with pytest.raises(MunimentError, match=f"“Scope” could not be drawn: .*{told}") as stopped:
        list(drawn_by_workers([(0, Part("Scope", document(rows=20_000)))], "", {}, 1, str(bounded)))
    assert stopped.value.code == "pack.worker"


def test_what_a_worker_refuses_is_told_as_if_it_were_drawn_here() -> None:
    parts = [(0, Part("x", '<html lang="en"><body><img src="file:///etc/hostname" alt="x"/></body></html>'))]
    with pytest.raises(MunimentError) as refused:
        list(drawn_by_workers(parts, "", {}, 2))
    assert refused.value.code == "pack.fetch"


def test_roman_numerals() -> None:
    assert [roman(number) for number in (1, 4, 9, 14, 40, 1994)] == ["i", "iv", "ix", "xiv", "xl", "mcmxciv"]
