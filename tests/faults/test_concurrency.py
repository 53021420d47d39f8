"""Writers at the same time, and git's own maintenance beside a writer: nothing acknowledged is lost."""

import subprocess
from pathlib import Path
from typing import Any

from muniment.evidence.store import Store


def test_writers_at_the_same_time_lose_nothing(
    bench: Any, nursery: Any, whole: Any, count: Any, times: Any, tmp_path: Path
) -> None:
    writers, runs = times(2, 8), times(100, 1_000)
    started = [
        nursery.writer(bench.path, bench.key_path, tmp_path / f"told-{at}", first=1 + at * 10_000, count=runs)
        for at in range(writers)
    ]
    for writer in started:
        assert writer.wait(patience=times(300, 4 * 3_600)) == 0, writer.complaints()
    acknowledged = [number for writer in started for number in writer.acknowledged()]
    assert len(acknowledged) == writers * runs
    whole(bench.path, bench.trust, acknowledged, count)
    assert [run.start.run for run in Store.open(bench.path).runs()] == list(range(1, writers * runs + 1))


def test_repack_beside_a_writer_and_gc_under_the_lock_lose_nothing(
    bench: Any, nursery: Any, whole: Any, count: Any, times: Any, tmp_path: Path
) -> None:
    """Who joins packs without the lock may fail, because a writer clears what looks left over, but nothing is lost."""
    lock = ["flock", str(bench.path / "muniment.lock")]
    rounds, acknowledged = times(20, 200), list[int]()
    for at in range(rounds):
        told = tmp_path / f"told-{at}"
        writer = nursery.writer(bench.path, bench.key_path, told, first=1 + at * 3, count=3)
        for command in (
            ["git", "repack", "-d", "-q", "--geometric=2"],
            [*lock, "git", "-c", "gc.auto=1", "gc", "--quiet", "--prune=now"],
        ):
            done = subprocess.run(
                command, cwd=bench.path, check=command[0] == "flock", capture_output=True, timeout=300
            )
            count.planted += 1
            count.note("done" if done.returncode == 0 else "broken off")
        assert writer.wait() == 0, writer.complaints()
        acknowledged += writer.acknowledged()
    assert len(acknowledged) == rounds * 3
    whole(bench.path, bench.trust, acknowledged, count)
