"""Writers are killed before and after each step of the commit protocol: the next writer needs no hand."""

import signal
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.store.failpoint import STEPS


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("operation", ["begin", "finish"])
def test_a_writer_killed_at_any_step_loses_nothing(
    operation: str, step: str, bench: Any, nursery: Any, whole: Any, count: Any, times: Any, tmp_path: Path
) -> None:
    """A step is done when its point is reached, so that each point stands after one step and before the next."""
    acknowledged = list[int]()
    for number in range(2, 2 + 2 * times(1, 25), 2):
        told = tmp_path / f"told-{number}"
        point = f"{operation}.{step}"
        killed = nursery.writer(bench.path, bench.key_path, told, first=number, count=1, failpoint=point)
        assert killed.wait() == -signal.SIGKILL
        assert killed.acknowledged() == []
        before = bench.verify()
        assert before.ok, before.faults
        assert before.runs - len(acknowledged) <= 1
        mended = nursery.writer(bench.path, bench.key_path, told, first=number, count=2)
        assert mended.wait() == 0, mended.complaints()
        acknowledged += mended.acknowledged()
        count.planted += 1
        count.restarts += 1
    whole(bench.path, bench.trust, acknowledged, count)
    report = bench.verify()
    assert (report.runs, report.open_runs) == (len(acknowledged), ())
