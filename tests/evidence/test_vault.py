"""Sealed payloads: kept outside the store, opened only whole, erased for good."""

import hashlib
import stat
from pathlib import Path

import pytest

from muniment.evidence import IntegrityError, Origin, Sealed, StoreFault, canonical
from muniment.evidence.vault import KEYS, SEALED, Vault, unkept

PAYLOAD = b'{"subscriber":"jane.doe@example.org","imei":"490154203237518"}' * 50


def files(root: Path) -> list[Path]:
    """Every file under a folder."""
    return [path for path in root.rglob("*") if path.is_file()]


def test_what_is_sealed_is_opened_again_and_nothing_of_it_is_readable_on_disk(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    sealed = vault.seal(PAYLOAD, media_type="application/json", name="capture.json")
    assert vault.open(sealed) == PAYLOAD
    assert (sealed.size, vault.state(sealed.id), vault.ids()) == (len(PAYLOAD), "kept", (sealed.id,))
    assert not any(b"jane" in path.read_bytes() or b"4901" in path.read_bytes() for path in files(tmp_path))
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(tmp_path)} == {0o600}


def test_the_commitment_is_over_salt_and_payload_and_two_of_the_same_payload_differ(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    one, other = (vault.seal(PAYLOAD, media_type="text/plain") for _ in range(2))
    salt = (tmp_path / "payloads" / KEYS / one.id).read_bytes()[32:]
    assert len(salt) == 16
    assert one.commitment == "sha256:" + hashlib.sha256(salt + PAYLOAD).hexdigest()
    assert one.commitment != other.commitment
    assert hashlib.sha256(PAYLOAD).hexdigest() not in str((one, other))


@pytest.mark.parametrize("folder", [KEYS, SEALED])
@pytest.mark.parametrize("place", [0, 20, -1])
def test_one_flipped_bit_is_found(folder: str, place: int, tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    sealed = vault.seal(PAYLOAD, media_type="text/plain")
    path = tmp_path / "payloads" / folder / sealed.id
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError) as found:
        vault.open(sealed)
    assert found.value.code == "payload.altered"


def test_a_payload_put_in_the_place_of_another_is_found(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    one, other = (vault.seal(data, media_type="text/plain") for data in (b"fail", b"pass"))
    for folder in (KEYS, SEALED):
        (tmp_path / "payloads" / folder / one.id).write_bytes((tmp_path / "payloads" / folder / other.id).read_bytes())
    with pytest.raises(IntegrityError):
        vault.open(one)
    with pytest.raises(IntegrityError):  # also where the record is made to name the other
        vault.open(Sealed(**{**other.to_json(), "commitment": one.commitment}))


def test_what_is_destroyed_leaves_no_byte_and_cannot_be_opened(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    sealed, kept = (vault.seal(PAYLOAD, media_type="text/plain") for _ in range(2))
    assert vault.destroy(sealed.id)
    assert not vault.destroy(sealed.id)
    assert [path.name for path in files(tmp_path)] == [kept.id, kept.id]
    assert (vault.state(sealed.id), vault.ids()) == ("gone", (kept.id,))
    with pytest.raises(StoreFault) as gone:
        vault.open(sealed)
    assert gone.value.code == "payload.gone"
    assert vault.open(kept) == PAYLOAD


def test_half_of_a_payload_is_told_and_destroyed(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    sealed = vault.seal(PAYLOAD, media_type="text/plain")
    (tmp_path / "payloads" / KEYS / sealed.id).unlink()
    assert vault.state(sealed.id) == "incomplete"
    assert vault.destroy(sealed.id)
    assert vault.state(sealed.id) == "gone"


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "payloads").write_text("a file in the way")
    with pytest.raises(StoreFault) as refused:
        Vault(tmp_path).seal(b"x", media_type="text/plain")
    assert refused.value.code == "payload.unwritable"


@pytest.mark.parametrize("id_", ["SP-../../etc/passwd", "EV-2026-000001-0001", "SP-" + "A" * 32, ""])
def test_an_id_that_is_none_touches_nothing(id_: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="names no payload"):
        Vault(tmp_path).destroy(id_)


def test_an_origin_without_payloads_is_spelled_as_before_there_were_any() -> None:
    origin = Origin(system="file:x", query="read")
    assert b"sealed" not in canonical(origin)
    assert b"sealed" in canonical(
        Origin(system="file:x", query="read", sealed=(unkept(b"x", media_type="text/plain"),))
    )
