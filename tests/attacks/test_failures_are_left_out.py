"""Failing records are left out, or a bad run is abandoned and run again until it is green: all of it stays visible."""

from datetime import timedelta
from typing import Any

import pytest

from muniment.evidence.errors import RecordRefused
from muniment.evidence.store import Store


def test_the_store_takes_no_run_whose_failure_was_left_out_without_a_word(bench: Any, making: Any) -> None:
    start = bench.begin()
    with pytest.raises(RecordRefused, match="tls/host-3"):
        bench.finish(start, making.records_of(start, [1, 2, 4, 5, 6]))


def test_a_signed_run_whose_failure_was_left_out_is_named(bench: Any, making: Any) -> None:
    start = bench.begin()
    bench.forge_end(start, making.records_of(start, [1, 2, 4, 5, 6]))
    (fault,) = bench.verify().faults
    assert (fault.code, "EV-2026-000001-0003" in fault.message) == ("run.incomplete", True)


def test_an_abandoned_run_stays_open_for_ever_and_the_run_after_it_is_another(bench: Any, making: Any) -> None:
    bench.begin(number=1)
    bench.run(tasks=2, number=2)
    report = bench.verify()
    assert report.ok, "an abandoned run is no fault; it is shown"
    assert report.open_runs == (1,)
    abandoned, green = Store.open(bench.path).runs()
    assert (abandoned.start.run, abandoned.end) == (1, None)
    assert (green.start.run, green.end is not None) == (2, True)


def test_a_run_that_was_done_again_until_green_stands_beside_the_one_that_failed(bench: Any, making: Any) -> None:
    bench.run(tasks=3, number=1)
    at = making.NOON + timedelta(hours=2)
    again = bench.store.begin(making.plan_of(3, at), bench.signer, at=at)
    bench.finish(again, [making.record_at(again, place) for place in (1, 2)], missing=("tls/host-3",), reason="not now")
    first, second = (run.end for run in Store.open(bench.path).runs())
    assert first is not None
    assert second is not None
    assert (first.by_status["fail"], second.by_status["fail"]) == (1, 0)
    assert (second.planned, second.got, second.missing) == (3, 2, ("tls/host-3",))
