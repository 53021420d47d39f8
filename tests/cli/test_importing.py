"""`muniment import`: from a file to a finding, and everything that it refuses."""

import json

import pytest

RULES = """
name: unit tests
cadence: 1d
grace: 12h
rules:
- control: GOV-2
  match: {class: "acme.*"}
"""


def junit(*cases, tests=None, timestamp="2026-01-05T03:00:00Z"):
    """A report of test cases, each with a class, a name and perhaps a failure."""
    lines = "".join(
        f'<testcase classname="{class_}" name="{name}">{"<failure/>" if bad else ""}</testcase>'
        for class_, name, bad in cases
    )
    failures = sum(bad for *_, bad in cases)
    totals = f'tests="{len(cases) if tests is None else tests}" failures="{failures}"'
    return f'<testsuite name="acme" {totals} timestamp="{timestamp}">{lines}</testsuite>'


@pytest.fixture
def bring(acme, muniment):
    """Import some content into the workspace, with rules."""

    def run(content, *words, name="report.xml", format_="junit", rules=RULES):
        file = acme / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        (acme / "rules.yaml").write_text(rules or "")
        given = ["--rules", acme / "rules.yaml"] if rules else []
        return muniment("-w", acme, "import", file, "--as", format_, *given, *words)

    return run


def kept(acme):
    """The files that lie in the place of imports."""
    folder = acme / "payloads" / "imports"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def test_a_report_becomes_one_record_a_control_and_one_for_what_no_rule_maps(acme, muniment, bring):
    content = junit(("acme.keys", "split", False), ("acme.keys", "turned", True), ("other", "x", False))
    said = bring(content, "--json")
    assert said.code == 1, said.err
    mapped, unmapped = said.json["parts"]
    assert (mapped["control"], mapped["statuses"]["fail"], mapped["statuses"]["pass"]) == ("GOV-2", 1, 1)
    assert mapped["verdict"]["message"] == "1 of 2 units failed: acme.keys::turned"
    assert (unmapped["control"], unmapped["words"], unmapped["verdict"]["codes"]) == (
        None,
        {"passed": 1},
        ["import.unmapped"],
    )
    assert said.json["stated"] == said.json["counted"] == {"tests": 3, "failures": 1}
    (copy,) = kept(acme)
    assert copy.read_text() == content
    assert copy.stat().st_mode & 0o777 == 0o600
    assert said.json["content"]["sha256"] == f"sha256:{copy.name}"

    record = muniment("-w", acme, "show", mapped["record"], "--json").json["record"]
    assert record["method"]["collector"] == "import.junit"
    assert record["actor"]["trigger"] == "import"
    origin = record["outcome"]["origin"]
    assert origin["population"]["expected"] == 2
    assert origin["population"]["exclusions"] == [
        {"subject": "1 units", "reason": "no rule maps them; they have a record of their own"}
    ]
    assert origin["stands_for"]["start"] == "2026-01-05T03:00:00Z"
    assert record["life"]["valid_until"] == "2026-01-06T15:00:01Z"  # the tool's time, a day and twelve hours
    assert muniment("-w", acme, "verify").code == 0


def test_an_old_report_is_no_evidence_of_today_and_its_failure_stays_in_sight(acme, muniment, bring):
    bring(junit(("acme.keys", "turned", True)))
    answer = muniment("-w", acme, "status", "--json").json
    (finding,) = [each for each in answer["findings"] if each["control"] == "GOV-2"]
    (check,) = [each for each in finding["checks"] if each["check"] == "import.unit-tests.gov-2"]
    assert (check["freshness"], check["verdict"]["codes"]) == ("stale", ["evidence.stale"])
    assert finding["worst_in_period"]["status"] == "fail"


def test_an_imported_failure_weighs_on_its_control_and_a_good_report_lifts_it(acme, muniment, bring):
    timeless = '<testsuite name="acme"><testcase classname="acme.keys" name="turned">{}</testcase></testsuite>'

    def status_of_check():
        findings = muniment("-w", acme, "status", "--json").json["findings"]
        (finding,) = [each for each in findings if each["control"] == "GOV-2"]
        (check,) = [each for each in finding["checks"] if each["check"].startswith("import.")]
        return finding["verdict"]["status"], check["verdict"]["status"]

    bring(timeless.format("<failure/>"))
    assert status_of_check() == ("fail", "fail")
    bring(timeless.format(""))
    assert status_of_check() == ("inconclusive", "pass")  # the control's own check has not looked yet


def test_the_same_file_is_not_taken_in_twice(acme, bring):
    content = junit(("acme.keys", "split", False))
    assert bring(content).code == 0
    again = bring(content)
    assert again.code == 2
    assert "run 1 has imported this very file as 'unit tests'" in again.words
    assert len(kept(acme)) == 1


def test_totals_that_differ_leave_the_record_undecided(bring):
    said = bring(junit(("acme.keys", "split", False), tests=7), "--json")
    assert said.code == 1
    assert said.json["parts"][0]["verdict"] == {
        "status": "inconclusive",
        "message": "the tool's own totals are others: tests 7, here 1",
        "codes": ["import.counts_differ"],
    }


