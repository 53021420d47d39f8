"""A signature is stripped or a key swapped: what is unsigned, or signed by a key that was not pinned, is invalid."""

from pathlib import Path
from typing import Any

from muniment.evidence.store import Signer, verify_store
from muniment.evidence.store.keys import trust_in


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
    assert [(fault.code, fault.message) for fault in report.faults] == [
        ("log.origin", "this is the log example.org/evidence, and what was pinned is for example.org/other")
    ]
    assert report.checkpoint is None, "nothing of another's log counts"


def test_a_commit_that_speaks_for_another_log_is_not_ours(bench: Any) -> None:
    pages = {"later/1.json": [b'{"schema":"muniment.later/1"}']}
    bench.forge("later/1.dsse.json", pages, origin="example.org/other")
    assert {"statement.origin", "note.origin"} <= {fault.code for fault in bench.verify().faults}


def test_without_pinned_keys_the_report_says_so(three_runs: Any) -> None:
    report = verify_store(three_runs.path, None)
    assert report.ok
    assert not report.pinned
