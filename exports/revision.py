"""The bytes of a PDF: its objects, packed together where they have no stream, and how they are found.

pydyf would put all of them into one stream, which a reader has to unpack as a whole before the first page, and deflate
that stream twice. Here objects stand in streams of a bounded number (ISO 32000-1, section 7.5.7), and a
cross-reference stream says where each is (section 7.5.8).
"""

import hashlib
import zlib
from collections.abc import Sequence

import pydyf  # type: ignore[import-untyped]

TOGETHER = 2_000  # objects of one stream
_HEAD = b"%PDF-1.7\n%\xf0\x9f\x96\xa4\n"
_FREE, _PLAIN, _PACKED = 0, 1, 2  # kinds of entries of a cross-reference stream (table 18)


def revision(pdf: pydyf.PDF, identifier: str) -> bytes:
    """The whole file. Its id is `identifier` and, as the second half, the digest of what is in it (section 14.4)."""
    if pdf.info:
        pdf.add_object(pdf.info)
    out = bytearray(_HEAD)
    entries = [(_FREE, 0, 65_535)] * len(pdf.objects)
    packed: list[pydyf.Object] = []
    for each in pdf.objects[1:]:
        if each.compressible:
            packed.append(each)
        else:
            entries[each.number] = (_PLAIN, len(out), 0)
            out += each.indirect + b"\n"
    for start in range(0, len(packed), TOGETHER):
        together, number = packed[start : start + TOGETHER], len(entries)
        for place, each in enumerate(together):
            entries[each.number] = (_PACKED, number, place)
        entries.append((_PLAIN, len(out), 0))
        out += _stream(number, *_objects(together))
    entries.append((_PLAIN, len(out), 0))
    said = b"/Type/XRef/Size %d/W[1 5 2]/DecodeParms<</Predictor 12/Columns 8>>/Root %b/ID[%b<%b>]" % (
        len(entries),
        pdf.catalog.reference,
        pydyf.String(identifier).data,
        hashlib.sha256(out).hexdigest()[:32].encode(),
    )
    if pdf.info:
        said += b"/Info " + pdf.info.reference
    rows = [kind.to_bytes(1) + at.to_bytes(5) + place.to_bytes(2) for kind, at, place in entries]
    start = len(out)
    out += _stream(len(entries) - 1, said, _differences(rows))
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def _objects(objects: Sequence[pydyf.Object]) -> tuple[bytes, bytes]:
    """The dictionary of a stream of objects, and what is in it."""
    data = [each.data for each in objects]
    places, at = [], 0
    for each, said in zip(objects, data, strict=True):
        places.append(b"%d %d" % (each.number, at))
        at += len(said) + 1
    head = b" ".join(places) + b"\n"
    return b"/Type/ObjStm/N %d/First %d" % (len(data), len(head)), head + b"\n".join(data)


def _differences(rows: Sequence[bytes]) -> bytes:
    """Each row as what it differs by from the one above, byte by byte (PNG's filter Up, section 7.4.4.4)."""
    above = (bytes(len(rows[0])), *rows)
    return b"".join(
        b"\x02" + bytes((now - then) % 256 for now, then in zip(row, over, strict=True))
        for row, over in zip(rows, above, strict=False)
    )


def _stream(number: int, said: bytes, data: bytes) -> bytes:
    deflated = zlib.compress(data)
    head = b"%d 0 obj\n<<%b/Filter/FlateDecode/Length %d>>\nstream\n" % (number, said, len(deflated))
    return head + deflated + b"\nendstream\nendobj\n"
