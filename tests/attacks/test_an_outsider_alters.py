"""An outsider alters, adds or removes a byte, a file, a record, a date, a lifetime: verification names it."""

from typing import Any

import pytest


def test_a_clean_store_has_no_faults(three_runs: Any) -> None:
    report = three_runs.verify()
    assert report.ok
    assert report.faults == ()
    assert (report.runs, report.records, report.checkpoint.size) == (3, 18, 2 + 3 * 8)
    assert report.pinned


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


def test_a_rewritten_message_breaks_the_signature(victim: Any) -> None:
    head = victim.git("cat-file", "commit", "HEAD")
    victim._point((head.replace("1 fail", "0 fail") + "\n").encode())
    assert victim.codes() == ["commit.signature"]


@pytest.mark.parametrize(
    ("was", "said"),
    [
        (b'"valid_until":null', b'"valid_until":"2036-01-01T00:00:00Z"'),
        (b'"recorded":"2026-11-24', b'"recorded":"2026-11-23'),
        (b'"status":"fail"', b'"status":"pass"'),
    ],
    ids=["lifetime", "date", "status"],
)
def test_a_lifetime_a_date_or_a_status_that_was_bent_is_named(victim: Any, was: bytes, said: bytes) -> None:
    page = victim.file("records-0000.jsonl")
    lines = victim.read(page).splitlines(keepends=True)
    assert was in lines[2]
    victim.rewrite("Run 2: ", {page: b"".join([*lines[:2], lines[2].replace(was, said), *lines[3:]])})
    first = victim.verify().faults[0]
    assert (first.code, first.where) == ("record.altered", f"run 2, {page}, line 3, EV-2026-000002-0003")


def test_a_commit_that_was_given_another_date_is_named(victim: Any) -> None:
    head = victim.git("cat-file", "commit", "HEAD") + "\n"
    (seconds,) = {line.split()[-2] for line in head.splitlines() if line.startswith("committer ")}
    victim._point(head.replace(seconds, str(int(seconds) - 86_400)).encode())
    assert victim.codes() == ["commit.signature"]


def test_a_single_bit_of_a_page_names_the_record(victim: Any) -> None:
    page = victim.file("records-0000.jsonl")
    data = bytearray(victim.read(page))
    data[data.index(b"EV-2026-000002-0004") - 200] ^= 1
    victim.rewrite("Run 2: ", {page: bytes(data)})
    assert victim.verify().faults[0].code == "record.altered"
