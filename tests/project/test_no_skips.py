"""In CI a test that did not run is a failure, whatever the reason."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SUITE = """
import pytest

def test_that_runs():
    pass

@pytest.mark.skip(reason="nginx is not installed (apt: nginx-light)")
def test_that_does_not():
    pass
"""


def test_a_skipped_test_fails_the_run_where_nothing_may_be_skipped(tmp_path: Path) -> None:
    run = run_suite(tmp_path, no_skips="1")
    assert run.returncode == 1
    assert "test_suite.py::test_that_does_not: Skipped: nginx is not installed (apt: nginx-light)" in run.stdout
    assert "1 passed, 1 skipped" in run.stdout.splitlines()[-1]


def test_a_skipped_test_is_only_listed_elsewhere(tmp_path: Path) -> None:
    run = run_suite(tmp_path, no_skips="0")
    assert run.returncode == 0
    assert "SKIPPED [1] test_suite.py" in run.stdout


def run_suite(folder: Path, *, no_skips: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "conftest.py", folder)
    (folder / "test_suite.py").write_text(SUITE)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "MUNIMENT_NO_SKIPS": no_skips},
        capture_output=True,
        text=True,
        check=False,
    )
