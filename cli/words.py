"""Counts, days and durations as the terminal says them."""

from datetime import datetime
from zoneinfo import ZoneInfo

_UNITS = ((604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 record`, `1,204 records`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def day(at: datetime, zone: str) -> str:
    """The day of the instant in a zone: `24 November 2026`."""
    there = at.astimezone(ZoneInfo(zone))
    return f"{there.day} {there:%B %Y}"


def duration(seconds: int) -> str:
    """In the largest unit that divides it: `1 day`, `12 hours`, `90 minutes`."""
    for length, unit in _UNITS:
        if seconds and seconds % length == 0:
            return counted(seconds // length, unit)
    return counted(seconds, "second")
