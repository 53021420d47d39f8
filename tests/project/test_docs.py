"""What the documents say is there, is there: links, commands, nouns, names in the code, decisions."""

import importlib
import re
import runpy
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence import Status

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NOUNS = [
    "Anchor",
    "Attestation",
    "Check",
    "Checkpoint",
    "Claim",
    "Collector",
    "Control",
    "Coverage",
    "Criterion",
    "Decision",
    "Evidence record",
    "Exception",
    "Facts",
    "Finding",
    "Framework",
    "Mapping",
    "Pack",
    "Period",
    "Plan",
    "Population",
    "Run",
    "Settings",
    "Statement of Applicability",
    "Store",
    "Subject",
    "Task",
    "Verdict",
]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    files = [target.partition("#")[0] for target in targets if "://" not in target]
    assert [file for file in files if not (page.parent / file).exists()] == []


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_has_a_row_in_the_glossary(noun: str) -> None:
    assert len(re.findall(rf"^\| {noun} \| .+ \| .+ \|$", GLOSSARY, re.MULTILINE)) == 1


@pytest.mark.parametrize("name", re.findall(r"`(muniment\.[\w.]+)`", GLOSSARY))
def test_every_name_in_the_glossary_is_in_the_code(name: str) -> None:
    assert found(name) is not None


def test_every_status_is_in_the_glossary_with_its_symbol_and_gravity() -> None:
    rows = re.findall(r"^\| (\S) ([a-z ]+) \| .+ \| (\d) \|$", GLOSSARY, re.MULTILINE)
    assert sorted(rows) == sorted((status.symbol, status.word, str(status.gravity)) for status in Status)


def test_every_decision_is_in_the_index() -> None:
    pages = {page.name for page in (ROOT / "docs/adr").glob("[0-9]*.md")}
    assert (
        set(re.findall(r"^\| \[\d{4}\]\(([^)]+)\)", (ROOT / "docs/adr/README.md").read_text(), re.MULTILINE)) == pages
    )


def test_the_commands_of_the_documents_are_the_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"^\| `make (\w+)`", CONTRIBUTING, re.MULTILINE)) == targets
    assert set(re.findall(r"make (\w+)", README)) <= targets


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^muniment (\w+)", README, re.MULTILINE))))
def test_every_command_of_the_readme_exists(command: str) -> None:
    program = Path(sys.executable).with_name("muniment")
    run = subprocess.run([program, command, "--help"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_collector_of_the_readme_looks_and_judges(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.+?)^```", README, re.MULTILINE | re.DOTALL)
    (tmp_path / "example.py").write_text(blocks[0], encoding="utf-8")
    names = runpy.run_path(str(tmp_path / "example.py"))
    collector = names["PolicyFile"]()
    settings = names["Policy"](path=tmp_path / "example.py")
    verdict = collector.assess(settings, collector.observe(settings), datetime(2026, 1, 1, tzinfo=UTC))
    assert verdict.message == "It has a body."


def found(name: str) -> Any:
    """The object of that dotted name: the longest importable module, then a class, then a field of it."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            fields = getattr(thing, "model_fields", {})
            thing = fields[part] if part in fields else getattr(thing, part)
        return thing
    return None
