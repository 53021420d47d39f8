"""Stores that are not what the workspace takes them for: each has a sentence of its own, and none is mended."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.store import Signer, Store
from muniment.evidence.store.append import Draft
from muniment.evidence.store.commit import writing
from muniment.evidence.store.log import Log

THEN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def acme(small_acme: Path) -> Path:
    """The workspace of these tests."""
    return small_acme


def another_origin(acme: Path) -> None:
    """The store of somebody else, made with the same key."""
    shutil.rmtree(acme / "evidence.git")
    Store.create(acme / "evidence.git", origin="elsewhere/evidence", signer=Signer.load(acme / "keys/signing"), at=THEN)


def another_key(acme: Path) -> None:
    """A store of the same name, made by a stranger."""
    shutil.rmtree(acme / "evidence.git")
    stranger = Signer.generate(acme / "stranger")
    Store.create(acme / "evidence.git", origin="acme-inc/evidence", signer=stranger, at=THEN)


def a_later_format(acme: Path) -> None:
    """A store that says it is of format 2."""
    log = Log(acme / "evidence.git")
    said = json.loads(log.file("log.json"))
    pages = {"later.json": [b'{"schema":"muniment.later/1"}']}
    files = {"log.json": json.dumps({**said, "format": 2}).encode()}
    draft = Draft("later", "Later", "later.dsse.json", pages, log.head().runs, files=files)
    with writing(log, said["origin"], Signer.load(acme / "keys/signing"), THEN, "begin") as writer:
        writer.commit(draft, log.head())


def a_truncated_pack(acme: Path) -> None:
    """The largest pack of git's breaks off in the middle."""
    pack = max((acme / "evidence.git/objects/pack").glob("*.pack"), key=lambda path: path.stat().st_size)
    data = pack.read_bytes()
    pack.chmod(0o644)
    pack.write_bytes(data[: len(data) // 2])


def an_anchor_that_does_not_parse(acme: Path) -> None:
    """Something that is no timestamp was stored and signed among the anchors."""
    log = Log(acme / "evidence.git")
    files = {f"anchors/2026/01/01/{log.head().checkpoint.size}.tsr": b"<html>Welcome to the hotel</html>"}
    pages = {"later.json": [b'{"schema":"muniment.later/1"}']}
    draft = Draft("later", "Later", "later.dsse.json", pages, log.head().runs, files=files)
    with writing(log, log.head().checkpoint.origin, Signer.load(acme / "keys/signing"), THEN, "begin") as writer:
        writer.commit(draft, log.head())


def no_store(acme: Path) -> None:
    """A repository that was never a store."""
    shutil.rmtree(acme / "evidence.git")
    (acme / "evidence.git").mkdir()
    (acme / "evidence.git" / "README").write_text("nothing\n")


CASES: dict[str, tuple[Callable[[Path], None], int, str]] = {
    "another origin": (
        another_origin,
        4,
        "this is the log elsewhere/evidence, and what was pinned is for acme-inc/evidence",
    ),
    "another key": (another_key, 4, "the keys of the store are not those that were pinned"),
    "a later format": (a_later_format, 2, "the store is of format 2; this version knows format 1"),
    "a truncated pack": (a_truncated_pack, 4, "pack.damaged"),
    "an anchor that does not parse": (an_anchor_that_does_not_parse, 4, "this is no timestamp of RFC 3161"),
    "no store": (no_store, 3, "this is not an evidence store"),
}


@pytest.mark.parametrize(("spoil", "code", "sentence"), CASES.values(), ids=CASES)
def test_verify_names_what_is_wrong_and_changes_nothing(
    acme: Path, muniment: Any, spoil: Callable[[Path], None], code: int, sentence: str
) -> None:
    spoil(acme)
    before = contents(acme / "evidence.git")
    said = muniment("--workspace", acme, "verify")
    assert (said.code, sentence in said.words) == (code, True), said.words
    assert contents(acme / "evidence.git") == before


def test_an_index_of_another_store_is_refused_and_kept(acme: Path, muniment: Any) -> None:
    assert muniment("--workspace", acme, "index", "rebuild").code == 0
    another_origin(acme)
    before = contents(acme / ".muniment")
    said = muniment("--workspace", acme, "doctor")
    assert (said.code, "the index holds the rows of another store" in said.words) == (4, True)
    assert contents(acme / ".muniment") == before


@pytest.mark.parametrize(
    ("spoil", "code", "sentence"),
    [
        (a_later_format, 2, "the store is of format 2"),
        (a_truncated_pack, 4, "cannot be read"),
        (another_origin, 4, "this is the log elsewhere/evidence"),
    ],
)
def test_the_doctor_ends_as_the_commands_would_and_tells_it_once(
    acme: Path, muniment: Any, spoil: Callable[[Path], None], code: int, sentence: str
) -> None:
    spoil(acme)
    said = muniment("--workspace", acme, "doctor", "--json")
    failed = [line["sentence"] for line in said.json["lines"] if line["state"] == "fail"]
    assert (said.code, [sentence in each for each in failed]) == (code, [True]), failed


def test_a_file_that_cannot_be_read_ends_the_doctor_as_it_ends_other_commands(acme: Path, muniment: Any) -> None:
    (acme / "controls" / "slip.yaml").write_text("controls: [{id: A, ower: Ada}]\n")
    assert muniment("--workspace", acme, "doctor").code == muniment("--workspace", acme, "status").code == 2


def test_what_is_no_timestamp_waits_beside_the_log_and_is_told(acme: Path, muniment: Any) -> None:
    head = Store.open(acme / "evidence.git").checkpoint().size
    (acme / "evidence.git/anchors").mkdir(exist_ok=True)
    (acme / f"evidence.git/anchors/{head}.tsr").write_bytes(b"")
    told = muniment("--workspace", acme, "doctor").words
    assert f"anchors/{head}.tsr is no timestamp of this log" in " ".join(told.split())


def contents(folder: Path) -> dict[str, str]:
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()}
