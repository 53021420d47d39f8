"""The index beside a real store, in a real SQLite and a real PostgreSQL: filled, searched, tampered with."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.dialects import sqlite

from muniment.evidence import (
    Actor,
    Errored,
    EvidenceRecord,
    IntegrityError,
    Life,
    Method,
    Observed,
    Origin,
    Plan,
    Span,
    Status,
    StoreFault,
    Task,
    UsageError,
    Verdict,
    failed,
    passed,
)
from muniment.evidence.index import Index
from muniment.evidence.index import newest as newest_of
from muniment.evidence.record import record_id
from muniment.evidence.store import Signer, Store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SUBJECTS = ("a.example.org:443", "b.example.org:443", "c.example.org:443")
GOOD = passed("As it should be.", "tls.cert.expiring")
LEGACY = failed("TLS 1.0 is offered.", "tls.version.legacy")
UNSEEN = Errored(cause="net.timeout", message="No answer in 10 s.")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/.muniment/index.db"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer.generate(tmp_path / "key")


@pytest.fixture
def store(tmp_path: Path, signer: Signer) -> Store:
    return Store.create(tmp_path / "evidence.git", origin="example.org/evidence", signer=signer, at=NOON)


def look(store: Store, signer: Signer, at: datetime, seen: Sequence[Verdict | Errored], *, check: str = "tls") -> int:
    """A run that sees one subject after the other; gives its number."""
    start = store.begin(plan(at, len(seen), check), signer, at=at)
    records = []
    for place, (task, outcome) in enumerate(zip(start.plan.tasks, seen, strict=True), start=1):
        if isinstance(outcome, Verdict):
            origin = Origin(system=f"tls://{task.subject}", query="handshake")
            outcome = Observed(origin=origin, facts={"protocols": ["TLSv1.3"]}, verdict=outcome)
        records.append(
            EvidenceRecord(
                id=record_id(at.year, start.run, place),
                task=task.id,
                check=task.check,
                controls=task.controls,
                subject=task.subject,
                subject_kind="endpoint",
                collected=Span(start=at, end=at + timedelta(seconds=1)),
                recorded=at + timedelta(seconds=2),
                method=Method(collector="tls", version="1"),
                actor=start.plan.actor,
                outcome=outcome,
                life=Life(valid_until=at + DAY) if place == 1 else Life(),
            )
        )
    store.finish(start, records, signer, at=at + timedelta(seconds=3), milliseconds=3_000)
    return start.run


def plan(at: datetime, tasks: int = 3, check: str = "tls") -> Plan:
    return Plan(
        planned=at,
        actor=Actor(name="scheduler", kind="service", trigger="schedule"),
        workspace="sha256:" + "0" * 64,
        tasks=tuple(
            Task(
                id=f"{check}/{subject}",
                check=check,
                controls=("C-TLS", f"C-{check.upper()}"),
                collector="tls",
                subject=subject,
                settings={},
            )
            for subject in SUBJECTS[:tasks]
        ),
    )


def change(url: str, statement: str) -> int:
    """What somebody does who gets at the database; gives the number of rows that it hit."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        rows = connection.execute(text(statement)).rowcount
    engine.dispose()
    return int(rows)


def test_a_row_says_what_the_record_says_and_where_it_is(url: str, store: Store, signer: Signer) -> None:
    look(store, signer, NOON, [GOOD, LEGACY, UNSEEN])
    with Index.open(url) as index:
        assert index.rebuild(store) == 3
        unseen, legacy, good = index.find()
    stored = store.record("EV-2026-000001-0001")
    assert (good.id, good.leaf, good.digest, good.run) == (stored.record.id, stored.leaf, stored.digest, 1)
    assert (good.check, good.subject, good.subject_kind, good.task) == (
        "tls",
        "a.example.org:443",
        "endpoint",
        "tls/a.example.org:443",
    )
    assert (good.status, good.message, good.codes) == (Status.PASS, "As it should be.", ("tls.cert.expiring",))
    assert (good.collected, good.recorded) == (NOON + timedelta(seconds=1), NOON + timedelta(seconds=2))
    assert (good.observed_start, good.observed_end) == (NOON, NOON + timedelta(seconds=1))
    assert (good.valid_until, legacy.valid_until) == (NOON + DAY, None)
    assert (legacy.status, legacy.kind, legacy.codes) == (Status.FAIL, "observed", ("tls.version.legacy",))
    assert (unseen.status, unseen.kind, unseen.codes) == (Status.INCONCLUSIVE, "errored", ("net.timeout",))


