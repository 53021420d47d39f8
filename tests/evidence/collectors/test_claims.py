"""A public sentence is looked up where it is said: on a page over HTTP on loopback, or in a file."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from muniment.controls.workspace import load_workspace
from muniment.evidence import CouldNotLook, digest
from muniment.evidence.collectors.claims import LARGEST, Claims, ClaimSettings
from muniment.evidence.testing import check_collector
from muniment.evidence.verdict import Status

DOC = (Path(__file__).parents[3] / "docs" / "collectors" / "claims.md").read_text("utf-8")
SAID = "Data is sent over HTTPS with TLS 1.2 or later"
PAGE = f"<!doctype html><meta charset=utf-8><title>Answer</title><h1>Our answer</h1><p>{SAID}.<p>We never sell data."
PERSONAL = ("jane.doe@example.org", "490154203237518", "+8613800138000", "00:1A:2B:3C:4D:5E")

Answer = tuple[int, dict[str, str], bytes]


class Site(ThreadingHTTPServer):
    """A web server on loopback; `answers` is path → status, headers, body."""

    daemon_threads = True
    answers: dict[str, Answer]
    asked: list[tuple[str, str | None]]


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Host"]))
        status, headers, body = self.server.answers[self.path]
        self.send_response(status)
        for name, value in {"Content-Type": "text/html", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site(("127.0.0.1", 0), _Handler)
    server.answers, server.asked = {}, []
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def at(site: Site, path: str = "/answer") -> str:
    return f"http://127.0.0.1:{site.server_address[1]}{path}"


def test_a_page_that_carries_the_sentence_passes(site: Site, tmp_path: Path) -> None:
    site.answers["/answer"] = (200, {}, PAGE.encode())
    (tmp_path / "answer.html").write_text(PAGE)
    settings = {"text": SAID, "url": at(site), "allow_private": True, "saved": "answer.html"}
    sight = check_collector(Claims, {**settings, "digest": digest(PAGE.encode())}, base=tmp_path)
    assert (sight.verdict.status, sight.verdict.codes) == (Status.PASS, ())
    assert sight.verdict.message == f"“{SAID}” stands on the page."
    assert set(site.asked) == {("/answer", f"127.0.0.1:{site.server_address[1]}")}


@pytest.mark.parametrize(
    ("page", "status", "codes"),
    [
        (PAGE.replace("TLS 1.2", "TLS 1.0"), "fail", ("claim.changed",)),
        (PAGE.replace(SAID, "We like tea"), "fail", ("claim.vanished",)),
        ("", "fail", ("claim.vanished",)),
        (PAGE.replace(SAID, f"<!-- {SAID} -->"), "fail", ("claim.vanished",)),
        (PAGE.replace(SAID, f"<script>'{SAID}'</script>"), "fail", ("claim.vanished",)),
        (PAGE.replace("<p>", "<p hidden>", 1), "fail", ("claim.vanished",)),
        (PAGE.replace("<p>", "<p style='display: none'>", 1), "fail", ("claim.vanished",)),
        (PAGE.replace(SAID, SAID.replace("later", "laterally")), "fail", ("claim.changed",)),
        (PAGE.replace(SAID, SAID.lower()), "fail", ("claim.changed",)),
        (PAGE.replace("never", "do not"), "pass", ("claim.page_changed",)),
        (PAGE.replace("TLS 1.2", "<b>TLS</b>&nbsp;\n 1.2"), "pass", ("claim.page_changed",)),
    ],
)
def test_what_the_reader_sees_is_compared(tmp_path: Path, page: str, status: str, codes: tuple[str, ...]) -> None:
    (tmp_path / "now.html").write_text(page, "utf-8")
    (tmp_path / "then.html").write_text(PAGE, "utf-8")
    settings = {"text": SAID, "page": "now.html", "saved": "then.html", "digest": digest(PAGE.encode())}
    verdict = check_collector(Claims, settings, base=tmp_path).verdict
    assert (verdict.status, verdict.codes) == (status, codes)


def test_the_sentence_that_took_its_place_is_named_unless_it_names_somebody(tmp_path: Path) -> None:
    (tmp_path / "now.html").write_text(PAGE.replace("TLS 1.2", "TLS 1.0"))
    settings = {"text": SAID, "page": "now.html"}
    verdict = check_collector(Claims, settings, base=tmp_path).verdict
    assert verdict.message.endswith("It says: “Data is sent over HTTPS with TLS 1.0 or later”.")
    for each in PERSONAL:
        (tmp_path / "now.html").write_text(PAGE.replace("with TLS 1.2", each))
        sight = check_collector(Claims, settings, base=tmp_path)
        assert sight.verdict.codes == ("claim.changed", "claim.no_copy")
        assert each not in sight.facts.model_dump_json() + sight.verdict.model_dump_json()


def test_the_saved_copy_must_be_the_one_and_carry_the_sentence(tmp_path: Path) -> None:
    (tmp_path / "now.html").write_text(PAGE)
    (tmp_path / "then.html").write_text("<p>Soon.")
    settings = {"text": SAID, "page": "now.html", "saved": "then.html", "digest": digest(PAGE.encode())}
    verdict = check_collector(Claims, settings, base=tmp_path).verdict
    assert verdict.codes == ("claim.saved_mismatch", "claim.saved_lacks", "claim.page_changed")


def test_a_sentence_without_a_page_is_not_decided(tmp_path: Path) -> None:
    verdict = check_collector(Claims, {"text": SAID}, base=tmp_path).verdict
    assert (verdict.status, verdict.codes) == (Status.INCONCLUSIVE, ("claim.no_page", "claim.no_copy"))


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ((404, {}, b"gone"), "claim.status"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "claim.redirected"),
        ((200, {"Content-Type": "application/pdf"}, b"%PDF"), "claim.not_text"),
        ((200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"), "claim.not_text"),
        ((200, {}, b" " * (LARGEST + 1)), "claim.too_large"),
        ((200, {"Content-Length": "1000000"}, b"cut off"), "claim.unreachable"),
    ],
)
def test_what_is_no_page_is_no_verdict(site: Site, answer: Answer, cause: str) -> None:
    site.answers["/answer"] = answer
    with pytest.raises(CouldNotLook) as caught:
        Claims().observe(ClaimSettings.read({"text": SAID, "url": at(site), "allow_private": True}))
    assert (caught.value.cause, caught.value.where) == (cause, at(site))


def test_nothing_is_sent_to_an_address_that_is_not_public(site: Site) -> None:
    with pytest.raises(CouldNotLook) as caught:
        Claims().observe(ClaimSettings.read({"text": SAID, "url": at(site)}))
    assert (caught.value.cause, site.asked) == ("ssrf.blocked_address", [])


def test_files_that_are_not_there_and_urls_that_carry_something_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook) as caught:
        Claims().observe(ClaimSettings.read({"text": SAID, "page": "none.html"}, tmp_path))
    assert (caught.value.cause, caught.value.where) == ("claim.unreadable", "none.html")
    for url in ("https://user@example.test/", "https://example.test/?mail=x", "file:///etc/passwd"):
        with pytest.raises(ValidationError):
            ClaimSettings.read({"text": SAID, "url": url})


def test_the_register_of_claims_is_a_register_of_subjects(tmp_path: Path) -> None:
    (tmp_path / "registers").mkdir()
    (tmp_path / "controls").mkdir()
    (tmp_path / "muniment.yaml").write_text(
        "organisation: Acme\nscope: {summary: All}\ntime_zone: UTC\nframeworks: [iso-iec-27001-2022]\n"
    )
    (tmp_path / "registers/claims.yaml").write_text("claims:\n- {adapt: X6, page: web/answer.html}\n")
    check = "    checks: [{id: not-2.claims, collector: claims, register: claims, cadence: 1w}]\n"
    control = "controls:\n  - adapt: NOT-2\n    owner: Ada\n"
    (tmp_path / "controls/controls.yaml").write_text(control + check)
    [subject] = load_workspace(tmp_path).registers["claims"].entries
    assert (subject.id, subject.values) == ("X6", {"text": SAID, "page": "web/answer.html"})
    (tmp_path / "controls/controls.yaml").write_text(control)
    assert "claims" not in load_workspace(tmp_path).registers


@pytest.mark.parametrize("code", Claims.codes, ids=lambda code: code.id)
def test_every_code_is_on_the_page_as_the_collector_says_it(code: Any) -> None:
    assert f"| `{code.id}` | {code.meaning} | {code.clause} | {code.mend} |" in DOC


@pytest.mark.parametrize("setting", ClaimSettings.model_fields)
def test_every_setting_is_on_the_page(setting: str) -> None:
    assert f"| `{setting}` |" in DOC
