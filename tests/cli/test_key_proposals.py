"""`muniment keys … --propose`, `sign` and `apply`: keys on several machines change together who may sign."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.store import Signer


@pytest.fixture
def acme(small_acme: Path) -> Path:
    """The workspace of these tests."""
    return small_acme


@pytest.fixture
def bea(acme: Path, tmp_path: Path) -> Path:
    """Another machine: Bea's key, and the keys of the store as she pinned them."""
    home = tmp_path / "bea"
    home.mkdir()
    Signer.generate(home / "key", name="Bea")
    shutil.copy(acme / "trust.json", home)
    return home


@pytest.fixture
def two(acme: Path, bea: Path, muniment: Any) -> Path:
    """The workspace, of which two must sign a change; Bea has never been at its machine with her private key."""
    change = bea / "change.json"
    shutil.copy(bea / "key.pub", acme / "bea.pub")
    asked = ("keys", "add", "public:bea.pub", "--threshold", 2, "--propose", change)
    assert muniment("--workspace", acme, *asked).code == 0
    assert signed(muniment, bea).code == 0
    applied = muniment("--workspace", acme, "keys", "apply", change)
    assert applied.code == 0, applied.words
    assert "Bea" in applied.words and "Version 2 of the keys is pinned" in applied.words
    shutil.copy(acme / "trust.json", bea)
    change.unlink()
    return acme


def signed(muniment: Any, bea: Path) -> Any:
    return muniment("keys", "sign", bea / "change.json", "--key", bea / "key", "--trust", bea / "trust.json")


def versions(muniment: Any, acme: Path) -> int:
    version: int = muniment("--workspace", acme, "keys", "list", "--json").json["version"]
    return version


def test_a_key_is_added_by_two_who_never_share_a_machine(two: Path, muniment: Any) -> None:
    assert muniment("--workspace", two, "verify").code == 0
    keys = muniment("--workspace", two, "keys", "list", "--json").json
    assert (keys["threshold"], [key["name"] for key in keys["keys"]]) == (2, ["Acme, Inc.", "Bea"])


def test_who_signs_reads_first_what_changes(two: Path, bea: Path, muniment: Any) -> None:
    mine = Signer.load(bea / "key").fingerprint
    asked = ("keys", "revoke", mine, "--reason", "Bea has left", "--propose", bea / "change.json")
    assert muniment("--workspace", two, *asked).code == 0
    said = signed(muniment, bea)
    assert said.code == 0
    assert f"Bea, {mine}, is revoked" in said.words and "Why: Bea has left." in said.words
    assert "2 of 2 by the keys as they are" in said.words


def test_nothing_is_stored_before_enough_have_signed(two: Path, bea: Path, muniment: Any) -> None:
    change = bea / "change.json"
    asked = ("keys", "rotate", "--reason", "a new year", "--propose", change)
    assert muniment("--workspace", two, *asked).code == 0
    old = Signer.load(two / "keys/signing").public
    early = muniment("--workspace", two, "keys", "apply", change)
    assert (early.code, "signatures of 2 of its keys, and has those of 1" in early.words) == (2, True)
    assert (versions(muniment, two), Signer.load(two / "keys/signing").public == old) == (2, True)
    assert signed(muniment, bea).code == 0
    assert muniment("--workspace", two, "keys", "apply", change, "--destroy").code == 0
    assert (versions(muniment, two), Signer.load(two / "keys/signing").public == old) == (3, False)
    assert sorted(each.name for each in (two / "keys").iterdir()) == ["signing", "signing.pub"]
    assert muniment("--workspace", two, "collect", "--all").code == 1
    assert muniment("--workspace", two, "verify").code == 0


def test_what_was_altered_after_it_was_signed_is_refused(two: Path, bea: Path, muniment: Any) -> None:
    change = bea / "change.json"
    thief = Signer.generate(bea / "thief", name="Thief")
    mine = Signer.load(bea / "key").fingerprint
    muniment("--workspace", two, "keys", "revoke", mine, "--reason", "left", "--propose", change)
    signed(muniment, bea)
    content = json.loads(change.read_text())
    content["changed"]["threshold"] = 1
    change.write_text(json.dumps(content))
    refused = muniment("--workspace", two, "keys", "apply", change)
    assert (refused.code, "is no signature of the key" in refused.words) == (3, True)
    strange = muniment("keys", "sign", change, "--key", bea / "thief", "--trust", bea / "trust.json")
    assert (strange.code, f"{thief.fingerprint} would not count" in strange.words) == (2, True)
    assert versions(muniment, two) == 2


def test_a_proposal_that_was_overtaken_or_is_for_another_log_is_refused(
    two: Path, bea: Path, muniment: Any, tmp_path: Path
) -> None:
    change, mine = bea / "change.json", Signer.load(bea / "key").fingerprint
    muniment("--workspace", two, "keys", "revoke", mine, "--reason", "left", "--propose", change)
    content = json.loads((bea / "trust.json").read_text())
    (tmp_path / "other.json").write_text(json.dumps(content | {"origin": "other/evidence"}))
    other = muniment("keys", "sign", change, "--key", bea / "key", "--trust", tmp_path / "other.json")
    assert (other.code, "is for the log acme-inc/evidence, not for other/evidence" in other.words) == (2, True)
    assert muniment("--workspace", two, "keys", "rotate", "--with", bea / "key").code == 0
    late = muniment("--workspace", two, "keys", "apply", change)
    assert (late.code, "propose it anew" in late.words) == (2, True)


def test_what_is_no_proposal_is_said_to_be_none(acme: Path, muniment: Any) -> None:
    shutil.copy(acme / "trust.json", acme / "change.json")
    said = muniment("--workspace", acme, "keys", "apply", acme / "change.json")
    assert (said.code, "no proposed change of keys" in said.words) == (2, True)
    assert muniment("--workspace", acme, "keys", "apply", acme / "none.json").code == 2
    again = muniment("--workspace", acme, "keys", "rotate", "--propose", acme / "change.json")
    assert (again.code, "there is a file already" in again.words) == (2, True)
    alone = muniment("--workspace", acme, "keys", "add", "public:keys/signing.pub")
    assert alone.code == 2
