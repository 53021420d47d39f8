"""From a real store in git to a pack that verifies: what a command does, without the command."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from muniment.evidence.store import Store
from muniment.exports.model import Head
from muniment.exports.verify import verify_pack
from muniment.exports.write import write_pack


def test_a_pack_made_from_a_real_store_verifies_against_the_key_of_that_store(small, tmp_path: Path) -> None:
    began = small.runs[0].start.plan.planned
    store = Store.create(tmp_path / "evidence.git", origin="example.test/evidence", signer=small.signer, at=began)
    for run in small.runs:
        plan = run.start.plan
        records = [stored.record for stored in small.records if stored.run == run.start.run]
        start = store.begin(plan, small.signer, at=plan.planned)
        ended = plan.planned + timedelta(minutes=1)
        store.finish(start, records, small.signer, at=ended, milliseconds=60_000)
    checkpoint = store.checkpoint()
    kept = replace(
        small,
        head=Head(checkpoint.origin, checkpoint.size, checkpoint.root, checkpoint.note, store.commit, store.trust()),
        records=tuple(store.records()),
        runs=tuple(store.runs()),
        prove=store.proof,
        decisions=tuple(store.decisions()),
    )
    written = write_pack(kept.pack(), tmp_path / "pack.pdf", small.signer)
    report = verify_pack(written.path, store.trust())
    assert report.faults == ()
    assert report.facts.records == len(small.records)
    assert report.facts.checkpoint == checkpoint
