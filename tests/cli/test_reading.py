"""`muniment status`, `show`, `log`, `verify` and the registers: what stands, and on what it rests."""

import zipfile
from pathlib import Path
from typing import Any

import pytest


def test_no_evidence_is_never_a_pass(acme: Path, muniment: Any) -> None:
    answer = muniment("-w", acme, "status")
    assert answer.code == 1
    assert "GOV-2 ? inconclusive none 0 %" in answer.words
    assert "✓" not in answer.words
    assert "123 criteria: 123 inconclusive" in answer.words
    assert "Due now: 2 subjects of gov-2.policies." in answer.words


def test_a_workspace_without_controls_is_never_green(acme: Path, muniment: Any) -> None:
    (acme / "controls" / "controls.yaml").write_text("controls: []\n")
    answer = muniment("-w", acme, "status")
    assert answer.code == 1
    assert "No controls." in answer.out
    assert muniment("-w", acme, "pack", "iso-iec-27001-2022").code == 0
    [pdf], [_], [zipped] = ([*(acme / "packs").glob(f"*.{form}")] for form in ("pdf", "xlsx", "zip"))
    assert muniment("-w", acme, "verify", pdf).code == 0
    answer = muniment("-w", acme, "verify", zipped, "--json")
    assert (answer.code, answer.json["kind"], answer.json["pinned"], answer.json["faults"]) == (0, "pack", True, [])
    with zipfile.ZipFile(zipped) as archive:
        assert {"assessment-results.json", "component-definition.json"} <= set(archive.namelist())
    whole = zipped.read_bytes()
    place = len(whole) // 2
    zipped.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    answer = muniment("-w", acme, "verify", zipped, "--json")
    assert answer.code == 4
    assert "file.altered" in {fault["code"] for fault in answer.json["faults"]}


def test_a_failing_subject_fails_its_control_and_is_named(acme: Path, muniment: Any) -> None:
    muniment("-w", acme, "collect")
    answer = muniment("-w", acme, "status", "--json")
    assert answer.code == 1
    [finding] = answer.json["findings"]
    assert (finding["control"], finding["verdict"]["status"], finding["freshness"]) == ("GOV-2", "fail", "fresh")
    assert "privacy policy" in finding["verdict"]["message"]
    assert muniment("-w", acme, "status", "--fail-on", "never").code == 0


def test_as_of_yesterday_nothing_was_known(acme: Path, muniment: Any) -> None:
    muniment("-w", acme, "collect")
    answer = muniment("-w", acme, "status", "--as-of", "2026-01-31T12:00:00Z", "--json")
    assert answer.json["findings"][0]["verdict"]["status"] == "inconclusive"


def test_a_record_is_shown_with_its_proof(acme: Path, muniment: Any) -> None:
    record = muniment("-w", acme, "collect", "--json").json["records"][0]
    answer = muniment("-w", acme, "show", record["id"])
    assert answer.code == 0
    for words in ("security policy", "It has a body.", "collectors/policy.py", "not recorded", "proven to be part of"):
        assert words in answer.words
    assert muniment("-w", acme, "show", record["id"], "--json").json["proven"] is True


def test_hostile_evidence_does_not_reach_the_terminal(acme: Path, muniment: Any) -> None:
    (acme / "policies" / "security.md").write_text("\x1b[2J\u202eevil\nbody\n")
    record = muniment("-w", acme, "collect", "--json").json["records"][0]
    shown = muniment("-w", acme, "show", record["id"])
    assert "\x1b" not in shown.out
    assert "\u202e" not in shown.out
    assert "⟨U+202E⟩evil" in shown.out


def test_an_unknown_record_is_a_usage_error(acme: Path, muniment: Any) -> None:
    answer = muniment("-w", acme, "show", "EV-2026-000009-0001")
    assert answer.code == 2
    assert "the store has no record" in answer.err


