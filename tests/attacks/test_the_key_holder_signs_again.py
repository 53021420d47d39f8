"""The key holder edits, deletes or reorders a record and signs all that follows again: seen from outside only.

Every signature is good. A checkpoint that somebody kept, or a stamp that the rewritten log still carries, shows it.
What nobody kept outside cannot be seen: the first assertion of each test says so.
"""

from typing import Any

import pytest

from muniment.evidence.store import verify_store
from muniment.evidence.store.timestamp import ask_authority, load_certificates
from muniment.evidence.store.waiting import keep_token


def test_an_edited_record_is_seen_by_who_kept_a_checkpoint(bench: Any, making: Any, written_again: Any) -> None:
    bench.run(number=1)
    bench.run(number=2)
    kept = bench.store.checkpoint()
    written_again(bench)
    assert bench.verify().ok, "who holds the key can write another history"
    report = verify_store(bench.path, bench.trust, witness=kept)
    assert [fault.code for fault in report.faults] == ["history.rewritten"]


def test_a_deleted_record_is_seen_and_is_listed_as_missing(bench: Any, written_again: Any) -> None:
    bench.run(number=1)
    kept = bench.store.checkpoint()
    store = written_again(
        bench,
        without=frozenset({3}),
        missing=("tls/host-3",),
        reason="the host was switched off",
    )
    (run,) = store.runs()
    assert run.end is not None
    assert (run.end.planned, run.end.got, run.end.missing) == (6, 5, ("tls/host-3",)), "planned is not got"
    report = verify_store(bench.path, bench.trust, witness=kept)
    assert [fault.code for fault in report.faults] == ["history.shorter"]


@pytest.mark.parametrize(
    ("places", "code"), [([1, 2, 4, 5, 6], "run.incomplete"), ([2, 1, 3, 4, 5, 6], "record.order")]
)
def test_a_deletion_that_is_not_listed_or_another_order_is_seen_from_inside(
    bench: Any, making: Any, places: list[int], code: str
) -> None:
    start = bench.begin()
    bench.forge_end(start, making.records_of(start, places))
    assert code in [fault.code for fault in bench.verify().faults]


def test_a_rewritten_log_does_not_fit_the_stamp_that_it_carries(
    bench: Any, making: Any, written_again: Any, authority: Any
) -> None:
    bench.run(number=1)
    checkpoint = bench.store.checkpoint()
    token = ask_authority(authority.url, checkpoint.note)
    written_again(bench)
    keep_token(bench.path, checkpoint.size, token)
    bench.run(number=2)
    report = verify_store(bench.path, bench.trust, authorities=load_certificates(authority.root))
    assert "anchor.other_hash" in [fault.code for fault in report.faults]
