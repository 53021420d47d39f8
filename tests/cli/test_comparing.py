"""`muniment pack --since`: an earlier pack is verified, and must rest on the beginning of the same log."""

from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from muniment.cli.comparing import earlier_pack
from muniment.cli.desk import Desk
from muniment.evidence import UsageError

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
    assert muniment("-w", small_acme, "pack", "trustarc-truste", "--since", small_acme / "no.pdf").code != 0
