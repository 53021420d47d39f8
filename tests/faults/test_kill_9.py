"""Writers are killed at random moments: no acknowledged run is lost, and the next writer needs no hand."""

import random
import time
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("part", range(4))
def test_writers_killed_at_random_moments_lose_nothing(
    part: int, bench: Any, nursery: Any, whole: Any, count: Any, times: Any, tmp_path: Path
) -> None:
    chance, acknowledged, number = random.Random(part), list[int](), 1
    rounds = times(25, 250)
    for round_ in range(rounds):
        told = tmp_path / f"told-{round_}"
        writer = nursery.writer(bench.path, bench.key_path, told, first=number, count=1_000)
        runs = chance.randrange(3)
        writer.until(runs)
        time.sleep(chance.random() * 0.04)  # about a run more: nothing depends on how far it came
        writer.kill(alone=round_ % 2 == 0)
        assert writer.wait() == -9
        acknowledged += writer.acknowledged()
        number = max(acknowledged, default=0) + 1
        count.planted += 1
        mended = nursery.writer(bench.path, bench.key_path, told, first=number, count=1)  # the same plan again
        assert mended.wait() == 0, mended.complaints()
        acknowledged.append(number)
        number += 1
        count.restarts += 1
        if round_ % 20 == 19:
            whole(bench.path, bench.trust, [], count)
    whole(bench.path, bench.trust, acknowledged, count)
    assert len(set(acknowledged)) == len(acknowledged) >= rounds
    assert bench.verify().open_runs == ()
