"""The policy on anchors: which kinds are required, and how long a head may wait for one."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.store.anchor import Entered, overdue

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("held", "hours", "kinds"),
    [
        ({}, 1, []),  # the oldest is exactly as old as it may be
        ({}, 1.1, ["timestamp", "remote"]),
        ({"timestamp": 10}, 1.1, ["remote"]),
        ({"timestamp": 18, "remote": 18}, 99, []),
        ({"timestamp": 10, "remote": 18}, 2, []),
        ({"timestamp": 10, "remote": 18}, 2.1, ["timestamp"]),
    ],
)
def test_what_no_anchor_of_a_required_kind_holds_may_wait_so_long(
    making: Any, held: dict[str, int], hours: float, kinds: list[str]
) -> None:
    entries = [Entered(10, making.NOON), Entered(18, making.NOON + HOUR)]
    at = making.NOON + hours * HOUR
    faults = list(overdue(("timestamp", "remote"), held, entries, at, HOUR))
    assert [fault.message.split(" has no ")[1] for fault in faults] == [
        f"{kind}; the policy allows 1 hour" for kind in kinds
    ]
    assert {fault.code for fault in faults} <= {"anchor.overdue"}


def test_the_commits_beyond_a_size_are_told_with_their_times(bench: Any, making: Any) -> None:
    bench.run(number=1)
    bench.run(number=2)
    assert list(bench.store.entries(since=10)) == [
        Entered(11, making.NOON + 2 * HOUR),
        Entered(18, making.NOON + 2 * HOUR + timedelta(minutes=1)),
    ]
    assert list(bench.verify().entries) == list(bench.store.entries())


def test_tokens_of_two_authorities_stand_beside_each_other(bench: Any, tmp_path: Path) -> None:
    import importlib.util

    from muniment.evidence.store import verify_store
    from muniment.evidence.store.timestamp import ask_authority, load_certificates
    from muniment.evidence.store.waiting import keep_token

    spec = importlib.util.spec_from_file_location("store_tsa", Path(__file__).with_name("tsa.py"))
    assert spec is not None and spec.loader is not None
    tsa = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tsa)
    checkpoint = bench.store.checkpoint()
    with tsa.serving(tmp_path / "one") as one, tsa.serving(tmp_path / "two") as two:
        for authority, mark in ((one, ""), (two, "0123abcd")):
            keep_token(bench.path, checkpoint.size, ask_authority(authority.url, checkpoint.note), mark=mark)
        pinned = load_certificates(one.root) + load_certificates(two.root)
        first = verify_store(bench.path, bench.trust, authorities=pinned)
        assert ([each.size for each in first.waiting], first.anchors) == ([2, 2], ())
        bench.run(number=24 * 365 * 50)
        second = verify_store(bench.path, bench.trust, authorities=pinned)
    assert second.ok, second.faults
    assert all(each.trusted for each in second.anchors)
    assert sorted(each.where.rpartition("/")[2] for each in second.anchors) == ["2-0123abcd.tsr", "2.tsr"]
