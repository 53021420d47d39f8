"""What a store remembers of the run that it wrote last is what reading the log gives, and is used for nothing else."""

import sqlite3
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence import IntegrityError, Observed
from muniment.evidence.decision import Decision
from muniment.evidence.index import Index
from muniment.evidence.model import Period, canonical
from muniment.evidence.store import Store

_TABLES = ("source", "series", "record", "record_control", "run")


def rows(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of an index, by table."""
    connection = sqlite3.connect(database)
    try:
        return {table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr) for table in _TABLES}  # noqa: S608
    finally:
        connection.close()


def indexed(database: Path, store: Store, *, again: bool = False) -> dict[str, list[tuple[Any, ...]]]:
    """The rows after an update from this store, or after all were made again."""
    with Index.open(f"sqlite:///{database}") as index:
        index.rebuild(store) if again else index.update(store)
    return rows(database)


def odd_records(making: Any, start: Any) -> list[Any]:
    """Six records that differ in all that a row is made of."""
    records = making.records_of(start)
    at = start.plan.planned
    seen = records[1].outcome
    period = Period(start=at - timedelta(days=30), end=at)
    records[1] = records[1].model_copy(
        update={
            "outcome": Observed(
                origin=seen.origin.model_copy(update={"stands_for": period}), facts=seen.facts, verdict=seen.verdict
            ),
            "life": records[1].life.model_copy(update={"valid_until": at + timedelta(days=90)}),
            "controls": ("C-2", "C-1", "C-2"),
            "subject": "häuser\u2028 \U0001f600",
        }
    )
    return list(records)


def test_rows_of_the_run_in_memory_are_those_that_reading_gives(bench: Any, making: Any, tmp_path: Path) -> None:
    fresh, read = tmp_path / "fresh.db", tmp_path / "read.db"
    for number, nul in ((1, ""), (2, "\x00")):
        start = bench.begin(number=number)
        assert indexed(fresh, bench.store) == indexed(read, Store.open(bench.path))  # the run is open
        records = odd_records(making, start)
        records[0] = records[0].model_copy(update={"subject_kind": f"end{nul}point"})
        bench.finish(start, records[::-1])
        assert indexed(fresh, bench.store) == indexed(read, Store.open(bench.path))
    assert indexed(fresh, Store.open(bench.path), again=True) == rows(read)
    assert len(rows(read)["record"]) == 12


def test_it_is_given_once_and_only_where_no_other_run_came_between(bench: Any, making: Any) -> None:
    before = bench.store.checkpoint().size
    start = bench.begin()
    bench.store.decide(
        Decision(kind="imported", at=making.NOON, actor=start.plan.actor, reason="the list of last year"),
        signer=bench.signer, at=making.NOON,
    )  # fmt: skip
    bench.finish(start)
    head = bench.store.checkpoint()
    assert bench.store.written(before + 1, making_earlier(bench)) is None, "the head is another"
    assert bench.store.written(before, head) is None, "it was given, even though it was of no use"

    second = bench.begin(number=2)
    bench.finish(second)
    written = bench.store.written(head.size, bench.store.checkpoint())
    assert written.run == list(Store.open(bench.path).runs())[-1]
    assert list(written.numbered()) == [each for each in Store.open(bench.path).lines() if each[0] == 2]
    assert bench.store.written(head.size, bench.store.checkpoint()) is None

    third = bench.begin(number=3)
    since = bench.store.checkpoint().size
    other = Store.open(bench.path)
    other.begin(making.plan_of(1, making.NOON + timedelta(hours=4)), bench.signer, at=making.NOON)
    bench.finish(third)
    assert bench.store.written(since, bench.store.checkpoint()) is None, "another run began in between"


def making_earlier(bench: Any) -> Any:
    """A head of the same log that is not the newest."""
    head = bench.store.checkpoint()
    return type(head)(head.origin, head.size - 1, head.root, head.note)


def test_what_another_store_object_began_is_read_from_the_log(bench: Any) -> None:
    start = bench.begin()
    size = bench.store.checkpoint().size
    bench.store = Store.open(bench.path)
    bench.finish(start)
    assert bench.store.written(size, bench.store.checkpoint()) is None
    assert [run.end.got for run in bench.store.runs()] == [6]


def test_a_start_spelled_around_its_plan_has_its_canonical_bytes(bench: Any) -> None:
    start = bench.begin()
    assert start.spelled(canonical(start.plan)) == canonical(start)
    assert next(iter(bench.store.runs())).start == start


def test_a_head_that_somebody_moved_is_verified_again(bench: Any) -> None:
    bench.run(number=1)
    before = bench.store.checkpoint()
    commit = bench.store.commit
    bench.git("update-ref", "refs/heads/evidence", "HEAD~1")
    assert bench.store.checkpoint().size < before.size
    forged = bench.git("commit-tree", "-p", commit, "-m", "forged", bench.git("mktree", "--missing"))
    bench.git("update-ref", "refs/heads/evidence", forged)
    with pytest.raises(IntegrityError):
        bench.store.checkpoint()
    with pytest.raises(IntegrityError):
        bench.begin(number=2)
    bench.git("update-ref", "refs/heads/evidence", commit)
    assert bench.store.checkpoint() == before


def test_an_index_that_stays_open_knows_the_series_that_others_began(bench: Any, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/i.db"
    with Index.open(url) as staying, Index.open(url) as other:
        for number, (tasks, index) in enumerate([(2, staying), (3, other), (5, staying), (5, staying)], start=1):
            bench.run(tasks=tasks, number=number)
            index.update(bench.store)
        assert staying.check_against(bench.store) == []
    with sqlite3.connect(tmp_path / "i.db") as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT subject) FROM series").fetchone() == (5, 5)


def test_a_start_names_the_version_that_wrote_it(bench: Any) -> None:
    assert bench.begin().versions["muniment"] == version("muniment")
