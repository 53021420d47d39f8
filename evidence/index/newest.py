"""The newest record of each check and subject as of an instant: one look-up in an index for each, and few columns.

A correlated subquery finds the leaf in the index alone, and one row is read by its key, so that the cost does not grow
with the length of the history. The statement is put together once.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, select

from muniment.evidence.index.rows import RECORDS, SERIES, STATUSES, instant
from muniment.evidence.verdict import Status


class Newest(NamedTuple):
    """The newest record of a check and a subject: what one asks of a thousand of them at a time.

    `ended` is the end of the look in microseconds since 1970-01-01T00:00:00Z; `collected` is the same as an instant.
    """

    leaf: int
    id: str
    run: int
    check: str
    subject: str
    collector: str
    status: Status
    ended: int

    @property
    def collected(self) -> datetime:
        """When the look ended."""
        return instant(self.ended)


def newest(connection: Connection, as_of: int) -> list[Newest]:
    """For each check and subject, in that order, the newest record that had ended at `as_of` (microseconds).

    Of two that ended at one instant the later leaf counts.
    """
    found = connection.execute(STATEMENT, {"as_of": as_of}).all()
    rows = [
        Newest(leaf, name, run, check, subject, collector, STATUSES[status], ended)
        for leaf, name, run, check, subject, collector, status, ended in found
    ]
    return sorted(rows, key=lambda row: (row.check, row.subject))


_LEAF = (
    select(RECORDS.c.leaf)
    .where(RECORDS.c.series == SERIES.c.leaf, RECORDS.c.collected <= bindparam("as_of", type_=BigInteger))
    .order_by(RECORDS.c.collected.desc(), RECORDS.c.leaf.desc())
    .limit(1)
    .correlate(SERIES)
    .scalar_subquery()
)
STATEMENT = select(
    RECORDS.c.leaf,
    RECORDS.c.id,
    RECORDS.c.run,
    SERIES.c.check,
    SERIES.c.subject,
    RECORDS.c.collector,
    RECORDS.c.status,
    RECORDS.c.collected,
).join_from(SERIES, RECORDS, RECORDS.c.leaf == _LEAF)
