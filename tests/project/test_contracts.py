"""Each import contract and each ban of pyproject.toml finds the breach that it is there for.

A copy of the rooms gets one wrong line at a time; the linter that `make lint` runs must name it.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("cli", "controls", "evidence", "exports")
TOOLS = Path(sys.executable).parent

BREACHES = [
    ("One direction", "evidence/record.py", "import muniment.controls.model"),
    ("One direction", "controls/model.py", "import muniment.exports.pdf"),
    ("One direction", "exports/pack.py", "import muniment.cli.clock"),
    ("The core is pure", "evidence/record.py", "import subprocess"),
    ("The core is pure", "controls/assess.py", "import time"),
    ("The core is pure", "controls/assess.py", "import muniment.controls.catalog"),
    ("The core is pure", "exports/html.py", "import ssl"),
    ("Git is spoken only", "cli/main.py", "import git"),
    ("Git is spoken only", "evidence/run.py", "from gitdb import IStream"),
    ("SQL is spoken only", "exports/pack.py", "from sqlalchemy import select"),
    ("SQL is spoken only", "evidence/run.py", "import sqlite3"),
    ("WeasyPrint is spoken only", "exports/fonts.py", "import weasyprint"),
    ("Collectors do not know", "evidence/collectors/tls.py", "import muniment.evidence.collectors.consent"),
    ("Collectors do not know", "evidence/collectors/consent.py", "import muniment.evidence.collectors._tls.names"),
]


@pytest.mark.parametrize(("contract", "file", "line"), BREACHES)
def test_a_wrong_import_breaks_its_contract(copy: Path, contract: str, file: str, line: str) -> None:
    with (copy / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    report = lint_imports(copy)
    assert report.returncode == 1, report.stderr
    assert re.search(rf"^{contract}.* BROKEN", report.stdout, re.MULTILINE), report.stdout


def test_the_rooms_as_they_are_keep_every_contract(copy: Path) -> None:
    report = lint_imports(copy)
    assert report.returncode == 0, report.stdout
    assert report.stdout.count(" KEPT") == len(contract_names())


def test_every_contract_has_a_breach() -> None:
    breached = {contract for contract, _, _ in BREACHES}
    assert [name for name in contract_names() if not name.startswith(tuple(breached))] == []


@pytest.mark.parametrize("call", ["datetime.datetime.now(datetime.UTC)", "datetime.date.today()", "time.time()"])
def test_the_clock_is_read_only_where_the_rule_says(tmp_path: Path, call: str) -> None:
    source = f'"""A module."""\n\nimport {call.partition(".")[0]}\n\nAT = {call}\n'
    assert "TID251" in ruff(source, "evidence/example.py")
    assert "TID251" in ruff(source, "cli/example.py")
    assert "TID251" not in ruff(source, "cli/clock.py")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_never_imported_by_its_bare_name(room: str) -> None:
    assert "makes twin classes" in ruff(f'"""A module."""\n\nimport {room}\n\n__all__ = ["{room}"]\n', "cli/example.py")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The rooms, the links that make them one package, and the rules."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "src", tmp_path / "src", symlinks=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def contract_names() -> list[str]:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["name"] for contract in rules["tool"]["importlinter"]["contracts"]]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """What `lint-imports` says of the copy. Without `-S` the rooms of this clone would be found beside it."""
    return subprocess.run(
        [sys.executable, "-S", TOOLS / "lint-imports", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "src"), sysconfig.get_path("purelib")])},
        capture_output=True,
        text=True,
        check=False,
    )


def ruff(source: str, name: str) -> str:
    return subprocess.run(
        [TOOLS / "ruff", "check", "--output-format=concise", "--stdin-filename", name, "-"],
        cwd=ROOT,
        input=source,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
