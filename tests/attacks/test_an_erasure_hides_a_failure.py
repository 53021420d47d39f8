"""An "erasure" is to hide a failure: a record cannot be taken out of the log, and what it came to stands in the end.

Nothing in the log is ever erased: only sealed payloads, which lie outside it, and under a tombstone that names ground
and approver.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from muniment.evidence import Actor, Decision, Status
from muniment.evidence.store import includes
from muniment.evidence.vault import Vault


def test_a_page_that_the_key_holder_takes_away_is_missed_and_its_status_stays_counted(victim: Any) -> None:
    page = victim.file("records-0000.jsonl")
    victim.append({page: None}, victim.signer)
    found = {fault.code: fault.where for fault in victim.verify().faults}
    assert found["file.removed"] == f"run 2, {page}"
    assert b'"fail":1' in victim.read(victim.file("end.json"))


def test_a_record_that_was_emptied_in_place_is_named(victim: Any) -> None:
    page = victim.file("records-0000.jsonl")
    lines = victim.read(page).splitlines(keepends=True)
    victim.append({page: b"".join([*lines[:2], b'{"erased":"on request"}\n', *lines[3:]])}, victim.signer)
    found = {fault.code: fault.where for fault in victim.verify().faults}
    assert found["record.altered"] == f"run 2, {page}, line 3, EV-2026-000002-0003"


def test_a_payload_that_is_erased_takes_neither_the_failure_nor_its_proof_with_it(
    bench: Any, making: Any, tmp_path: Path
) -> None:
    vault, start = Vault(tmp_path), bench.begin()
    records = making.records_of(start)
    sealed = vault.seal(b"jane.doe@example.org", media_type="text/plain")
    origin = records[2].outcome.origin.model_copy(update={"sealed": (sealed,)})
    records[2] = records[2].model_copy(update={"outcome": records[2].outcome.model_copy(update={"origin": origin})})
    bench.finish(start, records)
    tombstone = Decision(
        kind="erased",
        at=making.NOON + timedelta(hours=2),
        actor=Actor(name="Bo"),
        reason="GDPR Art. 17(1)(b)",
        refers_to=(sealed.id, records[2].id),
        asked_by="Bo",
        approver="Grace",
    )
    bench.store.decide(tombstone, signer=bench.signer, at=tombstone.at)
    vault.destroy(sealed.id)

    stored = bench.store.record(records[2].id)
    assert (stored.record, stored.record.verdict.status) == (records[2], Status.FAIL)
    assert includes(bench.store.proof(stored.leaf), bench.store.checkpoint().root_hash)
    assert (bench.verify().ok, bench.verify().decisions) == (True, 1)
    (each,) = bench.store.decisions()
    assert (each.decision.reason, each.decision.approver) == ("GDPR Art. 17(1)(b)", "Grace")
