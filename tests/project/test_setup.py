"""The lock and the script that makes a clone ready: what they promise before anything is downloaded."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_package_has_a_hash_and_no_host_is_named(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE | re.IGNORECASE)[1:]
    assert packages
    assert [package for package in packages if "==" not in package or "--hash=sha256:" not in package] == []
    assert "://" not in text


def test_every_dependency_of_the_project_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.split(r"[\[<>=]", requirement)[0].replace(".", "-") for requirement in wanted}
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements/dev.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert names - set(locked) == set()


def test_an_unknown_word_is_answered_with_the_usage(tmp_path: Path) -> None:
    run = bootstrap(tmp_path, "tests")
    assert run.returncode == 1
    assert run.stderr == "bootstrap: usage: scripts/bootstrap [test|spark|mitmproxy|trestle]\n"


def test_a_python_that_is_too_old_or_not_there_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    run = bootstrap(tmp_path, PYTHON="python2.7")
    assert run.returncode == 1
    assert "no Python 3.11, 3.12 or 3.13 among: python2.7" in run.stderr
    assert not (tmp_path / ".venv").exists()


def bootstrap(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script in a folder that has nothing else of the project."""
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/bootstrap", folder / "scripts")
    return subprocess.run(
        ["scripts/bootstrap", *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
