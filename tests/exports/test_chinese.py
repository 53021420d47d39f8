"""Chinese is prepared: a catalogue, and a font of the machine, without which nothing is made."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont

from muniment.evidence import MunimentError
from muniment.exports.fonts import cjk_file, faces, glyphs
from muniment.exports.html import render
from muniment.exports.languages import language
from muniment.exports.words import Words

LETTERS = "审计证据包文件控制年月日"
CATALOGUE = Path(__file__).parents[2] / "exports" / "locale" / "zh.po"


@pytest.fixture
def fonts(tmp_path: Path, monkeypatch) -> Path:
    """The folder of the only fonts that this machine has; none yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "none"))
    folder = tmp_path / "fonts" / "some" / "folder"
    folder.mkdir(parents=True)
    return folder


def lay_font(folder: Path) -> Path:
    """A font with a few letters, each drawn as a box."""
    names = [".notdef", *(f"uni{ord(letter):04X}" for letter in LETTERS)]
    pen = TTGlyphPen(None)
    for point, draw in (
        ((100, 0), pen.moveTo),
        ((100, 800), pen.lineTo),
        ((900, 800), pen.lineTo),
        ((900, 0), pen.lineTo),
    ):
        draw(point)
    pen.closePath()
    box = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): f"uni{ord(letter):04X}" for letter in LETTERS})
    builder.setupGlyf(dict.fromkeys(names, box))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 100)))
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": "Boxes", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(folder / "NotoSansSC-Regular.ttf")
    return folder / "NotoSansSC-Regular.ttf"


def test_without_a_font_no_pack_is_made_and_the_error_says_what_mends_it(small, fonts: Path) -> None:
    assert cjk_file() is None
    pack = small.pack()
    with pytest.raises(MunimentError) as caught:
        render(replace(pack, identity=replace(pack.identity, language="zh")), frozenset())
    assert caught.value.code == "font.missing"
    assert "fonts-noto-cjk" in caught.value.mend


def test_a_broken_font_is_named(fonts: Path) -> None:
    (fonts / "NotoSansSC-Regular.ttf").write_bytes(b"no font")
    with pytest.raises(MunimentError) as caught:
        faces("zh")
    assert caught.value.code == "font.unreadable"
    assert caught.value.where == str(fonts / "NotoSansSC-Regular.ttf")


def test_with_a_font_its_letters_are_drawn_and_are_on_the_page(small, fonts: Path) -> None:
    lay_font(fonts)
    assert set(map(ord, LETTERS)) <= glyphs("zh")
    assert ord("审") not in glyphs()
    pack = small.pack()
    page = render(replace(pack, identity=replace(pack.identity, language="zh")), glyphs("zh"))
    assert '<p class="title">审计证据包</p>' in page.xhtml
    assert '"Muniment Sans", "Muniment CJK"' in page.css
    assert page.resources["cjk.otf"][1] == faces("zh")[-1].data
    assert "No record is cited" not in page.xhtml


def test_days_and_numbers_are_as_they_are_written_there() -> None:
    words = Words(language("zh"))
    assert words.section("summary") == "执行摘要"
    assert words.counted(2, "payload", "payloads") == "2 份载荷"
    assert words.day(datetime(2026, 11, 1, tzinfo=UTC), "UTC") == "2026年11月1日"
    assert words.counted(3, "week", "weeks") == "3 周"
    assert words.masked(3) == "[遮蔽 3]"


def test_each_word_is_translated_and_keeps_its_places_for_values() -> None:
    catalogue = read_po(io.BytesIO(CATALOGUE.read_bytes()), locale="zh")
    words = [each for each in catalogue if each.id]
    missing = [each.id for each in words if not any(each.string or ())]
    assert len(missing) <= len(words) // 20, missing
    assert [str(fault) for each in words for fault in each.check(catalogue)] == []
    same = {str(each.id) for each in words if each.id == each.string}
    assert same <= {"“%(text)s”", "“%(word)s”"}


def test_of_a_collection_the_face_for_simplified_chinese_is_taken(fonts: Path) -> None:
    collection = TTCollection()
    for name in ("Boxes JP", "Boxes SC"):
        font = TTFont(lay_font(fonts))
        font["name"].setName(name, 1, 3, 1, 0x409)
        collection.fonts.append(font)
    (fonts / "NotoSansSC-Regular.ttf").unlink()
    collection.save(fonts / "NotoSansCJK-Regular.ttc")
    assert TTFont(io.BytesIO(faces("zh")[-1].data))["name"].getDebugName(1) == "Boxes SC"
