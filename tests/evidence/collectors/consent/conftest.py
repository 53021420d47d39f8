"""What the consent tests share: a bench on which small logs are written, in each format, and looked at."""

import csv
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from muniment.evidence.collectors.consent import Consent, ConsentFacts, ConsentSettings
from muniment.evidence.verdict import Verdict

Row: TypeAlias = dict[str, Any]

AT = datetime(2020, 12, 31, tzinfo=UTC)
TIMES = ("at", "recorded_at", "valid_from", "expires_at")
SHAPES = {
    "acts": ("act_id", "subject_id", "purpose", "notice_version", "action", "at"),
    "events": ("event_id", "subject_id", "purpose", "at", "mode"),
    "notices": ("purpose", "notice_version", "valid_from", "supersedes_consent"),
}
NOTICES = [
    {"purpose": "p", "notice_version": 1, "valid_from": "2020-01-01T00:00:00Z", "supersedes_consent": False},
    {"purpose": "p", "notice_version": 2, "valid_from": "2020-03-01T00:00:00Z", "supersedes_consent": False},
    {"purpose": "p", "notice_version": 3, "valid_from": "2020-05-01T00:00:00Z", "supersedes_consent": True},
]


class Bench:
    """A folder in which small logs are written and looked at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def act(self, at: str, action: str = "given", **other: Any) -> Row:
        """An act of subject s, on purpose p and notice 1."""
        row = {"act_id": 1, "subject_id": "s", "purpose": "p", "notice_version": 1, "action": action, "at": at}
        return {**row, **other}

    def event(self, at: str, **other: Any) -> Row:
        """An event of subject s, for purpose p, in normal mode."""
        return {"event_id": "e1", "subject_id": "s", "purpose": "p", "at": at, "mode": "normal", **other}

    def write(
        self, acts: list[Row], events: list[Row], notices: list[Row] | None = None, *, kind: str = "csv"
    ) -> dict[str, Any]:
        """Write a log in one of the formats; gives the settings that point at it."""
        tables = {"acts": acts, "events": events, "notices": NOTICES if notices is None else notices}
        return {role: self.put(f"{role}.{kind}", rows, SHAPES[role]) for role, rows in tables.items()}

    def put(self, name: str, rows: list[Row], shape: Iterable[str] = ()) -> Path:
        """Write rows in the format that the name says; `shape` names the columns of a table without rows."""
        file = self.folder / name
        names = list(dict.fromkeys([*shape, *(key for row in rows for key in row)]))
        if file.suffix == ".parquet":
            pq.write_table(pa.table({name: _column(name, [row.get(name) for row in rows]) for name in names}), file)
        elif file.suffix == ".csv":
            with file.open("w", newline="") as stream:
                writer = csv.DictWriter(stream, names)
                writer.writeheader()
                writer.writerows(rows)
        else:
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return file

    def look(self, at: datetime | None = AT, **settings: Any) -> tuple[ConsentFacts, Verdict]:
        """Look once, and judge the facts as a record gives them back."""
        pointed = ConsentSettings.model_validate(settings)
        collector = Consent(at=at)
        facts = collector.observe(pointed)
        verdict = collector.assess(pointed, facts, at or AT)
        again = ConsentFacts.of(facts.observed(verdict))
        assert collector.assess(pointed, again, at or AT) == verdict
        return facts, verdict


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A bench in a folder of its own."""
    return Bench(tmp_path)


def _column(name: str, values: list[Any]) -> pa.Array:
    """Instants become timestamps with a zone if all have one, else timestamps without: Parquet knows no mixture."""
    if name not in TIMES:
        return pa.array(values, None if values else pa.string())
    times = [value and datetime.fromisoformat(value) for value in values]
    naive = any(time and time.tzinfo is None for time in times)
    return pa.array(times, pa.timestamp("us", tz=None if naive else "UTC"))
