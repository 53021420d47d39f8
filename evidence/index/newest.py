"""The newest record of each check and subject as of an instant: one look-up in an index for each, and few columns.

In SQLite a correlated subquery finds the leaf in the index alone, and one row is read by its key; in PostgreSQL a
lateral one gives the row itself, for half of the cost. Neither grows with the length of the history. The statements
are put together once.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, FromClause, bindparam, select, true

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
    statement = LATERAL if connection.dialect.name == "postgresql" else STATEMENT
    found = connection.execute(statement, {"as_of": as_of}).all()
    rows = [
        Newest(leaf, name, run, check, subject, collector, STATUSES[status], ended)
        for leaf, name, run, check, subject, collector, status, ended in found
    ]
    return sorted(rows, key=lambda row: (row.check, row.subject))


_ENDED = (
    select(RECORDS)
    .where(RECORDS.c.series == SERIES.c.leaf, RECORDS.c.collected <= bindparam("as_of", type_=BigInteger))
    .order_by(RECORDS.c.collected.desc(), RECORDS.c.leaf.desc())
    .limit(1)
    .correlate(SERIES)
)


def _columns(record: FromClause) -> tuple[ColumnElement[Any], ...]:
    of, series = record.c, SERIES.c
    return of.leaf, of.id, of.run, series.check, series.subject, of.collector, of.status, of.collected


_LEAF = _ENDED.with_only_columns(RECORDS.c.leaf).scalar_subquery()
_LAST = _ENDED.lateral()
STATEMENT = select(*_columns(RECORDS)).join_from(SERIES, RECORDS, RECORDS.c.leaf == _LEAF)
LATERAL = select(*_columns(_LAST)).join_from(SERIES, _LAST, true())
