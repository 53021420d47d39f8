"""Sealed payloads: raw bytes that may identify a person, kept outside git so that they can be erased.

    payloads/sealed/SP-<id>     nonce and ciphertext, AES-256-GCM (NIST SP 800-38D), bound to the id
    payloads/keys/SP-<id>       the key and the salt of this one payload, 48 bytes, for the owner's eyes alone

The record holds a commitment, `SHA-256(salt || payload)` with a salt of 128 bits, which says nothing of the payload to
who does not have the salt. Without key and salt neither the ciphertext nor the commitment can be turned back, and a
copy of the ciphertext in a backup is noise. So a payload is erased when its key is: back the two folders up apart.
"""

import hashlib
import hmac
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from muniment.evidence.errors import IntegrityError, StoreFault
from muniment.evidence.record import SEALED_ID, Sealed

FOLDER = "payloads"
SEALED = "sealed"
KEYS = "keys"
LARGEST = 1 << 30  # bytes; a payload is sealed in one piece

_KEY, _SALT, _NONCE = 32, 16, 12  # bytes

State: TypeAlias = Literal["kept", "incomplete", "gone"]


@dataclass(frozen=True)
class Vault:
    """The sealed payloads of the workspace at `root`."""

    root: Path

    def seal(self, data: bytes, *, media_type: str, name: str | None = None) -> Sealed:
        """Keep bytes; what is returned belongs into `Origin.sealed`.

        Raises:
            StoreFault: `payload.too_large`, or `payload.unwritable`.
        """
        if len(data) > LARGEST:
            raise StoreFault(
                f"a payload may have {LARGEST >> 30} GiB", mend="keep its digest", code="payload.too_large"
            )
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        sealed, salt = _sealed(data, media_type, name)
        key, nonce = secrets.token_bytes(_KEY), secrets.token_bytes(_NONCE)
        try:
            _write(self._path(KEYS, sealed.id), key + salt)
            _write(self._path(SEALED, sealed.id), nonce + AESGCM(key).encrypt(nonce, data, sealed.id.encode()))
        except OSError as error:
            raise StoreFault(
                f"the payload cannot be kept: {error.strerror}", where=f"{FOLDER}/", code="payload.unwritable"
            ) from error
        return sealed

    def open(self, sealed: Sealed) -> bytes:
        """The payload, if it is the one that the record committed to.

        Raises:
            StoreFault: `payload.gone`: its key or its ciphertext is not here.
            IntegrityError: `payload.altered`.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            secret, box = self._path(KEYS, sealed.id).read_bytes(), self._path(SEALED, sealed.id).read_bytes()
        except FileNotFoundError as error:
            raise StoreFault(
                "the payload is not here: it was erased, or never left the machine that looked",
                where=sealed.id,
                mend="`muniment log --kind erased` lists what was erased",
                code="payload.gone",
            ) from error
        try:
            key, salt = secret[:_KEY], secret[_KEY:]
            data = AESGCM(key).decrypt(box[:_NONCE], box[_NONCE:], sealed.id.encode())
        except (InvalidTag, ValueError) as error:
            raise _altered(sealed) from error
        if not hmac.compare_digest(_commitment(salt, data), sealed.commitment):
            raise _altered(sealed)
        return data

    def state(self, id_: str) -> State:
        """Whether key and ciphertext are here, one of them, or neither."""
        states: tuple[State, ...] = ("gone", "incomplete", "kept")
        return states[sum(self._path(folder, id_).exists() for folder in (KEYS, SEALED))]

    def ids(self) -> tuple[str, ...]:
        """The ids of all payloads of which anything is left."""
        found: set[str] = set()
        for folder in (KEYS, SEALED):
            with suppress(FileNotFoundError):
                found |= {each.name for each in (self.root / FOLDER / folder).iterdir()}
        return tuple(sorted(each for each in found if re.fullmatch(SEALED_ID, each)))

    def destroy(self, id_: str) -> bool:
        """Overwrite and remove key, salt and ciphertext, the key first; whether anything was there.

        Raises:
            StoreFault: `payload.unwritable`: something of it is still there.
        """
        found = False
        for folder in (KEYS, SEALED):
            path = self._path(folder, id_)
            try:
                if path.exists():
                    found = True
                    _shred(path)
            except OSError as error:
                raise StoreFault(
                    f"the payload cannot be erased: {error.strerror}",
                    where=f"{FOLDER}/{folder}/{id_}",
                    mend="let this user write there, and run the command again",
                    code="payload.unwritable",
                ) from error
        return found

    def _path(self, folder: str, id_: str) -> Path:
        if not re.fullmatch(SEALED_ID, id_):
            raise ValueError(f"{id_!r} names no payload")
        return self.root / FOLDER / folder / id_


def unkept(data: bytes, *, media_type: str, name: str | None = None) -> Sealed:
    """What `seal` would say, with nothing kept: for a look outside a run."""
    return _sealed(data, media_type, name)[0]


def _sealed(data: bytes, media_type: str, name: str | None) -> tuple[Sealed, bytes]:
    salt = secrets.token_bytes(_SALT)
    id_ = f"SP-{secrets.token_hex(16)}"
    sealed = Sealed(id=id_, commitment=_commitment(salt, data), size=len(data), media_type=media_type, name=name)
    return sealed, salt


def _commitment(salt: bytes, data: bytes) -> str:
    hashed = hashlib.sha256(salt)
    hashed.update(data)
    return f"sha256:{hashed.hexdigest()}"


def _altered(sealed: Sealed) -> IntegrityError:
    return IntegrityError(
        "the payload is not the one that the record committed to", where=sealed.id, code="payload.altered"
    )


def _write(path: Path, data: bytes) -> None:
    """A new file that is on the disk, whole, when this returns; nobody but the owner may read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _sync(path.parent)


def _shred(path: Path) -> None:
    """Overwrite and remove. A disk that writes elsewhere keeps the old bytes for a while; see docs/privacy.md."""
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
