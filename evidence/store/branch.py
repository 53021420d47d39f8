"""Moving the branch of the log by compare-and-swap, in the way in which git itself moves a reference.

    1 make `refs/heads/evidence.lock`, which must not be there: whoever else moves the branch waits or gives up
    2 see that the branch is where it was
    3 write the new place into the lock file and sync it
    4 note the move in `logs/refs/heads/evidence`
    5 rename the lock file to the branch

To start `git update-ref` for these five steps costs more than all else that a small run needs. Any git that is run
beside us sees the same locks and the same journal (gitrepository-layout(5)); the folder is synced by the caller.
"""

import contextlib
import os
import re
import time
from datetime import datetime
from pathlib import Path

from muniment.evidence.errors import StoreFault
from muniment.evidence.store.database import Database
from muniment.evidence.store.layout import BRANCH

_NOBODY = "0" * 40
_PATIENCE = (0.01, 0.02, 0.03, 0.04)  # seconds; git waits as long for a reference (core.filesRefLockTimeout)


def move_branch(database: Database, new: str, old: str | None, identity: str, at: datetime, why: str) -> None:
    """Let the branch point to the commit `new`, if it points to `old` now (None: if it does not exist).

    Args:
        database: where the branch is.
        new: the commit, which git has taken in.
        old: the commit before it.
        identity: `name <address>`, who moves it.
        at: when, for the journal.
        why: the line of the journal.

    Raises:
        StoreFault: `store.moved`: it points elsewhere, or somebody else moves it now.
        OSError: the disk is full or read-only.
    """
    branch = database.folder / BRANCH
    lock = branch.with_name(f"{branch.name}.lock")
    descriptor = _locked(lock)
    try:
        try:
            if database.reference(BRANCH) != old:
                raise _moved(database.folder)
            _write(descriptor, f"{new}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _note(database.folder, f"{old or _NOBODY} {new} {identity} {int(at.timestamp())} +0000\t{_line(why)}\n")
        lock.replace(branch)
    except BaseException:
        with contextlib.suppress(OSError):
            lock.unlink(missing_ok=True)
        raise


def _locked(lock: Path) -> int:
    for pause in (*_PATIENCE, None):
        try:
            return os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError as error:
            if pause is None:
                raise _moved(lock.parents[2]) from error
            time.sleep(pause)
    raise AssertionError


def _note(folder: Path, line: str) -> None:
    """A line of the journal; like git, without a sync: it says what nobody relies on."""
    path, how = folder / "logs" / BRANCH, os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        descriptor = os.open(path, how, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, how, 0o666)
    try:
        _write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _line(text: str) -> str:
    """The text on one line, as git writes it into a journal."""
    return re.sub(r"\s+", " ", text).strip()


def _moved(folder: Path) -> StoreFault:
    return StoreFault(
        "someone moved the branch without our lock", where=str(folder), mend="run again", code="store.moved"
    )