def test_an_update_goes_on_after_the_last_leaf_and_then_finds_nothing_new(
    url: str, store: Store, signer: Signer
) -> None:
    look(store, signer, NOON, [GOOD, GOOD, GOOD])
    with Index.open(url) as index:
        assert index.update(store) == 3
    look(store, signer, NOON + DAY, [GOOD, LEGACY])
    with Index.open(url) as index:
        assert index.update(store) == 2
        assert index.update(store) == 0
        assert [row.id for row in index.find(limit=3)] == [
            "EV-2026-000002-0002",
            "EV-2026-000002-0001",
            "EV-2026-000001-0003",
        ]
        assert index.check_against(store) == []


def test_progress_tells_leaves_done_and_leaves_in_all(url: str, store: Store, signer: Signer) -> None:
    look(store, signer, NOON, [GOOD, GOOD])
    told: list[tuple[int, int]] = []
    with Index.open(url) as index:
        index.rebuild(store, progress=lambda done, total: told.append((done, total)))
    size = store.checkpoint().size
    assert told[-1] == (size, size)
    assert told == sorted(told)


def test_a_run_that_never_ended_is_listed_without_an_end_until_it_has_one(
    url: str, store: Store, signer: Signer
) -> None:
    look(store, signer, NOON, [GOOD])
    start = store.begin(plan(NOON + DAY), signer, at=NOON + DAY)
    with Index.open(url) as index:
        index.update(store)
        broken, whole = index.runs()
        assert (broken.run, broken.planned, broken.tasks) == (2, NOON + DAY, 3)
        assert (broken.ended, broken.got, broken.end_commit) == (None, None, None)
        assert (whole.actor, whole.trigger, whole.tasks, whole.got, whole.errored) == ("scheduler", "schedule", 1, 1, 0)
        assert (whole.ended, whole.end_commit) == (NOON + timedelta(seconds=3), next(store.runs()).commits[1])
        missing = [task.id for task in start.plan.tasks]
        store.finish(start, [], signer, at=NOON + DAY, milliseconds=0, reason="broken off", missing=missing)
        index.update(store)
        assert [(run.run, run.got) for run in index.runs()] == [(2, 0), (1, 1)]
        assert index.check_against(store) == []


def test_an_abandoned_run_stays_listed_while_later_ones_come_in(url: str, store: Store, signer: Signer) -> None:
    store.begin(plan(NOON), signer, at=NOON)
    with Index.open(url) as index:
        index.update(store)
        size = store.checkpoint().size
        look(store, signer, NOON + DAY, [GOOD])
        assert [run.start.run for run in store.runs(since=size)] == [2]
        index.update(store)
        assert [(run.run, run.got) for run in index.runs()] == [(2, 1), (1, None)]
        assert index.check_against(store) == []


def test_as_of_a_date_each_subject_has_its_newest_record_of_then(url: str, store: Store, signer: Signer) -> None:
    look(store, signer, NOON, [GOOD, GOOD, GOOD])
    look(store, signer, NOON + DAY, [LEGACY, UNSEEN])
    look(store, signer, NOON + DAY, [GOOD], check="dates")
    with Index.open(url) as index:
        index.update(store)
        before = index.latest(NOON)
        then = index.latest(NOON + timedelta(hours=1))
        now = index.latest(NOON + 2 * DAY)
    assert before == []
    assert [(row.subject, row.status.value) for row in then] == [(subject, "pass") for subject in SUBJECTS]
    assert [(row.check, row.subject[0], row.status.value, row.run) for row in now] == [
        ("dates", "a", "pass", 3),
        ("tls", "a", "fail", 2),
        ("tls", "b", "inconclusive", 2),
        ("tls", "c", "pass", 1),
    ]
    assert [(row.collected, row.collector, row.id) for row in then] == [
        (NOON + timedelta(seconds=1), "tls", record_id(2026, 1, place)) for place in (1, 2, 3)
    ]


