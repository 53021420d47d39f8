"""One test for each way to change a store without its key: verification names what was done, and where."""

from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.store import Checkpoint, Signer, Store, verify_store
from muniment.evidence.store.keys import trust_in


def test_a_clean_store_has_no_faults(three_runs: Any) -> None:
    report = three_runs.verify()
    assert report.ok
    assert report.faults == ()
    assert (report.runs, report.records, report.checkpoint.size) == (3, 18, 2 + 3 * 8)
    assert report.pinned


def test_without_pinned_keys_the_report_says_so(three_runs: Any) -> None:
    report = verify_store(three_runs.path, None)
    assert report.ok
    assert not report.pinned


def test_an_altered_record_is_named(victim: Any) -> None:
    page = victim.file("records-0000.jsonl")
    data = victim.read(page).replace(b'"tls://host-3.', b'"tls://host-8.')
    victim.rewrite("Run 2: ", {page: data})
    faults = victim.verify().faults
    assert (faults[0].code, faults[0].where) == ("record.altered", f"run 2, {page}, line 3, EV-2026-000002-0003")
    assert faults[0].message == "record EV-2026-000002-0003 is not the one that was signed"
    assert "commit.signature" in [fault.code for fault in faults]


def test_a_record_that_a_later_commit_alters_is_named(victim: Any) -> None:
    page = victim.file("records-0000.jsonl")
    victim.append({page: victim.read(page).replace(b"TLS 1.0 is offered", b"TLS 1.0 is refused")})
    found = {fault.code: fault for fault in victim.verify().faults}
    assert found["record.altered"].where == f"run 2, {page}, line 3, EV-2026-000002-0003"
    assert found["file.rewritten"].where == f"run 2, {page}"
    assert "commit.unsigned" in found


def test_a_removed_record_is_named(victim: Any) -> None:
    page = victim.file("records-0000.jsonl")
    lines = victim.read(page).splitlines(keepends=True)
    victim.rewrite("Run 2: ", {page: b"".join(lines[:2] + lines[3:])})
    first = victim.verify().faults[0]
    assert first.code == "record.removed"
    assert first.message == "record EV-2026-000002-0003 was signed and is gone"


def test_an_added_record_is_named(victim: Any) -> None:
    page = victim.file("records-0000.jsonl")
    data = victim.read(page)
    victim.rewrite("Run 2: ", {page: data + data.splitlines()[0].replace(b"-0001", b"-0009") + b"\n"})
    first = victim.verify().faults[0]
    assert (first.code, first.message) == ("record.added", "line 7 is a record that nobody signed")


def test_exchanged_records_are_seen(victim: Any) -> None:
    page = victim.file("records-0000.jsonl")
    lines = victim.read(page).splitlines(keepends=True)
    victim.rewrite("Run 2: ", {page: b"".join([lines[1], lines[0], *lines[2:]])})
    assert victim.verify().faults[0].code == "record.moved"


@pytest.mark.parametrize("name", ["start.json", "end.json", "leaves.sha256", "records-0000.jsonl"])
def test_a_file_that_was_never_there_is_missed(victim: Any, name: str) -> None:
    path = victim.file(name)
    subject = "Run 2 begins" if name == "start.json" else "Run 2: "
    victim.rewrite(subject, {path: None})
    first = victim.verify().faults[0]
    assert (first.code, first.where) == ("file.missing", f"run 2, {path}")
    assert first.message.startswith("the file was signed and is not there")


def test_a_missing_page_says_which_records_it_held(victim: Any) -> None:
    victim.rewrite("Run 2: ", {victim.file("records-0000.jsonl"): None})
    message = victim.verify().faults[0].message
    assert message.endswith("it held the records EV-2026-000002-0001 to EV-2026-000002-0006")


def test_a_file_that_a_later_commit_removes_is_missed(victim: Any) -> None:
    path = victim.file("end.json")
    victim.append({path: None})
    found = {fault.code: fault.where for fault in victim.verify().faults}
    assert found["file.removed"] == f"run 2, {path}"


def test_a_whole_run_that_a_later_commit_removes_is_missed(victim: Any) -> None:
    victim.append(dict.fromkeys(path for path in victim.paths() if "/000002-" in path))
    removed = [fault.where for fault in victim.verify().faults if fault.code == "file.removed"]
    assert all(where.startswith("run 2, runs/2026/11/24/000002-") for where in removed)
    assert len(removed) == 6


@pytest.mark.parametrize("path", ["note.txt", "keys/another.json", "runs/2026/11/24/extra.json"])
def test_an_added_file_is_not_covered(victim: Any, path: str) -> None:
    victim.append({path: b"hello\n"})
    found = {fault.code: fault.where for fault in victim.verify().faults}
    assert found["file.unsigned"] == path
    assert "commit.unstated" in found


def test_a_file_slipped_into_a_signed_commit_is_not_covered(victim: Any) -> None:
    path = victim.file("end.json").replace("end.json", "extra.json")
    victim.rewrite("Run 2: ", {path: b"{}\n"})
    first = victim.verify().faults[0]
    assert (first.code, first.where) == ("file.unsigned", f"run 2, {path}")


