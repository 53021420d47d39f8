"""Status and runs as JUnit XML and SARIF: every outcome is there, and our own importer reads the same counts back."""

import json
from datetime import UTC, datetime

import pytest

from muniment.evidence import Status, Verdict, failed, inconclusive, not_applicable, passed
from muniment.evidence.imports import FORMATS, Source, Tally
from muniment.exports.junit import junit
from muniment.exports.outcomes import Outcome
from muniment.exports.sarif import sarif

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def outcome(name: str, verdict: Verdict) -> Outcome:
    return Outcome("TLS-1", name, verdict, "controls/tls.yaml", 7)


OUTCOMES = [
    outcome("a", passed("fine")),
    outcome("b", failed("TLS 1.0 <is> taken", "tls.version.legacy")),
    outcome("c", inconclusive("no\x00answer", "net.timeout")),
    outcome("d", not_applicable("no mail")),
]


@pytest.fixture
def read_back(tmp_path):
    """Import what was written, and give the counts and whether the file's own totals add up."""

    def read(content, format_):
        (tmp_path / "written").write_bytes(content)
        tally = Tally()
        source = Source(tmp_path / "written", "written")
        report = FORMATS[format_].read(source, lambda unit: tally.add(unit, unit.status))
        return tally, report

    return read


def test_junit_has_every_outcome_and_totals_that_add_up(read_back):
    tally, report = read_back(junit("muniment status", OUTCOMES, AT), "junit")
    assert tally.by_word == {"passed": 1, "failed": 1, "error": 1, "skipped": 1}
    assert report.stated == report.counted == {"tests": 4, "failures": 1, "errors": 1, "skipped": 1}
    assert report.began == "2026-11-24T03:00:00Z"
    assert next(shown.title for shown in tally.shown) == "TLS 1.0 <is> taken"
    assert "no⟨U+0000⟩answer" in [shown.title for shown in tally.shown]


def test_sarif_has_what_fails_and_what_is_open_with_its_place(read_back):
    content = sarif(
        [each for each in OUTCOMES if each.name != "c"] + [outcome("e", inconclusive("no answer"))], "0.1.0"
    )
    tally, report = read_back(content, "sarif")
    assert (tally.statuses[Status.FAIL], tally.statuses[Status.INCONCLUSIVE], tally.total) == (1, 1, 2)
    assert (report.tools[0].name, report.tools[0].version) == ("Muniment", "0.1.0")
    (run,) = json.loads(content)["runs"]
    first, second = run["results"]
    assert (first["kind"], first["level"], second["kind"], second["level"]) == ("fail", "error", "open", "none")
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "controls/tls.yaml"},
        "region": {"startLine": 7},
    }
    assert run["tool"]["driver"]["rules"] == [{"id": "TLS-1"}]


def test_nothing_gives_an_empty_report_and_no_pass(read_back):
    tally, report = read_back(junit("nothing", [], AT), "junit")
    assert (tally.total, report.stated["tests"]) == (0, 0)
    assert read_back(sarif([], "0.1.0"), "sarif")[0].total == 0
