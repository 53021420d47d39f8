"""The last run that a `Store` finished, as git took it in: the index copies its rows from here and reads nothing back.

It holds exactly what is stored, and is used only while the log ends where it ends, with the same signed root. Whoever
comes later, or through another `Store`, reads the log.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from muniment.evidence.record import StoredRun
from muniment.evidence.store.log import LogEntry
from muniment.evidence.store.note import Checkpoint
from muniment.evidence.store.runs import RunHead


@dataclass(frozen=True)
class Written:
    """A run, the canonical bytes of its records in leaf order, and the head of the log after it."""

    run: StoredRun
    head: Checkpoint
    lines: Sequence[bytes] = field(repr=False)

    def numbered(self) -> Iterator[tuple[int, int, bytes]]:
        """Run, leaf and bytes of each record, as `Store.lines` gives them."""
        return ((self.run.start.run, leaf, line) for leaf, line in enumerate(self.lines, self.run.leaves.start))

    @property
    def run_head(self) -> RunHead:
        """The run as `Store.run_heads` gives it."""
        return RunHead.of(self.run)

    def is_all_since(self, since: int, head: Checkpoint, history: Sequence[LogEntry]) -> bool:
        """Whether no other run appended anything from the leaf `since` on, up to this head of the log."""
        began, leaves = self.run.start.previous_size, self.run.leaves
        if self.head != head or not (since <= began or since == leaves.start):
            return False
        later = takewhile(lambda entry: entry.size > since, reversed(history))
        return {entry.run for entry in later} <= {None, self.run.start.run}
