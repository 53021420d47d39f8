"""One expression, two engines: PostgreSQL names the same events as DuckDB, and as the generator knows them."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import ibis
import psycopg
import pyarrow.parquet as pq
import pytest

from muniment.evidence.collectors.consent_rule import Terms, judged

GENERATOR = Path(__file__).parents[3] / "subjects" / "consent_gen.py"
WHOLE, INSTANT = "bigint", "timestamptz"
SHAPES = {
    "acts": {"subject_id": WHOLE, "purpose": "text", "notice_version": WHOLE, "action": "text", "at": INSTANT},
    "events": {"event_id": WHOLE, "subject_id": WHOLE, "purpose": "text", "mode": "text", "at": INSTANT},
    "notices": {"purpose": "text", "notice_version": WHOLE, "valid_from": INSTANT, "supersedes_consent": "boolean"},
}
IBIS = {WHOLE: "int64", INSTANT: "timestamp('UTC')", "text": "string", "boolean": "boolean"}
FILES = {"acts": "consents", "events": "events", "notices": "notices"}
TERMS = Terms(
    modes=("normal",),
    skew=timedelta(0),
    lateness=timedelta(0),
    newest=datetime(2020, 12, 31, tzinfo=UTC),
    earliest=datetime(2000, 1, 1, tzinfo=UTC),
    latest=datetime(2021, 1, 1, tzinfo=UTC),
)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty thousand events with six hundred violations, some of them delivered twice."""
    folder = tmp_path_factory.mktemp("log")
    words = ["--subjects", "400", "--events", "20000", "--dups", "0.01", "--shuffle"]
    subprocess.run([sys.executable, GENERATOR, folder, *words], check=True, capture_output=True)
    return folder


def found(rows: Any) -> dict[str, list[int]]:
    """The ids of each word."""
    ids: dict[str, list[int]] = {}
    for event, word in rows:
        ids.setdefault(word, []).append(event)
    return {word: sorted(each) for word, each in ids.items()}


def test_one_expression_names_the_same_events_on_postgresql_and_on_duckdb(log: Path, postgresql_url: str) -> None:
    acts, events, notices = (
        ibis.table({name: IBIS[kind] for name, kind in columns.items()}, name=role) for role, columns in SHAPES.items()
    )
    expression = judged(acts, events, notices, TERMS)
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("SET TIME ZONE 'Europe/Paris'")  # a session's zone must not matter
        for role, columns in SHAPES.items():
            connection.execute(f"CREATE TABLE {role} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
            rows = pq.read_table(log / f"{FILES[role]}.parquet", columns=list(columns)).to_pylist()
            with connection.cursor() as cursor, cursor.copy(f"COPY {role} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row([row[name] for name in columns])
        there = found(connection.execute(str(ibis.to_sql(expression, dialect="postgres"))).fetchall())
    with duckdb.connect() as engine:
        for role in SHAPES:
            engine.execute(f"CREATE VIEW {role} AS FROM read_parquet('{log / FILES[role]}.parquet')")
        here = found(engine.execute(str(ibis.to_sql(expression, dialect="duckdb"))).fetchall())
    truth = json.loads((log / "truth.json").read_text())["ids"]
    assert there == here
    # Whether another purpose was given by then is the rule's question; the generator asks whether it ever was.
    assert sorted(here.pop("never") + here.pop("purpose")) == sorted(truth.pop("never") + truth.pop("purpose"))
    assert here == {kind: sorted(ids) for kind, ids in truth.items()}
    assert sum(map(len, there.values())) == 600
