"""The first and the last of a tool's times are those of instants, not of their spelling."""

import json
from pathlib import Path

import pytest

from muniment.evidence.imports import FORMATS, Columns, Source, reader_of
from muniment.evidence.imports.times import earliest, latest


@pytest.mark.parametrize(
    ("texts", "first", "last"),
    [
        (("2026-11-24T02:00:00+05:00", "2026-11-23T22:00:00Z"), "2026-11-24T02:00:00+05:00", "2026-11-23T22:00:00Z"),
        (("2026-11-24T03:00:00Z", "2026-11-24T03:00:00.5Z"), "2026-11-24T03:00:00Z", "2026-11-24T03:00:00.5Z"),
        (("2026-01-01T00:00:00", "2026-11-24T03:00:00Z"), "2026-11-24T03:00:00Z", "2026-11-24T03:00:00Z"),
        (("2026-01-02T00:00:00", None, "2026-01-01T00:00:00"), "2026-01-01T00:00:00", "2026-01-02T00:00:00"),
        (("yesterday", "2026-01-01"), "2026-01-01", "2026-01-01"),
        (("b", "a", ""), "a", "b"),
        ((), None, None),
    ],
)
def test_times_are_compared_as_instants(texts: tuple[str | None, ...], first: str | None, last: str | None) -> None:
    assert (earliest(texts), latest(texts)) == (first, last)


def test_a_report_from_several_zones_begins_with_its_first_instant(tmp_path: Path) -> None:
    there = ("2026-11-24T01:00:00+05:00", "2026-11-24T01:10:00+05:00")
    here = ("2026-11-23T21:00:00Z", "2026-11-23T21:30:00Z")
    runs = [
        {
            "tool": {"driver": {"name": "semgrep"}},
            "results": [],
            "invocations": [{"executionSuccessful": True, "startTimeUtc": began, "endTimeUtc": ended}],
        }
        for began, ended in (here, there)
    ]
    file = tmp_path / "log.sarif"
    file.write_text(json.dumps({"version": "2.1.0", "runs": runs}))
    report = reader_of(FORMATS["sarif"], Columns())(Source(file, "log.sarif"), lambda _: None)
    assert (report.began, report.ended) == (there[0], here[1])
