"""What the tests of the store share: a store in its own folder, and the plans and records of `making.py`."""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _making() -> ModuleType:
    """`making.py` is a program too, so it is loaded by its path."""
    spec = importlib.util.spec_from_file_location("store_making", Path(__file__).with_name("making.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_MAKING = _making()


@pytest.fixture(scope="session")
def making() -> Any:
    """The module `making.py`."""
    return _MAKING


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    """An empty store with its key, and what is done with it."""
    return _MAKING.Bench(tmp_path)


@pytest.fixture(scope="session")
def three_runs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A store of three runs that no test changes: see `damaged` for a copy."""
    bench = _MAKING.Bench(tmp_path_factory.mktemp("three"))
    for number in range(1, 4):
        bench.run(tasks=6, number=number)
    return bench


@pytest.fixture
def victim(three_runs: Any, tmp_path: Path) -> Any:
    """A copy of the three runs that a test may ruin."""
    shutil.copytree(three_runs.path, tmp_path / "evidence.git")
    return _MAKING.Victim(tmp_path / "evidence.git", three_runs.signer, three_runs.trust)
