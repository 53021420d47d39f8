"""A run in the middle is dropped and its neighbours are kept: run numbers have no gap, and history no hole."""

from typing import Any

from muniment.evidence import canonical
from muniment.evidence.store.layout import run_folder


def test_history_without_the_commits_of_a_run_does_not_hold_together(victim: Any) -> None:
    """An outsider grafts run 3 onto run 1: the signatures of its commits break, and so do order and numbers."""
    names = victim.git("rev-list", "--reverse", "HEAD").splitlines()
    parent = names[2]  # the end of run 1
    for name in names[5:]:
        data = victim.git("cat-file", "commit", name) + "\n"
        old = next(line.split()[1] for line in data.splitlines() if line.startswith("parent "))
        parent = victim._point(data.replace(old, parent).encode())
    found = victim.verify().faults
    codes = {fault.code for fault in found}
    assert {"run.number", "leaf.order", "commit.signature"} <= codes
    (number,) = (fault.message for fault in found if fault.code == "run.number")
    assert number == "run 2 should begin here, not run 3: a run is missing before it"


def test_the_key_holder_who_leaves_a_number_out_is_seen(bench: Any, making: Any) -> None:
    bench.run(number=1)
    plan = making.plan_of(2, making.NOON.replace(hour=21))
    head = bench.store.checkpoint()
    said = {"run": 3, "run_id": plan.run_id, "plan": plan, "previous_size": head.size, "previous_root": head.root}
    start = making.Start.model_validate({**said, "versions": {}})
    folder = run_folder(start.plan.planned, start.run, start.run_id)
    bench.forge(f"{folder}/start.dsse.json", {f"{folder}/start.json": [canonical(start)]}, runs=3)
    assert [fault.code for fault in bench.verify().faults] == ["run.number"]
