"""Timestamps of an authority outside: fetched, stored by the next run, and believed only of the one that was pinned."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.errors import CouldNotLook, IntegrityError
from muniment.evidence.store import verify_store
from muniment.evidence.store.timestamp import ask_authority, believe_token, load_certificates
from muniment.evidence.store.waiting import keep_token, waiting

_SPEC = importlib.util.spec_from_file_location("store_tsa", Path(__file__).with_name("tsa.py"))
assert _SPEC is not None and _SPEC.loader is not None
tsa = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tsa)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Any]:
    with tsa.serving(tmp_path / "tsa") as serving:
        yield serving


def anchored(bench: Any, authority: Any) -> None:
    """Stamp the head and leave the token for the next run."""
    checkpoint = bench.store.checkpoint()
    keep_token(bench.path, checkpoint.size, ask_authority(authority.url, checkpoint.note))


@pytest.fixture
def later(bench: Any, authority: Any) -> Any:
    """A store whose first run was stamped, and whose token waits."""
    bench.run(number=1)
    anchored(bench, authority)
    return bench


def codes(bench: Any, *roots: Path) -> list[str]:
    authorities = tuple(each for root in roots for each in load_certificates(root))
    return [fault.code for fault in verify_store(bench.path, bench.trust, authorities=authorities).faults]


FAR = 24 * 365 * 50  # hours: beyond the clock of any machine that runs this


def test_a_token_is_stored_by_the_next_run_and_openssl_believes_it(later: Any, authority: Any) -> None:
    size = later.store.checkpoint().size
    note = later.store.checkpoint().note
    later.run(number=FAR)
    assert waiting(later.path) == {}
    (path,) = (each for each in later.git("ls-tree", "-r", "--name-only", "HEAD").splitlines() if ".tsr" in each)
    assert path.endswith(f"/{size}.tsr")
    report = verify_store(later.path, later.trust, authorities=load_certificates(authority.root))
    assert report.ok, report.faults
    assert [(anchor.size, anchor.trusted) for anchor in report.anchors] == [(size, True)]
    (authority.folder / "note").write_text(note)
    blob = later.git("rev-parse", f"HEAD:{path}")
    data = later.store._log.database.read(blob, "blob")
    (authority.folder / "stored.tsr").write_bytes(data)
    said = authority.openssl("ts", "-verify", "-data", "note", "-in", "stored.tsr", "-CAfile", "root.pem")
    assert "Verification: OK" in said


def test_a_token_of_an_authority_that_was_not_pinned_is_a_fault(later: Any, tmp_path: Path) -> None:
    later.run(number=FAR)
    assert codes(later, tsa.Authority(tmp_path / "other").root) == ["anchor.untrusted"]


def test_without_a_pinned_certificate_a_token_proves_no_time(later: Any) -> None:
    later.run(number=2)  # claims an hour of a day that may be long past
    report = later.verify()
    assert report.ok
    assert [anchor.trusted for anchor in report.anchors] == [False]


def test_what_stands_after_an_anchor_and_claims_a_time_before_it_is_backdated(
    bench: Any, authority: Any, making: Any
) -> None:
    anchored(bench, authority)
    from datetime import datetime

    longest_ago = datetime.fromisoformat("2001-01-01T00:00:00Z")
    start = bench.store.begin(making.plan_of(1, longest_ago), bench.signer, at=longest_ago)
    bench.store.finish(start, making.records_of(start), bench.signer, at=longest_ago, milliseconds=1)
    assert set(codes(bench, authority.root)) == {"anchor.backdated"}


def stored(bench: Any, token: bytes) -> None:
    """Have the holder of the key store a file as the token of the head."""
    path = f"anchors/2026/11/24/{bench.store.checkpoint().size}.tsr"
    bench.forge("later/1.dsse.json", {"later/1.json": [b'{"schema":"muniment.later/1"}']}, files={path: token})


def test_a_token_over_another_checkpoint_is_a_fault(bench: Any, authority: Any) -> None:
    stored(bench, ask_authority(authority.url, "another note\n").answer)
    assert codes(bench, authority.root) == ["anchor.other_hash"]


def test_a_file_among_the_anchors_that_is_no_token_is_a_fault(bench: Any, authority: Any) -> None:
    stored(bench, b"not a token")
    assert codes(bench, authority.root) == ["anchor.malformed"]


def test_what_waits_and_is_no_token_of_the_log_is_put_aside_and_never_stored(bench: Any, authority: Any) -> None:
    bench.run(number=1)
    checkpoint = bench.store.checkpoint()
    keep_token(bench.path, checkpoint.size, ask_authority(authority.url, checkpoint.note))
    whole = waiting(bench.path)[f"{checkpoint.size}.tsr"]
    other = ask_authority(authority.url, "another note\n").answer
    spoilt = {
        "1.tsr": b"",
        "2.tsr": whole,
        "99.tsr": whole,
        f"{checkpoint.size}-00000000.tsr": whole[:-200],
        f"{checkpoint.size}-11111111.tsr": other,
    }
    for name, data in spoilt.items():
        (bench.path / "anchors" / name).write_bytes(data)
    assert bench.store.refused_tokens() == tuple(sorted(spoilt))
    bench.run(number=FAR)
    aside = {f"{name}.refused": data for name, data in spoilt.items()}
    assert {path.name: path.read_bytes() for path in (bench.path / "anchors").glob("*.tsr*")} == aside
    assert bench.store.refused_tokens() == tuple(sorted(aside))
    report = verify_store(bench.path, bench.trust, authorities=load_certificates(authority.root))
    assert (report.faults, [anchor.size for anchor in report.anchors]) == ((), [checkpoint.size])


def test_an_answer_that_is_no_token_is_refused(bench: Any, authority: Any) -> None:
    authority.answer = b"<html>Welcome to the hotel</html>"
    with pytest.raises(IntegrityError, match="no timestamp of RFC 3161") as raised:
        ask_authority(authority.url, bench.store.checkpoint().note)
    assert raised.value.code == "anchor.malformed"


def test_an_authority_that_answers_with_another_hash_is_refused(bench: Any, authority: Any) -> None:
    authority.answer = ask_authority(authority.url, "another note\n").answer
    with pytest.raises(IntegrityError, match="over other bytes") as raised:
        ask_authority(authority.url, bench.store.checkpoint().note)
    assert raised.value.code == "anchor.other_hash"


def test_an_old_answer_played_again_is_refused(bench: Any, authority: Any) -> None:
    note = bench.store.checkpoint().note
    authority.answer = ask_authority(authority.url, note).answer
    with pytest.raises(IntegrityError) as raised:
        ask_authority(authority.url, note)
    assert raised.value.code == "anchor.nonce"


def test_an_altered_token_is_not_believed(bench: Any, authority: Any) -> None:
    note = bench.store.checkpoint().note
    token = ask_authority(authority.url, note)
    bent = type(token)(token.answer[:-3] + bytes([token.answer[-3] ^ 1]) + token.answer[-2:], token.at, token.imprint)
    with pytest.raises(IntegrityError):
        believe_token(bent, load_certificates(authority.root), where="here")


def test_an_authority_that_does_not_listen_is_unreachable() -> None:
    with pytest.raises(CouldNotLook) as raised:
        ask_authority("http://127.0.0.1:1/", "note\n")
    assert raised.value.cause == "anchor.unreachable"
