"""`muniment claims`: each public sentence with the findings that hold it up, or do not."""

from pathlib import Path
from typing import Any

import pytest

CLAIMS = """
claims:
  - id: C-1
    text: We have policies
    url: https://acme.test/trust
    controls: [GOV-2]
  - id: C-2
    text: We test our backups
    controls: [BCK-1]
"""


@pytest.fixture
def said(acme: Path) -> Path:
    """A workspace that says two things in public, one of which rests on a failing control."""
    (acme / "registers/claims.yaml").write_text(CLAIMS)
    return acme


def test_each_sentence_stands_with_the_findings_and_records_that_say_so(said: Path, muniment: Any) -> None:
    muniment("-w", said, "collect", "--all")
    answer = muniment("-w", said, "claims", "--json")
    first, second = answer.json["claims"]
    assert (answer.code, answer.json["schema"]) == (1, "muniment.claims/1")
    assert (first["standing"], second["standing"]) == ("contradicted", "unsubstantiated")
    [finding] = first["findings"]
    assert (finding["control"], finding["verdict"]["status"]) == ("GOV-2", "fail")
    [record] = finding["evidence"]
    shown = muniment("-w", said, "show", record, "--json").json["record"]
    assert (shown["subject"], shown["outcome"]["verdict"]["codes"]) == ("privacy policy", ["policy.empty"])
    assert second["findings"][0]["verdict"]["codes"] == ["control.absent"]


def test_a_person_reads_sentence_standing_and_reason(said: Path, muniment: Any) -> None:
    muniment("-w", said, "collect", "--all")
    words = muniment("-w", said, "claims").words
    assert "C-1 “We have policies” https://acme.test/trust ✗ contradicted failing: GOV-2" in words
    assert "GOV-2 ✗ fail" in words
    assert "EV-" in words


def test_a_sentence_whose_controls_pass_is_substantiated(said: Path, muniment: Any) -> None:
    (said / "registers/claims.yaml").write_text(CLAIMS.split("  - id: C-2")[0])
    (said / "policies/privacy.md").write_text("# Privacy\n\nWe ask first.\n")
    controls = (said / "controls/controls.yaml").read_text()
    (said / "controls/controls.yaml").write_text(controls.replace("owner: Ada", "owner: Ada\n    automation: full"))
    muniment("-w", said, "collect", "--all")
    answer = muniment("-w", said, "claims")
    assert (answer.code, "✓ substantiated" in answer.words) == (0, True), answer.words


def test_only_contradicted_sentences_count_where_that_is_asked(said: Path, muniment: Any) -> None:
    (said / "registers/claims.yaml").write_text("claims:\n  - id: C-2" + CLAIMS.split("  - id: C-2")[1])
    assert muniment("-w", said, "claims", "--fail-on", "fail").code == 0
    assert muniment("-w", said, "claims").code == 1


def test_without_sentences_it_says_so(acme: Path, muniment: Any) -> None:
    answer = muniment("-w", acme, "claims")
    assert (answer.code, answer.words) == (0, "No public sentence stands in registers/claims.yaml.")
