"""The languages of a pack: complete catalogues, their typography, and that no word of ours escapes them."""

import gettext
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from xml.etree import ElementTree

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from openpyxl import load_workbook
from pydantic import BaseModel

from muniment.evidence import MunimentError
from muniment.exports.bundle import bundle, kit
from muniment.exports.fonts import glyphs
from muniment.exports.html import render
from muniment.exports.languages import NARROW, Language, language
from muniment.exports.tables import tables
from muniment.exports.words import Words
from muniment.exports.workbook import workbook

WORD = re.compile(r"[^\W\d_]{3,}")
NAMES = {"Muniment", "SHA", "GAP", "seal", "sig"}  # the same in every language
ROOT = Path(__file__).parents[2] / "exports"
MAPPINGS = [("**.py", "python"), ("**.xhtml", "jinja2")]
OPTIONS = {"**.xhtml": {"extensions": "jinja2.ext.i18n", "trimmed": "true", "newstyle_gettext": "true"}}
COMMAND = re.compile(r"    |   openssl ")  # in VERIFY.txt
PLACE = re.compile(r"\{[A-Z]+\}")
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2), "counted": (2, 3), "N_": (1, 2)}


class Pseudo(gettext.NullTranslations):
    """A pseudo-language: every message between angle quotes, so that what has no catalogue can be seen."""

    def gettext(self, message: str) -> str:
        return f"«{message}»"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"«{msgid1 if n == 1 else msgid2}»"

    def pgettext(self, context: str, message: str) -> str:  # noqa: ARG002 - gettext's own names
        return f"«{message}»"


@pytest.fixture(scope="module")
def french() -> Catalog:
    return read_po(io.BytesIO((ROOT / "locale" / "fr.po").read_bytes()), locale="fr")


def test_the_catalogue_has_what_the_source_says_and_nothing_else(french: Catalog) -> None:
    found = extract_from_dir(ROOT, MAPPINGS, OPTIONS, {**KEYWORDS, "marked": None})
    said = {(context, message) for _, _, message, _, context in found}
    kept = {(message.context, _key(message.id)) for message in french if message.id}
    assert {(context, _key(message)) for context, message in said} == kept, "run `make words`, then translate"


def test_every_message_is_translated_with_the_same_places_for_values(french: Catalog) -> None:
    for message in french:
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(forms) or not message.id, message.id
        assert [str(fault) for fault in message.check(french)] == []


def test_french_marks_stand_behind_a_space_that_does_not_break(french: Catalog) -> None:
    spoken = [form for each in french if each.id for form in (each.string if each.pluralizable else (each.string,))]
    assert [
        form for form in spoken if re.search(r"(?:[ \u00a0]|\w)[;!?»](?!\w)|(?: |\w):(?!/)|«[^\u202f]|'", form)
    ] == []


def test_numbers_days_and_shares_are_written_as_in_french() -> None:
    words = Words(language("fr"))
    at = datetime(2026, 11, 30, 23, 12, 33, tzinfo=UTC)
    assert words.counted(1204, "record is", "records are") == f"1{NARROW}204 enregistrements cités"
    assert words.counted(0, "day", "days") == "0 jour"
    assert words.local(at, "Europe/Paris") == "1er décembre 2026, 00:12:33 +0100"
    assert words.percent(987) == f"98,7{NARROW}%"
    assert words.column("Q1 26") == "T1 26"


@pytest.mark.parametrize("code", ["fr", "zh"])
def test_the_instructions_in_the_zip_have_the_same_commands_and_names_in_each_language(code: str) -> None:
    english, other = (kit(name).decode() for name in ("VERIFY.txt", f"VERIFY.{code}.txt"))
    assert [line for line in other.splitlines() if COMMAND.match(line)] == [
        line for line in english.splitlines() if COMMAND.match(line)
    ]
    assert sorted(PLACE.findall(other)) == sorted(PLACE.findall(english))
    assert all(line.isascii() for line in english.splitlines() if COMMAND.match(line))


def test_the_instructions_in_french_follow_its_typography() -> None:
    said = "\n".join(line for line in kit("VERIFY.fr.txt").decode().splitlines() if not COMMAND.match(line))
    prose = re.sub(r"`[^`]*`|openssl dgst.*|\w+=\w+|RFC \d+", "", said)
    assert re.findall(r"(?:[ \u00a0]|\w)[;!?»](?!\w)|(?: |\w):(?!/)|«[^\u202f]|'", prose) == []


def test_a_language_without_a_catalogue_is_refused_by_name() -> None:
    with pytest.raises(MunimentError, match="'xx'") as refused:
        language("xx")
    assert refused.value.mend == "choose en or fr or zh"


def test_no_word_of_ours_escapes_the_catalogue(small) -> None:
    pack = small.pack()
    page = render(pack, glyphs(), Language(catalogue=Pseudo()))
    known = {word for said in _strings(pack) for word in WORD.findall(said)} | NAMES
    passed_over = re.compile(r"SHA256:\S+|(?<!\w)[0-9a-f]{6,}(?!\w)|\w+ ?…")  # and words that were cut
    escaped = {word for told in _told(page.xhtml) for word in WORD.findall(passed_over.sub(" ", told))} - known
    assert escaped == set()


def test_a_french_pack_speaks_french_on_every_page_and_sheet(small) -> None:
    pack = small.pack()
    pack = replace(pack, identity=replace(pack.identity, language="fr"))
    root = ElementTree.fromstring(render(pack, glyphs()).xhtml)
    assert root.get("lang") == "fr"
    headings = ["".join(each.itertext()) for each in root.iter("h1")]
    assert "3 Synthèse" in headings
    book = load_workbook(io.BytesIO(workbook(pack, tables(pack), Words(language("fr")))))
    assert book.sheetnames[:2] == ["Dossier", "Déclaration d’applicabilité"]
    with zipfile.ZipFile(io.BytesIO(bundle(pack, b"", b"", (), small.signer))) as archive:
        told = archive.read("VERIFY.txt").decode()
    assert told.startswith(f"VÉRIFIER {pack.identity.id} AVEC")
    assert PLACE.findall(told) == []


def _key(message: object) -> object:
    return message[0] if isinstance(message, list | tuple) else message


def _told(xhtml: str) -> Iterator[str]:
    """What stands on the page outside our messages, and is no command."""
    body = ElementTree.fromstring(xhtml).find("body")
    assert body is not None
    for each in body.iter():
        if each.tag != "pre" and not (each.text or "").startswith("muniment verify "):
            yield from (_outside(written) for written in (each.text, each.tail) if written)


def _outside(written: str) -> str:
    """The text without our messages, which may stand within one another."""
    shorter = re.sub(r"«[^«»]*»", " ", written)
    return shorter if shorter == written else _outside(shorter)


def _strings(value: object) -> Iterator[str]:
    """Every string of the pack."""
    if isinstance(value, str):
        yield value if not isinstance(value, Enum) else value.value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from (*_strings(key), *_strings(each))
    elif isinstance(value, tuple | list | frozenset):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _strings(getattr(value, name))
    elif is_dataclass(value):
        for field in fields(value):
            yield from _strings(getattr(value, field.name))
