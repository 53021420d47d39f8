"""A PDF is written with the bytes that pydyf writes, and each of its streams is deflated once."""

from io import BytesIO

import pydyf  # type: ignore[import-untyped]

from muniment.exports.merge import Document


def test_a_stream_is_deflated_once_and_the_file_is_the_same() -> None:
    ours, plain = Document(), pydyf.PDF()
    assert _written(ours) == _written(plain)
    streams = [each for each in ours.objects if isinstance(each, pydyf.Stream)]
    assert len(streams) == 3  # ours, that of the objects and that of the references
    assert all(each.data is each.data for each in streams)


def _written(pdf: pydyf.PDF) -> bytes:
    pdf.info["Title"] = pydyf.String("Pack")
    pdf.add_object(pydyf.Stream([b"evidence " * 50], compress=True))
    pdf.add_object(pydyf.Dictionary({"Kept": pydyf.String("yes")}))
    out = BytesIO()
    pdf.write(out, b"1.7", b"pack", compress=True)
    return out.getvalue()
