"""A stolen key is used into the past: its validity ends, and what claims an earlier time stands after an anchor."""

from datetime import timedelta
from typing import Any

from muniment.evidence.store import verify_store
from muniment.evidence.store.keys import TrustedKey
from muniment.evidence.store.timestamp import ask_authority, load_certificates
from muniment.evidence.store.waiting import keep_token


def _ended(bench: Any, at: Any) -> Any:
    """The pinned trust of a reader who knows when the key was revoked."""
    (key,) = bench.trust.keys
    ended = TrustedKey(name=key.name, public=key.public, valid_until=at)
    return bench.trust.model_copy(update={"keys": (ended,)})


def test_a_key_that_has_ended_signs_no_later_time(bench: Any, making: Any) -> None:
    bench.run(number=1)
    bench.run(number=3)
    trust = _ended(bench, making.NOON + timedelta(hours=2))
    found = [fault for fault in verify_store(bench.path, trust).faults if fault.code == "statement.key_validity"]
    assert [fault.where.partition(",")[0] for fault in found] == ["run 2", "run 2"]


def test_a_thief_who_claims_an_earlier_time_stands_after_the_anchor(bench: Any, making: Any, authority: Any) -> None:
    """The key ended in 2002; the log was stamped today; then somebody signs as if it were 2001."""
    checkpoint = bench.store.checkpoint()
    keep_token(bench.path, checkpoint.size, ask_authority(authority.url, checkpoint.note))
    long_ago = making.NOON.replace(year=2001)
    start = bench.store.begin(making.plan_of(1, long_ago), bench.signer, at=long_ago)
    bench.store.finish(start, making.records_of(start), bench.signer, at=long_ago, milliseconds=1)
    trust = _ended(bench, making.NOON.replace(year=2002))
    report = verify_store(bench.path, trust, authorities=load_certificates(authority.root))
    codes = [fault.code for fault in report.faults]
    assert "anchor.backdated" in codes
