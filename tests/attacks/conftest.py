"""The stores of `tests/evidence/store`, and what the attacks on them share.

Each file is named for one attack of the table in docs/auditors.md and shows that what should see it does. With
`--faults long` each runs on stores of three sizes of record.
"""

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from muniment.evidence.store import Store


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_STORE = Path(__file__).parents[1] / "evidence" / "store"
_shared = _module("attacks_store_conftest", _STORE / "conftest.py")
making, bench = _shared.making, _shared.bench


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Three sizes of record in the long column, one in each change."""
    if "padding" in metafunc.fixturenames:
        sizes = [0, 600, 6_000] if metafunc.config.getoption("faults") == "long" else [0]
        metafunc.parametrize("padding", sizes, scope="session", ids=lambda size: f"padding-{size}")


@pytest.fixture(scope="session")
def three_runs(padding: int, making: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A store of three runs of six records that no test changes: see `victim` for a copy."""
    bench = making.Bench(tmp_path_factory.mktemp("three"))
    for number in range(1, 4):
        bench.run(tasks=6, number=number, padding=padding)
    return bench


@pytest.fixture
def victim(three_runs: Any, making: Any, tmp_path: Path) -> Any:
    """A copy of the three runs that a test may ruin."""
    shutil.copytree(three_runs.path, tmp_path / "evidence.git")
    return making.Victim(tmp_path / "evidence.git", three_runs.signer, three_runs.trust)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Any]:
    """A timestamp authority on loopback."""
    tsa = _module("attacks_store_tsa", _STORE / "tsa.py")
    with tsa.serving(tmp_path / "tsa") as serving:
        yield serving


@pytest.fixture
def written_again(making: Any, tmp_path: Path) -> Callable[..., Store]:
    """What only the holder of the key can do: the same plans from the first commit on, other records, signed anew."""

    def write(bench: Any, *, note: str = "fine", without: frozenset[int] = frozenset(), **more: Any) -> Store:
        whole = list(bench.store.runs())
        bench.path.rename(tmp_path / "as-it-was.git")
        store = Store.create(bench.path, origin=bench.trust.origin, signer=bench.signer, at=making.NOON)
        for run in whole:
            start = store.begin(run.start.plan, bench.signer, at=run.start.plan.planned)
            if run.end is not None:
                places = set(range(1, len(start.plan.tasks) + 1)) - without
                records = [making.record_at(start, place, note=note) for place in sorted(places)]
                store.finish(start, records, bench.signer, at=run.end.ended, milliseconds=60_000, **more)
        return store

    return write
