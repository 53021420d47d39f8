"""Packs for one's own house and for readers outside; a workspace's looks on the command line."""

from pathlib import Path
from typing import Any

FRAMEWORK = "iso-iec-27001-2022"


def settings(acme: Path, text: str) -> None:
    file = acme / "muniment.yaml"
    file.write_text(file.read_text("utf-8") + f"\npacks:\n{text}", "utf-8")


def test_a_pack_is_redacted_only_where_something_is_declared(muniment: Any, acme: Path) -> None:
    words = ("-w", acme, "pack", FRAMEWORK, "--allow-empty", "--formats", "xlsx", "--audience")
    answer = muniment(*words, "redacted", "--json")
    assert (answer.code, answer.json["error"]["code"]) == (2, "redaction.nothing")
    settings(acme, "  masked: [facts.no_such_field]\n")
    answer = muniment(*words, "redacted")
    assert answer.code == 0
    assert "Nothing was found to mask in facts.no_such_field" in answer.err
    assert muniment(*words, "nobody").code == 2


def test_an_internal_pack_is_not_handed_over(muniment: Any, acme: Path) -> None:
    answer = muniment("-w", acme, "pack", FRAMEWORK, "--audience", "internal", "--to", "Example Auditors")
    assert answer.code == 2
    assert "an internal pack is not handed over" in answer.err


def test_a_colour_that_cannot_be_read_and_a_logo_that_is_none_are_named(muniment: Any, acme: Path) -> None:
    settings(acme, "  logo: logo.png\n")
    (acme / "logo.png").write_bytes(b"no image")
    answer = muniment("-w", acme, "pack", FRAMEWORK, "--formats", "xlsx", "--json")
    assert (answer.code, answer.json["error"]["code"]) == (2, "logo.no_image")
    file = acme / "muniment.yaml"
    file.write_text(file.read_text("utf-8").replace("logo: logo.png", "accent: '#ff6600'"), "utf-8")
    answer = muniment("-w", acme, "pack", FRAMEWORK, "--formats", "xlsx")
    assert answer.code == 2
    assert "contrast of 2.93:1" in answer.words
    assert "'#ca5000'" in answer.words


def test_a_framework_is_guessed_by_its_number(muniment: Any, acme: Path) -> None:
    for near in ("iso-27001", "iso-iec-27001-2023"):
        answer = muniment("-w", acme, "pack", near)
        assert (answer.code, "did you mean iso-iec-27001-2022?" in answer.words) == (2, True)
    answer = muniment("-w", acme, "pack", "iso-27002")
    assert (answer.code, "did you mean" in answer.words, "there are: " in answer.words) == (2, False, True)


def test_no_pack_is_built_of_a_period_without_runs_unless_it_is_asked_for(muniment: Any, small_acme: Path) -> None:
    words = ("-w", small_acme, "pack", "trustarc-truste", "--formats", "xlsx")
    answer = muniment(*words)
    assert (answer.code, "the store has no run yet" in answer.words) == (2, True)
    muniment("-w", small_acme, "collect", "--all")
    answer = muniment(*words, "--period", "2024", "--json")
    assert (answer.code, answer.json["error"]["code"]) == (2, "pack.no_runs")
    assert (
        "1 January 2024 to 31 December 2024 (Europe/Paris): the store has 1 run, on" in answer.json["error"]["message"]
    )
    assert "--allow-empty" in answer.json["error"]["hint"]
    assert not (small_acme / "packs").exists()
    assert muniment("-w", small_acme, "log", "--kind", "pack.built", "--json").json["decisions"] == []
    answer = muniment(*words, "--period", "2024", "--allow-empty")
    assert (answer.code, "No run falls to the period" in answer.words) == (0, True)
    answer = muniment(*words)
    assert (answer.code, "No run falls" in answer.words) == (0, False)
