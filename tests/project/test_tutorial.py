"""docs/collectors.md is run as it is written: its files are made, its commands succeed and say what the page says."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from muniment.evidence.testing import Promise

PAGE = (Path(__file__).parents[2] / "docs/collectors.md").read_text(encoding="utf-8")
FENCE = re.compile(r"(?:^`(?P<file>[^`\n]+)`:\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A block of commands, what they said, and what the page says that they say."""

    commands: str
    said: str
    told: tuple[str, ...]


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> list[Step]:
    """Every step of the page, carried out in order."""
    return list(carried_out(tmp_path_factory.mktemp("tutorial")))


def carried_out(folder: Path) -> Iterator[Step]:
    blocks = list(FENCE.finditer(PAGE))
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block["file"]:
            (folder / block["file"]).write_text(block["text"], encoding="utf-8")
        elif block["kind"] == "sh":
            said, folder = run(block["text"], folder)
            told = following["text"].splitlines() if following and following["kind"] == "text" else []
            yield Step(block["text"], said, tuple(told))


def run(commands: str, folder: Path) -> tuple[str, Path]:
    """What the commands say, and the folder in which they end."""
    where = folder / ".where"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = subprocess.run(
        ["bash", "-e", "-c", f"{commands}\npwd > {shlex.quote(str(where))}"],
        cwd=folder,
        env={**environment, "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{commands}\n{ran.stdout}"
    return ran.stdout, Path(where.read_text().strip())


def test_every_command_says_what_the_page_says(steps: list[Step]) -> None:
    words = {step.commands: " ".join(step.said.split()) for step in steps}
    missing = [line for step in steps for line in step.told if " ".join(line.split()) not in words[step.commands]]
    assert missing == [], "\n".join(words.values())
    assert sum(len(step.told) for step in steps) > 10


def test_three_commands_lead_from_nothing_to_evidence(steps: list[Step]) -> None:
    [three] = [step for step in steps if step.commands.startswith("muniment collectors new backup-age")]
    assert len(three.commands.splitlines()) == 3


@pytest.mark.parametrize("promise", Promise)
def test_every_promise_is_on_the_page(promise: Promise) -> None:
    assert f"| {promise.name.lower()} | {promise.value} |" in PAGE
