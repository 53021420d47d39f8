"""The PDF: archivable, tagged, the same bytes each time, and deaf to whatever evidence asks for."""

import logging
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest

from muniment.evidence import MunimentError, failed
from muniment.exports.engine import engine_versions
from muniment.exports.fonts import glyphs
from muniment.exports.html import Page, render
from muniment.exports.pdf import render_pdf
from muniment.exports.write import pack_bytes

VERAPDF = os.environ.get("MUNIMENT_VERAPDF", "")
HOSTILE = (
    "<script>fetch('{url}')</script>",
    '<img src="{url}"/>',
    '<link rel="attachment" href="file:///etc/hostname"/>',
    "<style>@import url({url})</style>",
    '<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/></svg>',
    "NUL \x00 ESC \x1b[31m right-to-left \u202egnp.exe zero\u200bwidth noncharacter \ufffe",
    "適用性宣言 \U0001f512 العربية עברית",
    "x" * 1_048_576,
    "[" * 400 + "]" * 400,
    "%s %(name)s {0} {{ 7 * 7 }}",
)


@pytest.fixture(scope="module")
def hostile_pdf(sampled) -> Iterator[tuple[bytes, int, list[str]]]:
    """A pack whose evidence is one attack after another, its pages, and what a server on loopback was asked."""
    with listening() as (url, asked):
        texts = [text.replace("{url}", url) for text in HOSTILE]
        sample = sampled(
            lambda _, week: failed(texts[week], f"code.{week}"),
            query=texts[1],
            weeks=len(texts),
            framework="iso-iec-27018-2025",
            controls=3,
        )
        named = replace(sample, workspace=replace(sample.workspace, organisation=f"Evil {texts[1]} Co."))
        data, pages = pack_bytes(named.pack(mark='"><img/>'), sample.signer)
        yield data, pages, asked


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A web server on loopback that notes every request."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/x", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_hostile_evidence_fetches_nothing_and_the_layout_holds(hostile_pdf) -> None:
    data, pages, asked = hostile_pdf
    assert asked == []
    assert pages < 80
    with pikepdf.open(BytesIO(data)) as pdf:
        assert len(pdf.pages) == pages
        assert b"root:" not in b"".join(pdf.attachments[name].get_file().read_bytes() for name in pdf.attachments)


@pytest.mark.parametrize(
    "markup",
    [
        '<img src="{url}" alt="x"/>',
        '<img src="file:///etc/hostname" alt="x"/>',
        '<link rel="stylesheet" href="{url}"/>',
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="{url}" width="9" height="9"/></svg>',
        '<p style="background: url({url})">x</p>',
        '<object data="{url}"/>',
    ],
)
def test_markup_that_reached_the_page_would_stop_the_build_instead_of_fetching(markup: str) -> None:
    with listening() as (url, asked):
        page = Page(f"<html lang='en'><body>{markup.replace('{url}', url)}</body></html>", "", {})
        with pytest.raises(MunimentError) as stopped:
            render_pdf(page, "id", lambda _: None)
        assert stopped.value.code == "pack.fetch"
        assert asked == []


@pytest.mark.parametrize(
    "xhtml",
    [
        "<html><body><p>unclosed</body></html>",
        "<!DOCTYPE html [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><html>&x;</html>",
    ],
)
def test_a_page_that_is_not_well_formed_stops_the_build(xhtml: str) -> None:
    with pytest.raises(MunimentError) as stopped:
        render_pdf(Page(xhtml, "", {}), "id", lambda _: None)
    assert stopped.value.code == "pack.malformed"


def test_the_same_pack_gives_the_same_bytes(small, small_file) -> None:
    again, _ = pack_bytes(small.pack(mark="DRAFT"), small.signer)
    assert again == small_file


def test_only_the_pack_s_own_fonts_are_used_and_all_are_embedded(small_file) -> None:
    with pikepdf.open(BytesIO(small_file)) as pdf:
        fonts = [each for each in pdf.objects if isinstance(each, pikepdf.Dictionary) and each.get("/Type") == "/Font"]
        names = {str(each["/BaseFont"]).partition("+")[2] for each in fonts}
        assert names
        assert all(name.startswith("Muniment-") for name in names)


def test_the_pack_carries_its_files_its_bookmarks_and_its_title(small, small_file) -> None:
    with pikepdf.open(BytesIO(small_file)) as pdf:
        assert sorted(pdf.attachments) == [
            "allowed_signers",
            "checkpoint.txt",
            "manifest.json",
            "proofs.json",
            "records.jsonl",
            "seal.json",
            "seal.sig",
            "trust.json",
        ]
        with pdf.open_outline() as outline:
            titles = [item.title for item in outline.root]
        assert "5 Statement of Applicability" in titles
        assert str(pdf.docinfo["/Title"]).startswith("Example Phone Co.: Audit evidence pack PACK-2026-")
        assert str(pdf.Root["/Lang"]) == "en"


def test_no_style_is_refused_by_the_engine(small, caplog) -> None:
    with caplog.at_level(logging.WARNING, logger="weasyprint"):
        render_pdf(render(small.pack(), glyphs()), "id", lambda _: None)
    assert [record.getMessage() for record in caplog.records] == []


def test_the_engine_s_versions_are_known() -> None:
    assert engine_versions()["weasyprint"] == "70.0"
    assert set(engine_versions()) == {"weasyprint", "pango", "fonts"}


@pytest.mark.skipif(not VERAPDF, reason="MUNIMENT_VERAPDF does not name veraPDF's jar (`make test` fetches it)")
@pytest.mark.skipif(shutil.which("javac") is None, reason="no Java compiler (apt: default-jdk-headless)")
def test_verapdf_finds_pdf_a_3a_and_pdf_ua_1_also_with_hostile_evidence(hostile_pdf, small_signed, tmp_path) -> None:
    source = Path(__file__).with_name("VeraCheck.java")
    subprocess.run(["javac", "-nowarn", "-cp", VERAPDF, "-d", tmp_path, source], check=True, capture_output=True)
    packs = {"hostile.pdf": hostile_pdf[0], "signed.pdf": small_signed}
    for name, data in packs.items():
        (tmp_path / name).write_bytes(data)
    judged = subprocess.run(
        ["java", "-Xmx2g", "-cp", f"{VERAPDF}:{tmp_path}", "VeraCheck", "3a,ua1", *packs],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = [line.split(" rules=")[0] for line in judged.stdout.splitlines() if " rules=" in line]
    assert verdicts == [f"{name} {profile}: PASS" for name in packs for profile in ("3a", "ua1")], judged.stdout
