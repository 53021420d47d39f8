"""The time that a report stands for, from the tool's own words.

A time without an offset is an instant only where a person says which zone is meant; else it is kept as it is written
and the report stands for the moment of its import.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from muniment.evidence.errors import InputFault
from muniment.evidence.imports.report import Report
from muniment.evidence.model import Period, rfc3339, utc

_SKEW = timedelta(minutes=5)  # by which the clock of another machine may be ahead
_SHORTEST = timedelta(seconds=1)


def stands_for(report: Report, zone: str | None, at: datetime) -> Period | None:
    """From the tool's first time to its last, at least a second; None where it gives no instant.

    Raises:
        InputFault: the tool says that it ran after `at`, or that it ended before it began.
    """
    instants = [instant for text in (report.began, report.ended) if (instant := _instant(text, zone)) is not None]
    if not instants:
        return None
    start, end = instants[0], instants[-1]
    if end > at + _SKEW:
        raise InputFault(
            "import.future",
            f"the tool says that it ran at {rfc3339(end)}, and it is {rfc3339(at)} here",
            mend="one of the two clocks is wrong, or the rule file names another `zone` than the tool's",
        )
    if end < start:
        raise InputFault("import.times", f"the tool says that it ended at {report.ended}, before {report.began}")
    return Period(start=start, end=max(end, start + _SHORTEST), zone=zone or "UTC")


def earliest(texts: Iterable[str | None]) -> str | None:
    """The first of several times as the tool wrote it; None where there is none.

    Times with an offset are compared as instants, whatever their offsets. Where there are some, a time without an
    offset says nothing beside them; where there are none, those without are compared as they stand.
    """
    return next(iter(_in_order(texts)), None)


def latest(texts: Iterable[str | None]) -> str | None:
    """The last of several times, by the same rule."""
    return next(reversed(_in_order(texts)), None)


def _in_order(texts: Iterable[str | None]) -> list[str]:
    times = [(text, _read(text)) for text in texts if text]
    instants = [(at, text) for text, at in times if at is not None and at.tzinfo is not None]
    local = [(at, text) for text, at in times if at is not None and at.tzinfo is None]
    if instants or local:
        return [text for _, text in sorted(instants or local)]
    return sorted(text for text, _ in times)


def _read(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def _instant(text: str | None, zone: str | None) -> datetime | None:
    read = _read(text or "")
    if read is None:
        return None
    if read.tzinfo is None:
        return utc(read.replace(tzinfo=ZoneInfo(zone))) if zone else None
    return utc(read)
