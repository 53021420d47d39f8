"""A workspace with one collector of its own, and the command in one word."""

import json
import shutil
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from muniment.cli.main import main

COLLECTOR = '''
from datetime import datetime
from pathlib import Path

from pydantic import Field

from muniment.evidence import Collector, Facts, Origin, Settings, Verdict, failed, passed


class Policy(Settings):
    path: Path = Field(description="The document to read")


class Text(Facts):
    lines: int
    first: str


class PolicyFile(Collector[Policy, Text]):
    """A policy document that is more than a title."""

    id = "acme.policy"
    subject_kind = "document"

    def observe(self, settings: Policy) -> Text:
        lines = settings.path.read_text().splitlines()
        return Text(origin=Origin(system=settings.path.name, query="read"), lines=len(lines), first=lines[0])

    def assess(self, settings: Policy, facts: Text, at: datetime) -> Verdict:
        return passed("It has a body.") if facts.lines > 1 else failed("It is a title only.", "policy.empty")
'''

CONTROLS = """
controls:
  - adapt: GOV-2
    owner: Ada
    checks:
      - id: gov-2.policies
        collector: acme.policy
        register: policies
        cadence: 1d
"""

POLICIES = """
entries:
  - id: security policy
    path: policies/security.md
  - id: privacy policy
    path: policies/privacy.md
"""


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """All that a person reads, on one line."""
        return " ".join((self.out + self.err).split())


@pytest.fixture
def muniment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, templates: Path
) -> Callable[..., Answer]:
    """Run the command with some words, on a pipe that has no width.

    Who starts this process may have told it a width: the workers of pytest-xdist inherit the one that readline puts
    into the environment of pytest. Pages that were drawn are kept among the workspaces that are made once.
    """
    monkeypatch.setenv("XDG_CACHE_HOME", str(templates / "cache"))
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*words: object) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        said = capsys.readouterr()
        return Answer(int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where workspaces lie that are made once and copied for each test."""
    return tmp_path_factory.mktemp("templates")


@pytest.fixture
def acme(tmp_path: Path, templates: Path, muniment: Callable[..., Answer]) -> Path:
    """A workspace whose two policies can be looked at: one has a body, one is a title only."""
    return _copied(templates / "acme", tmp_path, lambda root: _workspace(root, muniment))


@pytest.fixture
def small_acme(tmp_path: Path, templates: Path, muniment: Callable[..., Answer]) -> Path:
    """The same with one small framework: reading two large ones is most of what a command takes."""
    words = ("--framework", "trustarc-truste")
    return _copied(templates / "small", tmp_path, lambda root: _workspace(root, muniment, *words))


@pytest.fixture
def packed_acme(tmp_path: Path, templates: Path, muniment: Callable[..., Answer]) -> Path:
    """The first one after a run, with the PDF of a pack in `packs/`."""

    def pack(root: Path) -> None:
        _workspace(root, muniment)
        assert muniment("-w", root, "collect", "--all").code == 1
        made = muniment("-w", root, "pack", "iso-iec-27001-2022", "--formats", "pdf")
        assert made.code == 0, made.err

    return _copied(templates / "packed", tmp_path, pack)


@pytest.fixture
def seen_acme(tmp_path: Path, templates: Path, muniment: Callable[..., Answer]) -> Path:
    """The first one after three runs."""

    def look(root: Path) -> None:
        _workspace(root, muniment)
        for _ in range(3):
            assert muniment("-w", root, "collect", "--all").code == 1

    return _copied(templates / "seen", tmp_path, look)


def _copied(template: Path, folder: Path, make: Callable[[Path], object]) -> Path:
    if not template.exists():
        part = template.with_name(f"{template.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        make(part)
        part.rename(template)
    return Path(shutil.copytree(template, folder / "acme", symlinks=True))


def _workspace(root: Path, muniment: Callable[..., Answer], *more: str) -> Path:
    words = ("--organisation", "Acme, Inc.", "--owner", "Ada", "--time-zone", "Europe/Paris")
    made = muniment("init", root, *words, *more)
    assert made.code == 0, made.err
    for name, text in {
        "controls/controls.yaml": CONTROLS,
        "registers/policies.yaml": POLICIES,
        "collectors/policy.py": COLLECTOR,
        "policies/security.md": "# Security\n\nWe lock the door.\n",
        "policies/privacy.md": "# Privacy\n",
    }.items():
        file = root / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(textwrap.dedent(text))
    return root
