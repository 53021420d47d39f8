"""Reading files that other people wrote: never more of them than is meant to be there.

A path in a setting may lead to a file of gigabytes, to a device without an end or to a pipe that nobody fills. Each is
refused before memory or time is spent on it.
"""

import os
import stat
from pathlib import Path

MIB = 1024 * 1024


def read_at_most(file: Path, most: int) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: it cannot be read, is no regular file, or has more than `most` bytes; `strerror` is fit for a person.
    """
    with open(file, "rb", opener=_without_waiting) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise OSError(None, "it is no regular file")
        data = opened.read(most + 1)
    if len(data) > most:
        raise OSError(None, f"it has more than {most // MIB} MiB")
    return data


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # else a pipe would be waited for until somebody writes to it
