"""`muniment keys`: a new key in the place of the old one, a lost one revoked, and a reader who follows."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from muniment.cli import doctor
from muniment.cli.desk import Desk
from muniment.evidence.errors import MunimentError
from muniment.evidence.store import Signer, Store


@pytest.fixture
def acme(small_acme: Path) -> Path:
    """The workspace of these tests."""
    return small_acme


def listed(muniment: Any, acme: Path) -> list[tuple[str, str]]:
    keys = muniment("--workspace", acme, "keys", "list", "--json").json["keys"]
    return [(key["state"], key["name"]) for key in keys]


def states(acme: Path, *parts: str) -> list[str]:
    """How `doctor` finds some parts of the workspace, without the rest, which takes seconds."""
    looks = {"key": doctor._key, "pin": doctor._pin}
    found = []
    for part in parts:
        try:
            found.append(looks[part](Desk(acme)).state)
        except MunimentError:
            found.append("fail")
    return found


def test_a_new_key_takes_the_place_of_the_old_one(acme: Path, muniment: Any, tmp_path: Path) -> None:
    shutil.copy(acme / "trust.json", tmp_path / "auditor.json")
    old = Signer.load(acme / "keys/signing")
    muniment("--workspace", acme, "collect", "--all")
    said = muniment("--workspace", acme, "keys", "rotate", "--name", "Acme 2027")
    assert said.code == 0, said.words
    assert listed(muniment, acme) == [("ended", "Acme, Inc."), ("valid", "Acme 2027")]
    new = Signer.load(acme / "keys/signing")
    assert (new.name, new.public != old.public) == ("Acme 2027", True)
    assert Signer.load(acme / "keys/signing.ended").public == old.public
    assert muniment("--workspace", acme, "collect", "--all").code == 1
    assert muniment("--workspace", acme, "verify").code == 0
    assert muniment("verify", acme / "evidence.git", "--root", tmp_path / "auditor.json").code == 0
    assert states(acme, "pin", "key") == ["ok", "ok"]


def test_the_private_half_of_a_period_is_destroyed(acme: Path, muniment: Any) -> None:
    said = muniment("--workspace", acme, "keys", "rotate", "--destroy")
    assert (said.code, "Its private half is destroyed" in said.words) == (0, True)
    assert sorted(each.name for each in (acme / "keys").iterdir()) == ["signing", "signing.pub"]
    assert muniment("--workspace", acme, "verify").code == 0


def test_a_rotation_that_was_broken_off_after_it_was_stored_is_finished(acme: Path, muniment: Any) -> None:
    before = (acme / "keys/signing").read_bytes()
    muniment("--workspace", acme, "keys", "rotate")
    keys = acme / "keys"
    for name in ("signing", "signing.pub"):  # as if the machine had died before the new key was put in its place
        (keys / name).replace(keys / name.replace("signing", "signing.new"))
        (keys / name.replace("signing", "signing.ended")).replace(keys / name)
    assert (keys / "signing").read_bytes() == before
    assert "may not sign" in muniment("--workspace", acme, "decide", "signed_off", "--reason", "done").words
    assert states(acme, "key") == ["fail"]
    assert muniment("--workspace", acme, "keys", "rotate").code == 0
    assert listed(muniment, acme) == [("ended", "Acme, Inc."), ("valid", "Acme, Inc.")]
    assert states(acme, "key") == ["ok"]


def test_a_lost_key_is_revoked_by_another_and_what_it_signed_is_disowned(acme: Path, muniment: Any) -> None:
    old = Signer.load(acme / "keys/signing").fingerprint
    refused = muniment("--workspace", acme, "keys", "revoke", old, "--reason", "lost")
    assert (refused.code, "cannot revoke itself" in refused.words) == (2, True)
    muniment("--workspace", acme, "keys", "rotate")
    assert muniment("--workspace", acme, "keys", "revoke", old, "--reason", "a laptop was stolen").code == 0
    assert listed(muniment, acme)[0][0] == "revoked"
    assert muniment("--workspace", acme, "verify").code == 0
    assert "a laptop was stolen" in muniment("--workspace", acme, "keys", "list").words
    assert muniment("--workspace", acme, "keys", "revoke", old, "--reason", "again").code == 2


def test_runs_since_a_theft_are_disowned(acme: Path, muniment: Any) -> None:
    old = Signer.load(acme / "keys/signing").fingerprint
    muniment("--workspace", acme, "keys", "rotate")
    assert muniment("--workspace", acme, "keys", "revoke", old, "--reason", "stolen", "--since", "2001-01-01").code == 0
    verified = muniment("--workspace", acme, "verify")
    assert (verified.code, "key.revoked" in verified.words) == (4, True)


def test_two_keys_must_sign_where_the_threshold_says_so(acme: Path, muniment: Any, tmp_path: Path) -> None:
    for name in ("bea", "cem"):
        Signer.generate(tmp_path / name, name=name)
    cem = Signer.load(tmp_path / "cem").fingerprint
    added = muniment("--workspace", acme, "keys", "add", tmp_path / "bea", "--only", "keys", "--threshold", 2)
    assert added.code == 0, added.words
    with_bea = ("--with", tmp_path / "bea")
    alone = muniment("--workspace", acme, "keys", "add", tmp_path / "cem")
    assert (alone.code, "signatures of 2 of its keys, and has those of 1" in alone.words) == (2, True)
    assert muniment("--workspace", acme, "keys", "add", tmp_path / "cem", *with_bea).code == 0
    revoke = ("--workspace", acme, "keys", "revoke", cem, "--reason", "left")
    assert (muniment(*revoke).code, muniment(*revoke, *with_bea).code) == (2, 0)
    assert [state for state, _ in listed(muniment, acme)] == ["valid", "valid", "revoked"]


def test_a_reader_pins_the_newest_version_only_from_a_store_that_proves_it(
    acme: Path, muniment: Any, tmp_path: Path
) -> None:
    first = (acme / "trust.json").read_bytes()
    muniment("--workspace", acme, "keys", "rotate")
    (acme / "trust.json").write_bytes(first)
    assert states(acme, "pin") == ["warn"]
    assert muniment("--workspace", acme, "keys", "pin").code == 0
    assert states(acme, "pin") == ["ok"]
    shutil.rmtree(acme / "evidence.git")
    stranger = Signer.generate(tmp_path / "stranger")
    from datetime import UTC, datetime

    Store.create(
        acme / "evidence.git", origin="acme-inc/evidence", signer=stranger, at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert muniment("--workspace", acme, "keys", "pin").code == 4
    assert states(acme, "pin") == ["fail"]


@pytest.mark.parametrize("signing", ["ssh-agent:SHA256:0000", "program:bin/signer"])
def test_a_key_that_is_in_no_file_is_named_by_a_reference(acme: Path, muniment: Any, signing: str) -> None:
    file = acme / "muniment.yaml"
    file.write_text(file.read_text().replace("file:keys/signing", signing))
    said = muniment("--workspace", acme, "collect", "--all")
    assert said.code == 3
    assert states(acme, "key") == ["fail"]
