"""A calendar of what expires, as any calendar program reads it (RFC 5545)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_ESCAPED = {"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"}  # section 3.3.11
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_LONGEST = 75  # octets of one line, section 3.1


@dataclass(frozen=True)
class Expiry:
    """Something that ends at an instant. `uid` stays the same when it is renewed, so that the entry moves."""

    uid: str
    at: datetime
    summary: str
    description: str


def calendar(name: str, expiries: Iterable[Expiry], made: datetime) -> bytes:
    """The calendar of that name, in the order of time; `made` is the instant at which its entries were true."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Muniment//Endpoints//EN", f"X-WR-CALNAME:{_text(name)}"]
    for expiry in sorted(expiries, key=lambda each: (each.at, each.uid)):
        lines += [
            "BEGIN:VEVENT",
            f"UID:{_text(expiry.uid)}",
            f"DTSTAMP:{_instant(made)}",
            f"DTSTART:{_instant(expiry.at)}",
            f"SUMMARY:{_text(expiry.summary)}",
            f"DESCRIPTION:{_text(expiry.description)}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return b"".join(part + b"\r\n" for line in lines for part in _folded(line))


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    plain = _CONTROL.sub(" ", text)
    return "".join(_ESCAPED.get(character, character) for character in plain)


def _folded(line: str) -> Iterator[bytes]:
    """Lines of at most 75 octets, the further ones after a space; no character is broken in two."""
    part = b""
    for character in line:
        octets = character.encode("utf-8", "replace")
        if len(part) + len(octets) > _LONGEST:
            yield part
            part = b" "
        part += octets
    yield part