def test_as_of_a_date_is_one_search_in_the_index_for_each_series(tmp_path: Path) -> None:
    with Index.open(f"sqlite:///{tmp_path}/index.db"):
        pass
    asked = str(newest_of.STATEMENT.compile(dialect=sqlite.dialect()))
    with closing(sqlite3.connect(tmp_path / "index.db")) as database:
        steps = [step for *_, step in database.execute(f"EXPLAIN QUERY PLAN {asked}", (1, 1, 0))]
    assert steps == [
        "SCAN series",
        "SEARCH record USING INTEGER PRIMARY KEY (rowid=?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH record USING COVERING INDEX record_as_of (series=? AND collected<?)",
    ]


def test_as_of_a_date_postgresql_searches_its_index_once_for_each_series(postgresql_url: str) -> None:
    with Index.open(postgresql_url) as index, index._database.asking() as connection:
        asked = newest_of.LATERAL.compile(dialect=connection.dialect)
        values = {**asked.params, "as_of": 1}
        connection.exec_driver_sql("SET enable_seqscan = off")  # what it would do with many rows
        connection.exec_driver_sql("SET enable_bitmapscan = off")
        plan_lines = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN (COSTS off) {asked}", values)]
        connection.exec_driver_sql("RESET ALL")
    assert [line.strip(" ->") for line in plan_lines if "Scan" in line and "series" not in line] == [
        "Index Scan Backward using record_as_of on record"
    ]
    assert not any("Sort" in line for line in plan_lines)


def test_of_two_looks_that_ended_at_one_instant_the_later_leaf_counts(url: str, store: Store, signer: Signer) -> None:
    start = store.begin(plan(NOON, 1).model_copy(update={"reason": "again"}), signer, at=NOON)
    look(store, signer, NOON, [LEGACY])
    missing = [task.id for task in start.plan.tasks]
    store.finish(start, [], signer, at=NOON, milliseconds=0, reason="broken off", missing=missing)
    look(store, signer, NOON, [GOOD, GOOD])
    with Index.open(url) as index:
        index.update(store)
        first, _ = index.latest(NOON + DAY)
        assert (first.run, first.status) == (3, Status.PASS)


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"check": "dates"}, ["3-1"]),
        ({"control": "C-DATES"}, ["3-1"]),
        ({"control": "C-TLS", "subject": SUBJECTS[0]}, ["3-1", "2-1", "1-1"]),
        ({"subject": SUBJECTS[1]}, ["2-2", "1-2"]),
        ({"status": Status.FAIL}, ["2-1"]),
        ({"status": Status.NOT_APPLICABLE}, []),
        ({"run": 2}, ["2-2", "2-1"]),
        ({"since": NOON + DAY}, ["3-1", "2-2", "2-1"]),
        ({"until": NOON + DAY}, ["1-2", "1-1"]),
        ({"since": NOON + timedelta(seconds=1), "until": NOON + DAY + timedelta(seconds=1)}, ["1-2", "1-1"]),
        ({"limit": 2}, ["3-1", "2-2"]),
    ],
)
def test_records_are_found_by_what_is_asked(
    tmp_path: Path, store: Store, signer: Signer, asked: dict[str, object], ids: list[str]
) -> None:
    look(store, signer, NOON, [GOOD, GOOD])
    look(store, signer, NOON + DAY, [LEGACY, UNSEEN])
    look(store, signer, NOON + 2 * DAY, [GOOD], check="dates")
    with Index.open(f"sqlite:///{tmp_path}/index.db") as index:
        index.update(store)
        found = index.find(**asked)  # type: ignore[arg-type]
    assert [f"{row.run}-{int(row.id[-4:])}" for row in found] == ids


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "UPDATE record SET status = 'pass' WHERE leaf = {leaf}",
            "{row}: status is 'pass' in the index, 'fail' in the store",
        ),
        (
            "UPDATE record SET digest = 'sha256:0' WHERE leaf = {leaf}",
            "{row}: digest is 'sha256:0' in the index, '{digest}' in the store",
        ),
        (
            "UPDATE record SET valid_until = 5 WHERE leaf = {leaf}",
            "{row}: valid_until is 5 in the index, None in the store",
        ),
        ("DELETE FROM record WHERE leaf = {leaf}", "{row}: missing from the index"),
        (
            "UPDATE record SET leaf = 77 WHERE leaf = {leaf}",
            "row of record (leaf 77, id EV-2026-000001-0002): in the index, not in the store",
        ),
        (
            "UPDATE record SET leaf = 0 WHERE leaf = {leaf}",
            "row of record (leaf 0, id EV-2026-000001-0002): in the index, not in the store",
        ),
        (
            "DELETE FROM record_control WHERE leaf = {leaf} AND control = 'C-TLS'",
            "row of record_control (control C-TLS, leaf {leaf}): missing from the index",
        ),
        (
            "UPDATE series SET subject = 'x' WHERE leaf = {leaf}",
            "row of series (leaf {leaf}): subject is 'x' in the index, 'b.example.org:443' in the store",
        ),
        ("UPDATE run SET errored = 0 WHERE run = 1", "row of run (run 1): errored is 0 in the index, 1 in the store"),
        ("DELETE FROM run WHERE run = 1", "row of run (run 1): missing from the index"),
    ],
    ids=lambda words: words.partition(" WHERE")[0] if "WHERE" in words else "",
)
def test_a_row_that_was_changed_in_the_database_is_named_and_a_rebuild_mends_it(
    url: str, store: Store, signer: Signer, statement: str, sentence: str
) -> None:
    look(store, signer, NOON, [GOOD, LEGACY, UNSEEN])
    hit = store.record("EV-2026-000001-0002")
    names = {"leaf": hit.leaf, "digest": hit.digest, "row": f"row of record (leaf {hit.leaf}, id {hit.record.id})"}
    with Index.open(url) as index:
        index.update(store)
        assert index.check_against(store) == []
        assert change(url, statement.format(**names)) == 1
        assert sentence.format(**names) in index.check_against(store)
        index.rebuild(store)
        assert index.check_against(store) == []