def test_a_dry_run_records_and_keeps_nothing(acme, muniment, bring):
    said = bring(junit(("acme.keys", "split", False)), "--dry-run")
    assert said.code == 0
    assert "1 of 1 unit passed" in said.words
    assert "Nothing was recorded." in said.words
    assert kept(acme) == []
    assert muniment("-w", acme, "log", "--json").json["runs"] == []


def test_without_rules_every_unit_is_unmapped(bring):
    said = bring(junit(("acme.keys", "split", False)), "--json", rules=None)
    assert [(part["control"], part["statuses"]["pass"]) for part in said.json["parts"]] == [(None, 1)]


@pytest.mark.parametrize(
    ("content", "words", "place"),
    [
        ("{}", "not XML", "report.xml:1"),
        (junit(("acme.keys", "split", False))[:-30], "not XML", "report.xml:1:"),
        ("", "the file is empty", "report.xml"),
        (junit(("a", "b", False), timestamp="2100-01-01T00:00:00Z"), "the tool says that it ran at 2100", None),
    ],
)
def test_what_cannot_be_read_is_an_error_and_leaves_nothing_behind(acme, muniment, bring, content, words, place):
    said = bring(content)
    assert said.code == 2
    assert words in said.words
    assert place is None or place in said.words
    assert kept(acme) == []
    assert muniment("-w", acme, "log", "--json").json["runs"] == []


def test_an_unknown_control_in_the_rules_is_an_error_with_its_place(bring):
    said = bring(junit(("acme.keys", "split", False)), "--json", rules=RULES.replace("GOV-2", "GOV-9"))
    assert said.code == 2
    assert said.json["error"]["where"].endswith("rules.yaml:6:12")


LISTING_RULES = """
name: second factor
cadence: 4w
listing: {id: account, status: mfa}
statuses: {"yes": pass, "no": fail}
rules:
- control: GOV-2
"""
LISTING = ("--source", "https://idp.example", "--query", "active users", "--period", "2026-01-05")


def test_a_listing_must_say_where_it_comes_from(bring):
    said = bring("account,mfa\na1,yes\n", "--period", "2026-01-05", name="l.csv", format_="csv", rules=LISTING_RULES)
    assert said.code == 2
    assert "--source, --query must" in said.words


def test_a_listing_with_its_origin_is_evidence_and_no_cell_that_was_not_named_is_kept(acme, muniment, bring):
    said = bring(
        "account,mfa,mail\na1,Yes,ada@example.com\na2,No,bob@example.com\n",
        *LISTING,
        "--expected",
        2,
        "--json",
        name="l.csv",
        format_="csv",
        rules=LISTING_RULES,
    )
    (part,) = said.json["parts"]
    assert part["verdict"]["message"] == "1 of 2 units failed: a2"
    shown = muniment("-w", acme, "show", part["record"], "--json")
    assert "example.com" not in shown.out
    origin = shown.json["record"]["outcome"]["origin"]
    assert (origin["system"], origin["query"]) == ("https://idp.example", "active users")
    assert origin["stands_for"] == {
        "start": "2026-01-04T23:00:00Z",
        "end": "2026-01-05T23:00:00Z",
        "zone": "Europe/Paris",
    }


def test_a_listing_of_another_length_than_the_system_says_is_undecided(bring):
    said = bring(
        "account,mfa\na1,yes\n", *LISTING, "--expected", 2, "--json", name="l.csv", format_="csv", rules=LISTING_RULES
    )
    assert said.json["parts"][0]["verdict"]["codes"] == ["import.counts_differ"]


def test_a_report_with_a_secret_becomes_an_errored_record(bring):
    token = "ghp_" + "a" * 36
    log = {
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "secrets"}}, "results": [{"ruleId": "x", "message": {"text": token}}]}],
    }
    rules = "name: secrets\ncadence: 1d\nrules:\n- control: GOV-2\n"
    said = bring(json.dumps(log), "--json", name="s.sarif", format_="sarif", rules=rules)
    assert said.code == 1
    assert said.json["parts"][0]["verdict"]["codes"] == ["record.secret"]
    assert token not in said.out


def test_a_catalogue_of_another_program_becomes_a_framework_of_the_workspace(acme, muniment, tmp_path):
    metadata = {
        "title": "House 2025",
        "last-modified": "2025-01-01T00:00:00Z",
        "version": "1",
        "oscal-version": "1.1.3",
    }
    group = {"id": "a", "title": "All", "controls": [{"id": "a-1", "title": "Doors"}]}
    file = tmp_path / "house.json"
    file.write_text(json.dumps({"catalog": {"metadata": metadata, "groups": [group]}}))
    said = muniment("-w", acme, "frameworks", "import", file, "--json")
    assert (said.code, said.json["framework"], said.json["criteria"]) == (0, "house-2025", 1)
    assert said.json["confidence"] == "imported, not verified"
    assert muniment("-w", acme, "frameworks", "import", file).code == 0
    assert "a-1" in muniment("-w", acme, "frameworks", "show", "house-2025").out

    group["controls"].append(group["controls"][0])
    file.write_text(json.dumps({"catalog": {"metadata": {**metadata, "title": "Twice"}, "groups": [group]}}))
    said = muniment("-w", acme, "frameworks", "import", file)
    assert said.code == 2
    assert "the criterion `a-1` is there already" in said.words
    assert [each.name for each in (acme / "frameworks").iterdir()] == ["house-2025.yaml"]
