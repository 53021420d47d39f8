"""Single bits are flipped in packs, indexes, the branch and SQLite: reported, and wrong bytes are never returned."""

import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from muniment.evidence.errors import MunimentError
from muniment.evidence.index import Index
from muniment.evidence.index.rows import Tables
from muniment.evidence.store import Store, verify_store


def test_a_flipped_bit_of_the_store_is_reported_and_gives_no_wrong_record(
    three_runs: Any, making: Any, count: Any, times: Any, tmp_path: Path
) -> None:
    before = {stored.digest for stored in three_runs.store.records()}
    work = tmp_path / "evidence.git"
    shutil.copytree(three_runs.path, work)
    files = [path for path in (work / "objects" / "pack").iterdir() if path.suffix in (".pack", ".idx")]
    files.append(work / "refs" / "heads" / "evidence")
    chance = random.Random(7)
    for _ in range(times(200, 5_000)):
        file = chance.choice(files)
        whole = file.read_bytes()
        at, bit = chance.randrange(len(whole)), chance.randrange(8)
        bent = bytearray(whole)
        bent[at] ^= 1 << bit
        file.chmod(0o644)
        file.write_bytes(bent)
        report = verify_store(work, three_runs.trust)
        assert not report.ok, f"bit {bit} of byte {at} of {file.name}"
        assert _readable(work) <= before
        file.write_bytes(whole)
        count.planted += 1
        count.note("reported")
    assert verify_store(work, three_runs.trust).ok


def test_a_flipped_bit_of_sqlite_is_reported_where_it_changes_a_row(
    three_runs: Any, count: Any, times: Any, tmp_path: Path
) -> None:
    path = tmp_path / "index.db"
    url = f"sqlite:///{path}"
    with Index.open(url) as index:
        index.rebuild(three_runs.store)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole, rows = path.read_bytes(), _rows(path)
    chance = random.Random(8)
    for _ in range(times(200, 2_000)):
        at, bit = chance.randrange(len(whole)), chance.randrange(8)
        bent = bytearray(whole)
        bent[at] ^= 1 << bit
        for beside in tmp_path.glob("index.db-*"):
            beside.unlink()
        path.write_bytes(bent)
        reported = _is_reported(url, three_runs.store)
        for beside in tmp_path.glob("index.db-*"):
            beside.unlink()
        path.write_bytes(bent)
        same = _rows(path) == rows
        assert reported or same, f"bit {bit} of byte {at}"
        count.planted += 1
        count.note("reported" if reported else "without effect on a row")


def _is_reported(url: str, store: Store) -> bool:
    try:
        with Index.open(url) as index:
            return index.check_against(store) != []
    except MunimentError:
        return True


def _rows(path: Path) -> list[tuple[Any, ...]] | None:
    """All rows of all tables, as somebody who asks SQLite sees them; None where it refuses."""
    connection = sqlite3.connect(path)
    try:
        names = sorted(Tables.metadata.tables)
        return [row for name in names for row in connection.execute(f'SELECT * FROM "{name}"')]  # noqa: S608
    except (sqlite3.DatabaseError, OverflowError, UnicodeDecodeError):
        return None
    finally:
        connection.close()


def _readable(path: Path) -> set[str]:
    """The digests of all records up to the first that cannot be read."""
    found = set()
    try:
        for stored in Store.open(path).records():
            found.add(stored.digest)
    except MunimentError:
        pass
    return found