def test_a_flipped_byte_is_exit_code_4_wherever_it_is_and_a_record_that_it_hits_is_named(
    acme: Path, muniment: Any
) -> None:
    muniment("-w", acme, "collect")
    assert muniment("-w", acme, "verify").code == 0
    newest = max((acme / "evidence.git" / "objects" / "pack").glob("*.pack"), key=lambda file: file.stat().st_mtime_ns)
    whole = newest.read_bytes()
    newest.chmod(0o644)
    said = []
    for place in range(40, len(whole), len(whole) // 24):
        data = bytearray(whole)
        data[place] ^= 1
        newest.write_bytes(data)
        said.append(muniment("-w", acme, "verify", "--json"))
    assert {answer.code for answer in said} == {4}
    assert not any(answer.json["ok"] for answer in said)
    assert any("EV-2026-000001-000" in answer.out for answer in said)


def test_only_the_formats_that_were_asked_for_are_written(acme: Path, muniment: Any, tmp_path: Path) -> None:
    target = tmp_path / "for the auditor.xlsx"
    answer = muniment(
        "-w", acme, "pack", "iso-iec-27001-2022", "--allow-empty", "--formats", "xlsx", "-o", target, "--json"
    )
    assert (answer.code, answer.json["pages"]) == (0, None)
    assert [each["path"] for each in answer.json["files"]] == [str(target)]
    assert [each.name for each in tmp_path.glob("for the*")] == [target.name]
    answer = muniment("-w", acme, "pack", "iso-iec-27001-2022", "--allow-empty", "--formats", "oscal", "-o", target)
    assert answer.code == 0
    assert "can verify it" not in answer.out
    names = sorted(each.name for each in tmp_path.glob("*.json"))
    assert names == [
        "for the auditor.assessment-results.json",
        "for the auditor.component-definition.json",
        "for the auditor.plan-of-action-and-milestones.json",
    ]
    wrong = muniment("-w", acme, "pack", "iso-iec-27001-2022", "--formats", "pdf,xslx")
    assert wrong.code == 2
    assert "did you mean xlsx?" in wrong.err


def test_no_pack_is_built_from_a_store_that_does_not_verify(acme: Path, muniment: Any) -> None:
    muniment("-w", acme, "collect")
    newest = max((acme / "evidence.git" / "objects" / "pack").glob("*.pack"), key=lambda file: file.stat().st_mtime_ns)
    newest.unlink()
    answer = muniment("-w", acme, "pack", "iso-iec-27001-2022")
    assert answer.code == 4
    assert not (acme / "packs").exists()


def test_the_period_must_have_begun(acme: Path, muniment: Any) -> None:
    answer = muniment("-w", acme, "pack", "iso-iec-27001-2022", "--period", "2099")
    assert (answer.code, answer.out) == (2, "")
    assert "which is still to come" in answer.err


@pytest.mark.parametrize("period", ["2026-13", "last year", "2026-02-30", "2026-03-01..2026-02-01"])
def test_a_period_that_is_none_is_refused_with_examples(acme: Path, muniment: Any, period: str) -> None:
    answer = muniment("-w", acme, "status", "--period", period)
    assert answer.code == 2
    assert "2026-Q3" in answer.err


def test_an_index_that_was_changed_is_seen_by_the_doctor_and_rebuilt(acme: Path, muniment: Any) -> None:
    muniment("-w", acme, "collect")
    assert muniment("-w", acme, "doctor").code == 0
    (acme / ".muniment" / "index.db").unlink()
    assert muniment("-w", acme, "index", "rebuild", "--json").json["rows"] == 2


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("log",),
        ("verify",),
        ("doctor",),
        ("collect", "--dry-run"),
        ("controls", "list"),
        ("controls", "list", "--library"),
        ("controls", "show", "TLS-1"),
        ("controls", "check"),
        ("frameworks", "list"),
        ("frameworks", "show", "trustarc-truste"),
        ("collectors", "list"),
        ("collectors", "show", "tls"),
        ("show", "EV-2026-000001-0001"),
        ("pack", "no-such-framework"),
        ("no-such-command",),
    ],
)
def test_json_is_exactly_one_document_also_on_failure(acme: Path, muniment: Any, words: tuple[str, ...]) -> None:
    answer = muniment("-w", acme, *words, "--json")
    assert answer.json["schema"].startswith("muniment.")
    if answer.code > 1:
        assert answer.json["ok"] is False
        assert set(answer.json["error"]) == {"code", "message", "where", "hint"}


def test_titles_that_are_not_verified_say_so(acme: Path, muniment: Any) -> None:
    answer = muniment("-w", acme, "frameworks", "show", "trustarc-truste")
    assert "(title not verified)" in answer.words
    assert "confidence: medium" in answer.words


