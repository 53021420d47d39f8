"""No false alarm: stores of many shapes, whole, open, anchored, repacked and copied, have no fault."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.store import Store, verify_store

_SHAPES = {"short": 13, "long": 125}  # each is verified in eight states


def _states(bench: Any, making: Any, chance: random.Random) -> Callable[[], None]:
    """One random step of an honest life."""
    number = len(list(bench.store.runs())) + 1
    tasks, padding = chance.randint(1, 40), chance.choice([0, 0, 500, 5_000])

    def abandoned() -> None:
        bench.begin(tasks, number)

    def whole() -> None:
        bench.run(tasks, number, padding)

    def in_part() -> None:
        start = bench.begin(tasks, number)
        places = sorted(chance.sample(range(1, tasks + 1), chance.randint(0, tasks)))
        missing = tuple(task.id for at, task in enumerate(start.plan.tasks, 1) if at not in places)
        bench.finish(start, making.records_of(start, places), missing=missing, reason="the window closed")

    def repacked() -> None:
        bench.git("repack", "-a", "-d", "-q")
        bench.git("pack-refs", "--all")

    return chance.choice([whole, whole, in_part, abandoned, repacked])


def test_honest_stores_raise_nothing(pytestconfig: pytest.Config, making: Any, tmp_path: Path) -> None:
    count = _SHAPES[pytestconfig.getoption("faults")]
    verified = 0
    for seed in range(count):
        chance = random.Random(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        bench = making.Bench(folder)
        kept = bench.store.checkpoint()
        for _ in range(8):
            _states(bench, making, chance)()
            report = verify_store(bench.path, bench.trust, witness=kept)
            assert report.ok, (seed, report.faults)
            assert verify_store(bench.path, bench.trust, witness=kept, processes=3) == report
            kept = Store.open(bench.path).checkpoint()
            verified += 1
        shutil.rmtree(folder)
    assert verified == 8 * count
    print(f"clean stores: {count}, verified in {verified} states, 0 false alarms")
