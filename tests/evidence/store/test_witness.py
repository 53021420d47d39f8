"""A witness's file: what a second person kept tells a log that was rewritten, and a hand in the file from both."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.errors import IntegrityError, UsageError
from muniment.evidence.store import Signer, Store, verify_store
from muniment.evidence.store.witness import append_to_witness, read_witness


@pytest.fixture
def kept(bench: Any, tmp_path: Path, making: Any) -> Path:
    """The file of a person who came by after each of three runs."""
    file = tmp_path / "witness.txt"
    for number in range(1, 4):
        bench.run(number=number)
        assert append_to_witness(file, bench.store.checkpoint(), making.NOON + timedelta(hours=number + 1))
    return file


def codes(bench: Any, file: Path) -> list[str]:
    return [each.code for each in verify_store(bench.path, bench.trust, witnesses=[read_witness(file)]).faults]


def test_a_log_that_grew_continues_every_head_that_was_kept(bench: Any, kept: Path) -> None:
    bench.run(number=4)
    assert codes(bench, kept) == []
    lines = kept.read_text().splitlines()
    assert lines[0] == "muniment witness 1 example.org/evidence"
    assert [line.split()[0] for line in lines[1:]] == ["10", "18", "26"]
    assert lines[3].split()[1] == bench.store.root(26)


def test_the_same_head_is_written_down_once(bench: Any, kept: Path, making: Any) -> None:
    before = kept.read_text()
    assert not append_to_witness(kept, bench.store.checkpoint(), making.NOON)
    assert kept.read_text() == before


def test_a_log_that_was_set_back_is_shorter_than_what_was_kept(bench: Any, kept: Path) -> None:
    bench.git("update-ref", "refs/heads/evidence", "refs/heads/evidence~2")
    assert codes(bench, kept) == ["history.shorter"]


def test_a_log_that_was_rewritten_with_the_key_is_named_at_the_first_line_that_it_leaves(
    bench: Any, kept: Path, making: Any, tmp_path: Path
) -> None:
    shutil.copytree(bench.path, tmp_path / "rewritten.git")
    bench.path = tmp_path / "rewritten.git"
    bench.git("update-ref", "refs/heads/evidence", "refs/heads/evidence~4")
    store = Store.open(bench.path)
    for number in range(5, 9):
        at = making.NOON + timedelta(hours=number)
        start = store.begin(making.plan_of(6, at), bench.signer, at=at)
        store.finish(start, making.records_of(start), bench.signer, at=at, milliseconds=1)
    faults = verify_store(bench.path, bench.trust, witnesses=[read_witness(kept)]).faults
    assert [each.code for each in faults] == ["history.rewritten", "history.rewritten"]
    assert "witness.txt:3, checkpoint of 18 leaves" in faults[0].where


EDITS: dict[str, Callable[[list[str]], list[str]]] = {
    "another size": lambda lines: [lines[0], lines[1].replace("10 ", "11 ", 1), *lines[2:]],
    "another root": lambda lines: [lines[0], lines[1], lines[2].replace("sha256:", "sha256:00", 1)[:-2], *lines[3:]],
    "another root of the right length": lambda lines: [lines[0], _other_root(lines[1]), *lines[2:]],
    "another time": lambda lines: [lines[0], lines[1].replace("T14", "T09"), *lines[2:]],
    "a line taken out": lambda lines: [lines[0], lines[1], lines[3]],
    "two lines exchanged": lambda lines: [lines[0], lines[2], lines[1], lines[3]],
    "a line twice": lambda lines: [*lines, lines[3]],
}


def _other_root(line: str) -> str:
    size, root, *rest = line.split(" ")
    return " ".join((size, root[:-4] + ("0000" if root[-4:] != "0000" else "1111"), *rest))


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_hand_in_the_file_is_told_from_a_rewritten_log(
    bench: Any, kept: Path, edit: Callable[[list[str]], list[str]]
) -> None:
    kept.write_text("\n".join(edit(kept.read_text().splitlines())) + "\n")
    try:
        found = codes(bench, kept)
    except UsageError as error:
        found = [error.code]
    assert set(found) in ({"witness.edited"}, {"witness.malformed"})


def test_a_line_that_nobody_with_a_key_signed_is_an_edit(bench: Any, tmp_path: Path, making: Any) -> None:
    (tmp_path / "stranger").mkdir()
    stranger = making.Bench(tmp_path / "stranger")
    file = tmp_path / "witness.txt"
    append_to_witness(file, stranger.store.checkpoint(), making.NOON)
    assert codes(bench, file) == ["witness.edited"]


def test_the_file_of_another_log_is_told(bench: Any, tmp_path: Path, making: Any) -> None:
    signer = Signer.generate(tmp_path / "other-key")
    other = Store.create(tmp_path / "other.git", origin="example.com/other", signer=signer, at=making.NOON)
    file = tmp_path / "witness.txt"
    append_to_witness(file, other.checkpoint(), making.NOON)
    assert codes(bench, file) == ["witness.origin"]
    with pytest.raises(IntegrityError, match=r"of the log example.com/other, not of example.org/evidence"):
        append_to_witness(file, bench.store.checkpoint(), making.NOON)


def test_a_checkpoint_alone_is_a_witness_too_and_no_line_is_added_to_it(
    bench: Any, tmp_path: Path, making: Any
) -> None:
    file = tmp_path / "checkpoint"
    file.write_text(bench.store.checkpoint().note)
    bench.run(number=1)
    assert codes(bench, file) == []
    with pytest.raises(UsageError, match="single checkpoint"):
        append_to_witness(file, bench.store.checkpoint(), making.NOON)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b"\xff\xfe", 1),
        (b"Dear auditor\n", 1),
        (b"muniment witness 1 example.org/evidence\n10 sha256:00\n", 2),
        (b"muniment witness 1 example.org/evidence\n10 sha256:00", 2),
        (b"muniment witness 1 example.org/evidence\n\n", 2),
    ],
)
def test_what_is_no_witness_is_named_by_its_line(tmp_path: Path, content: bytes, line: int) -> None:
    file = tmp_path / "witness.txt"
    file.write_bytes(content)
    with pytest.raises(UsageError) as raised:
        read_witness(file)
    assert (raised.value.code, raised.value.where) == ("witness.malformed", f"{file}:{line}")
