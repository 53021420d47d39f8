"""The n-th system call of a kind fails, in the writer and in each git that it starts: the next writer needs no hand.

strace(1) attaches to a writer that waits at a gate and lets the n-th call of one kind fail in each process; n runs on
until no process makes so many. The writer either is told that its run is safe, and then it is, or complains in a
sentence of ours. Each change sees every n with every error for what changes the disk, and for what opens files every
fourth n with one error, in turn.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CALLS = {
    "write": "write,pwrite64",
    "fsync": "fsync,fdatasync",
    "rename": "rename,renameat,renameat2",
    "link": "link,linkat",
    "openat": "openat",
}
FIRST = {"ENOSPC": 1, "EIO": 5, "EACCES": 9}  # n of the first opening that fails, in each change
STRIDE = 12  # from there to the next


@pytest.mark.parametrize("error", FIRST)
@pytest.mark.parametrize("kind", CALLS)
def test_a_system_call_that_fails_loses_nothing(
    kind: str, error: str, three_runs: Any, nursery: Any, whole: Any, count: Any, times: Any, tmp_path: Path
) -> None:
    in_part = kind == "openat"
    at, stride, planted = times(FIRST[error] if in_part else 1, 1), times(STRIDE if in_part else 1, 1), True
    while planted:
        folder = tmp_path / f"{at}"
        folder.mkdir()
        store = folder / "evidence.git"
        shutil.copytree(three_runs.path, store)
        gate, told, log = folder / "gate", folder / "told", folder / "strace"
        os.mkfifo(gate)
        writer = nursery.writer(store, three_runs.key_path, told, first=11, count=1, gate=gate)
        with _failing(writer.pid, CALLS[kind], error, at, log) as strace:
            writer.let_go(gate)
            status = writer.wait()
            strace.wait(timeout=300)
        planted = "(INJECTED)" in log.read_text(errors="replace")
        assert (status == 0) == (writer.acknowledged() == [11]), writer.complaints()
        assert status in (0, 3), f"call {at}: {writer.complaints()}"
        mended = nursery.writer(store, three_runs.key_path, folder / "again", first=11, count=2)
        assert mended.wait() == 0, f"call {at}: {mended.complaints()}"
        whole(store, three_runs.trust, [*writer.acknowledged(), *mended.acknowledged()], count)
        count.planted += planted
        count.restarts += 1
        count.note("went on all the same" if status == 0 else "complained")
        shutil.rmtree(folder)
        at += stride
    assert count.planted > 0


def _failing(pid: int, calls: str, error: str, at: int, log: Path) -> subprocess.Popen[str]:
    """strace, attached to a process that waits; the `at`-th of these calls will fail in it and in each child."""
    inject = ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={at}"]
    command = ["strace", "-f", "-o", str(log), *inject, "-p", str(pid)]
    strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert strace.stderr is not None
    said = strace.stderr.readline()
    assert "attached" in said, said
    return strace
