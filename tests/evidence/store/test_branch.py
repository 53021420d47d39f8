"""The branch moves from where it was or not at all, and git sees what it would have made of it itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence import StoreFault
from muniment.evidence.store.branch import move_branch
from muniment.evidence.store.database import Database
from muniment.evidence.store.layout import BRANCH

WHO = "Ada Lovelace <SHA256:abc>"
WHY = "Run 7:\ttwo\n records "


def commits_of(victim: Any) -> list[str]:
    """The ids of all commits, oldest first."""
    return list(victim.git("rev-list", "--reverse", "HEAD").split())


def moved(path: Path, making: Any, new: str, old: str | None) -> None:
    move_branch(Database(path), new, old, WHO, making.NOON, WHY)


def test_branch_and_journal_are_those_that_git_writes(victim: Any, making: Any, tmp_path: Path) -> None:
    first, *_, last = commits_of(victim)
    twin = tmp_path / "twin.git"
    subprocess.run(["cp", "-a", str(victim.path), str(twin)], check=True)
    moved(victim.path, making, first, last)
    person = {"GIT_COMMITTER_NAME": "Ada Lovelace", "GIT_COMMITTER_EMAIL": "SHA256:abc"}
    subprocess.run(
        ["git", "-C", twin, "update-ref", "-m", WHY, BRANCH, first, last],
        env={**os.environ, **person, "GIT_COMMITTER_DATE": f"{int(making.NOON.timestamp())} +0000"},
        check=True,
    )
    for name in (BRANCH, f"logs/{BRANCH}"):
        assert (victim.path / name).read_bytes() == (twin / name).read_bytes()
    assert sorted(path.name for path in (victim.path / "refs/heads").iterdir()) == ["evidence"]


def test_a_branch_that_was_packed_away_is_moved(victim: Any, making: Any) -> None:
    first, *_, last = commits_of(victim)
    victim.git("pack-refs", "--all", "--prune")
    assert not (victim.path / BRANCH).exists()
    moved(victim.path, making, first, last)
    assert victim.git("rev-parse", BRANCH).strip() == first


@pytest.mark.parametrize("old", ["another commit", "nothing"])
def test_a_branch_that_is_elsewhere_stays_there(old: str, victim: Any, making: Any) -> None:
    first, second, *_, last = commits_of(victim)
    journal = (victim.path / "logs" / BRANCH).read_bytes()
    with pytest.raises(StoreFault) as refused:
        moved(victim.path, making, first, second if old == "another commit" else None)
    assert refused.value.code == "store.moved"
    assert (victim.path / BRANCH).read_text() == f"{last}\n"
    assert (victim.path / "logs" / BRANCH).read_bytes() == journal
    assert not (victim.path / f"{BRANCH}.lock").exists()


def test_a_branch_that_git_is_moving_is_left_alone(victim: Any, making: Any) -> None:
    first, *_, last = commits_of(victim)
    lock = victim.path / f"{BRANCH}.lock"
    lock.write_text("")
    with pytest.raises(StoreFault) as refused:
        moved(victim.path, making, first, last)
    assert refused.value.code == "store.moved"
    assert lock.exists(), "the lock of another is not ours to remove"
    assert (victim.path / BRANCH).read_text() == f"{last}\n"


def test_a_git_that_stores_another_pack_is_not_believed(bench: Any, making: Any, tmp_path: Path) -> None:
    """A git on the PATH that stores what it is given, and names another pack."""
    real = shutil.which("git")
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(f"#!/bin/sh\n{real} \"$@\" | sed 's/[0-9a-f]$/x/'\n")
    wrapper.chmod(0o755)
    before = bench.store.commit
    done = subprocess.run(
        [sys.executable, making.__file__, bench.path, bench.key_path, "1", "1"],
        env={**os.environ, "PATH": f"{wrapper.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "git index-pack failed: it has stored another pack" in done.stderr
    assert bench.store.commit == before


def test_what_a_person_configured_for_git_does_not_reach_the_store(bench: Any, tmp_path: Path, making: Any) -> None:
    """With this configuration every git command would fail."""
    (tmp_path / ".gitconfig").write_text("[core]\n\tcompression = none of these\n")
    done = subprocess.run(
        [sys.executable, making.__file__, bench.path, bench.key_path, "1", "1"],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (0, ["1"]), done.stderr
