"""`muniment sign-off`: a statement is bound to one file, and to the log that it rests on."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def acme(packed_acme: Path) -> Path:
    return packed_acme


@pytest.fixture
def built(acme: Path) -> Path:
    """The file of a pack."""
    return next(acme.glob("packs/*.pdf"))


def signed(muniment: Any, acme: Path, pack: Path, name: str, role: str) -> Any:
    """The answer to one sign-off."""
    words = ("--name", name, "--role", role, "--statement", "I have read it and stand for it.", "--json")
    return muniment("-w", acme, "sign-off", pack, *words)


def test_a_statement_is_in_the_log_with_the_digest_and_the_root(acme: Path, muniment: Any, built: Path) -> None:
    answer = signed(muniment, acme, built, "Ada", "prepared")
    assert answer.code == 0
    decision = answer.json["decision"]
    assert decision["refers_to"] == [built.stem, f"sha256:{sha256(built.read_bytes()).hexdigest()}"]
    assert (decision["approver"], decision["reason"]) == ("Ada", "I have read it and stand for it.")
    told = muniment("-w", acme, "verify", built, "--json").json
    assert (decision["payload"]["role"], decision["payload"]["root"]) == ("prepared", told["root"])
    assert decision["payload"]["size"] == str(told["size"])
    assert muniment("-w", acme, "log", "--json", "--kind", "signed_off").json["decisions"][0]["decision"] == decision
    assert muniment("-w", acme, "verify").code == 0

    again = signed(muniment, acme, built, " ada ", "approved")
    assert (again.code, "Ada has prepared this pack already" in again.words) == (2, True)
    assert signed(muniment, acme, built, "Grace", "reviewed").code == 0
    assert signed(muniment, acme, built, "Grace", "reviewed").code == 2
    assert signed(muniment, acme, built, "grace@example.org", "approved").code == 2
    assert signed(muniment, acme, built, "Grace", "aproved").code == 2


def test_nobody_signs_off_an_altered_file_or_a_draft(acme: Path, muniment: Any, built: Path, tmp_path: Path) -> None:
    whole = built.read_bytes()
    built.write_bytes(whole[:-2000] + bytes([whole[-2000] ^ 1]) + whole[-1999:])
    answer = signed(muniment, acme, built, "Ada", "prepared")
    assert (answer.code, "does not verify" in answer.words) == (4, True)
    draft = tmp_path / "draft.pdf"
    muniment("-w", acme, "pack", "iso-iec-27001-2022", "--draft", "--formats", "pdf", "-o", draft)
    answer = signed(muniment, acme, draft, "Ada", "prepared")
    assert (answer.code, "a draft is not signed off" in answer.words) == (2, True)
    assert muniment("-w", acme, "log", "--json", "--kind", "signed_off").json["decisions"] == []
