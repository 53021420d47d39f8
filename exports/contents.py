"""Takes a stranger's PDF apart: its attachments and the drawing of its pages, within bounds, never with a traceback.

Streams are inflated here and not by the PDF library, so that a bomb is stopped while it grows, and so that of a stream
with one flipped byte all that can still be read is read: then the altered record can be named.
"""

import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

MOST_FILES = 50
LARGEST_CONTENT = 256 << 20  # bytes of all streams together, inflated
HIGHEST_RATIO = 1_100  # deflate cannot do better than 1,032 to 1 (zlib's documentation)

_STEP = 1 << 16


@dataclass(frozen=True)
class Contents:
    """What was found. A page is None where its drawing cannot be read. `faults` are code, place, sentence."""

    files: dict[str, bytes]
    pages: tuple[bytes | None, ...]
    faults: tuple[tuple[str, str, str], ...]


class _Refused(Exception):
    """A stream that is not read to its end, and why."""


def opened(data: bytes) -> Contents:
    """The attachments and pages of the PDF in `data`."""
    import pikepdf

    pikepdf.settings.set_qpdf_limits(flate_max_memory=LARGEST_CONTENT)
    budget = _Budget()
    faults: list[tuple[str, str, str]] = []
    try:
        with pikepdf.open(BytesIO(data)) as pdf:
            files = _files(pdf, budget, faults)
            pages = tuple(_page(page.obj, budget) for page in pdf.pages)
    # A PDF library meets garbage in many ways; none of them may end in a traceback.
    except (pikepdf.PdfError, ValueError, TypeError, KeyError, AttributeError, RecursionError, RuntimeError):
        return Contents({}, (), (*faults, ("pack.damaged", "the file", "the structure of the PDF cannot be read")))
    return Contents(files, pages, tuple(faults))


class _Budget:
    """How many bytes may still be inflated."""

    def __init__(self) -> None:
        self.left = LARGEST_CONTENT

    def spend(self, size: int) -> None:
        """Take what one whole stream needs; a stream that needs too much takes nothing from the others."""
        self.allow(size)
        self.left -= size

    def allow(self, size: int) -> None:
        """Refuse a stream as soon as it has grown too large."""
        if size > self.left:
            raise _Refused(f"the streams inflate to more than {LARGEST_CONTENT >> 20} MiB")


def _files(pdf: Any, budget: _Budget, faults: list[tuple[str, str, str]]) -> dict[str, bytes]:
    names = list(pdf.attachments)
    if len(names) > MOST_FILES:
        faults.append(("attachment.too_many", "the file", f"there are more than {MOST_FILES} attachments"))
        return {}
    files = {}
    for name in names:
        specification = pdf.attachments[name].obj
        if not plain(name) or str(specification.get("/UF", name)) != name:
            shown = ascii(name[:80])
            faults.append(("attachment.name", shown, f"the attachment {shown} has a name that could be a path"))
            continue
        try:
            files[name] = _inflated(specification["/EF"]["/F"], budget)
        except _Refused as error:
            faults.append(("attachment.refused", name, f"the attachment {name} is not read: {error}"))
    return files


def plain(name: str) -> bool:
    """Whether a name is only a name: no path, no drive, nothing hidden, nothing that cannot be printed."""
    return (
        0 < len(name) <= 100
        and name.isascii()
        and name.isprintable()
        and not name.startswith(".")
        and not set(name) & set('/\\:*?"<>|')
    )


def _page(page: Any, budget: _Budget) -> bytes | None:
    import pikepdf

    content = page.get("/Contents")
    if not isinstance(content, pikepdf.Stream):
        return None
    try:
        return _inflated(content, budget)
    except _Refused:
        return None


def _inflated(stream: Any, budget: _Budget) -> bytes:
    """The bytes of a stream that is plain or deflated; of a damaged one, all that comes before the damage."""
    raw = bytes(stream.read_raw_bytes())
    filters = stream.get("/Filter")
    if filters is None:
        budget.spend(len(raw))
        return raw
    if str(filters) != "/FlateDecode" and [str(each) for each in filters] != ["/FlateDecode"]:
        raise _Refused("it is packed in a way that this version does not write")
    inflater = zlib.decompressobj()
    found = bytearray()
    for start in range(0, len(raw), _STEP):
        try:
            piece = inflater.decompress(raw[start : start + _STEP], _STEP * HIGHEST_RATIO)
        except zlib.error:
            break
        found += piece
        budget.allow(len(found))
    budget.spend(len(found))
    return bytes(found)
