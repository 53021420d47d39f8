"""What must pass before a change lands: the order of its steps, and that a fetch that failed is told.

The script is the real one; in place of the set-up and of `make` stand scripts that note what they are called for.
"""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
CALLS = '#!/bin/sh\necho "$1" >>calls\n'


def test_what_is_large_is_fetched_beside_the_linters_and_the_readme_s_command_comes_last(tmp_path: Path) -> None:
    lay(tmp_path)
    assert ci(tmp_path).returncode == 0
    calls = (tmp_path / "calls").read_text().split()
    assert calls[0] == "test"
    assert sorted(calls[1:5]) == ["lint", "mitmproxy", "spark", "trestle"]
    assert calls[5:] == ["test-mitmproxy", "test-trestle", "test-spark", "test"]


def test_a_fetch_that_fails_is_told_and_nothing_is_tested(tmp_path: Path) -> None:
    lay(tmp_path, bootstrap='if [ "$1" = spark ]; then echo no such package >&2; exit 3; fi\n')
    run = ci(tmp_path)
    assert (run.returncode, run.stderr) == (1, "no such package\n")
    assert "test-spark" not in (tmp_path / "calls").read_text().split()


def test_a_fetch_ends_with_the_script(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")
    os.mkfifo(tmp_path / "alive")
    lay(
        tmp_path,
        bootstrap='if [ "$1" = spark ]; then exec 3>alive; echo >begun; exec sleep infinity; fi\n',
        make="cat begun; exit 1\n",
    )
    # The pipe ends when nobody holds it open any more: the fetch is gone.
    watch = subprocess.Popen(["cat", tmp_path / "alive"])
    assert ci(tmp_path).returncode == 1
    assert watch.wait(timeout=60) == 0


def lay(folder: Path, bootstrap: str = "", make: str = "") -> None:
    """A project of which only the script is real; what stands here is done after the call is noted."""
    for name in (".ci", "scripts", "bin"):
        (folder / name).mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci")
    for path, does in ((folder / "scripts" / "bootstrap", bootstrap), (folder / "bin" / "make", make)):
        path.write_text(CALLS + does)
        path.chmod(0o755)


def ci(folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    run = ["bash", ".ci/run"]
    return subprocess.run(
        run, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False, timeout=60
    )
