"""The index: rows in SQLite or PostgreSQL that make a store quick to search. The only folder that speaks SQL.

A pack is never built from it. Every row names the leaf that it was copied from, with the digest of what lies there;
`rebuild` makes all rows again, `update` goes on after the last leaf, and `check_against` names each row that is not
what the store holds.

    with Index.open("sqlite:///.muniment/index.db") as index:
        index.update(store)
        for row in index.latest(at): …
"""

from muniment.evidence.index.index import Index
from muniment.evidence.index.newest import Newest
from muniment.evidence.index.rows import IndexedRun, IndexRow

__all__ = ["Index", "IndexRow", "IndexedRun", "Newest"]
