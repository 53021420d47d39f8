"""The one line that reads the clock. Everything else is told what time it is."""

from datetime import UTC, datetime


def now() -> datetime:
    """This instant, in UTC, to the second: evidence claims no finer."""
    return datetime.now(UTC).replace(microsecond=0)
