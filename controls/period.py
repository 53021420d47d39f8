"""Periods and durations as people write them: `2026`, `2026-Q3`, `2026-03`, `2026-01-01..2026-06-30`; `1d`, `12h`."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from muniment.evidence.errors import UsageError
from muniment.evidence.model import Period

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]{1,9})\s*([smhdw])")
_YEAR = re.compile(r"([0-9]{4})")
_QUARTER = re.compile(r"([0-9]{4})-?[Qq]([1-4])")
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_EXAMPLES = "write 2026, 2026-Q3, 2026-03 or 2026-01-01..2026-06-30"


def parse_period(text: str, zone: str) -> Period:
    """The half-open period that the words mean in a zone. The last day of a range belongs to it.

    Raises:
        UsageError: the words or the zone mean nothing, or the period ends before it starts.
    """
    try:
        first, after = _days(text.strip())
        return Period(start=midnight(first, zone), end=midnight(after, zone), zone=zone)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is not a period: {_words(error)}", mend=_EXAMPLES) from error


def parse_duration(text: str | int) -> int:
    """Seconds of `90s`, `30m`, `12h`, `1d` or `4w`; a whole number is taken as seconds.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    found = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is not a duration: write 30m, 12h, 1d or 4w")
    return int(found[1]) * _SECONDS[found[2]]


def midnight(day: date, zone: str) -> datetime:
    """The instant, in UTC, at which a day begins in a zone.

    Raises:
        UsageError: there is no such zone in the IANA time zone database.
    """
    try:
        there = ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        mend = "write a name of the IANA time zone database, such as Europe/Paris or UTC"
        raise UsageError(f"{zone!r} is not a time zone", mend=mend) from error
    return datetime.combine(day, time(), there).astimezone(UTC)


def _days(text: str) -> tuple[date, date]:
    """The first day, and the day after the last."""
    if ".." in text:
        start, end = (date.fromisoformat(part.strip()) for part in text.split("..", 1))
        return start, end + timedelta(days=1)
    if found := _YEAR.fullmatch(text):
        return date(int(found[1]), 1, 1), date(int(found[1]) + 1, 1, 1)
    if found := _QUARTER.fullmatch(text):
        return _months(int(found[1]), 3 * int(found[2]) - 2, 3)
    if found := _MONTH.fullmatch(text):
        return _months(int(found[1]), int(found[2]), 1)
    start = date.fromisoformat(text)
    return start, start + timedelta(days=1)


def _months(year: int, first: int, count: int) -> tuple[date, date]:
    following = year * 12 + first - 1 + count
    return date(year, first, 1), date(following // 12, following % 12 + 1, 1)


def _words(error: Exception) -> str:
    """A short reason; pydantic's own report has several lines, of which the third says it."""
    lines = str(error).splitlines()
    return (lines[2] if len(lines) > 2 else lines[0]).strip().removeprefix("Value error, ").split(" [type=")[0]
