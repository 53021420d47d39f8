"""Keeps an imported file byte for byte, outside git, under the name of its digest."""

import hashlib
import os
import tempfile
from pathlib import Path

from muniment.evidence.errors import InputFault
from muniment.evidence.imports.report import clipped
from muniment.evidence.record import Content

LARGEST = 4 * 1024 * 1024 * 1024  # bytes
_PIECE = 1024 * 1024


def keep(file: Path, folder: Path, media_type: str) -> tuple[Content, Path]:
    """Copy a file to `folder/SHA256`, and give its digest and the copy's place: what is read is what was kept.

    The copy is on the disk before this returns, readable by its owner alone. A file that is there already stays.

    Raises:
        InputFault: the file is empty, too large, or no file.
        OSError: the disk refuses.
    """
    if not file.is_file():
        raise InputFault("import.missing", "there is no such file", where=str(file))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    sha256, size = hashlib.sha256(), 0
    handle, name = tempfile.mkstemp(prefix=".coming-", dir=folder)
    copy = Path(name)
    try:
        with os.fdopen(handle, "wb") as target, file.open("rb") as source:
            while piece := source.read(_PIECE):
                size += len(piece)
                if size > LARGEST:
                    raise InputFault("import.too_large", f"files are read up to {LARGEST:,} bytes", where=file.name)
                sha256.update(piece)
                target.write(piece)
            target.flush()
            os.fsync(target.fileno())
        if size == 0:
            raise InputFault("import.empty", "the file is empty", where=file.name, mend="have the tool write it again")
        kept = copy.rename(folder / sha256.hexdigest())
    finally:
        copy.unlink(missing_ok=True)
    content = Content(name=clipped(file.name), media_type=media_type, size=size, sha256=f"sha256:{sha256.hexdigest()}")
    return content, kept
