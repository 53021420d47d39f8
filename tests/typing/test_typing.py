"""What authors write type-checks as they will check it: strictly, with and without pydantic's plug-in."""

import json
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


def test_pyright_reads_the_examples_alike(tmp_path: Path) -> None:
    rules = {
        "include": [str(ROOT / "tests/typing" / name) for name in EXAMPLES],
        "typeCheckingMode": "standard",
        "enableTypeIgnoreComments": True,
        "reportUnnecessaryTypeIgnoreComment": "error",  # a mistake that it does not see fails the run
    }
    settings = tmp_path / "pyrightconfig.json"
    settings.write_text(json.dumps(rules), encoding="utf-8")
    command = [Path(sys.executable).with_name("basedpyright"), "-p", settings, "--pythonpath", sys.executable]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 errors" in run.stdout
