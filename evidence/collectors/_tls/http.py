"""One question over HTTP, asked once the handshake is done: what the server says of HSTS, and what time it has.

The question is HEAD / (RFC 9110 section 9.3.2); no redirect is followed. The answer comes from whoever listens there,
so no more than `LARGEST` bytes of it are read.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LARGEST = 16_384
END = b"\r\n\r\n"

# IANA's ports of protocols over TLS in which the client speaks first, or never like this: no HTTP is spoken there.
OTHER_PORTS = frozenset({465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 3269, 5061, 5223, 5671, 6697, 8883})

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")
_MAX_AGE = re.compile(r'(?:^|;)\s*max-age\s*=\s*"?(\d{1,10})"?\s*(?:;|$)', re.IGNORECASE)


@dataclass(frozen=True)
class Headers:
    """What one answer said. `hsts` is the max-age in seconds; None where the header is missing or malformed."""

    status: int
    hsts: int | None
    date: datetime | None


def head(host: str) -> bytes:
    """The question, for a host name or an IP address."""
    name = f"[{host}]" if ":" in host else host
    return f"HEAD / HTTP/1.1\r\nHost: {name}\r\nUser-Agent: muniment\r\nConnection: close\r\n\r\n".encode("ascii")


def read_headers(data: bytes) -> Headers | None:
    """The headers of an answer; None where the bytes are not one. Of headers that come twice the first counts."""
    status = _STATUS.match(data)
    if status is None:
        return None
    headers: dict[str, str] = {}
    for line in data.split(END)[0].decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    age = _MAX_AGE.search(headers.get("strict-transport-security", ""))
    return Headers(int(status[1]), int(age[1]) if age else None, _date(headers.get("date", "")))


def _date(text: str) -> datetime | None:
    """RFC 9110 section 5.6.7."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
