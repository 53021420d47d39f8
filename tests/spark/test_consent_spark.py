"""One expression, three engines: Spark names the same events as DuckDB and PostgreSQL, and as the generator knows them.

`make test-spark` runs this, with PySpark out of requirements/spark.txt, and `.ci/run` with it; `make test` leaves it
out, because Spark takes long to fetch and to start.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import ibis
import psycopg
import pyarrow.parquet as pq
import pytest

from muniment.evidence.collectors.consent_rule import Table, Terms, judged

pytestmark = [
    pytest.mark.spark,
    # Py4J leaves sockets to the collector of garbage.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

GENERATOR = Path(__file__).parents[1] / "subjects" / "consent_gen.py"
WHOLE, INSTANT = "int64", "timestamp('UTC')"
SHAPES = {
    "acts": {"subject_id": WHOLE, "purpose": "string", "notice_version": WHOLE, "action": "string", "at": INSTANT},
    "events": {"event_id": WHOLE, "subject_id": WHOLE, "purpose": "string", "mode": "string", "at": INSTANT},
    "notices": {"purpose": "string", "notice_version": WHOLE, "valid_from": INSTANT, "supersedes_consent": "boolean"},
}
SQL_TYPES = {WHOLE: "bigint", INSTANT: "timestamptz", "string": "text", "boolean": "boolean"}
FILES = {"acts": "consents", "events": "events", "notices": "notices"}
STRICT = Terms(
    modes=("normal",),
    skew=timedelta(0),
    lateness=timedelta(0),
    newest=datetime(2020, 12, 27, tzinfo=UTC),
    earliest=datetime(2000, 1, 1, tzinfo=UTC),
    latest=datetime(2021, 1, 1, tzinfo=UTC),
)
LENIENT = replace(STRICT, skew=timedelta(hours=6), lateness=timedelta(days=30))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty thousand events with six hundred violations, some of them delivered twice."""
    folder = tmp_path_factory.mktemp("log")
    words = ["--subjects", "400", "--events", "20000", "--dups", "0.01", "--shuffle"]
    subprocess.run([sys.executable, GENERATOR, folder, *words], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Spark in this machine, on loopback, in a zone that must not matter."""
    sql = pytest.importorskip("pyspark.sql", reason="PySpark is not here: make test-spark brings it")
    folder = tmp_path_factory.mktemp("spark")
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        # Most of the work is starting and compiling; quick compiler and plain collector take a third of the CPU.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.driver.memory": "1g",
        "spark.local.dir": str(folder),
        "spark.sql.session.timeZone": "Asia/Tokyo",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
    }
    builder = sql.SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def on_duckdb(expression: Table, log: Path) -> list[Any]:
    """The rows, out of the files where they lie."""
    with duckdb.connect() as engine:
        for role, name in FILES.items():
            engine.execute(f"CREATE VIEW {role} AS FROM read_parquet('{log / name}.parquet')")
        return engine.execute(str(ibis.to_sql(expression, dialect="duckdb"))).fetchall()


def on_postgresql(expression: Table, url: str) -> list[Any]:
    """The rows, out of the tables that `fill` made."""
    with psycopg.connect(url) as connection:
        return connection.execute(str(ibis.to_sql(expression, dialect="postgres"))).fetchall()


def fill(log: Path, url: str) -> None:
    """Copy the files into tables."""
    with psycopg.connect(url) as connection:
        for role, shape in SHAPES.items():
            columns = ", ".join(f"{name} {SQL_TYPES[kind]}" for name, kind in shape.items())
            connection.execute(f"CREATE TABLE {role} ({columns})")
            rows = pq.read_table(log / f"{FILES[role]}.parquet", columns=list(shape)).to_pylist()
            with connection.cursor() as cursor, cursor.copy(f"COPY {role} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(list(row.values()))


def on_spark(expression: Table, log: Path, spark: Any) -> list[Any]:
    """The rows, out of views of the files."""
    for role, name in FILES.items():
        spark.read.parquet(str(log / f"{name}.parquet")).createOrReplaceTempView(role)
    return [tuple(row) for row in spark.sql(str(ibis.to_sql(expression, dialect="pyspark"))).collect()]


def test_one_expression_names_the_same_events_on_duckdb_postgresql_and_spark(
    log: Path, spark: Any, postgresql_url: str
) -> None:
    acts, events, notices = (ibis.table(shape, name=role) for role, shape in SHAPES.items())
    fill(log, postgresql_url)
    for terms in (STRICT, LENIENT):
        expression = judged(acts, events, notices, terms)
        here = sorted(on_duckdb(expression, log))
        assert sorted(on_postgresql(expression, postgresql_url)) == here
        assert sorted(on_spark(expression, log, spark)) == here
        found: dict[str, list[int]] = {}
        for event, word in here:
            found.setdefault(word, []).append(event)
        truth = json.loads((log / "truth.json").read_text())["ids"]
        assert sorted(event for event, _ in here) == sorted(event for ids in truth.values() for event in ids)
        if terms is STRICT:
            # Whether another purpose was given by then is the rule's question; the generator asks whether it ever was.
            either = sorted(found.pop("never") + found.pop("purpose"))
            assert either == sorted(truth.pop("never") + truth.pop("purpose"))
            assert found == {kind: sorted(ids) for kind, ids in truth.items()}
        else:
            assert {"pending", "ok_within_skew"} <= found.keys()
