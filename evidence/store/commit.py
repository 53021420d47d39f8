"""The commit protocol: from a draft to an acknowledged commit, in an order that no power cut and no `kill -9` breaks.

    1 take the lock                        `locked`
    2 clear what a killed writer left      `cleaned`
    3 already there? acknowledge, stop     `known`
    4 build the pack                       `packed`
    5 git index-pack --stdin --strict      `indexed`
    6 sync the folder of the packs         `pack_synced`
    7 move the branch from OLD to NEW      `moved`
    8 sync the folder of the branch        `synced`
    9 acknowledge, by returning

Until step 7 nothing of the commit is seen; after step 8 nothing can take it away. The words on the right are the
failpoints, each reached when its step is done.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from muniment.evidence.errors import StoreFault
from muniment.evidence.store import layout
from muniment.evidence.store.append import Draft, Head, compose, identity
from muniment.evidence.store.branch import move_branch
from muniment.evidence.store.failpoint import reach
from muniment.evidence.store.keys import Signer, Trust
from muniment.evidence.store.lock import clear_leftovers, locked, unwritable
from muniment.evidence.store.log import Log, LogEntry

_PACKS_MOST = 48  # beyond this, looking an object up costs more than joining the packs


@dataclass(frozen=True)
class Writing:
    """The right to append one commit to `log`, while the lock is held."""

    log: Log
    origin: str
    signer: Signer
    at: datetime
    operation: str
    lock: int

    def commit(self, draft: Draft, head: Head | None) -> Head:
        """Steps 4 to 8; gives what the log is then.

        Raises:
            StoreFault: the disk is full or read-only, or git refuses. Nothing of the draft is seen.
        """
        from muniment.evidence.store import plumbing

        folder, packs = self.log.path, self.log.path / "objects" / "pack"
        composed = compose(draft, head, self.origin, self.signer, self.at, self.log.database.tree)
        self.reached("packed")
        git = plumbing.Git(folder, self.lock)
        try:
            if sum(name.endswith(".pack") for name in os.listdir(packs)) > _PACKS_MOST:  # noqa: PTH208 - quicker
                git.gather_packs()
            git.admit(composed.pack)
            self.reached("indexed")
            plumbing.sync(packs)
            self.reached("pack_synced")
            old = head.commit if head else None
            move_branch(self.log.database, composed.head.commit, old, identity(self.signer), self.at, draft.subject)
            self.reached("moved")
            plumbing.sync((folder / layout.BRANCH).parent)
            self.reached("synced")
        except OSError as error:
            raise unwritable(error, folder) from error
        entry = LogEntry(composed.head.commit, draft.statement, composed.head.checkpoint.size)
        self.log.remember(composed.head, head, entry)
        self.log.database.remember(composed.pack.trees)
        return composed.head

    def reached(self, step: str) -> None:
        """A step is done."""
        reach(self.operation, step)


@contextmanager
def writing(log: Log, origin: str, signer: Signer, at: datetime, operation: str) -> Iterator[Writing]:
    """Steps 1 and 2.

    Raises:
        StoreFault: another writer is busy for too long, or the store cannot be written.
    """
    with locked(log.path) as lock:
        writer = Writing(log, origin, signer, at, operation, lock)
        writer.reached("locked")
        try:
            clear_leftovers(log.path)
        except OSError as error:
            raise unwritable(error, log.path) from error
        writer.reached("cleaned")
        yield writer


def refuse_foreign_key(trust: Trust, signer: Signer, at: datetime, path: Path) -> None:
    """Only keys that the store at `path` knows, and that are valid now, may append.

    Raises:
        StoreFault: this one is not.
    """
    key = trust.key(signer.public)
    if key is None or not key.valid_at(at) or not key.signs_entries:
        raise StoreFault(
            f"the key {signer.fingerprint} may not sign in this store" + (" at this time" if key else ""),
            where=str(path),
            mend="use a key that `muniment keys list` shows as valid",
            code="store.foreign_key",
        )
