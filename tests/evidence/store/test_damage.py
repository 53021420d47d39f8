"""Damage below the log: flipped bits, lost packs, lost references, each told with the run and record that it hits."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.errors import IntegrityError
from muniment.evidence.store import Store, verify_store


@pytest.fixture(scope="module")
def long_run(making: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run of 120 records on three pages between two small ones."""
    bench = making.Bench(tmp_path_factory.mktemp("long"))
    bench.run(number=1)
    bench.run(tasks=120, number=2, padding=600)
    bench.run(number=3)
    return bench


@pytest.fixture
def long_victim(long_run: Any, making: Any, tmp_path: Path) -> Any:
    """A copy of it that a test may ruin."""
    shutil.copytree(long_run.path, tmp_path / "evidence.git")
    return making.Victim(tmp_path / "evidence.git", long_run.signer, long_run.trust)


def test_a_flipped_bit_in_a_page_names_the_record_and_counts_those_after_it(long_victim: Any) -> None:
    page = long_victim.file("records-0001.jsonl")
    long_victim.flip(page, 0.5)
    first, *others = long_victim.verify().faults
    assert first.code == "record.damaged"
    run, path, line, record = first.where.split(", ")
    assert (run, path) == ("run 2", page)
    number = int(record.removeprefix("EV-2026-000002-"))
    before = sum(1 for _ in long_victim.read_pages(page))
    assert number == before + int(line.removeprefix("line "))
    assert first.message.startswith(f"record {record} is damaged; the ")
    assert [fault.code for fault in others] == ["pack.damaged"]


def test_a_flipped_bit_at_the_start_of_a_page_names_its_first_record(long_victim: Any) -> None:
    page = long_victim.file("records-0000.jsonl")
    long_victim.flip(page, 0.01)
    first = long_victim.verify().faults[0]
    assert first.where == f"run 2, {page}, line 1, EV-2026-000002-0001"


def test_a_flipped_bit_around_a_page_says_that_no_record_is_hit(long_victim: Any) -> None:
    page = long_victim.file("records-0000.jsonl")
    long_victim.flip(page, 0.0)
    first = long_victim.verify().faults[0]
    assert (first.code, first.where) == ("page.damaged", f"run 2, {page}")
    assert first.message == "git's wrapping of the page is damaged; all its records can still be read"


def test_a_flipped_bit_never_gives_wrong_bytes(long_victim: Any) -> None:
    long_victim.flip(long_victim.file("records-0001.jsonl"), 0.5)
    store = Store.open(long_victim.path)
    with pytest.raises(IntegrityError):
        list(store.records())
    assert store.record("EV-2026-000001-0003").record.subject == "host-3.example.org:443"


def test_the_runs_beside_the_damage_are_still_verified(long_victim: Any) -> None:
    long_victim.flip(long_victim.file("records-0001.jsonl"), 0.5)
    report = long_victim.verify()
    assert report.runs == 3
    assert {fault.where.partition(",")[0] for fault in report.faults if fault.code != "pack.damaged"} == {"run 2"}


@pytest.mark.parametrize("name", ["start.json", "end.json", "leaves.sha256", "start.dsse.json", "statement.dsse.json"])
def test_a_flipped_bit_in_any_file_names_file_and_run(victim: Any, name: str) -> None:
    path = victim.file(name)
    victim.flip(path, 0.5)
    first = victim.verify().faults[0]
    assert path in first.where
    assert first.where.startswith("run 2")


def test_a_flipped_bit_in_a_commit_names_its_run(victim: Any, making: Any) -> None:
    commit = victim.git("rev-parse", "HEAD~2")
    pack, start, length = victim.packed(commit)
    making.flip_bit(pack, start + length // 2)
    found = {fault.code: fault for fault in victim.verify().faults}
    assert found["commit.damaged"].where == f"commit {commit[:12]}, Run 2"
    assert found["commit.damaged"].message.endswith("Run 2: 6 records, 4 pass, 1 fail, 1 inconclusive (schedule)")


def test_a_flipped_bit_in_a_folder_names_it(victim: Any, making: Any) -> None:
    folder = victim.file("end.json").rpartition("/")[0]
    pack, start, length = victim.packed(victim.git("rev-parse", f"HEAD:{folder}"))
    making.flip_bit(pack, start + length // 2)
    assert f"run 2, folder {folder}" in [fault.where.partition(", object")[0] for fault in victim.verify().faults]


def test_a_lost_pack_names_the_run_that_was_in_it(victim: Any) -> None:
    pack, _, _ = victim.packed(victim.git("rev-parse", "HEAD~2"))
    pack.unlink()
    report = victim.verify()
    first = next(fault for fault in report.faults if fault.code == "commit.missing")
    assert first.where.endswith(", Run 2")
    assert "Run 2: 6 records, 4 pass, 1 fail, 1 inconclusive (schedule)" in first.message
    assert report.checkpoint.size == 26, "the runs after it are still read"


def test_all_packs_lost_is_told_and_not_a_traceback(victim: Any) -> None:
    shutil.rmtree(victim.path / "objects" / "pack")
    codes = victim.codes()
    assert "log.unreadable" in codes
    assert "commit.missing" in codes


def test_a_lost_branch_is_told_and_the_log_is_verified_all_the_same(victim: Any) -> None:
    (victim.path / "refs" / "heads" / "evidence").unlink()
    report = victim.verify()
    assert [fault.code for fault in report.faults] == ["ref.missing"]
    assert report.records == 18
    with pytest.raises(IntegrityError, match="the branch of the log is gone"):
        Store.open(victim.path)


def test_a_damaged_branch_is_told(victim: Any, making: Any) -> None:
    making.flip_bit(victim.path / "refs" / "heads" / "evidence", 7)
    assert victim.codes()[0] in {"ref.damaged", "commit.missing"}


def test_every_bit_of_a_small_store_matters(three_runs: Any, making: Any, tmp_path: Path) -> None:
    """A bit in each 97th byte of all packs, indexes and the branch: reported, and never another record than before."""
    before = {stored.digest for stored in three_runs.store.records()}
    work = tmp_path / "evidence.git"
    shutil.copytree(three_runs.path, work)
    files = [*(work / "objects" / "pack").iterdir(), work / "refs" / "heads" / "evidence"]
    flipped = 0
    for file in sorted(files):
        if file.suffix == ".rev":
            continue  # git's own shortcut, which can be made anew and is not read here
        whole = file.read_bytes()
        for at in range(flipped % 97, len(whole), 97):
            making.flip_bit(file, at)
            flipped += 1
            assert not verify_store(work, three_runs.trust).ok, f"byte {at} of {file.name}"
            assert _readable(work) <= before
            file.write_bytes(whole)
    assert flipped > 150
    assert verify_store(work, three_runs.trust).ok


def _readable(path: Path) -> set[str]:
    """The digests of all records up to the first that cannot be read."""
    found = set()
    try:
        for stored in Store.open(path).records():
            found.add(stored.digest)
    except IntegrityError:
        pass
    return found
