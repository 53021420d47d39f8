"""What a key holder may sign and still cannot hide: every signature is good here, and the log makes no sense."""

from datetime import timedelta
from typing import Any

import pytest

from muniment.evidence import Start, canonical
from muniment.evidence.errors import IntegrityError
from muniment.evidence.store import Store, verify_store
from muniment.evidence.store.keys import TrustedKey
from muniment.evidence.store.layout import run_folder
from muniment.evidence.store.objects import parse_tree


def _forge_start(bench: Any, start: Start) -> None:
    folder = run_folder(start.plan.planned, start.run, start.run_id)
    bench.forge(f"{folder}/start.dsse.json", {f"{folder}/start.json": [canonical(start)]}, runs=start.run)


def _next_start(bench: Any, making: Any, **changes: Any) -> Start:
    plan = making.plan_of(2, making.NOON + timedelta(hours=9))
    head = bench.store.checkpoint()
    said = {"run": 2, "run_id": plan.run_id, "plan": plan, "previous_size": head.size, "previous_root": head.root}
    return Start.model_validate({**said, "versions": {}, **changes})


def test_a_run_that_was_left_out_leaves_a_gap_in_the_numbers(bench: Any, making: Any) -> None:
    bench.run(number=1)
    _forge_start(bench, _next_start(bench, making, run=3))
    (fault,) = bench.verify().faults
    assert fault.code == "run.number"
    assert fault.message == "run 2 should begin here, not run 3: a run is missing before it"


def test_a_number_that_is_taken_is_seen(bench: Any, making: Any) -> None:
    bench.run(number=1)
    _forge_start(bench, _next_start(bench, making, run=1))
    assert "that number is taken" in bench.verify().faults[0].message


def test_a_plan_that_was_changed_no_longer_fits_its_run_id(bench: Any, making: Any) -> None:
    bench.run(number=1)
    _forge_start(bench, _next_start(bench, making, run_id=making.plan_of(3).run_id))
    assert [fault.code for fault in bench.verify().faults] == ["run.plan"]


def test_a_start_that_does_not_follow_the_log_is_seen(bench: Any, making: Any) -> None:
    bench.run(number=1)
    _forge_start(bench, _next_start(bench, making, previous_size=2))
    assert [fault.code for fault in bench.verify().faults] == ["run.previous"]


def test_a_failing_record_that_was_left_out_is_named(bench: Any, making: Any) -> None:
    start = bench.begin()
    bench.forge_end(start, making.records_of(start, [1, 2, 4, 5, 6]))
    (fault,) = bench.verify().faults
    assert fault.code == "run.incomplete"
    assert fault.message == (
        "record EV-2026-000001-0003 of task 'tls/host-3' was planned, and is neither there nor listed as missing"
    )


def test_a_record_that_nobody_planned_is_named(bench: Any, making: Any) -> None:
    start = bench.begin(tasks=2)
    more = making.record_at(start, 2).model_copy(update={"id": "EV-2026-000001-0003", "task": "tls/elsewhere"})
    bench.forge_end(start, [*making.records_of(start), more])
    assert [(fault.code, fault.message) for fault in bench.verify().faults] == [
        ("record.foreign", "nobody planned record EV-2026-000001-0003")
    ]


@pytest.mark.parametrize(
    "lie", [{"planned": 5}, {"got": 7}, {"errored": 0}, {"by_status": {"pass": 6, "fail": 0}}], ids=str
)
def test_counts_that_do_not_fit_the_records_are_seen(lie: dict[str, Any], bench: Any, making: Any) -> None:
    start = bench.begin()
    bench.forge_end(start, making.records_of(start), **lie)
    assert [fault.code for fault in bench.verify().faults] == ["run.counts"]


def test_records_out_of_the_order_of_the_plan_are_seen(bench: Any, making: Any) -> None:
    start = bench.begin()
    bench.forge_end(start, making.records_of(start, [2, 1, 3, 4, 5, 6]))
    assert [fault.code for fault in bench.verify().faults] == ["record.order"]


def test_an_end_without_a_start_is_seen(bench: Any, making: Any) -> None:
    start = _next_start(bench, making)
    bench.forge_end(start, making.records_of(start))
    assert [fault.code for fault in bench.verify().faults] == ["run.end"]


def test_a_line_that_is_no_json_is_told_and_not_a_traceback(bench: Any) -> None:
    bench.forge("decisions/1.dsse.json", {"decisions/1.json": [b"{not json"]})
    (fault,) = bench.verify().faults
    assert (fault.code, fault.where) == ("leaf.malformed", "decisions/1.json, line 1")


def test_keys_that_are_changed_without_the_old_ones_are_seen(bench: Any) -> None:
    bench.forge("keys/more.dsse.json", {"keys/more.json": [canonical(bench.trust)]})
    assert [fault.code for fault in bench.verify().faults] == ["root.changed"]


def test_a_key_signs_only_while_it_is_valid(bench: Any, making: Any) -> None:
    bench.run(number=1)
    (key,) = bench.trust.keys
    ended = TrustedKey(name=key.name, public=key.public, valid_until=making.NOON + timedelta(minutes=90))
    report = verify_store(bench.path, bench.trust.model_copy(update={"keys": (ended,)}))
    assert [fault.code for fault in report.faults] == ["root.foreign"], "all was signed in time"
    early = TrustedKey(name=key.name, public=key.public, valid_from=making.NOON + timedelta(minutes=1))
    report = verify_store(bench.path, bench.trust.model_copy(update={"keys": (early,)}))
    assert "statement.key_validity" in [fault.code for fault in report.faults]


@pytest.mark.parametrize("name", [b"a/b", b"a\xff", b"a\x1b[31m", b""])
def test_a_file_cannot_hide_behind_an_odd_name(name: bytes) -> None:
    with pytest.raises(IntegrityError, match="a name in the folder is not one of ours"):
        parse_tree(b"100644 " + name + b"\0" + b"\x01" * 20)


def test_a_file_cannot_hide_behind_another_of_the_same_name() -> None:
    entry = b"100644 a\0" + b"\x01" * 20
    with pytest.raises(IntegrityError, match="not one of ours"):
        parse_tree(entry + entry)


def test_a_right_edge_that_does_not_lead_to_the_checkpoint_stops_the_next_run(victim: Any, making: Any) -> None:
    edge = victim.read("frontier.json").replace(b'"runs":3', b'"runs":2')
    victim.append({"frontier.json": edge}, victim.signer)
    found = {fault.code: fault.where for fault in victim.verify().faults}
    assert found["file.unsigned"] == "frontier.json"
    assert "checkpoint.stale" in found
    hashes = victim.read("frontier.json").replace(b'"sha256:', b'"sha256:0', 1)
    victim.append({"frontier.json": hashes}, victim.signer)
    with pytest.raises(IntegrityError):
        Store.open(victim.path)
