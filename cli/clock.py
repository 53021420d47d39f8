"""The one line that reads the clock. Everything else is told what time it is."""

from datetime import UTC, datetime


def now() -> datetime:
    """This instant, in UTC, to the millisecond: two runs of one workspace never share it, and nothing needs finer."""
    instant = datetime.now(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