FRAMEWORK = """
id: acme-criteria
name: What Acme's customers ask
publisher: Acme, Inc.
edition: first
year: 2026
certifiable: false
licence_note: Our own words
sources: [our contracts]
confidence: { level: high }
counts: { groups: 1, criteria: 2 }
groups:
  - { id: A, title: Doors, kind: clause }
criteria:
  - { id: A.1, title: Doors are locked, group: A, kind: requirement, applies_to: organization, verification: verified }
  - { id: A.2, title: Keys are counted, group: A, kind: requirement, applies_to: organization, verification: verified }
"""


def test_a_framework_of_ones_own_is_imported_and_can_be_chosen(acme: Path, muniment: Any, tmp_path: Path) -> None:
    file = tmp_path / "criteria.yaml"
    file.write_text(FRAMEWORK)
    answer = muniment("-w", acme, "frameworks", "import", file)
    assert answer.code == 0, answer.err
    assert "2 criteria, kept in frameworks/acme-criteria.yaml" in answer.words
    manifest = (acme / "muniment.yaml").read_text()
    (acme / "muniment.yaml").write_text(manifest.replace("frameworks: [", 'frameworks: ["acme-criteria", '))
    status = muniment("-w", acme, "status", "--framework", "acme-criteria")
    assert "acme-criteria: 2 criteria: 2 inconclusive" in status.words


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("criteria: 2 }", "criteria: 3 }", "criteria"),
        ("id: A.2", "id: A.1", "A.1"),
        ("edition: first\n", "", "edition"),
    ],
)
def test_a_framework_file_that_is_off_is_refused_with_its_place(
    acme: Path, muniment: Any, tmp_path: Path, old: str, new: str, said: str
) -> None:
    file = tmp_path / "criteria.yaml"
    file.write_text(FRAMEWORK.replace(old, new))
    answer = muniment("-w", acme, "frameworks", "import", file)
    assert answer.code == 2
    assert "criteria.yaml" in answer.err
    assert said in answer.err
    assert not (acme / "frameworks").exists()


def test_init_again_changes_nothing(acme: Path, muniment: Any) -> None:
    before = {file: file.read_bytes() for file in acme.rglob("*") if file.is_file()}
    answer = muniment("init", acme)
    assert answer.code == 0
    assert "nothing was changed" in answer.err
    assert {file: file.read_bytes() for file in acme.rglob("*") if file.is_file()} == before


def test_outside_a_workspace_the_mend_is_named(tmp_path: Path, muniment: Any) -> None:
    answer = muniment("-w", tmp_path, "status")
    assert answer.code == 2
    assert "`muniment init` makes a workspace here" in answer.err


def test_try_looks_at_one_subject_and_touches_no_store(acme: Path, muniment: Any) -> None:
    settings = acme / "try.json"
    settings.write_text('{"path": "policies/security.md"}')
    answer = muniment("-w", acme, "collectors", "try", "acme.policy", "--settings", settings, "--json")
    assert answer.code == 0
    assert answer.json["schema"] == "muniment.try/1"
    assert answer.json["verdict"] == {"status": "pass", "message": "It has a body.", "codes": []}
    assert answer.json["facts"] == {"lines": 3, "first": "# Security"}
    assert answer.json["record"]["subject"] == "policies/security.md"
    assert muniment("-w", acme, "log", "--json").json["runs"] == []


def test_try_names_a_setting_that_does_not_exist(acme: Path, muniment: Any) -> None:
    settings = acme / "try.yaml"
    settings.write_text("paht: policies/security.md\n")
    answer = muniment("-w", acme, "collectors", "try", "acme.policy", "--settings", settings)
    assert answer.code == 2
    assert "try.yaml:1:1" in answer.err
    assert 'did you mean "path"?' in answer.err


def test_what_stands_is_told_where_the_index_cannot_be_written(acme: Path, muniment: Any) -> None:
    muniment("-w", acme, "collect")
    manifest = (acme / "muniment.yaml").read_text()
    (acme / "muniment.yaml").write_text(f"{manifest}index: sqlite:///muniment.yaml/index.db\n")
    answer = muniment("-w", acme, "status")
    assert answer.code == 1
    assert "GOV-2 ✗ fail fresh" in answer.words
    assert "What is due cannot be told" in answer.words
