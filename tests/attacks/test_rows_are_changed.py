"""Rows are changed in SQLite or PostgreSQL: each carries leaf and digest, and the index is held against the store."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from muniment.evidence.index import Index


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/index.db"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE record SET status = 'pass' WHERE leaf = 5", "status is 'pass' in the index, 'fail' in the store"),
        ("UPDATE record SET digest = 'sha256:00' WHERE leaf = 5", "digest is"),
        ("DELETE FROM record WHERE leaf = 5", "missing from the index"),
        ("UPDATE run SET ended = NULL WHERE run = 1", "ended is None in the index"),
    ],
)
def test_a_changed_row_is_named_and_the_store_is_what_counts(bench: Any, url: str, change: str, told: str) -> None:
    bench.run(number=1)
    with Index.open(url) as index:
        index.rebuild(bench.store)
        assert index.check_against(bench.store) == []
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        assert connection.execute(text(change)).rowcount == 1
    engine.dispose()
    with Index.open(url) as index:
        assert any(told in each for each in index.check_against(bench.store))
        index.rebuild(bench.store)
        assert index.check_against(bench.store) == []
    assert bench.verify().ok
