"""Runs without their tasks: they say what the whole runs say."""

from typing import Any

import pytest

from muniment.evidence.errors import IntegrityError
from muniment.evidence.store import Store
from muniment.evidence.store.runs import RunHead


def test_the_head_of_a_run_says_what_the_run_says(bench: Any) -> None:
    bench.run(tasks=3, number=1)
    bench.begin(tasks=2, number=2)  # and never ends
    bench.run(tasks=1, number=3)
    store = Store.open(bench.path)
    heads = list(store.run_heads())
    assert heads == [RunHead.of(run) for run in store.runs()]
    assert [(head.run, head.tasks, head.end is None) for head in heads] == [(1, 3, False), (2, 2, True), (3, 1, False)]
    size = heads[2].previous_size
    assert list(store.run_heads(since=size)) == heads[2:]


def test_a_start_that_is_none_has_no_head(bench: Any) -> None:
    folder = "runs/2026/11/24/000001-0123456789ab"
    bench.forge(f"{folder}/start.dsse.json", {f"{folder}/start.json": [b'{"run":"first","schema":"muniment.start/1"}']})
    with pytest.raises(IntegrityError, match="not a Start") as raised:
        list(Store.open(bench.path).run_heads())
    assert (raised.value.code, raised.value.where) == ("file.malformed", f"{folder}/start.json")
