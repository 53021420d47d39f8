"""The consent collector on SQLite, whose times are text: it finds what it finds in files, and guesses nothing."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from muniment.evidence.collectors.consent import Consent, ConsentSettings
from muniment.evidence.errors import CouldNotLook, InputFault

GENERATOR = Path(__file__).parents[3] / "subjects" / "consent_gen.py"
FILES = {"acts": "consents", "events": "events", "notices": "notices"}
SHAPES = {
    "acts": "subject_id integer, purpose text, notice_version integer, action text, at timestamp",
    "events": "event_id integer, subject_id integer, purpose text, mode text, at timestamp",
    "notices": "purpose text, notice_version integer, valid_from timestamp, supersedes_consent boolean",
}
AT = datetime(2021, 6, 1, tzinfo=UTC)
ZONES = (UTC, timezone(timedelta(hours=9)), timezone(-timedelta(hours=3, minutes=30)))
WHEN = "2020-02-01T10:00:00+09:00"
SMALL: dict[str, list[tuple[Any, ...]]] = {
    "acts": [(1, "p", 1, "given", WHEN)],
    "events": [(7, 1, "p", "normal", "2020-02-01T01:00:00Z")],  # the same instant
    "notices": [("p", 1, "2020-01-01T00:00:00Z", 0)],
}


def fill(file: Path, tables: dict[str, list[tuple[Any, ...]]]) -> dict[str, Any]:
    """Bring rows into a file of SQLite; gives the settings that point at it."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for role, rows in tables.items():
            connection.execute(f"CREATE TABLE {role} ({SHAPES[role]})")
            connection.executemany(f"INSERT INTO {role} VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608
    return {role: f"sqlite://{file}#{role}" for role in tables}


def look(settings: dict[str, Any]) -> Any:
    return Consent(at=AT).observe(ConsentSettings.model_validate(settings))


def test_sqlite_and_files_name_the_same_events_however_the_zone_of_a_time_is_spelled(tmp_path: Path) -> None:
    words = ["--subjects", "100", "--events", "2000", "--violations", "36", "--dups", "0.01", "--shuffle"]
    subprocess.run([sys.executable, GENERATOR, tmp_path, *words], check=True, capture_output=True)
    tables = {}
    for role, shape in SHAPES.items():
        names = [column.split()[0] for column in shape.split(", ")]
        rows = pq.read_table(tmp_path / f"{FILES[role]}.parquet", columns=names).to_pylist()
        tables[role] = [
            tuple(
                value.astimezone(ZONES[number % 3]).isoformat() if isinstance(value, datetime) else value
                for value in row.values()
            )
            for number, row in enumerate(rows)
        ]
    (tmp_path / "key").write_text("a secret of the organisation")
    keyed = {"pseudonyms": f"file:{tmp_path}/key", "examples": 100}
    there = look(fill(tmp_path / "log.sqlite", tables) | keyed)
    here = look({role: tmp_path / f"{name}.parquet" for role, name in FILES.items()} | keyed)
    assert sum(there.violations.model_dump().values()) == 36
    apart = {"origin", "examples"}
    assert there.model_dump(exclude=apart) == here.model_dump(exclude=apart)
    # Text sorts otherwise than numbers do.
    assert {kind: set(ids) for kind, ids in there.examples.items()} == {
        kind: set(ids) for kind, ids in here.examples.items()
    }
    assert there.origin.system == f"sqlite://{tmp_path}/log.sqlite#events"
    assert {each.sha256 for each in there.origin.contents} == {there.origin.contents[0].sha256}
    assert there.origin.contents[0].media_type == "application/vnd.sqlite3"


def test_a_log_that_is_in_order_passes_also_with_names_of_its_own_and_the_notices_in_a_file(tmp_path: Path) -> None:
    settings = fill(tmp_path / "log.sqlite", {role: SMALL[role] for role in ("acts", "events")})
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as connection, connection:
        connection.execute('ALTER TABLE events RENAME COLUMN mode TO "the ""mode"""')
    (tmp_path / "notices.csv").write_text(
        "purpose,notice_version,valid_from,supersedes_consent\np,1,2020-01-01T00:00:00Z,false\n"
    )
    facts = look(settings | {"notices": tmp_path / "notices.csv", "columns": {"events": {"mode": 'the "mode"'}}})
    assert (facts.events, facts.acts, sum(facts.violations.model_dump().values())) == (1, 1, 0)


@pytest.mark.parametrize(
    ("change", "cause", "where"),
    [
        ("UPDATE events SET at = '2020-02-01 10:00:00'", "naive_timestamp", ": row 1, column at"),
        ("UPDATE events SET at = 1580547600", "malformed_time", ": row 1, column at"),
        ("UPDATE events SET mode = 'alice@example.com'", "unknown_mode", ": row 1, column mode"),
        ("UPDATE events SET subject_id = NULL", "missing_value", ": row 1, column subject_id"),
        ("UPDATE events SET subject_id = x'616c696365'", "unreadable", "#events: row 1"),
        ("UPDATE notices SET supersedes_consent = 2", "malformed_flag", ": row 1, column supersedes_consent"),
        ("ALTER TABLE events RENAME COLUMN mode TO kind", "missing_column", "#events"),
        ("DELETE FROM events", "empty", "#events"),
        ("DROP TABLE events", "not_found", "#events"),
    ],
)
def test_what_is_no_log_is_refused_with_its_place(change: str, cause: str, where: str, tmp_path: Path) -> None:
    settings = fill(tmp_path / "log.sqlite", SMALL)
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as connection, connection:
        connection.execute(change)
    with pytest.raises(InputFault) as caught:
        look(settings)
    assert caught.value.cause == f"consent.{cause}"
    assert str(caught.value.where).endswith(where) and "log.sqlite" in str(caught.value.where)
    assert "alice" not in f"{caught.value} {caught.value.mend}"


def test_a_file_that_is_damaged_or_not_there_is_refused(tmp_path: Path) -> None:
    settings = fill(tmp_path / "log.sqlite", SMALL)
    whole = (tmp_path / "log.sqlite").read_bytes()
    (tmp_path / "log.sqlite").write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    with pytest.raises(InputFault, match="damaged"):
        look(settings)
    (tmp_path / "log.sqlite").unlink()
    with pytest.raises(InputFault) as caught:
        look(settings)
    assert caught.value.cause == "consent.not_found"


def test_rows_that_the_digest_would_not_speak_of_are_not_read(tmp_path: Path) -> None:
    settings = fill(tmp_path / "log.sqlite", SMALL)
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as writer:
        writer.execute("PRAGMA journal_mode = wal")
        with writer:
            writer.execute("INSERT INTO events VALUES (8, 2, 'p', 'normal', '2020-02-01T01:00:00Z')")
        with pytest.raises(CouldNotLook, match="write-ahead log"):
            look(settings)
    assert look(settings).violations.never == 1


def test_a_url_that_nobody_reads_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InputFault) as caught:
        look({"acts": "mongodb://db.example/x#acts", "events": "mongodb://db.example/x#events"})
    assert caught.value.cause == "consent.unsupported_source"
    assert {"duckdb", "postgresql", "pyspark", "sqlite", "snowflake"} <= set(
        str(caught.value.mend).partition("one of: ")[2].split(", ")
    )
