"""What the tests of faults share: stores of `tests/evidence/store`, writers that can be killed, and a count of it all.

Each test counts how many runs were acknowledged, how many of those were lost, and how many restarts needed no hand; the
counts are printed at the end. `make faults` runs the long column of the table in docs/store-format.md.
"""

import contextlib
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter

from muniment.evidence.store import Store, verify_store

_HERE = Path(__file__).parent
_PATIENCE = 300.0  # seconds; a machine that is busy is waited for, what never comes is not
_COUNTS = pytest.StashKey[dict[str, "Count"]]()
_LEFT_OUT = pytest.StashKey[str]()


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_shared = _module("faults_store_conftest", _HERE.parent / "evidence" / "store" / "conftest.py")
making, bench, three_runs, victim = _shared.making, _shared.bench, _shared.three_runs, _shared.victim


@dataclass
class Count:
    """What a fault was planted for, and what came of it."""

    planted: int = 0
    acknowledged: int = 0
    lost: int = 0
    restarts: int = 0
    by_hand: int = 0
    notes: dict[str, int] = field(default_factory=dict)

    def note(self, what: str) -> None:
        """Count an outcome by name."""
        self.notes[what] = self.notes.get(what, 0) + 1


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Count:
    """The counts of this test."""
    counts = request.config.stash.setdefault(_COUNTS, {})
    return counts.setdefault(request.node.name, Count())


@pytest.fixture
def times(pytestconfig: pytest.Config) -> Callable[[int, int], int]:
    """How often to plant a fault: so many times in each change, so many in the long column."""
    return lambda short, long: long if pytestconfig.getoption("faults") == "long" else short


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "mounts_a_file: needs root and a loop device")


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """The counts, one line a fault."""
    counts = config.stash.get(_COUNTS, {})
    if _LEFT_OUT in config.stash:
        terminalreporter.section("left out")
        terminalreporter.line(config.stash[_LEFT_OUT])
    if not counts or config.getoption("faults") != "long":
        return
    terminalreporter.section("faults")
    for name, each in counts.items():
        notes = "".join(f", {number} {what}" for what, number in sorted(each.notes.items()))
        terminalreporter.line(
            f"{name}: {each.planted} planted, {each.acknowledged} runs acknowledged, {each.lost} lost, "
            f"{each.restarts} restarts without a hand, {each.by_hand} with one{notes}"
        )


