"""What the auditor's page says of packs is what the code does."""

import re
from pathlib import Path
from xml.etree import ElementTree

from muniment.exports.fonts import glyphs
from muniment.exports.html import render

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "auditors.md").read_text(encoding="utf-8")


def test_every_fault_that_the_verifier_names_is_explained_and_none_that_it_does_not() -> None:
    named: set[str] = set()
    for file in (
        "exports/verify.py",
        "exports/contents.py",
        "exports/seal.py",
        "exports/signed.py",
        "exports/unzipped.py",
        "evidence/store/note.py",
    ):
        source = (ROOT / file).read_text(encoding="utf-8")
        named |= set(re.findall(r'"((?:\w+)\.[a-z_]+)"', source))
    codes = {each for each in named if not each.endswith((".json", ".jsonl", ".txt", ".sig"))}
    codes -= {"pack.unreadable", "seal.length", "commit.unknown_key"}  # errors of the machine and of the maker
    explained = set(re.findall(r"`(\w+\.[a-z_]+)`", PAGE.partition("## What the verifier says")[2]))
    assert explained == codes


def test_the_commands_for_stock_tools_are_those_that_the_pack_prints(small) -> None:
    root = ElementTree.fromstring(render(small.pack(), glyphs()).xhtml)
    printed = next(text for each in root.iter("pre") if (text := "".join(each.itertext())).startswith("pdfdetach"))
    written = re.findall(r"```\n(pdfdetach.*?)\n```", PAGE, re.DOTALL)
    assert written == [printed.replace(small.head.origin, "ORIGIN")]


def test_every_attachment_of_a_pack_is_explained(small) -> None:
    for each in small.pack().attachments:
        assert f"`{each.name}`" in PAGE
