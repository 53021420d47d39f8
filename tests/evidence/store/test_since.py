"""Verifying what came after a checkpoint that was kept: the new is held to all rules, and the old is not read."""

from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.store import Checkpoint, Store, verify_store
from muniment.evidence.store.merkle import consistent


@pytest.fixture
def grown(bench: Any) -> Any:
    """A store of which two runs were verified before; a third was under way then."""
    bench.run(number=1)
    bench.run(number=2)
    bench.under_way = bench.begin(number=3)
    bench.kept = Checkpoint.parse(bench.store.checkpoint().note)
    bench.finish(bench.under_way)
    bench.run(number=4)
    return bench


def test_only_what_is_new_is_looked_at(grown: Any) -> None:
    seen = list[tuple[int, int]]()
    report = verify_store(grown.path, grown.trust, since=grown.kept, progress=lambda *done: seen.append(done))
    assert report.ok, report.faults
    assert (report.since, report.records, report.runs) == (grown.kept.size, 12, 4)
    assert seen == [(1, 3), (2, 3), (3, 3)]
    whole = verify_store(grown.path, grown.trust)
    assert (whole.since, whole.records, whole.checkpoint) == (None, 24, report.checkpoint)
    assert report.checkpoint is not None
    proof = grown.store.consistency(grown.kept.size)
    assert consistent(proof, grown.kept.root_hash, report.checkpoint.root_hash)


def test_from_the_head_on_there_is_nothing_to_look_at(grown: Any) -> None:
    report = verify_store(grown.path, grown.trust, since=grown.store.checkpoint())
    assert (report.ok, report.records, report.runs) == (True, 0, 4)


def test_what_was_altered_since_is_named(grown: Any, making: Any) -> None:
    victim = making.Victim(grown.path, grown.signer, grown.trust)
    page = victim.file("records-0000.jsonl", run=4)
    victim.rewrite("Run 4: ", {page: victim.read(page).replace(b"TLS 1.0 is offered", b"TLS 1.0 is refused")})
    first = victim.verify(since=grown.kept).faults[0]
    assert (first.code, first.where) == ("record.altered", f"run 4, {page}, line 3, EV-2026-000004-0003")


def test_a_later_commit_that_takes_an_old_file_away_is_named(grown: Any, making: Any) -> None:
    victim = making.Victim(grown.path, grown.signer, grown.trust)
    path = victim.file("end.json", run=1)
    victim.append({path: None}, grown.signer)
    assert "file.removed" in [fault.code for fault in victim.verify(since=grown.kept).faults]


def test_a_run_that_ends_twice_is_seen(grown: Any, making: Any) -> None:
    grown.forge_end(grown.under_way, making.records_of(grown.under_way))
    found = verify_store(grown.path, grown.trust, since=grown.kept).faults
    assert "file.rewritten" in [fault.code for fault in found]


def test_damage_from_before_is_not_looked_for_and_the_whole_store_shows_it(grown: Any, making: Any) -> None:
    victim = making.Victim(grown.path, grown.signer, grown.trust)
    victim.flip(victim.file("records-0000.jsonl", run=1), 0.5)
    assert victim.verify(since=grown.kept).ok
    assert not victim.verify().ok


def test_a_log_that_does_not_continue_the_checkpoint_is_verified_whole_and_named(
    grown: Any, making: Any, tmp_path: Path
) -> None:
    grown.git("update-ref", "refs/heads/evidence", "HEAD~4")
    report = verify_store(grown.path, grown.trust, since=grown.kept)
    assert [fault.code for fault in report.faults] == ["history.shorter"]
    for number in (5, 6, 7):
        grown.run(tasks=8, number=number)
    report = verify_store(grown.path, grown.trust, since=grown.kept)
    assert [fault.code for fault in report.faults] == ["history.rewritten"]
    assert (report.since, report.records) == (None, 2 * 6 + 3 * 8)


def test_a_checkpoint_that_nobody_signed_is_not_taken(grown: Any) -> None:
    forged = Checkpoint.parse(grown.kept.note.replace(f"\n{grown.kept.size}\n", f"\n{grown.kept.size + 1}\n"))
    report = verify_store(grown.path, grown.trust, since=forged)
    assert [fault.code for fault in report.faults] == ["witness.invalid"]
    assert report.records == 24


def test_a_timestamp_over_a_head_from_before_is_held_against_it(grown: Any, three_runs: Any) -> None:
    """The token is none, which is told as such; that its checkpoint is not known would be another fault."""
    early = Store.open(grown.path).history()[2].size
    path, page = f"anchors/2026/11/24/{early}.tsr", {"later/1.json": [b'{"schema":"muniment.later/1"}']}
    grown.forge("later/1.dsse.json", page, files={path: b"not a token"})
    report = verify_store(grown.path, grown.trust, since=grown.kept)
    assert [fault.code for fault in report.faults] == ["anchor.malformed"]