def test_what_the_store_took_in_after_the_last_update_is_not_missed(url: str, store: Store, signer: Signer) -> None:
    look(store, signer, NOON, [GOOD])
    started = store.begin(plan(NOON + DAY, 1), signer, at=NOON + DAY)
    with Index.open(url) as index:
        index.update(store)
        store.finish(
            started, [], signer, at=NOON + DAY, milliseconds=0, reason="broken off", missing=[f"tls/{SUBJECTS[0]}"]
        )
        look(store, signer, NOON + 2 * DAY, [GOOD])
        assert index.check_against(store) == []


def test_an_index_of_another_store_is_refused_and_kept(url: str, tmp_path: Path, store: Store, signer: Signer) -> None:
    other = Store.create(tmp_path / "other.git", origin="other.example/evidence", signer=signer, at=NOON)
    look(store, signer, NOON, [GOOD])
    with Index.open(url) as index:
        index.update(store)
        for attempt in (index.update, index.rebuild, index.check_against):
            with pytest.raises(IntegrityError, match=r"example\.org/evidence, not other\.example/evidence") as caught:
                attempt(other)
            assert (caught.value.code, caught.value.exit_code) == ("index.origin", 4)
        assert len(index.find()) == 1


def test_a_store_that_was_cut_back_is_noticed(url: str, tmp_path: Path, store: Store, signer: Signer) -> None:
    look(store, signer, NOON, [GOOD])
    shutil.copytree(store.path, tmp_path / "earlier.git")
    size = store.checkpoint().size
    look(store, signer, NOON + DAY, [GOOD])
    with Index.open(url) as index:
        index.update(store)
        with pytest.raises(IntegrityError, match=rf"the store had {size + 3} leaves, and now it has {size}:") as caught:
            index.update(Store.open(tmp_path / "earlier.git"))
    assert caught.value.code == "index.ahead"


def test_a_history_that_was_written_anew_is_noticed(url: str, tmp_path: Path, store: Store, signer: Signer) -> None:
    shutil.copytree(store.path, tmp_path / "forged.git")
    look(store, signer, NOON, [LEGACY])
    forged = Store.open(tmp_path / "forged.git")
    look(forged, signer, NOON, [GOOD])
    with Index.open(url) as index:
        index.update(store)
        with pytest.raises(IntegrityError, match="its history was rewritten") as caught:
            index.update(forged)
    assert caught.value.code == "index.root"


def test_a_rebuild_that_is_interrupted_leaves_the_rows_as_they_were(url: str, store: Store, signer: Signer) -> None:
    look(store, signer, NOON, [GOOD, LEGACY])

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with Index.open(url) as index:
        index.update(store)
        with pytest.raises(KeyboardInterrupt):
            index.rebuild(store, progress=interrupt)
    with Index.open(url) as index:
        assert len(index.find()) == 2
        assert index.check_against(store) == []


