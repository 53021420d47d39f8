"""An "erasure" is to hide a failure: a record cannot be taken out of the log, and what it came to stands in the end.

Nothing in the log is ever erased: only sealed payloads, which lie outside it.
"""

from typing import Any


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
