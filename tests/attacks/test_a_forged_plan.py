"""A plan is forged, or the last run dropped: the plan is stored and can be anchored before the first look."""

from typing import Any

from muniment.evidence import canonical
from muniment.evidence.store import verify_store
from muniment.evidence.store.layout import run_folder


def test_a_plan_that_was_changed_afterwards_is_not_the_one_that_was_signed(victim: Any) -> None:
    path = victim.file("start.json")
    victim.rewrite("Run 2 begins", {path: victim.read(path).replace(b"host-3", b"host-1")})
    assert ("file.altered", f"run 2, {path}") in [(fault.code, fault.where) for fault in victim.verify().faults]


def test_a_plan_that_the_key_holder_changed_does_not_fit_its_run_id(bench: Any, making: Any) -> None:
    bench.run(number=1)
    start = bench.begin(number=2)
    bench.git("update-ref", "refs/heads/evidence", "HEAD~1")
    forged = start.model_copy(update={"plan": making.plan_of(2, start.plan.planned)})
    folder = run_folder(start.plan.planned, start.run, start.run_id)
    bench.forge(f"{folder}/start.dsse.json", {f"{folder}/start.json": [canonical(forged)]}, runs=2)
    assert [fault.code for fault in bench.verify().faults] == ["run.plan"]


def test_a_plan_whose_checkpoint_was_kept_before_the_first_look_cannot_be_exchanged(bench: Any, making: Any) -> None:
    bench.run(number=1)
    start = bench.begin(number=2)
    kept = bench.store.checkpoint()  # what an anchor stamps, before anything was looked at
    bench.git("update-ref", "refs/heads/evidence", "HEAD~1")
    smaller = bench.store.begin(making.plan_of(2, start.plan.planned), bench.signer, at=start.plan.planned)
    bench.finish(smaller)
    assert bench.verify().ok, "from inside, the forged plan is as good as the true one"
    report = verify_store(bench.path, bench.trust, witness=kept)
    assert [fault.code for fault in report.faults] == ["history.rewritten"]


def test_a_last_run_that_was_dropped_is_seen_by_the_checkpoint_of_its_plan(bench: Any) -> None:
    bench.run(number=1)
    before = bench.store.checkpoint()
    start = bench.begin(number=2)
    planned = bench.store.checkpoint()
    bench.finish(start)
    bench.git("update-ref", "refs/heads/evidence", "HEAD~2")
    assert verify_store(bench.path, bench.trust, witness=before).ok, "an older checkpoint does not show it"
    report = verify_store(bench.path, bench.trust, witness=planned)
    assert [fault.code for fault in report.faults] == ["history.shorter"]
