"""Write a pack to a file: rendered, sealed, and there as a whole or not at all."""

import os
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from muniment.evidence import MunimentError, digest
from muniment.evidence.store.keys import Signer
from muniment.exports import seal
from muniment.exports.fonts import glyphs
from muniment.exports.html import render
from muniment.exports.model import Pack
from muniment.exports.pdf import Progress, render_pdf


@dataclass(frozen=True)
class PackFile:
    """A pack on disk: `sha256` is `sha256:…` of the file, `size` its bytes."""

    path: Path
    pages: int
    sha256: str
    size: int


def write_pack(pack: Pack, path: Path, signer: Signer, progress: Progress | None = None) -> PackFile:
    """Render, seal and write the pack. `progress` is told stage, done and total.

    Raises:
        MunimentError: the page could not be rendered, or `pack.unwritable`: nothing was left at the path then.
    """
    if not os.access(path.parent, os.W_OK | os.X_OK):  # before a minute of rendering, not after
        raise _unwritable(path, "the folder is not there or not writable")
    data, pages = pack_bytes(pack, signer, progress)
    write_whole(path, data)
    return PackFile(path, pages, digest(data), len(data))


def pack_bytes(pack: Pack, signer: Signer, progress: Progress | None = None) -> tuple[bytes, int]:
    """The sealed PDF and its number of pages; the same pack and signer give the same bytes."""
    from muniment.exports.embed import embed

    page = render(pack, glyphs())
    finish = partial(embed, attachments=pack.attachments, seal=seal.blank(signer), at=pack.identity.at)
    rendered = render_pdf(page, pack.identity.id, finish, progress)
    return seal.sealed(rendered.data, signer), rendered.pages


def write_whole(path: Path, data: bytes) -> None:
    """Write beside the target, make it durable, then take its name: a full disk leaves no half pack.

    Raises:
        MunimentError: `pack.unwritable`; what was at the path before is still there.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error.strerror) from error
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _unwritable(path, error.strerror) from error
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unwritable(path: Path, why: str | None) -> MunimentError:
    return MunimentError(
        f"the pack cannot be written: {why}",
        where=str(path),
        mend="name a folder that exists, can be written and has room",
        code="pack.unwritable",
    )
