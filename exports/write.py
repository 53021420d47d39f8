"""Write a pack to a file: rendered, sealed, and there as a whole or not at all."""

import os
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from muniment.evidence import MunimentError, digest
from muniment.evidence.store.keys import Signer
from muniment.exports import seal
from muniment.exports.fonts import glyphs
from muniment.exports.html import render
from muniment.exports.languages import language
from muniment.exports.model import Pack
from muniment.exports.pdf import Progress, render_pdf
from muniment.exports.signing import Sign
from muniment.exports.words import Words

FORMS = ("pdf", "xlsx", "zip", "oscal")
USUAL = ("pdf", "xlsx", "zip")  # the ZIP holds the OSCAL documents too


@dataclass(frozen=True)
class PackFile:
    """A form of a pack on disk: `sha256` is `sha256:…` of the file, `size` its bytes, `pages` those of the PDF."""

    path: Path
    pages: int | None
    sha256: str
    size: int


def write_pack(
    pack: Pack, path: Path, signer: Signer, progress: Progress | None = None, cache: Path | None = None
) -> PackFile:
    """Render, seal and write the pack. `progress` is told stage, done and total; `cache` is a folder for drawn parts.

    Raises:
        MunimentError: the page could not be rendered, or `pack.unwritable`: nothing was left at the path then.
    """
    if not os.access(path.parent, os.W_OK | os.X_OK):  # before a minute of rendering, not after
        raise _unwritable(path, "the folder is not there or not writable")
    data, pages = pack_bytes(pack, signer, progress, cache)
    write_whole(path, data)
    return PackFile(path, pages, digest(data), len(data))


def write_forms(
    pack: Pack,
    path: Path,
    signer: Signer,
    forms: Collection[str] = USUAL,
    progress: Progress | None = None,
    sign: Sign | None = None,
    cache: Path | None = None,
) -> tuple[PackFile, ...]:
    """Write the pack in these forms of `FORMS`, in that order; `path` is the PDF's, the others lie beside it.

    `sign` puts a PDF signature on the sealed PDF.

    Raises:
        MunimentError: as `write_pack`; none of the files was written then.
    """
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _unwritable(path, "the folder is not there or not writable")
    data, pages = form_bytes(pack, signer, forms, progress, sign, cache)
    named = {_beside(path, form): content for form, content in data.items()}
    write_all_whole(named)
    return tuple(
        PackFile(each, pages if content is data.get("pdf") else None, digest(content), len(content))
        for each, content in named.items()
    )


def _beside(path: Path, form: str) -> Path:
    """The path of a form where the PDF's is known; a PDF keeps whatever name it was given."""
    if path.suffix.lower().removeprefix(".") in FORMS:
        return path.with_suffix(f".{form}")
    return path if form == "pdf" else path.with_name(f"{path.name}.{form}")


def form_bytes(
    pack: Pack,
    signer: Signer,
    forms: Collection[str] = USUAL,
    progress: Progress | None = None,
    sign: Sign | None = None,
    cache: Path | None = None,
) -> tuple[dict[str, bytes], int | None]:
    """Each file's bytes by what its name ends in, and the pages of the PDF if one was made.

    The form `oscal` has a file for each document; the same pack and signer give the same bytes, but for
    what `sign` appends to the PDF.
    """
    from muniment.exports.bundle import bundle
    from muniment.exports.cells import files
    from muniment.exports.oscal import oscal
    from muniment.exports.tables import tables
    from muniment.exports.workbook import workbook

    pdf, pages = pack_bytes(pack, signer, progress, cache) if {"pdf", "zip"} & set(forms) else (b"", None)
    pdf = sign(pdf) if sign and pdf else pdf
    made = tables(pack)
    xlsx = workbook(pack, made, Words(language(pack.identity.language))) if {"xlsx", "zip"} & set(forms) else b""
    documents = oscal(pack) if {"zip", "oscal"} & set(forms) else ()
    found = {"pdf": pdf, "xlsx": xlsx}
    if "zip" in forms:
        found["zip"] = bundle(pack, pdf, xlsx, (*files(made), *documents), signer)
    asked = {form: data for form, data in found.items() if form in forms}
    return asked | {each.name: each.data for each in documents if "oscal" in forms}, pages


def pack_bytes(
    pack: Pack, signer: Signer, progress: Progress | None = None, cache: Path | None = None
) -> tuple[bytes, int]:
    """The sealed PDF and its number of pages; the same pack and signer give the same bytes."""
    from muniment.exports.embed import embed

    page = render(pack, glyphs(pack.identity.language))
    finish = partial(embed, attachments=pack.attachments, seal=seal.blank(signer), at=pack.identity.at)
    rendered = render_pdf(page, pack.identity.id, finish, progress, cache)
    return seal.sealed(rendered.data, signer), rendered.pages


def write_whole(path: Path, data: bytes) -> None:
    """Write one file as a whole or not at all; see `write_all_whole`."""
    write_all_whole({path: data})


def write_all_whole(files: Mapping[Path, bytes]) -> None:
    """Write beside the targets, make all durable, then take their names: a full disk leaves no half pack.

    Raises:
        MunimentError: `pack.unwritable`; what was at the paths before is still there.
    """
    beside: list[tuple[Path, Path]] = []
    path = None
    try:
        for path, data in files.items():
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            beside.append((Path(name), path))
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
        for written, path in beside:
            written.replace(path)
    except OSError as error:
        raise _unwritable(path or Path(), error.strerror) from error
    finally:  # after Ctrl-C too; what took its name is no longer beside
        for written, _ in beside:
            written.unlink(missing_ok=True)
    for folder in {path.parent for path in files}:
        _settle(folder)


def _settle(folder: Path) -> None:
    """Make the names in a folder durable."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _unwritable(path: Path, why: str | None) -> MunimentError:
    return MunimentError(
        f"the pack cannot be written: {why}",
        where=str(path),
        mend="name a folder that exists, can be written and has room",
        code="pack.unwritable",
    )