def test_two_who_update_at_once_copy_each_record_once(url: str, store: Store, signer: Signer) -> None:
    look(store, signer, NOON, [GOOD, LEGACY, UNSEEN])

    def update(_turn: int) -> int:
        with Index.open(url) as index:
            return index.update(Store.open(store.path))

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(update, range(4))) == [0, 0, 0, 3]
    with Index.open(url) as index:
        assert index.check_against(store) == []


def test_many_who_open_a_new_index_at_once_all_get_in(tmp_path: Path, store: Store) -> None:
    def open_it(path: Path) -> int:
        with Index.open(f"sqlite:///{path}") as index:
            return index.update(store)

    for turn in range(25):
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(open_it, [tmp_path / f"{turn}.db"] * 8)) == [0] * 8


def test_a_reader_is_not_held_up_by_an_update(url: str, store: Store, signer: Signer) -> None:
    look(store, signer, NOON, [GOOD])
    seen: list[int] = []

    def read(_done: int, _total: int) -> None:
        with Index.open(url) as reader:
            seen.append(len(reader.find()))

    with Index.open(url) as index:
        index.update(store)
        look(store, signer, NOON + DAY, [GOOD])
        index.update(store, progress=read)
        assert set(seen) == {1}
        assert len(index.find()) == 2


def test_text_that_a_database_could_choke_on_comes_back(url: str, store: Store, signer: Signer) -> None:
    message = "nul \x00, tab \t, \\N, quote ', ‮ and 😀"
    look(store, signer, NOON, [failed(message, "tls.version.legacy"), passed("y" * 100_000)])
    with Index.open(url) as index:
        index.update(store)
        long, odd = index.find()
        assert odd.message == message.replace("\x00", "\N{REPLACEMENT CHARACTER}")
        assert long.message == "y" * 100_000
        assert index.check_against(store) == []


@pytest.mark.parametrize("url", ["mysql://u:s3cret@127.0.0.1/x", "u:s3cret@nowhere", ""])
def test_a_url_that_names_no_database_of_ours_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Index.open(url)
    assert (caught.value.code, caught.value.exit_code) == ("index.url", 2)
    assert "sqlite:///PATH" in str(caught.value.mend)
    assert "s3cret" not in f"{caught.value} {caught.value.mend}"


def test_a_wrong_password_is_told_without_the_password(postgresql_url: str) -> None:
    right = postgresql_url.partition("muniment:")[2].partition("@")[0]
    for url in (postgresql_url.replace(right, "s3cret"), postgresql_url.replace(f":{right}", "") + "?password=s3cret"):
        with pytest.raises(StoreFault, match="password authentication failed") as caught:
            Index.open(url)
        assert "s3cret" not in f"{caught.value} {caught.value.__cause__}"
        assert caught.value.exit_code == 3


def test_a_server_that_is_not_there_is_told_with_its_place() -> None:
    with pytest.raises(StoreFault, match="refused") as caught:
        Index.open("postgresql://muniment:s3cret@127.0.0.1:1/evidence")
    assert "127.0.0.1:1/evidence" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "muniment index rebuild" in str(caught.value.mend)


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("These are notes, and long enough that they cannot pass for an empty database. " * 20)
    with pytest.raises(StoreFault, match="file is not a database") as caught:
        Index.open(f"sqlite:///{file}")
    assert str(file) in str(caught.value)
    assert file.read_text().startswith("These are notes")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreFault, match="the folder of the index cannot be made"):
        Index.open(f"sqlite:///{tmp_path}/file/index.db")


def test_without_the_driver_of_postgresql_the_mend_is_to_install_it() -> None:
    program = """
import sys
sys.modules["psycopg"] = None  # what an installation without the extra is like
from muniment.evidence.errors import StoreFault
from muniment.evidence.index import Index
from muniment.evidence.index import newest as newest_of
try:
    Index.open("postgresql://muniment:s3cret@127.0.0.1/evidence")
except StoreFault as fault:
    print(fault, "|", fault.mend)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "the driver for PostgreSQL is not installed | pip install 'muniment[postgresql]'" in done.stdout
    assert "s3cret" not in done.stdout
