"""The seal: an SSH signature over every byte of the pack, carried inside it.

The attachment `seal.sig` is an armoured SSH signature (OpenSSH PROTOCOL.sshsig) of a fixed length. What is signed is
the line `muniment.seal/1 sha256:<digest>`, where the digest is that of the whole file with each byte between the
armour's first and last line written as `0`. So any changed byte breaks the seal, bytes put after the end do too, and
`perl`, `sha256sum` and `ssh-keygen -Y verify` can check it without us. A PDF signature is appended after the seal was
made: the file is then sealed up to the end of its first revision, and the signature covers that and itself.
"""

import re
from typing import NamedTuple

from muniment.evidence import IntegrityError, digest
from muniment.evidence.store import sshsig
from muniment.evidence.store.keys import Signer, Trust, TrustedKey
from muniment.exports.manifest import SEAL_NAMESPACE

_FIRST_REVISION = re.compile(rb"\nstartxref\n[0-9]+\n%%EOF\n")
_ARMOUR = re.compile(rb"-----BEGIN SSH SIGNATURE-----\n(.+?)\n-----END SSH SIGNATURE-----\n", re.DOTALL)


class Found(NamedTuple):
    """Where the seal stands in the file, and the armoured signature."""

    start: int
    end: int
    armoured: str


def blank(signer: Signer) -> bytes:
    """An empty seal, as long as the signer's will be."""
    armour = sshsig.sign(b"", signer, SEAL_NAMESPACE).encode()
    match = _ARMOUR.fullmatch(armour)
    assert match is not None  # noqa: S101 - what we have just made
    return armour[: match.start(1)] + b"0" * len(match[1]) + armour[match.end(1) :]


def sealed(data: bytes, signer: Signer) -> bytes:
    """The file with its empty seal filled in."""
    found = find(data)
    armour = sshsig.sign(_message(data, found), signer, SEAL_NAMESPACE).encode()
    whole = data[: found.start] + armour + data[found.end :]
    if len(whole) != len(data):
        raise IntegrityError("the seal does not have the length that was kept for it", code="seal.length")
    return whole


def sealed_part(data: bytes) -> bytes:
    """What the seal covers: the first revision of the file, to whose end a PDF signature may have been appended."""
    end = _FIRST_REVISION.search(data)
    return data[: end.end()] if end else data


def verify_seal(data: bytes, trust: Trust) -> TrustedKey:
    """The trusted key that sealed exactly these bytes.

    Raises:
        IntegrityError: `seal.missing`, `seal.ambiguous`, `seal.trailing`, `seal.unknown_key` or `seal.broken`.
    """
    found = find(data)
    if not data.endswith(b"\n%%EOF\n"):
        raise IntegrityError("there are bytes after the end of the file", code="seal.trailing")
    try:
        return sshsig.verify(_message(data, found), found.armoured, trust, SEAL_NAMESPACE)
    except IntegrityError as error:
        if error.code == "commit.unknown_key":
            raise IntegrityError(f"the seal is not by a key of {trust.origin}", code="seal.unknown_key") from error
        raise IntegrityError("the file is not as it was sealed: some byte was changed", code="seal.broken") from error


def find(data: bytes) -> Found:
    """The one seal of the file.

    Raises:
        IntegrityError: `seal.missing` or `seal.ambiguous`.
    """
    matches = list(_ARMOUR.finditer(data))
    if len(matches) != 1:
        what = "the file carries no seal" if not matches else f"the file carries {len(matches)} seals"
        raise IntegrityError(what, code="seal.missing" if not matches else "seal.ambiguous")
    match = matches[0]
    return Found(match.start(), match.end(), match[0].decode("ascii", "replace"))


def _message(data: bytes, found: Found) -> bytes:
    first = data.index(b"\n", found.start) + 1
    last = data.rindex(b"\n-----END", found.start, found.end)
    blanked = data[:first] + b"0" * (last - first) + data[last:]
    return f"muniment.seal/1 {digest(blanked)}\n".encode()
