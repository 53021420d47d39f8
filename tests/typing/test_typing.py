"""What authors write type-checks as they will check it: strictly, with and without pydantic's plug-in."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ("collectors.py", "mistakes.py")


@pytest.mark.parametrize(
    "rules",
    [("--config-file=pyproject.toml",), ("--config-file=", "--cache-dir=.mypy_cache/plain")],
    ids=["our rules", "mypy alone"],
)
def test_the_examples_are_clean_and_each_mistake_is_found(rules: tuple[str, ...]) -> None:
    files = [f"tests/typing/{name}" for name in EXAMPLES]
    command = [Path(sys.executable).with_name("mypy"), *rules, "--strict", *files]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
