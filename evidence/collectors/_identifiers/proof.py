"""What can refute that identifiers are random: their form, their bits, and the identifiers that they were made from."""

import base64
import binascii
import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from muniment.evidence.collectors._identifiers.read import unreadable

Form: TypeAlias = Literal["uuid4", "hex"]

LEAST = 1_000  # different identifiers for the test of bits
_FIXED = (48, 49, 50, 51, 64, 65)  # the bits of version and variant (RFC 9562 section 5.4)
_SEPARATORS = str.maketrans("", "", "-:. {}")
_NAMESPACES = (uuid.NAMESPACE_DNS, uuid.NAMESPACE_URL, uuid.NAMESPACE_OID, uuid.NAMESPACE_X500)
_HASHES = ("md5", "sha1", "sha256")
_LARGEST_KNOWN = 1 << 20  # bytes of the file of known identifiers


def spelled_bytes(text: str) -> bytes:
    """The bytes that an identifier spells, so that one identifier is one value: hexadecimal, else base64, else text."""
    bare = text.lower().removeprefix("urn:uuid:").translate(_SEPARATORS)
    if len(bare) % 2 == 0 and re.fullmatch(r"[0-9a-f]{16,}", bare):
        return bytes.fromhex(bare)
    if re.fullmatch(r"[A-Za-z0-9+/_-]{16,}={0,2}", text):
        whole = text.rstrip("=").translate(str.maketrans("-_", "+/"))
        try:
            return base64.b64decode(whole + "=" * (-len(whole) % 4))
        except binascii.Error:
            pass
    return text.encode("utf-8", "surrogatepass")


def fault_of_form(text: str, form: Form) -> str | None:
    """`identifier.malformed`, `identifier.version:N`, or None where the form is right."""
    bare = text.lower().removeprefix("urn:uuid:").translate(_SEPARATORS)
    if form == "hex":
        return None if len(bare) % 2 == 0 and re.fullmatch(r"[0-9a-f]{32,128}", bare) else "identifier.malformed"
    if not re.fullmatch(r"[0-9a-f]{32}", bare):
        return "identifier.malformed"
    whole = uuid.UUID(bare)
    version = int(bare[12], 16)
    return None if version == 4 and whole.variant == uuid.RFC_4122 else f"identifier.version:{version}"


class Origins:
    """What an identifier may have been made from. Nothing of this is ever recorded but how many there are."""

    def __init__(self, known: Iterable[str]) -> None:
        self.count = 0
        self._table: dict[bytes, str] = {}
        for each in known:
            self.count += 1
            for spelling in _spellings(each):
                self._add(spelling)

    def of(self, identifier: bytes) -> str | None:
        """`identifier.known`, `identifier.derived:sha1`, or None: not refuted."""
        return self._table.get(identifier) or self._table.get(_masked(identifier))

    def _add(self, spelling: str) -> None:
        plain = spelling.encode()
        for same in (plain, spelled_bytes(spelling)):
            self._table[same] = "identifier.known"
        for name, made in _digests(plain):
            for part in (made, made[:16], _masked(made[:16])):
                self._table.setdefault(part, f"identifier.derived:{name}")


def read_known(file: Path | None) -> tuple[str, ...]:
    """One identifier a line. A line that begins with # is a remark.

    Raises:
        InputFault: there is no such file, or it is larger than 1 MiB. No message quotes it.
    """
    if file is None:
        return ()
    try:
        if file.stat().st_size > _LARGEST_KNOWN:
            raise unreadable(file)
        lines = [line.strip() for line in file.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        raise unreadable(file) from None
    return tuple(line for line in lines if line and not line.startswith("#"))


def worst_bit(identifiers: Iterable[bytes], form: Form) -> int:
    """The largest |z| over all bits that should be random, in thousandths; 0 where there are fewer than 1,000."""
    by_length: dict[int, list[bytes]] = {}
    for each in identifiers:
        by_length.setdefault(len(each), []).append(each)
    worst = 0
    for length, some in by_length.items():
        if len(some) < LEAST:
            continue
        bits = np.unpackbits(np.frombuffer(b"".join(some), np.uint8).reshape(len(some), length), axis=1)
        off = np.abs(2 * bits.sum(axis=0, dtype=np.int64) - len(some))
        if form == "uuid4":
            off[list(_FIXED)] = 0
        worst = max(worst, int(1000 * off.max() / len(some) ** 0.5))
    return worst


def _spellings(known: str) -> Iterator[str]:
    """With and without separators, in both cases, with the separators of a MAC, an IMEI without its check digit."""
    bare = known.translate(_SEPARATORS)
    forms = {known, bare}
    if re.fullmatch(r"[0-9A-Fa-f]{12}", bare):
        forms |= {sign.join(bare[n : n + 2] for n in range(0, 12, 2)) for sign in ":-"}
    if re.fullmatch(r"\d{15}", bare):
        forms.add(bare[:14])
    for form in forms:
        yield from {form, form.lower(), form.upper()}


def _digests(plain: bytes) -> Iterator[tuple[str, bytes]]:
    """MD5, SHA-1 and SHA-256, also of a line, and the UUIDs of versions 3 and 5 in the namespaces of RFC 9562."""
    for name in _HASHES:
        for text in (plain, plain + b"\n"):
            yield name, hashlib.new(name, text, usedforsecurity=False).digest()
    for space in _NAMESPACES:
        yield "uuid3", hashlib.md5(space.bytes + plain, usedforsecurity=False).digest()
        yield "uuid5", hashlib.sha1(space.bytes + plain, usedforsecurity=False).digest()[:16]


def _masked(sixteen: bytes) -> bytes:
    """Without the bits of version and variant, which whoever makes a UUID of a hash overwrites."""
    if len(sixteen) != 16:
        return sixteen
    return b"\0masked" + sixteen[:6] + bytes((sixteen[6] & 0x0F, sixteen[7], sixteen[8] & 0x3F)) + sixteen[9:]
