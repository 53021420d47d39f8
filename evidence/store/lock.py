"""The lock that makes one writer at a time, and the leftovers of a killed writer that are cleared under it.

It is a flock(2) on `muniment.lock` in the store: the kernel lets go of it when its holder dies, however it dies.
"""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from muniment.evidence.errors import StoreFault

_FILE = "muniment.lock"
_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.02
_LEFT = ("tmp_", ".tmp-")  # how the names begin of packs and objects that are not whole


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Hold the store's lock; gives its file descriptor.

    Raises:
        StoreFault: another writer holds it for two minutes, or the store cannot be written.
    """
    try:
        descriptor = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(error, folder) from error
    try:
        _wait_for(descriptor, folder)
        yield descriptor
    finally:
        os.close(descriptor)


def clear_leftovers(folder: Path) -> tuple[Path, ...]:
    """Remove what a killed git leaves and what would block the next one; only while the lock is held."""
    found = tuple(path for path in _leftovers(folder) if path.name != _FILE)
    for path in found:
        path.unlink(missing_ok=True)
    return found


def mend(folder: Path) -> tuple[Path, ...] | None:
    """Remove leftovers without waiting; None while a writer is at work, who has removed them already.

    Raises:
        StoreFault: the store cannot be written.
    """
    try:
        descriptor = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return clear_leftovers(folder)
        except BlockingIOError:
            return None
        finally:
            os.close(descriptor)
    except OSError as error:
        raise unwritable(error, folder) from error


def unwritable(error: OSError, folder: Path) -> StoreFault:
    """What a failed write means to the person who runs Muniment."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        mend = "make room, then run again: nothing was lost"
        return StoreFault("the disk is full", where=str(folder), mend=mend, code="store.full")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        mend = "write to the original, as its owner"
        return StoreFault("the store may not be written", where=str(folder), mend=mend, code="store.read_only")
    return StoreFault(f"the store cannot be written: {error.strerror}", where=str(folder), code="store.unwritable")


def _leftovers(folder: Path) -> list[Path]:
    """Locks beside and below `refs`, and what was begun in `objects`; globs for them would take ten times as long."""
    return [
        *_named(folder, lambda name: name.endswith(".lock"), deep=False),
        *_named(folder / "refs", lambda name: name.endswith(".lock")),
        *_named(folder / "objects", lambda name: name.startswith(_LEFT)),
    ]


def _named(folder: Path, wanted: Callable[[str], bool], *, deep: bool = True) -> Iterator[Path]:
    """What is called so in a folder and in those below it; nothing where there is no such folder."""
    folders = [os.fspath(folder)]
    for each in folders:  # it grows
        with suppress(FileNotFoundError), os.scandir(each) as entries:
            for entry in entries:
                if deep and entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif wanted(entry.name):
                    yield Path(entry.path)


def _wait_for(descriptor: int, folder: Path) -> None:
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > give_up:
                raise StoreFault(
                    "another process has been writing for two minutes",
                    where=str(folder),
                    mend="wait for it, or end it: nothing is lost either way",
                    code="store.busy",
                ) from error
            time.sleep(_PAUSE_SECONDS)
        else:
            return
