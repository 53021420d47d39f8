"""Each format: its units, what their words mean, and its counts beside the tool's own."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from openpyxl import Workbook

from muniment.evidence.errors import InputFault
from muniment.evidence.imports import FORMATS, Columns
from muniment.evidence.record import Tool


def counts(read):
    """Counts by status, without the zeros."""
    return {status: number for status, number in read.tally.by_status.items() if number}


def test_the_units_of_pytest_are_as_many_as_pytest_itself_says(read, tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "@pytest.mark.parametrize('n', [1, 2, 3])\n"
        "def test_one(n): assert n == 1\n"
        "def test_skipped(): pytest.skip('not here')\n"
        "@pytest.fixture\n"
        "def broken(): raise RuntimeError('no database')\n"
        "def test_broken(broken): pass\n"
    )
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", "out.xml", "test_it.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    seen = read(tmp_path / "out.xml", "junit")
    assert "2 failed, 2 passed, 1 skipped, 1 error" in said
    assert seen.tally.by_word == {"passed": 2, "failed": 2, "skipped": 1, "error": 1}
    assert seen.report.stated == seen.report.counted == {"tests": 6, "failures": 2, "errors": 1, "skipped": 1}
    assert counts(seen) == {"pass": 2, "fail": 2, "inconclusive": 2}
    failing = next(unit for unit in seen.units if unit.word == "failed")
    assert (failing.id, failing.fields["class"], failing.fields["suite"]) == (
        "test_it::test_one[2]",
        "test_it",
        "pytest",
    )
    assert failing.title.startswith("assert 2 == 1")
    assert seen.report.began is not None


def test_totals_of_nested_suites_are_taken_once(read, file):
    nested = file(
        "nested.xml",
        """<testsuites tests="2" failures="1"><testsuite name="a" tests="1" failures="1">
        <testcase classname="A" name="x"><failure message="no"/></testcase></testsuite>
        <testsuite name="b" tests="1" failures="0"><testcase classname="B" name="y"/></testsuite></testsuites>""",
    )
    separate = file(
        "separate.xml",
        """<testsuites><testsuite name="a" tests="1"><testsuite name="inner" tests="1">
        <testcase name="x"/></testsuite></testsuite><testsuite name="b" tests="1"><testcase name="y"/></testsuite>
        </testsuites>""",
    )
    assert read(nested, "junit").report.stated == {"tests": 2, "failures": 1}
    assert read(separate, "junit").report.stated == {"tests": 2} == read(separate, "junit").report.counted


def test_the_results_of_ruff_are_as_many_as_ruff_itself_says(read, tmp_path):
    (tmp_path / "bad.py").write_text("import os, sys\nassert True\neval('1')\n")
    base = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "ALL", "bad.py"]

    def ruff(form):
        run = subprocess.run(
            [*base, "--output-format", form], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        return run.stdout

    (tmp_path / "ruff.sarif").write_text(ruff("sarif"))
    own = Counter(each["code"] for each in json.loads(ruff("json")))
    seen = read(tmp_path / "ruff.sarif", "sarif")
    assert Counter(unit.fields["rule"] for unit in seen.units) == own
    assert own["S307"] == 1
    assert counts(seen) == {"fail": own.total()}
    assert seen.report.tools[0].name == "ruff"
    assert seen.report.incomplete is None


def test_the_results_of_bandit_are_as_many_as_bandit_itself_says(read, samples):
    seen = read("bandit.sarif", "sarif")
    own = json.loads((samples / "bandit.sarif").read_text())["runs"][0]["properties"]["metrics"]["_totals"]
    assert seen.tally.by_word == {"note": own["SEVERITY.LOW"], "error": own["SEVERITY.HIGH"]} == {"note": 2, "error": 2}
    assert [unit.id for unit in seen.units if unit.word == "error"] == ["B602 src/app.py:3", "B324 src/app.py:5"]
    assert seen.report.ended == "2026-11-24T06:55:54Z"


def sarif(*results, **run):
    return json.dumps(
        {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": list(results), **run}]}
    )


def test_sarif_results_that_are_no_findings_are_counted_as_such(read, file):
    seen = read(
        file(
            "t.sarif",
            sarif(
                {"ruleId": "a", "message": {"text": "plain"}},
                {"ruleId": "b", "kind": "pass"},
                {"ruleId": "c", "kind": "notApplicable"},
                {"ruleId": "d", "kind": "review"},
                {"ruleId": "e", "suppressions": [{"kind": "inSource"}]},
                {"ruleId": "f", "suppressions": [{"kind": "external", "status": "rejected"}]},
                {"ruleId": "g", "baselineState": "absent"},
            ),
        ),
        "sarif",
    )
    words = {unit.fields["rule"]: unit.word for unit in seen.units}
    assert words == {
        "a": "warning",
        "b": "pass",
        "c": "notApplicable",
        "d": "review",
        "e": "suppressed",
        "f": "warning",
        "g": "absent",
    }


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"results": None}, "did not look"),
        ({"invocations": [{"executionSuccessful": False}]}, "did not run to its end"),
    ],
)
def test_sarif_of_a_tool_that_did_not_finish_is_incomplete(read, file, run, words):
    assert words in read(file("t.sarif", sarif(**run)), "sarif").report.incomplete


def test_vulnerabilities_of_cyclonedx_are_read_by_analysis_then_by_the_gravest_rating(read, file):
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {
            "timestamp": "2026-11-20T08:00:00Z",
            "tools": {"components": [{"type": "application", "name": "scanner", "version": "9.1"}]},
            "component": {"type": "application", "name": "browser", "version": "3.2"},
        },
        "components": [{"type": "library", "name": "left", "version": "1"}],
        "vulnerabilities": [
            {
                "id": "CVE-2026-0001",
                "ratings": [{"severity": "low"}, {"severity": "critical"}],
                "affects": [{"ref": "left@1"}],
            },
            {"id": "CVE-2026-0002", "ratings": [{"severity": "high"}], "analysis": {"state": "not_affected"}},
            {"id": "CVE-2026-0003", "analysis": {"state": "in_triage"}, "cwes": [79]},
            {"id": "CVE-2026-0004"},
        ],
    }
    seen = read(file("bom.json", json.dumps(bom)), "cyclonedx")
    assert [unit.word for unit in seen.units] == ["critical", "not_affected", "in_triage", "unknown"]
    assert counts(seen) == {"fail": 1, "inconclusive": 2, "not_applicable": 1}
    assert seen.units[0].id == "CVE-2026-0001 left@1"
    assert seen.units[2].fields["cwe"] == "CWE-79"
    assert (seen.report.system, seen.report.tools) == ("browser 3.2", (Tool(name="scanner", version="9.1"),))
    del bom["vulnerabilities"]
    assert "inventory" in read(file("plain.json", json.dumps(bom)), "cyclonedx").report.incomplete


def finding(code, resource, **more):
    return {
        "class_uid": 2004,
        "metadata": {"product": {"name": "Prowler", "version": "5.1.0"}, "event_code": "s3_bucket_public"},
        "finding_info": {"uid": f"prowler-{resource}", "title": "No bucket is public"},
        "cloud": {"account": {"uid": "111122223333"}, "region": "eu-west-3"},
        "resources": [{"uid": resource, "region": "eu-west-3", "group": {"name": "s3"}}],
        "severity": "Critical",
        "status": "New",
        "status_code": code,
        "time": 1795505525,
        **more,
    }


def test_ocsf_findings_are_read_from_an_array_and_line_by_line(read, file):
    findings = [
        finding("PASS", "a"),
        finding("FAIL", "b"),
        finding("MANUAL", "c"),
        finding("FAIL", "d", status="Suppressed"),
    ]
    array = read(file("a.json", json.dumps(findings)), "ocsf")
    lines = read(file("l.json", "\n".join(json.dumps(each) for each in findings)), "ocsf")
    assert array.units == lines.units
    assert counts(array) == {"pass": 1, "fail": 1, "inconclusive": 1, "not_applicable": 1}
    assert array.units[1].id == "s3_bucket_public b"
    assert array.units[1].fields["service"] == "s3"
    assert array.report.tools == (Tool(name="Prowler", version="5.1.0"),)
    assert array.report.began == "2026-11-24T07:32:05Z"


def test_testssl_counts_each_severity_in_both_of_its_forms(read, samples):
    flat, pretty = read("testssl.json", "testssl"), read("testssl-pretty.json", "testssl")
    own = Counter(each["severity"] for each in json.loads((samples / "testssl.json").read_text()))
    assert flat.tally.by_word == dict(own) == {"INFO": 36, "OK": 7, "HIGH": 3, "CRITICAL": 1, "LOW": 1}
    assert counts(pretty) == {"pass": 7, "fail": 5, "not_applicable": 34}
    assert pretty.report.tools[0] == Tool(name="testssl.sh", version="3.0.8")
    assert (pretty.report.began, pretty.report.ended) == ("2026-11-24T07:32:05Z", "2026-11-24T07:32:15Z")
    assert pretty.report.query.startswith("testssl --quiet")
    assert flat.report.incomplete is None is pretty.report.incomplete


def test_a_testssl_scan_that_was_cut_short_is_incomplete(read, file):
    lines = [{"id": "scanTime", "ip": "/", "port": "443", "severity": "WARN", "finding": "Scan interrupted"}]
    assert "came to an end" in read(file("t.json", json.dumps(lines)), "testssl").report.incomplete


def test_sslyze_commands_are_read_by_what_they_found(read):
    seen = read("sslyze.json", "sslyze")
    words = {unit.fields["check"]: unit.word for unit in seen.units}
    scheduled = {check: word for check, word in words.items() if word != "not scheduled"}
    assert scheduled == {
        "ssl_2_0_cipher_suites": "secure",
        "tls_compression": "secure",
        "heartbleed": "secure",
        "robot": "secure",
        "session_renegotiation": "secure",
        "tls_fallback_scsv": "reported",
    }
    assert seen.report.tools == (Tool(name="sslyze", version="6.3.1"),)
    assert seen.report.system == "127.0.0.1:9443"


def test_sslyze_moduli_of_six_hundred_digits_and_bad_servers_are_read(read, file, samples):
    output = json.loads((samples / "sslyze.json").read_text())
    server = output["server_scan_results"][0]
    server["scan_result"]["heartbleed"]["result"]["is_vulnerable_to_heartbleed"] = True
    server["scan_result"]["tls_1_0_cipher_suites"] = {"status": "COMPLETED", "result": {"accepted_cipher_suites": [{}]}}
    server["scan_result"]["certificate_info"] = {
        "status": "COMPLETED",
        "result": {"certificate_deployments": [{"path_validation_results": [{"was_validation_successful": False}]}]},
    }
    server["modulus"] = 10**600
    output["server_scan_results"].append({**server, "scan_status": "ERROR_NO_CONNECTIVITY", "scan_result": None})
    seen = read(file("s.json", json.dumps(output)), "sslyze")
    words = {unit.fields["check"]: unit.word for unit in seen.units}
    assert [words[check] for check in ("heartbleed", "tls_1_0_cipher_suites", "certificate_info", "connectivity")] == [
        "insecure",
        "insecure",
        "insecure",
        "no connectivity",
    ]


def control(id_, *statuses, impact=0.7):
    return {"id": id_, "impact": impact, "results": [{"status": each, "code_desc": "x"} for each in statuses]}


def test_inspec_controls_are_read_as_a_whole_and_counted_as_inspec_counts_them(read, file):
    execution = {
        "platform": {"name": "debian", "release": "12"},
        "version": "5.22.3",
        "statistics": {
            "duration": 0.1,
            "controls": {"total": 5, "passed": {"total": 2}, "skipped": {"total": 1}, "failed": {"total": 2}},
        },
        "profiles": [
            {
                "name": "baseline",
                "version": "1.0",
                "controls": [
                    control("a", "passed", "passed"),
                    control("b", "passed", "failed", "skipped"),
                    control("c", "skipped", "passed"),
                    control("d", "failed", impact=0.0),
                    control("e"),
                ],
            }
        ],
    }
    seen = read(file("i.json", json.dumps(execution)), "inspec")
    assert [unit.word for unit in seen.units] == ["passed", "failed", "skipped", "not applicable", "no tests"]
    assert seen.report.counted == seen.report.stated == {"total": 5, "passed": 2, "failed": 2, "skipped": 1}
    assert seen.report.system == "debian 12"


def test_the_rule_results_of_openscap_are_as_many_as_its_benchmark_has_rules(read):
    seen = read("xccdf.xml", "xccdf")
    assert seen.tally.by_word == {"pass": 1, "fail": 1, "notchecked": 1, "notselected": 1}
    assert seen.report.stated == {"rules": 4} == seen.report.counted
    assert counts(seen) == {"pass": 1, "fail": 1, "inconclusive": 1, "not_applicable": 1}
    assert seen.report.tools == (Tool(name="openscap", version="1.3.7"),)
    assert seen.units[1].fields["severity"] == "high"


def test_xccdf_within_an_arf_is_found_and_a_checklist_alone_is_no_result(read, file, samples):
    plain = (samples / "xccdf.xml").read_text().split("?>", 1)[1]
    arf = f'<arf:asset-report-collection xmlns:arf="http://example.org/arf">{plain}</arf:asset-report-collection>'
    assert read(file("arf.xml", arf), "xccdf").tally.total == 4
    checklist = file("list.xml", '<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2"><Rule id="r"/></Benchmark>')
    with pytest.raises(InputFault, match="a checklist, not the result of one"):
        read(checklist, "xccdf")


def test_oscal_findings_are_read_by_the_state_of_their_target(read, file):
    def a_finding(target, state):
        return {
            "uuid": f"00000000-0000-4000-8000-00000000000{target[-1]}",
            "title": f"Finding on {target}",
            "target": {"type": "objective-id", "target-id": target, "status": {"state": state}},
        }

    results = {
        "assessment-results": {
            "metadata": {"title": "Assessment of the warehouse", "version": "1", "oscal-version": "1.1.2"},
            "import-ap": {"href": "#plan"},
            "results": [
                {
                    "title": "November",
                    "start": "2026-11-01T09:00:00Z",
                    "end": "2026-11-02T09:00:00Z",
                    "findings": [a_finding("ac-1", "satisfied"), a_finding("ac-2", "not-satisfied")],
                }
            ],
        }
    }
    seen = read(file("ar.json", json.dumps(results)), "oscal")
    assert counts(seen) == {"pass": 1, "fail": 1}
    assert (seen.report.began, seen.report.ended) == ("2026-11-01T09:00:00Z", "2026-11-02T09:00:00Z")
    del results["assessment-results"]["results"][0]["end"]
    assert "goes on" in read(file("open.json", json.dumps(results)), "oscal").report.incomplete


def test_the_rows_of_a_listing_are_known_by_number_unless_a_column_is_named(read, file):
    text = 'user;mfa;note\r\nada;Yes;"two\r\nlines"\r\n\r\nbob;No;\r\n'
    plain = read(file("l.csv", text), "csv")
    named = read(file("l.csv", text), "csv", Columns(id="user", status="mfa"))
    assert [(unit.id, unit.word) for unit in plain.units] == [("row 3", "listed"), ("row 5", "listed")]
    assert [(unit.id, unit.word) for unit in named.units] == [("ada", "yes"), ("bob", "no")]
    assert counts(named) == {"inconclusive": 2}
    assert "two lines" not in plain.units[0].title
    assert named.report.counted == {"rows": 2}


def test_a_workbook_gives_the_same_units_as_the_same_listing_in_csv(read, file, tmp_path):
    rows = [["user", "mfa", "since"], ["ada", "yes", 2019], ["bob", None, 2020.0]]
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "l.xlsx")
    book.close()
    csv = "\n".join(",".join("" if cell is None else str(cell).removesuffix(".0") for cell in row) for row in rows)
    columns = Columns(id="user", status="mfa")
    assert read(tmp_path / "l.xlsx", "xlsx", columns).units == read(file("l.csv", csv), "csv", columns).units


def test_every_format_is_on_its_page():
    page = (Path(__file__).parents[3] / "docs" / "imports.md").read_text()
    for format_ in FORMATS.values():
        assert f"`{format_.id}`" in page
        assert all(f"`{field}`" in page for field in format_.fields)
