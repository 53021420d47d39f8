"""Who may sign: the private key of a signer, and the public keys that a reader trusts.

Keys are Ed25519. A private key is an OpenSSH file of mode 0600, with its public half beside it in `<name>.pub`, whose
comment is the signer's name. What a store says of itself in `keys/root.json` and what a reader pins on his own side
are the same document, a `Trust`.
"""

import base64
import hashlib
import os
import re
import struct
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import count
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)
from pydantic import Field, ValidationError, field_validator

from muniment.evidence.errors import StoreFault, UsageError
from muniment.evidence.model import Digest, Frozen, Instant, canonical

KEY_TYPE = b"ssh-ed25519"


def _absent(value: object) -> bool:
    return value is None


class Signer:
    """A private key and the name of who holds it."""

    def __init__(self, private: Ed25519PrivateKey, name: str) -> None:
        self._private = private
        self.name = name
        self.public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @classmethod
    def generate(cls, path: Path, *, name: str = "muniment") -> "Signer":
        """A new key, written to `path` (mode 0600) and `path.pub`.

        Raises:
            StoreFault: there is a file already, or the place cannot be written.
        """
        signer = cls(Ed25519PrivateKey.generate(), name)
        private = signer._private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(made, "wb") as file:
                    file.write(private)
                    os.fsync(file.fileno())
                _public_file(path).write_text(f"{openssh(signer.public)} {name}\n", encoding="utf-8")
            except OSError:
                path.unlink()  # half a key would be taken for one
                raise
        except FileExistsError as error:
            raise StoreFault(
                "there is a key already, and a key is never overwritten", where=str(path), code="store.key_exists"
            ) from error
        except OSError as error:
            raise StoreFault(
                f"the key cannot be written: {error.strerror}", where=str(path), code="store.key_unwritable"
            ) from error
        return signer

    @classmethod
    def load(cls, path: Path) -> "Signer":
        """The key of `path`.

        Raises:
            StoreFault: it is missing, readable by others, protected by a passphrase, or not an Ed25519 key.
        """
        try:
            if path.stat().st_mode & 0o077:
                raise StoreFault(
                    "others can read the private key", where=str(path), mend=f"chmod 600 {path}", code="store.key_open"
                )
            private = load_ssh_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise StoreFault(
                f"the key cannot be read: {error.strerror}",
                where=str(path),
                mend="name the key that the store was made with",
                code="store.key_missing",
            ) from error
        except (ValueError, TypeError) as error:
            raise StoreFault(
                "this is not an OpenSSH private key without passphrase", where=str(path), code="store.key_malformed"
            ) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise StoreFault(
                "only Ed25519 keys sign here",
                where=str(path),
                mend="ssh-keygen -t ed25519 makes one",
                code="store.key_malformed",
            )
        return cls(private, _name_beside(path))

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as `ssh-keygen -l` prints it."""
        return fingerprint(self.public)

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature (RFC 8032); the same data always gives the same bytes."""
        return self._private.sign(data)


class TrustedKey(Frozen):
    """A public key that may sign, whose it is, and from when until when.

    `only` says that it signs the log's entries (`runs`) or changes of the keys (`keys`) alone. A `revoked` key is not
    believed since that instant, for this `reason`. What is not said is not written, so that documents of the time
    before these fields existed keep their bytes.
    """

    name: str = Field(min_length=1)
    public: str = Field(description="One OpenSSH line without comment: `ssh-ed25519 AAAA…`")
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    only: Literal["runs", "keys"] | None = Field(None, exclude_if=_absent)
    revoked: Instant | None = Field(None, exclude_if=_absent)
    reason: str | None = Field(None, exclude_if=_absent)

    @field_validator("public")
    @classmethod
    def _is_ed25519(cls, line: str) -> str:
        from_openssh(line)
        return line

    @cached_property
    def raw(self) -> bytes:
        """The 32 bytes of RFC 8032."""
        return from_openssh(self.public)

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as `ssh-keygen -l` prints it."""
        return fingerprint(self.raw)

    @property
    def changes_keys(self) -> bool:
        """Whether its signature counts under a change of the keys."""
        return self.only != "runs"

    @property
    def signs_entries(self) -> bool:
        """Whether it may sign what is appended to the log."""
        return self.only != "keys"

    def valid_at(self, instant: datetime) -> bool:
        """Whether the key may sign at this instant."""
        begun = self.valid_from is None or self.valid_from <= instant
        return begun and (self.valid_until is None or instant < self.valid_until)


class Trust(Frozen):
    """Whose signatures are believed for which log. `threshold` of `keys` must sign a change of this document.

    `previous` is the digest of the version before, absent in the first.
    """

    schema_: Literal["muniment.root/1"] = Field("muniment.root/1", alias="schema")
    version: int = Field(1, ge=1)
    origin: str = Field(min_length=1)
    threshold: int = Field(1, ge=1)
    keys: tuple[TrustedKey, ...] = Field(min_length=1)
    previous: Digest | None = Field(None, exclude_if=_absent)

    @field_validator("origin")
    @classmethod
    def _can_be_signed(cls, origin: str) -> str:
        if not re.fullmatch(r"[^\s+\x00-\x1f\x7f]+", origin):
            raise ValueError("an origin has no spaces, no plus sign and no control characters (C2SP signed-note)")
        return origin

    @classmethod
    def load(cls, path: Path) -> "Trust":
        """The document of `path`.

        Raises:
            UsageError: it is missing or not such a document.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise UsageError(
                f"the pinned keys cannot be read: {error.strerror}", where=str(path), code="trust.missing"
            ) from error
        except ValidationError as error:
            raise UsageError(
                f"this is no list of trusted keys: {error.errors()[0]['msg']}",
                where=str(path),
                mend="pin the keys/root.json of the store as it was when you first saw it",
                code="trust.malformed",
            ) from error

    def dump(self, path: Path) -> None:
        """Write the document, so that `load` gives it back."""
        path.write_bytes(canonical(self) + b"\n")

    def key(self, public: bytes) -> TrustedKey | None:
        """The trusted key with these 32 bytes, or None."""
        return next((key for key in self.keys if key.raw == public), None)

    def allowed_signers(self) -> str:
        """The file that `git verify-commit` and `ssh-keygen -Y verify` take (ssh-keygen(1), ALLOWED SIGNERS)."""
        return "".join(f'{self.origin} namespaces="git" {key.public}\n' for key in self.keys)


