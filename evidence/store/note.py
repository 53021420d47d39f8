"""Checkpoints: the signed head of the log, in the formats C2SP signed-note and tlog-checkpoint.

    example.org/evidence                                                origin
    4711                                                                size: how many leaves
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=                        root

    — example.org/evidence Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurm…    key name, key id and Ed25519 signature

The key name is the origin, as tlog-checkpoint asks. Further signature lines (other keys, witnesses) may follow.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

from muniment.evidence.errors import IntegrityError
from muniment.evidence.store.keys import Signer, Trust, verified

_ED25519 = b"\x01"  # the signature type of C2SP signed-note
_SIGNATURES_MOST = 100


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: `root` is `sha256:` and 64 hexadecimal digits, `note` the signed text as it is stored."""

    origin: str
    size: int
    root: str
    note: str

    @classmethod
    def parse(cls, note: str) -> "Checkpoint":
        """Read a checkpoint without believing it.

        Raises:
            IntegrityError: it is not a checkpoint.
        """
        text, _ = _split(note)
        lines = text.splitlines()
        if len(lines) < 3 or not all(lines) or not re.fullmatch(r"0|[1-9][0-9]*", lines[1]):
            raise _malformed("a checkpoint has three lines: origin, size and root")
        try:
            root = base64.b64decode(lines[2], validate=True)
        except ValueError as error:
            raise _malformed(f"the root is not base64: {error}") from error
        if len(root) != 32:
            raise _malformed("the root is not 32 bytes long")
        return cls(lines[0], int(lines[1]), f"sha256:{root.hex()}", note)

    @property
    def root_hash(self) -> bytes:
        """The 32 bytes of the root."""
        return bytes.fromhex(self.root.removeprefix("sha256:"))


def signed_checkpoint(origin: str, size: int, root: bytes, signer: Signer) -> Checkpoint:
    """The head of a log, signed."""
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    return Checkpoint.parse(sign_note(text, origin, signer))


def opened_checkpoint(note: str, trust: Trust) -> Checkpoint:
    """A checkpoint that a trusted key signed for the log of `trust`.

    Raises:
        IntegrityError: `note.malformed`, `note.signature` or `note.origin`.
    """
    checkpoint = Checkpoint.parse(note)
    if checkpoint.origin != trust.origin:
        raise IntegrityError(
            f"the checkpoint is that of {checkpoint.origin}, not of {trust.origin}", code="note.origin"
        )
    verify_note(note, trust.origin, tuple(key.raw for key in trust.keys))
    return checkpoint


def sign_note(text: str, name: str, signer: Signer) -> str:
    """The text with one signature line. It ends in a newline and holds no control characters."""
    blob = key_id(name, signer.public) + signer.sign(text.encode())
    return f"{text}\n— {name} {base64.b64encode(blob).decode()}\n"


def verify_note(note: str, name: str, public_keys: tuple[bytes, ...]) -> str:
    """The text of a note that one of the keys signed under this name.

    Signatures by other keys are passed over; one that claims a known key and fails condemns the note.

    Raises:
        IntegrityError: `note.malformed` or `note.signature`.
    """
    text, signatures = _split(note)
    known = {key_id(name, public): public for public in public_keys}
    good = 0
    for signer_name, blob in signatures:
        public = known.get(blob[:4]) if signer_name == name else None
        if public is None:
            continue
        if not verified(public, blob[4:], text.encode()):
            raise IntegrityError(f"the signature of {name} does not fit the note", code="note.signature")
        good += 1
    if not good:
        raise IntegrityError(f"no known key of {name} signed the note", code="note.signature")
    return text


def key_id(name: str, public: bytes) -> bytes:
    """The first four bytes of SHA-256(name || 0x0A || 0x01 || public key)."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def verifier_key(name: str, public: bytes) -> str:
    """`name+id+key`: what other tools of the format take to verify a note."""
    return f"{name}+{key_id(name, public).hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def _split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text, and each signature line as key name and raw bytes."""
    text, gap, tail = note.rpartition("\n\n")
    if not gap or not tail.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", note):
        raise _malformed("a signed note is text, an empty line and signature lines")
    lines = tail[:-1].split("\n")
    if len(lines) > _SIGNATURES_MOST:
        raise _malformed(f"more than {_SIGNATURES_MOST} signatures")
    return text + "\n", [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    match = re.fullmatch(r"— ([^\s+]+) ([A-Za-z0-9+/]+=*)", line)
    if match is None:
        raise _malformed("a signature line is a dash, a key name and base64")
    try:
        blob = base64.b64decode(match[2], validate=True)
    except ValueError as error:
        raise _malformed(f"a signature is not base64: {error}") from error
    if len(blob) < 5:
        raise _malformed("a signature is too short")
    return match[1], blob


def _malformed(what: str) -> IntegrityError:
    return IntegrityError(f"this is not a checkpoint: {what}", code="note.malformed")
