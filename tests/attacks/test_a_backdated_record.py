"""A record is added later and claims an earlier time: it stands after an anchor whose time is later than its own."""

from datetime import UTC, datetime
from typing import Any

from muniment.evidence.store import verify_store
from muniment.evidence.store.timestamp import ask_authority, load_certificates
from muniment.evidence.store.waiting import keep_token

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


def _run_of_long_ago(bench: Any, making: Any) -> None:
    start = bench.store.begin(making.plan_of(1, LONG_AGO), bench.signer, at=LONG_AGO)
    bench.store.finish(start, making.records_of(start), bench.signer, at=LONG_AGO, milliseconds=1)


def test_what_stands_after_an_anchor_cannot_be_older_than_it(bench: Any, making: Any, authority: Any) -> None:
    checkpoint = bench.store.checkpoint()
    keep_token(bench.path, checkpoint.size, ask_authority(authority.url, checkpoint.note))
    _run_of_long_ago(bench, making)
    report = verify_store(bench.path, bench.trust, authorities=load_certificates(authority.root))
    assert {fault.code for fault in report.faults} == {"anchor.backdated"}
    assert "record EV-2001-000001-0001" in [fault.where for fault in report.faults]


def test_without_an_anchor_before_it_a_backdated_record_cannot_be_told(bench: Any, making: Any, authority: Any) -> None:
    _run_of_long_ago(bench, making)
    report = verify_store(bench.path, bench.trust, authorities=load_certificates(authority.root))
    assert report.ok, "what remains undetectable: nothing outside says when"
