"""`muniment pack --since`: an earlier pack is verified, and must rest on the beginning of the same log."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from muniment.cli.comparing import earlier_pack
from muniment.cli.desk import Desk
from muniment.evidence import IntegrityError, UsageError

FRAMEWORK = "iso-iec-27001-2022"


@pytest.fixture
def acme(packed_acme: Path) -> Path:
    return packed_acme


@pytest.fixture
def built(acme: Path) -> Path:
    """The file of a first pack, of two records."""
    return next(acme.glob("packs/*.pdf"))


def test_the_last_pack_is_found_by_the_log_and_compared(acme: Path, muniment: Any, built: Path) -> None:
    controls = acme / "controls" / "controls.yaml"
    controls.write_text(controls.read_text().replace("owner: Ada", "owner: Grace"))
    answer = muniment("-w", acme, "pack", FRAMEWORK, "--formats", "xlsx", "--since", "last", "--json")
    assert answer.code == 0
    sheet = load_workbook(answer.json["path"])["Changes"]
    assert ("control", "GOV-2", "changed") in {row[:3] for row in sheet.iter_rows(values_only=True)}
    with pytest.raises(UsageError, match=f"is of {FRAMEWORK}, not of soc-2"):
        earlier_pack(Desk(acme), str(built), "soc-2")


def test_an_earlier_pack_that_does_not_verify_is_not_believed(acme: Path, muniment: Any, built: Path) -> None:
    whole = built.read_bytes()
    place = len(whole) // 2
    built.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    answer = muniment("-w", acme, "pack", FRAMEWORK, "--since", built)
    assert answer.code == 4
    assert "does not verify" in answer.err
    answer = muniment("-w", acme, "pack", FRAMEWORK, "--since", "last")
    assert answer.code == 2
    assert "does not lie in packs/ as it was built" in answer.err


def test_without_a_pack_in_the_log_there_is_no_last_one(small_acme: Path, muniment: Any) -> None:
    muniment("-w", small_acme, "collect", "--all")
    answer = muniment("-w", small_acme, "pack", "trustarc-truste", "--since", "last")
    assert (answer.code, "knows of no earlier pack" in answer.err) == (2, True)
    assert muniment("-w", small_acme, "pack", "trustarc-truste", "--since", small_acme / "no.pdf").code == 2


def test_a_redacted_pack_is_not_the_last_one(acme: Path, muniment: Any, built: Path, tmp_path: Path) -> None:
    file = acme / "muniment.yaml"
    file.write_text(file.read_text("utf-8") + "\npacks:\n  masked: [facts.first]\n", "utf-8")
    words = ("-w", acme, "pack", FRAMEWORK, "--audience", "redacted", "--since", "last", "--formats", "xlsx")
    answer = muniment(*words, "-o", tmp_path / "redacted.xlsx")
    assert answer.code == 0, answer.err
    assert earlier_pack(Desk(acme), "last", FRAMEWORK).id == built.stem


def test_a_log_that_does_not_continue_the_earlier_pack_s_is_named(acme: Path, muniment: Any, built: Path) -> None:
    store = acme / "evidence.git"
    commits = subprocess.run(["git", "-C", store, "rev-list", "evidence"], capture_output=True, text=True, check=True)
    subprocess.run(["git", "-C", store, "update-ref", "refs/heads/evidence", commits.stdout.split()[-1]], check=True)
    with pytest.raises(IntegrityError, match="does not continue the one that") as shorter:
        earlier_pack(Desk(acme), str(built), FRAMEWORK)
    muniment("-w", acme, "collect", "--all")
    answer = muniment("-w", acme, "pack", FRAMEWORK, "--since", built, "--json")
    assert (answer.code, answer.json["error"]["code"]) == (4, shorter.value.code) == (4, "since.fork")


def test_a_pack_of_an_earlier_key_is_compared_with_and_signed_off(acme: Path, muniment: Any, built: Path) -> None:
    assert muniment("-w", acme, "keys", "rotate", "--name", "Acme 2027").code == 0
    assert earlier_pack(Desk(acme), "last", FRAMEWORK).id == built.stem
    words = ("--name", "Ada", "--role", "reviewed", "--statement", "I have read it.", "--json")
    assert muniment("-w", acme, "sign-off", built, *words).json["decision"]["refers_to"][0] == built.stem
    assert muniment("-w", acme, "verify").code == 0


def test_a_pack_is_compared_with_one_that_a_key_sealed_which_was_rotated_since(muniment: Any, small_acme: Path) -> None:
    words = ("-w", small_acme, "pack", "trustarc-truste", "--formats", "pdf", "--json")
    muniment("-w", small_acme, "collect", "--all")
    first = muniment(*words).json["path"]
    assert muniment("-w", small_acme, "keys", "rotate", "--destroy").code == 0
    muniment("-w", small_acme, "collect", "--all")
    answer = muniment(*words, "--since", "last")
    assert answer.code == 0, answer.words
    for each in (first, answer.json["path"]):
        assert muniment("-w", small_acme, "verify", each).code == 0