def destroyed(path: Path) -> None:
    """Overwrite a private key, and remove it with its public half. What copies, snapshots or the disk kept stays.

    Raises:
        StoreFault: it cannot be overwritten.
    """
    try:
        with path.open("r+b") as file:
            file.write(os.urandom(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        _public_file(path).unlink(missing_ok=True)
    except OSError as error:
        raise StoreFault(
            f"the old key cannot be destroyed: {error.strerror}",
            where=str(path),
            mend="remove it by hand: the new key is in force",
            code="store.key_unwritable",
        ) from error


def aside(path: Path) -> Path:
    """Give a private key and its public half a second name, `signing.ended`; gives that name."""
    names = (path.with_name(f"{path.name}.ended{f'-{number}' if number > 1 else ''}") for number in count(1))
    free = next(name for name in names if not name.exists())
    free.hardlink_to(path)
    if _public_file(path).exists():
        _public_file(free).unlink(missing_ok=True)
        _public_file(free).hardlink_to(_public_file(path))
    return free


def put(path: Path, to: Path) -> None:
    """Let a private key and its public half take the names of another."""
    if _public_file(path).exists():
        _public_file(path).replace(_public_file(to))
    path.replace(to)


def trust_in(signer: Signer, origin: str) -> Trust:
    """A document in which this signer alone may sign for this log."""
    return Trust(origin=origin, keys=(TrustedKey(name=signer.name, public=openssh(signer.public)),))


def verified(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether this is the key's Ed25519 signature over the data."""
    try:
        _public_key(public).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def openssh(public: bytes) -> str:
    """`ssh-ed25519 AAAA…` (RFC 8709 section 4)."""
    return f"{KEY_TYPE.decode()} {base64.b64encode(wire(public)).decode()}"


def from_openssh(line: str) -> bytes:
    """The 32 bytes of an `ssh-ed25519 AAAA…` line.

    Raises:
        ValueError: it is another kind of key, or no key.
    """
    kind, _, encoded = line.partition(" ")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise ValueError(f"not an OpenSSH public key: {error}") from error
    if kind.encode() != KEY_TYPE or blob[:-32] != wire(b"\0" * 32)[:-32]:
        raise ValueError("not an ssh-ed25519 public key")
    return blob[-32:]


def wire(public: bytes) -> bytes:
    """The public key as SSH sends it (RFC 8709 section 4)."""
    return ssh_string(KEY_TYPE) + ssh_string(public)


def ssh_string(data: bytes) -> bytes:
    """A length of four bytes and the data (RFC 4251 section 5)."""
    return struct.pack(">I", len(data)) + data


def fingerprint(public: bytes) -> str:
    """`SHA256:…` over the key as SSH sends it, base64 without padding."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(wire(public)).digest()).decode().rstrip("=")


@lru_cache(maxsize=256)
def _public_key(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


def _public_file(path: Path) -> Path:
    return path.with_name(path.name + ".pub")


def _name_beside(path: Path) -> str:
    """The comment of the public half; the file's own name where there is none."""
    try:
        words = _public_file(path).read_text(encoding="utf-8").strip().split(" ", 2)
    except OSError:
        return path.name
    return words[2] if len(words) == 3 else path.name
