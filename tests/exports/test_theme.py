"""A pack in the organisation's looks, and who answers for it."""

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pikepdf
import pytest
from pydantic import ValidationError

from muniment.controls.colour import contrast, darkened
from muniment.controls.files import Manifest
from muniment.controls.packs import PackSettings
from muniment.evidence import Actor, Decision, StoredDecision, canonical, digest
from muniment.exports.document import document_control
from muniment.exports.fonts import glyphs
from muniment.exports.html import render
from muniment.exports.logo import logo
from muniment.exports.model import Theme
from muniment.exports.write import pack_bytes

DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30 10"><rect width="9" height="9" fill="#123"/></svg>'
REFUSED = [("#ff6600", "2.93", "#ca5000"), ("#ffffff", "1.00", "#767676")]


@pytest.mark.parametrize(("colour", "ratio", "passes"), REFUSED)
def test_a_colour_that_cannot_be_read_is_refused_with_its_ratio_and_the_nearest_that_passes(
    colour: str, ratio: str, passes: str
) -> None:
    with pytest.raises(ValidationError, match=rf"contrast of {ratio}:1 with white.*'{passes}'"):
        PackSettings(accent=colour)
    assert PackSettings(accent=passes).accent == passes
    assert contrast(passes, "#ffffff") >= 4.5


def test_the_nearest_that_passes_is_the_lightest_shade() -> None:
    assert darkened("#0f4c5c") == "#0f4c5c"
    assert contrast("#cb5100", "#ffffff") < 4.5 <= contrast(darkened("#ff6600"), "#ffffff")


@pytest.mark.parametrize("path", ["/etc/logo.png", "../logo.png", "logo.gif", "a/../../logo.svg"])
def test_a_logo_lies_in_the_workspace(path: str) -> None:
    with pytest.raises(ValidationError, match="a logo is a file of the workspace"):
        PackSettings(logo=path)


def test_colours_and_logo_are_on_the_pages_and_the_logo_changes_the_id(small) -> None:
    theme = Theme("#7a1fa2", "#3a1052", logo(DRAWING, "logo.svg"))
    pack = small.pack(theme=theme)
    page = render(pack, glyphs())
    assert "--accent: #7a1fa2;" in page.css
    assert "--cover: #3a1052;" in page.css
    assert '<img src="muniment:logo.svg" alt="Example Phone Co."/>' in page.xhtml
    assert page.resources["logo.svg"] == ("image/svg+xml", theme.logo.data)
    assert pack.identity.id != small.pack().identity.id


def test_a_drawing_as_logo_leaves_the_pack_its_title(small) -> None:
    """The names of namespaces hold for a whole process: one that is taken for a drawing could hide the title."""
    pack = small.pack(theme=Theme(logo=logo(DRAWING, "logo.svg")))
    data, _ = pack_bytes(pack, small.signer)
    with pikepdf.open(BytesIO(data)) as pdf, pdf.open_metadata() as metadata:
        assert metadata["dc:title"].endswith(pack.identity.id)
        assert str(pdf.docinfo["/Title"]) == metadata["dc:title"]


def test_without_a_theme_the_manifest_is_as_before() -> None:
    wanted = Manifest.model_validate(
        {"organisation": "Example", "scope": {"summary": "x"}, "frameworks": ["iso-iec-27001-2022"]}
    )
    assert wanted.packs == PackSettings()


def decided(leaf: int, kind: str, refers_to: tuple[str, ...], **payload: str) -> StoredDecision:
    made = Decision(
        kind=kind,
        at=datetime(2026, 6, 30, tzinfo=UTC),
        actor=Actor(name="Ada"),
        reason="for the review",
        refers_to=refers_to,
        payload=payload,
    )
    return StoredDecision(made, leaf, digest(canonical(made)))


def test_earlier_versions_and_handovers_come_from_the_log(small) -> None:
    framework = small.framework.id
    decisions = (
        decided(3, "pack.built", ("PACK-2026-AAAAAAAA",), framework=framework, version="1"),
        decided(4, "pack.built", ("PACK-2026-BBBBBBBB",), framework="another", version="7"),
        decided(5, "pack.given", ("PACK-2026-AAAAAAAA",), to="Example Auditors"),
        decided(6, "pack.given", ("PACK-2026-BBBBBBBB",), to="Somebody else"),
    )
    settings = PackSettings(owner="The owner", approver="The approver", distribution=("Example Auditors", "the board"))
    made = document_control(settings, decisions, framework)
    assert [(each.version, each.pack, each.by) for each in made.editions] == [("1", "PACK-2026-AAAAAAAA", "Ada")]
    assert [(each.to, each.packs) for each in made.handovers] == [("Example Auditors", ("PACK-2026-AAAAAAAA",))]
    page = render(replace(small.pack(), document=made), glyphs()).xhtml
    assert "<td>The owner</td>" in page
    assert "For: Example Auditors; the board." in page
    assert "PACK-2026-AAAAAAAA was handed to Example Auditors on 30 June 2026 (DE-2026-000005)." in page
    assert "built by Ada (DE-2026-000003)" in page
    assert "first pack of this framework" not in page


def test_a_population_has_its_source_query_and_digest(small) -> None:
    row = next(row for row in small.pack().populations if row.sources)
    names = sorted({record.record.subject for record in small.records if record.record.check == row.check})
    assert row.digest == digest("".join(f"{name}\n" for name in names).encode())
    assert row.query == "handshake with TLS 1.0, 1.1, 1.2 and 1.3"


def test_the_summary_says_in_a_sentence_how_things_stand_and_names_what_is_not_known(year) -> None:
    page = render(year.pack(), glyphs()).xhtml
    told = page[page.index('class="headline"') :][:200]
    assert "controls fail; what" in told
    unknown = [gap.control.id for gap in year.pack().gaps if gap.grade == "evidence gap"]
    summary = page[page.index('id="summary"') : page.index('id="scope"')]
    assert unknown
    assert all(name in summary for name in unknown[:14])
