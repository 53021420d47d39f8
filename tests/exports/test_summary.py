"""The executive summary and the page on how to verify are one page each, also in French and where much went wrong."""

import re
from dataclasses import replace

from muniment.evidence import Errored, failed, passed
from muniment.exports.fonts import glyphs
from muniment.exports.html import Page, render
from muniment.exports.pdf import render_pdf


def badly(task, week):
    """Each kind of result in each month, and at the end failures."""
    if week > 5 or (week + len(task.id)) % 3 == 0:
        return failed(f"{task.subject} accepts TLS 1.0, and that is told at some length here.", "tls.version.legacy")
    if week % 5 == 0:
        return Errored(cause="net.timeout", message=f"{task.subject} did not answer within 10 seconds.")
    return passed(f"{task.subject} is as it should be.")


def test_the_summary_of_sixteen_themes_and_how_to_verify_are_one_page_each(sampled) -> None:
    made = sampled(badly, weeks=8, framework="iso-iec-27701-2025")
    pack = made.pack()
    assert len(pack.summary.heat.rows) == 16
    (first, *rest) = pack.gaps
    finding = first.finding.model_copy(update={"verdict": failed("It fails.", "test.fails")})
    first = replace(first, finding=finding)
    assert len(rest) > 10
    pack = replace(pack, gaps=(*(first,) * 12, *rest), summary=replace(pack.summary, mended=(finding,) * 12))
    french = replace(pack, identity=replace(pack.identity, language="fr"))  # its words are the longer ones
    page = render(french, glyphs())
    assert (pages_of(page, "summary"), pages_of(page, "reading")) == (1, 1)


def pages_of(page: Page, name: str) -> int:
    """How many pages a section takes by itself."""
    (section,) = re.findall(rf'<section class="{name}">.*?</section>', page.xhtml, re.DOTALL)
    alone = "<body>" + re.sub(r' href="#[^"]*"', "", section) + "</body>"
    xhtml = re.sub(r"<body>.*</body>", lambda _: alone, page.xhtml, flags=re.DOTALL)
    return render_pdf(replace(page, xhtml=xhtml), "PACK-2026-1", lambda *_: None).pages
