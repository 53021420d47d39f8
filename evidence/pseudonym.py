"""Keyed pseudonyms: who holds the key can find what is meant again; who holds the record can test no guess.

The key is stored nowhere. It is made from a secret that the organisation holds, for each month anew, so that the
pseudonyms of two months cannot be joined, and who destroys the secret makes all of them nobody's.
"""

import hashlib
import hmac
from datetime import datetime
from pathlib import Path

from muniment.evidence.secret import resolve

KEYS_FROM = "Where a secret lies that the keys of the pseudonyms are made from: env:NAME or file:PATH"
PERIOD = "The month whose key the pseudonyms have, if it is made from a secret"


def pseudonym(key: bytes, value: str | bytes | int) -> str:
    """The first 16 hexadecimal digits of the HMAC-SHA256 (RFC 2104) of a value; what is not bytes, as UTF-8."""
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    return hmac.new(key, data, hashlib.sha256).hexdigest()[:16]


def monthly_key(reference: str, collector: str, at: datetime | None, base: Path) -> tuple[bytes, str]:
    """The key of a collector's pseudonyms at an instant, and its month, such as `2026-11` (`undated` without one).

    It is the HMAC-SHA256 of `muniment-COLLECTOR MONTH` under the secret that lies where `reference` says.

    Raises:
        CouldNotLook: the secret is not where it should be.
    """
    secret = resolve({"pseudonyms": reference}, base)["pseudonyms"]
    month = f"{at:%Y-%m}" if at else "undated"
    return hmac.new(secret.encode(), f"muniment-{collector} {month}".encode(), hashlib.sha256).digest(), month