def test_a_commit_whose_signature_is_stripped_is_named(victim: Any) -> None:
    head = victim.git("cat-file", "commit", "HEAD")
    start, end = head.index("gpgsig "), head.index("-----END SSH SIGNATURE-----") + 28
    victim._point((head[:start] + head[end:] + "\n").encode())
    assert [(fault.code, fault.message) for fault in victim.verify().faults] == [
        ("commit.unsigned", "the commit carries no signature")
    ]


def test_a_statement_whose_signature_is_stripped_is_named(victim: Any) -> None:
    path = victim.file("statement.dsse.json")
    start, _, rest = victim.read(path).partition(b'"signatures":[')
    victim.rewrite("Run 2: ", {path: start + b'"signatures":[' + rest[rest.index(b"]") :]})
    found = {fault.code: fault for fault in victim.verify().faults}
    assert found["statement.unsigned"].where.endswith(path)
    assert found["statement.unsigned"].where.startswith("run 2, commit ")


def test_a_checkpoint_without_signature_is_named(victim: Any) -> None:
    text = victim.read("checkpoint").decode().partition("\n\n")[0]
    victim.append({"checkpoint": f"{text}\n\n".encode()})
    assert "note.malformed" in victim.codes()


def test_commits_signed_with_another_key_are_named(victim: Any, tmp_path: Path) -> None:
    stranger = Signer.generate(tmp_path / "stranger")
    victim.rewrite("Run 2: ", {}, signer=stranger)
    assert victim.codes() == ["commit.unknown_key"] * 3


def test_another_store_with_another_key_is_not_ours(victim: Any, making: Any, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = making.Bench(tmp_path / "other")
    other.run()
    report = verify_store(other.path, victim.trust)
    codes = {fault.code for fault in report.faults}
    assert {"root.foreign", "commit.unknown_key", "statement.unknown_key", "note.signature"} <= codes
    assert verify_store(other.path, None).ok


def test_a_key_slipped_into_the_root_is_seen(victim: Any, tmp_path: Path) -> None:
    stranger = Signer.generate(tmp_path / "stranger")
    victim.append({"keys/root.json": trust_in(stranger, victim.trust.origin).model_dump_json().encode()}, stranger)
    found = {fault.code: fault.where for fault in victim.verify().faults}
    assert found["file.rewritten"] == "keys/root.json"
    assert "commit.unknown_key" in found


def test_a_log_of_another_origin_is_not_ours(three_runs: Any) -> None:
    trust = three_runs.trust.model_copy(update={"origin": "example.org/other"})
    report = verify_store(three_runs.path, trust)
    assert {"statement.origin", "note.origin"} <= {fault.code for fault in report.faults}


def test_a_rewritten_message_breaks_the_signature(victim: Any) -> None:
    head = victim.git("cat-file", "commit", "HEAD")
    victim._point((head.replace("1 fail", "0 fail") + "\n").encode())
    assert victim.codes() == ["commit.signature"]


def test_a_rollback_is_seen_by_who_kept_a_checkpoint(victim: Any) -> None:
    kept = Store.open(victim.path).checkpoint()
    victim.git("update-ref", "refs/heads/evidence", "HEAD~2")
    assert victim.verify().ok, "from inside, a log that was cut off looks like a younger one"
    found = victim.verify(witness=kept).faults
    assert [fault.code for fault in found] == ["history.shorter"]
    assert found[0].message == "the log has 18 leaves now: what came after was taken away"


def test_a_history_that_the_key_holder_rewrote_is_seen_by_who_kept_a_checkpoint(making: Any, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    bench = making.Bench(tmp_path / "a")
    start = bench.begin()
    bench.finish(start)
    kept = bench.store.checkpoint()
    bench.path.rename(tmp_path / "first")
    again = Store.create(bench.path, origin=bench.trust.origin, signer=bench.signer, at=making.NOON)
    better = [making.record_at(start, place, note="all is well") for place in range(1, 7)]
    at = start.plan.planned
    again.finish(again.begin(start.plan, bench.signer, at=at), better, bench.signer, at=at, milliseconds=1)
    assert bench.verify().ok, "who holds the key can write another history"
    report = verify_store(bench.path, bench.trust, witness=kept)
    assert [fault.code for fault in report.faults] == ["history.rewritten"]


def test_a_store_continues_the_checkpoint_that_was_kept(bench: Any) -> None:
    bench.run(number=1)
    kept = Checkpoint.parse(bench.store.checkpoint().note)
    bench.run(number=2)
    assert verify_store(bench.path, bench.trust, witness=kept).ok


def test_a_forged_checkpoint_from_outside_is_refused(three_runs: Any, tmp_path: Path) -> None:
    forged = three_runs.store.checkpoint().note.replace("\n26\n", "\n27\n")
    report = verify_store(three_runs.path, three_runs.trust, witness=Checkpoint.parse(forged))
    assert [fault.code for fault in report.faults] == ["witness.invalid"]


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
