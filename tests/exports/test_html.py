"""The page: hostile values are text, the unknown is said, and what only a certification body may say is not."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from muniment.evidence import failed
from muniment.exports.fonts import glyphs
from muniment.exports.html import render
from muniment.exports.looked import code_rows
from muniment.exports.model import Cited

SVG = "{http://www.w3.org/2000/svg}"
MARKUP = (
    "<script>alert(1)</script>",
    '<img src="http://127.0.0.1:9/x.png"/>',
    '<link rel="attachment" href="file:///etc/passwd"/>',
    '"><svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:9/x"/></svg>',
    "<style>@import url(http://127.0.0.1:9/x.css)</style>",
    "]]><!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
    "{{ 7 * 7 }}{% for x in y %}",
)


@pytest.mark.parametrize("text", MARKUP)
def test_markup_in_evidence_is_shown_as_text(sampled, text: str) -> None:
    sample = sampled(
        lambda *_: failed(f"start {text} end", text), query=text, weeks=1, framework="iso-iec-27018-2025", controls=3
    )
    root = ElementTree.fromstring(render(sample.pack(), glyphs()).xhtml)
    assert text in "".join(root.itertext())
    tags = {each.tag for each in root.iter()}
    assert tags.isdisjoint({"script", "img", "link", "style", f"{SVG}image", f"{SVG}script"})


def test_a_cell_ends_its_lines_where_the_template_does_whatever_lines_a_value_has(sampled) -> None:
    sample = sampled(
        lambda *_: failed("bad", "bad"), query="alpha\nomega", weeks=1, framework="iso-iec-27018-2025", controls=3
    )
    pack = sample.pack()
    root = ElementTree.fromstring(render(pack, glyphs()).xhtml)
    assert not list(root.iter("br"))
    first, *_ = root.find(".//table[@class='list index']/tbody")
    record = pack.evidence[0].record
    assert "".join(first[1].itertext()).splitlines() == [record.id, *pack.evidence[0].controls, record.check]
    told = [line for cell in root.iter("td") for line in "".join(cell.itertext()).splitlines() if "alpha" in line]
    assert told
    assert all("alpha omega" in line for line in told)


def test_what_no_record_says_is_printed_as_not_recorded(small) -> None:
    page = render(small.pack(), glyphs())
    assert '<span class="unknown">not recorded</span>' in page.xhtml
    assert "None" not in re.sub(r"None\.", "", "".join(ElementTree.fromstring(page.xhtml).itertext()))


def test_a_changed_collector_is_marked_at_its_records_and_an_unpinned_one_in_the_table_of_code(small) -> None:
    pack = small.pack()
    assert "changed collector" not in render(pack, glyphs()).xhtml
    first, second, *others = pack.evidence

    def pinned(cited: Cited, how: str) -> Cited:
        record = cited.record.model_copy(update={"method": cited.record.method.model_copy(update={"pinned": how})})
        return replace(cited, stored=replace(cited.stored, record=record))

    evidence = (pinned(first, "changed"), pinned(second, "unpinned"), *others)
    page = render(replace(pack, evidence=evidence, code=code_rows(evidence)), glyphs()).xhtml
    assert page.count("changed collector") == 1
    assert page.count("changed since it was pinned") == page.count(">not pinned<") == 1
    assert sum(row.records for row in pack.code) == len(pack.evidence)


def test_the_pages_never_say_what_only_a_certification_body_may_say(year) -> None:
    said = "".join(ElementTree.fromstring(render(year.pack(), glyphs()).xhtml).itertext()).lower()
    for criterion in year.framework.criteria:
        said = said.replace(criterion.title.lower(), "")
    assert "compliant" not in said
    assert "is certified" not in said
    assert "green" not in said


def test_every_link_of_the_document_leads_somewhere(year) -> None:
    root = ElementTree.fromstring(render(year.pack(), glyphs()).xhtml)
    ids = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    targets = {each.get("href").removeprefix("#") for each in root.iter("a")}
    assert targets <= set(ids)


def test_a_title_that_is_not_verified_is_marked(sampled) -> None:
    sample = sampled(None, weeks=0, framework="trustarc-truste", controls=3)
    page = render(sample.pack(), glyphs())
    unverified = [each for each in sample.framework.criteria if not each.verified]
    assert unverified
    assert page.xhtml.count("title not verified") >= len(unverified)
    assert sample.framework.confidence.level in "".join(ElementTree.fromstring(page.xhtml).itertext())


def test_the_furniture_cannot_be_left_by_a_hostile_name() -> None:
    from muniment.exports.html import css_string

    assert css_string('a"; } @import url(x); b') == (
        '"a\\22 \\3b \\20 \\7d \\20 \\40 import\\20 url\\28 x\\29 \\3b \\20 b"'
    )
