"""Timestamps of an outside authority over a checkpoint (RFC 3161): the query, the answer, and what it shows.

What is stamped is the checkpoint's whole signed note, byte by byte as it is stored, so that a token also shows that the
signature was there by then. The answer is kept as it came, so that `openssl ts -verify` reads it.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from muniment.evidence.errors import CouldNotLook, IntegrityError, UsageError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

_ANSWER_MOST = 256 * 1024  # bytes; real answers have two to ten thousand
_GRANTED = (0, 1)  # RFC 3161 section 2.4.2
_SHA256 = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True)
class Token:
    """An answer that holds a token: when it says the stamped bytes were there, and the SHA-256 of those bytes.

    `note` is what was stamped, where that is known.
    """

    answer: bytes
    at: datetime
    imprint: bytes
    note: str = ""


def ask_authority(url: str, note: str, *, seconds: float = 15) -> Token:
    """Have an authority stamp the note. Nothing but its SHA-256 and a nonce is sent.

    Raises:
        CouldNotLook: the authority cannot be reached, or refuses.
        IntegrityError: `anchor.malformed`, `anchor.other_hash` or `anchor.nonce`: its answer is not one to our query.
    """
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    query = TimestampRequestBuilder(note.encode(), HashAlgorithm.SHA256).build()
    answer = exchange(url, query.as_bytes(), seconds)
    token = read_token(answer, note, where=url)
    if _decoded(answer, url).tst_info.nonce != query.nonce:
        raise IntegrityError("the authority answered another query than ours", where=url, code="anchor.nonce")
    return token


def read_token(answer: bytes, note: str | None, *, where: str) -> Token:
    """The token of an answer, if it is one over this note, or over any for None; whose it is, `believe_token` says.

    Raises:
        IntegrityError: `anchor.malformed` or `anchor.other_hash`.
    """
    info = _decoded(answer, where).tst_info
    imprint = info.message_imprint
    expected = imprint.message if note is None else hashlib.sha256(note.encode()).digest()
    if imprint.hash_algorithm.dotted_string != _SHA256 or imprint.message != expected:
        raise IntegrityError(
            "the timestamp is over other bytes than the checkpoint",
            where=where,
            mend="nothing was stored; find out who answers there, or name another authority",
            code="anchor.other_hash",
        )
    return Token(answer, info.gen_time, imprint.message, note or "")


def believe_token(token: Token, roots: "tuple[Certificate, ...]", *, where: str) -> None:
    """Hold signature and chain against the certificates that the reader pinned, as of the token's own time.

    Raises:
        IntegrityError: `anchor.untrusted`: it is not signed by them, or not for timestamps.
    """
    from rfc3161_client import VerificationError, VerifierBuilder

    verifier = VerifierBuilder(roots=list(roots)).build()
    try:
        verifier.verify(_decoded(token.answer, where), token.imprint)
    except (VerificationError, ValueError) as error:
        raise IntegrityError(
            f"the timestamp is not from the authority that was pinned ({_reason(error)})",
            where=where,
            code="anchor.untrusted",
        ) from error


def load_certificates(path: Path) -> "tuple[Certificate, ...]":
    """The authority's certificates that a reader pins (PEM).

    Raises:
        UsageError: there are none.
    """
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return tuple(load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise UsageError(
            "the authority's certificates cannot be read",
            where=str(path),
            mend="save its root certificate there, as PEM",
            code="anchor.certificates",
        ) from error


def exchange(url: str, query: bytes, seconds: float = 15) -> bytes:
    """What an authority answers to a query, both as RFC 3161 has them in DER.

    Raises:
        CouldNotLook: `anchor.unreachable` or `anchor.refused`.
        IntegrityError: `anchor.malformed`: the answer is far too long.
    """
    import httpx

    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    answer = b""
    try:
        with httpx.stream("POST", url, content=query, headers=headers, timeout=seconds) as response:
            if response.status_code != 200:
                raise CouldNotLook("anchor.refused", f"the authority answered HTTP {response.status_code}", where=url)
            for chunk in response.iter_bytes():
                answer += chunk
                if len(answer) > _ANSWER_MOST:
                    raise IntegrityError("the answer is far too long", where=url, code="anchor.malformed")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CouldNotLook(
            "anchor.unreachable", f"the authority cannot be reached ({type(error).__name__})", where=url
        ) from error
    return answer


def _reason(error: Exception) -> str:
    """What OpenSSL says, without its own bookkeeping."""
    said = re.search(r'data: "(?:Verify error: )?([^"]+)"', str(error))
    return said[1] if said else str(error)


def _decoded(answer: bytes, where: str) -> "TimeStampResponse":
    from rfc3161_client import decode_timestamp_response

    try:
        response = decode_timestamp_response(answer)
        if response.status not in _GRANTED:
            raise CouldNotLook("anchor.refused", "the authority refused to stamp", where=where)
        assert response.tst_info.gen_time.tzinfo is not None  # noqa: S101 - RFC 3161 knows UTC only
    except ValueError as error:
        raise IntegrityError("this is no timestamp of RFC 3161 in DER", where=where, code="anchor.malformed") from error
    return response
