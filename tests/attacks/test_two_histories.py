"""Two readers are shown two histories: of one size there is one root, and a larger log must continue the smaller."""

from typing import Any

from muniment.evidence.store import verify_store
from muniment.evidence.store.merkle import consistent


def test_a_second_line_of_history_is_seen(victim: Any) -> None:
    victim.git("update-ref", "refs/heads/shadow", "HEAD~1")
    assert victim.codes() == ["ref.unexpected"]


def test_a_replaced_object_does_not_deceive_and_is_seen(victim: Any) -> None:
    victim.git("replace", "HEAD", "HEAD~1")
    assert victim.codes() == ["ref.unexpected"]


def test_borrowed_objects_are_seen(victim: Any) -> None:
    (victim.path / "objects" / "info").mkdir(exist_ok=True)
    (victim.path / "objects" / "info" / "alternates").write_text("/elsewhere/objects\n")
    assert victim.codes() == ["repository.astray"]


def test_two_readers_who_were_shown_two_histories_see_it_by_their_checkpoints(
    bench: Any, making: Any, written_again: Any
) -> None:
    bench.run(number=1)
    shown_to_one = bench.store.checkpoint()
    one = bench.store.root(shown_to_one.size)
    other = written_again(bench)
    shown_to_other = other.checkpoint()
    assert verify_store(bench.path, bench.trust).ok, "each history alone is in order"
    assert shown_to_other.size == shown_to_one.size
    assert shown_to_other.root != one
    report = verify_store(bench.path, bench.trust, witness=shown_to_one)
    assert [fault.code for fault in report.faults] == ["history.rewritten"]


def test_a_longer_history_is_the_same_only_with_a_proof_of_consistency(
    bench: Any, making: Any, written_again: Any
) -> None:
    bench.run(number=1)
    early = bench.store.checkpoint()
    bench.run(number=2)
    late = bench.store.checkpoint()
    honest = bench.store.consistency(early.size)
    assert consistent(honest, early.root_hash, late.root_hash)
    other = written_again(bench)
    forged = other.consistency(early.size)
    assert not consistent(forged, early.root_hash, other.checkpoint().root_hash)