class Writer:
    """One process that appends runs."""

    def __init__(self, nursery: "Nursery", pid: int, told: Path) -> None:
        self.pid, self.told, self._nursery = pid, told, nursery

    def acknowledged(self) -> list[int]:
        """The numbers of the runs that it was told are safe, so far."""
        return [int(line) for line in self._lines() if not line.startswith("!")]

    def complaints(self) -> list[str]:
        """What it complained of: `! code: what`, or `!! …` where the error was none of ours."""
        return [line for line in self._lines() if line.startswith("!")]

    def let_go(self, gate: Path) -> None:
        """Let it begin; OSError if it does not stand at its gate, where waiting would have no end."""
        opened = os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
        os.write(opened, b".")
        os.close(opened)

    def until(self, runs: int) -> None:
        """Wait until so many runs are acknowledged; AssertionError where it ends before, or does not come so far."""
        patience, over = time.monotonic() + _PATIENCE, False
        while len(self.acknowledged()) < runs:
            assert not over, self.complaints()
            assert time.monotonic() < patience, "the writer does not get on"
            time.sleep(0.001)
            over = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2][0] in "ZX"

    def kill(self, *, alone: bool = False) -> None:
        """SIGKILL, to it alone or to git below it as well."""
        with contextlib.suppress(ProcessLookupError):  # it was faster
            os.kill(self.pid, signal.SIGKILL) if alone else os.killpg(self.pid, signal.SIGKILL)

    def pause(self) -> None:
        """Stop it and git below it, and wait until they stand still: a signal does not end a sync that is under way."""
        os.killpg(self.pid, signal.SIGSTOP)
        patience = time.monotonic() + _PATIENCE
        while not self._stands_still():
            assert time.monotonic() < patience, "a process of the writer does not stand still"
            time.sleep(0.001)

    def resume(self) -> None:
        """Let them go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def wait(self, patience: float = _PATIENCE) -> int:
        """Its exit status: 0, 3 for an error of ours, 4 for another, -9 where it was killed."""
        return self._nursery.ask(patience, wait=self.pid)

    def _stands_still(self) -> bool:
        """Whether each process of its group is stopped or ended, or waits for a child that was stopped at its birth."""
        states, parents = dict[str, str](), set[str]()
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                state, parent, group, *_ = path.read_text().rpartition(") ")[2].split()
                if int(group) == self.pid:
                    states[path.parent.name] = state
                    parents |= {parent} if state == "T" else set()
        return all(state in "TZX" or (state == "D" and pid in parents) for pid, state in states.items())

    def _lines(self) -> list[str]:
        return self.told.read_text().splitlines() if self.told.exists() else []


class Nursery:
    """Where writers come from: see nursery.py."""

    def __init__(self) -> None:
        command = [sys.executable, _HERE / "nursery.py"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, patience: float = _PATIENCE, **question: Any) -> int:
        """The answer to one line; who is waited for longer than so many seconds is killed, and the test fails."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], patience)[0]:
            if "wait" in question:
                os.killpg(question["wait"], signal.SIGKILL)
            self.process.kill()
            pytest.fail(f"no answer in {patience:.0f} s to {question}")
        return int(self.process.stdout.readline())

    def writer(
        self,
        path: Path,
        key: Path,
        told: Path,
        *,
        first: int,
        count: int,
        gate: Path | None = None,
        failpoint: str = "",
    ) -> Writer:
        """A writer that appends these runs."""
        words = {"store": str(path), "key": str(key), "told": str(told), "gate": str(gate) if gate else None}
        return Writer(self, self.ask(**words, first=first, count=count, failpoint=failpoint), told)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """One for all tests."""
    nursery = Nursery()
    yield nursery
    assert nursery.process.stdin is not None and nursery.process.stdout is not None
    nursery.process.stdin.close()
    nursery.process.wait()
    nursery.process.stdout.close()


@pytest.fixture
def whole(making: Any) -> Callable[..., None]:
    """That a store is in order, and holds each run that was acknowledged."""

    def check(path: Path, trust: Any, acknowledged: list[int], count: Count) -> None:
        report = verify_store(path, trust)
        assert report.ok, report.faults
        there = {run.start.plan.planned for run in Store.open(path).runs() if run.end is not None and run.end.got == 3}
        lost = [number for number in acknowledged if making.NOON + timedelta(hours=number) not in there]
        count.acknowledged += len(acknowledged)
        count.lost += len(lost)
        assert lost == []

    return check


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that mounts a file is skipped, with the reason, where the machine does not let us.

    Where nothing may be skipped it is left out and named at the end: `test_sync_order.py` shows the same otherwise.
    """
    mounting = [item for item in items if item.get_closest_marker("mounts_a_file")]
    reason = _why_no_loop_device() if mounting else None
    if reason is None:
        return
    if os.environ.get("MUNIMENT_NO_SKIPS") == "1":
        config.hook.pytest_deselected(items=mounting)
        items[:] = [item for item in items if item not in mounting]
        config.stash[_LEFT_OUT] = reason
    for item in mounting:
        item.add_marker(pytest.mark.skip(reason=reason))


def _why_no_loop_device() -> str | None:
    """Why a file system in a file cannot be mounted here; None where it can."""
    with tempfile.TemporaryDirectory() as name:
        image, folder = Path(name) / "disk.img", Path(name) / "disk"
        folder.mkdir()
        with image.open("wb") as file:
            file.truncate(4 * 1024 * 1024)
        for command in (["mkfs.ext4", "-q", "-F", image], ["mount", "-o", "loop", image, folder], ["umount", folder]):
            try:
                subprocess.run(command, check=True, capture_output=True, env=with_sbin())
            except (OSError, subprocess.CalledProcessError) as error:
                return (
                    f"no power cuts here, for {command[0]} does not work (root and a loop device are needed): {error}"
                )
    return None


def with_sbin() -> dict[str, str]:
    """The environment in which mount and mkfs are found."""
    return {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
