"""The consent collector on databases: PostgreSQL and a file of DuckDB, with the same findings as on files."""

import hashlib
import hmac
import json
import select
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import duckdb
import psycopg
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from muniment.evidence.collectors.consent import Consent, ConsentSettings
from muniment.evidence.errors import CouldNotLook, InputFault
from muniment.evidence.model import canonical
from muniment.evidence.pseudonym import pseudonym
from muniment.evidence.verdict import Status

GENERATOR = Path(__file__).parents[3] / "subjects" / "consent_gen.py"
FILES = {"acts": "consents", "events": "events", "notices": "notices"}
SHAPES = {
    "acts": "subject_id bigint, purpose text, notice_version int, action text, at timestamptz",
    "events": "event_id bigint, subject_id bigint, purpose text, mode text, at timestamptz, recorded_at timestamptz",
    "notices": "purpose text, notice_version int, valid_from timestamptz, supersedes_consent boolean",
}
AT = datetime(2021, 6, 1, tzinfo=UTC)
SECRET = "alice@example.com"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five thousand events with sixty violations."""
    folder = tmp_path_factory.mktemp("log")
    words = ["--subjects", "100", "--events", "5000", "--violations", "60", "--dups", "0.01", "--shuffle"]
    subprocess.run([sys.executable, GENERATOR, folder, *words], check=True, capture_output=True)
    return folder


def fill(url: str, folder: Path) -> None:
    """Bring the three tables into an empty database."""
    with psycopg.connect(url) as connection:
        for role, shape in SHAPES.items():
            names = [column.split()[0] for column in shape.split(", ")]
            rows = pq.read_table(folder / f"{FILES[role]}.parquet", columns=names).to_pylist()
            connection.execute(f"CREATE TABLE {role} ({shape})")
            with connection.cursor() as cursor, cursor.copy(f"COPY {role} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(list(row.values()))


def pointed(url: str, folder: Path, **more: Any) -> dict[str, Any]:
    """Settings that point at a database, its password in a file."""
    parts = urlsplit(url)
    (folder / "password").write_text(str(parts.password))
    place = f"{parts.scheme}://{parts.hostname}:{parts.port}{parts.path}"
    tables = {role: f"{place}#{role}" for role in SHAPES}
    login = {"user": parts.username, "password": f"file:{folder}/password", "allow_private": True}
    return tables | login | more


def look(settings: dict[str, Any]) -> Any:
    """Look once; gives the facts."""
    return Consent(at=AT).observe(ConsentSettings.model_validate(settings))


def counted(facts: Any) -> dict[str, Any]:
    """What must be the same wherever the log lies."""
    apart = {"origin", "examples", "snapshot", "key_period"}
    return {key: value for key, value in facts.to_json().items() if key not in apart}


def test_postgresql_and_files_come_to_the_same_facts(generated: Path, postgresql_url: str, tmp_path: Path) -> None:
    fill(postgresql_url, generated)
    files = {role: generated / f"{name}.parquet" for role, name in FILES.items()}
    (tmp_path / "key").write_text("a secret of the organisation")
    keyed = {"pseudonyms": f"file:{tmp_path}/key", "examples": 100}
    here = look(files | keyed)
    there = look(pointed(postgresql_url, tmp_path, **keyed))
    truth = json.loads((generated / "truth.json").read_text())

    assert counted(there) == counted(here)
    verdicts = [Consent(at=AT).assess(ConsentSettings.model_validate(files), facts, AT) for facts in (here, there)]
    assert verdicts[0] == verdicts[1] and verdicts[0].status is Status.FAIL
    assert sum(there.violations.model_dump().values()) == truth["violations_total"]
    assert there.examples == here.examples
    assert there.key_period == "2021-06"

    origin = there.origin
    assert origin.system.startswith("postgresql://127.0.0.1:") and origin.system.endswith("#events")
    assert origin.authenticated_as == "muniment"
    assert (origin.population.expected, origin.population.collected) == (truth["event_rows"], truth["event_rows"])
    assert {tool.name for tool in origin.tools} == {"PostgreSQL", "duckdb", "ibis-framework"}
    assert there.snapshot.startswith("snapshot ") and ", WAL " in there.snapshot
    with psycopg.connect(postgresql_url) as connection:
        assert len(connection.execute(origin.query).fetchall()) >= truth["violations_total"]
    assert urlsplit(postgresql_url).password not in canonical(there).decode()


def test_each_month_has_a_key_of_its_own_and_a_database_without_secret_shows_no_example(
    generated: Path, postgresql_url: str, tmp_path: Path
) -> None:
    fill(postgresql_url, generated)
    settings = pointed(postgresql_url, tmp_path)
    facts = look(settings)
    assert (facts.examples, facts.key_period) == ({}, None)
    assert sum(facts.violations.model_dump().values()) == 60
    (tmp_path / "key").write_text("a secret of the organisation")
    keyed = ConsentSettings.model_validate(settings | {"pseudonyms": f"file:{tmp_path}/key"})
    months = [Consent(at=at).observe(keyed).examples["withdrawn"] for at in (AT, datetime(2021, 7, 1, tzinfo=UTC))]
    assert not set(months[0]) & set(months[1])


def test_the_notices_may_lie_in_a_file_beside_the_database(
    generated: Path, postgresql_url: str, tmp_path: Path
) -> None:
    fill(postgresql_url, generated)
    everything = look(pointed(postgresql_url, tmp_path))
    file = generated / "notices.parquet"
    mixed = look(pointed(postgresql_url, tmp_path, notices=file))
    assert counted(mixed) == counted(everything)
    assert [each.name for each in mixed.origin.contents] == ["notices: notices.parquet"]
    without = look(pointed(postgresql_url, tmp_path, notices=None))
    assert (without.violations.stale, without.violations.withdrawn) == (0, everything.violations.withdrawn)


def test_all_questions_are_put_to_one_state_and_nothing_is_written(
    generated: Path, postgresql_url: str, tmp_path: Path
) -> None:
    fill(postgresql_url, generated)
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'reader'")
        try:
            connection.execute("GRANT SELECT ON acts, events, notices TO reader")
            (tmp_path / "reader").write_text("reader")
            settings = pointed(postgresql_url, tmp_path) | {"user": "reader", "password": f"file:{tmp_path}/reader"}
            assert look(settings).origin.authenticated_as == "reader"
        finally:
            connection.execute("DROP OWNED BY reader")
            connection.execute("DROP ROLE reader")


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis")  # Ibis asks DuckDB 2.0 in an older way
def test_a_file_of_duckdb_is_named_by_its_digest(generated: Path, tmp_path: Path) -> None:
    file = tmp_path / "log.duckdb"
    with duckdb.connect(str(file)) as engine:
        for role, name in FILES.items():
            engine.execute(f"CREATE TABLE {role} AS FROM '{generated / name}.parquet'")
    facts = look({role: f"duckdb://{file}#{role}" for role in FILES})
    assert counted(facts) == counted(look({role: generated / f"{name}.parquet" for role, name in FILES.items()}))
    assert facts.snapshot == facts.origin.contents[0].sha256
    assert facts.origin.system == f"duckdb://{file}#events"


def refused(settings: dict[str, Any]) -> InputFault:
    """The fault that a look comes to; it quotes nothing that it found."""
    with pytest.raises(InputFault) as caught:
        look(settings)
    assert SECRET not in f"{caught.value} {caught.value.mend}"
    return caught.value


@pytest.mark.parametrize(
    ("change", "cause", "column"),
    [
        ("ALTER TABLE events ALTER at TYPE timestamp", "naive_timestamp", "at"),
        ("ALTER TABLE events ALTER at TYPE text", "wrong_type", "at"),
        ("ALTER TABLE events RENAME mode TO kind", "missing_column", None),
        ("UPDATE events SET mode = 'alice@example.com' WHERE event_id = 7", "unknown_mode", "mode"),
        ("UPDATE events SET subject_id = NULL WHERE event_id = 7", "missing_value", "subject_id"),
        ("UPDATE events SET purpose = ' ' WHERE event_id = 7", "missing_value", "purpose"),
        ("DELETE FROM events", "empty", None),
        ("DROP TABLE events", "not_found", None),
    ],
)
def test_a_table_that_is_no_log_is_refused_with_its_column(
    generated: Path, postgresql_url: str, tmp_path: Path, change: str, cause: str, column: str | None
) -> None:
    fill(postgresql_url, generated)
    with psycopg.connect(postgresql_url) as connection:
        connection.execute(change)
    fault = refused(pointed(postgresql_url, tmp_path))
    assert fault.cause == f"consent.{cause}"
    assert str(fault.where).endswith(f"#events, column {column}" if column else "#events")


def test_tables_in_two_places_are_refused(generated: Path, postgresql_url: str, tmp_path: Path) -> None:
    settings = pointed(postgresql_url, tmp_path)
    assert refused(settings | {"acts": generated / "consents.parquet"}).cause == "consent.two_places"
    assert refused(settings | {"acts": f"duckdb://{tmp_path}/a.duckdb#acts"}).cause == "consent.two_places"


@pytest.mark.parametrize(
    "url", ["postgresql://reader:hunter22@db.example/x", "postgresql://db.example/x?password=hunter22"]
)
def test_a_login_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ConsentSettings.read({"acts": url, "events": url})
    assert all("hunter22" not in each["msg"] for each in caught.value.errors())


def hindered(settings: dict[str, Any]) -> CouldNotLook:
    """Why a look could not be made."""
    with pytest.raises(CouldNotLook) as caught:
        look(settings)
    return caught.value


def test_a_database_that_is_not_there_or_refuses_the_login_is_no_verdict(postgresql_url: str, tmp_path: Path) -> None:
    settings = pointed(postgresql_url, tmp_path)
    (tmp_path / "password").write_text("wrong, and never shown")
    error = hindered(settings)
    assert error.cause == "consent.unreachable"
    assert "wrong" not in str(error) and "OperationalError" in str(error)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    nobody = {role: f"postgresql://127.0.0.1:{port}/x#{role}" for role in SHAPES}
    assert hindered(settings | nobody).cause == "consent.unreachable"
    assert hindered(settings | {"allow_private": False}).cause == "ssrf.blocked_address"
    assert hindered(settings | {"password": "env:MUNIMENT_NO_SUCH_SECRET"}).cause == "secret.missing"


class Door:
    """Stands before a server, and shuts when it has let through so many bytes of answers."""

    def __init__(self, url: str, most: int | None = None) -> None:
        self._to = urlsplit(url)
        self._most = most
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(f":{self._to.port}/", f":{self._listener.getsockname()[1]}/")
        self.carried = 0
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        """One client, until it goes or the door shuts."""
        with (
            self._listener.accept()[0] as client,
            socket.create_connection((self._to.hostname, self._to.port)) as server,
        ):
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for source, target in ((client, server), (server, client)):
                    if source in ready:
                        block = source.recv(4096)
                        self.carried += len(block) if source is server else 0
                        if not block or (self._most is not None and self.carried > self._most):
                            return
                        target.sendall(block)


def test_a_database_that_drops_the_connection_half_way_is_no_verdict(
    generated: Path, postgresql_url: str, tmp_path: Path
) -> None:
    fill(postgresql_url, generated)
    with Door(postgresql_url) as door:
        look(pointed(door.url, tmp_path))
    causes = []
    for share in (0.0, 0.3, 0.6, 0.9):
        with Door(postgresql_url, int(door.carried * share)) as shut:
            error = hindered(pointed(shut.url, tmp_path))
        causes.append(error.cause)
        assert "Error" in str(error)
    assert causes == ["consent.unreachable", *["consent.connection_lost"] * 3]


def test_the_pseudonym_of_an_event_is_found_again_with_the_secret(bench: Any, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a secret of the organisation")
    log = bench.write([bench.act("2020-02-01T00:00:00Z")], [bench.event("2020-01-31T00:00:00Z")])
    facts = look(log | {"pseudonyms": f"file:{tmp_path}/key"})
    key = hmac.new(b"a secret of the organisation", b"muniment-consent 2021-06", hashlib.sha256).digest()
    assert facts.examples == {"before": (pseudonym(key, "e1"),)}
    assert facts.key_period == "2021-06"
