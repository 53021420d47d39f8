"""What is put into a PDF beside its pages: attachments, the digests of the pages, and the PDF/UA-1 identification.

It works on pydyf's objects, just before WeasyPrint writes them, because only there each stream can be compressed or
not: the records and the seal stay readable in the raw file, so that one altered byte spoils one record, and stock tools
can find the seal.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import pydyf  # type: ignore[import-untyped]

from muniment.evidence import canonical, utc
from muniment.exports.merge import Packed
from muniment.exports.model import Attachment

PAGES_SCHEMA = "muniment.pages/1"
READABLE = ("records.jsonl", "seal.sig")  # not compressed

# PDF/A asks that every schema of the metadata be described or predefined (ISO 19005-3, section 6.6.2.3); that of
# PDF/UA is not predefined.
_PDF_UA = (
    b'<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">'
    b"<pdfuaid:part>1</pdfuaid:part></rdf:Description>"
    b'<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" '
    b'xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" '
    b'xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">'
    b'<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">'
    b"<pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>"
    b"<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>"
    b"<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>"
    b'<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource"><pdfaProperty:name>part</pdfaProperty:name>'
    b"<pdfaProperty:valueType>Integer</pdfaProperty:valueType><pdfaProperty:category>internal</pdfaProperty:category>"
    b"<pdfaProperty:description>Part of ISO 14289</pdfaProperty:description></rdf:li></rdf:Seq></pdfaSchema:property>"
    b"</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description></rdf:RDF>"
)


def embed(pdf: pydyf.PDF, attachments: Sequence[Attachment], seal: bytes, at: datetime) -> None:
    """Add the attachments, `seal.json` with a digest for each page, and `seal.sig` with the bytes of a seal to be made.

    `at` becomes the date of every attachment.
    """
    pages = Attachment("seal.json", "application/json", "The digest of each page's drawing", _page_digests(pdf))
    signature = Attachment("seal.sig", "application/octet-stream", "The signature over this file", seal)
    files = sorted((*attachments, pages, signature), key=lambda each: each.name)
    specifications = [_add(pdf, each, at) for each in files]
    names = pydyf.Array()
    for file, specification in zip(files, specifications, strict=True):
        names.extend((pydyf.String(file.name), specification.reference))
    tree = pydyf.Dictionary({"Names": names})
    pdf.add_object(tree)
    pdf.catalog.setdefault("Names", pydyf.Dictionary())["EmbeddedFiles"] = tree.reference
    pdf.catalog["AF"] = pydyf.Array(each.reference for each in specifications)
    metadata = _object(pdf, pdf.catalog["Metadata"])
    metadata.stream = [b"".join(metadata.stream).replace(b"</rdf:RDF>", _PDF_UA)]


def _add(pdf: pydyf.PDF, attachment: Attachment, at: datetime) -> pydyf.Dictionary:
    """An embedded file and its specification (ISO 32000-1, section 7.11; ISO 19005-3, section 6.8)."""
    date = pydyf.String(f"D:{utc(at):%Y%m%d%H%M%S}Z")
    parameters = pydyf.Dictionary({"Size": len(attachment.data), "CreationDate": date, "ModDate": date})
    kind = pydyf.Dictionary(
        {"Type": "/EmbeddedFile", "Subtype": f"/{attachment.media_type.replace('/', '#2f')}", "Params": parameters}
    )
    stream = pydyf.Stream([attachment.data], kind, compress=attachment.name not in READABLE)
    pdf.add_object(stream)
    specification = pydyf.Dictionary(
        {
            "Type": "/Filespec",
            "F": pydyf.String(attachment.name),
            "UF": pydyf.String(attachment.name),
            "EF": pydyf.Dictionary({"F": stream.reference}),
            "Desc": pydyf.String(attachment.description),
            "AFRelationship": "/Data",
        }
    )
    pdf.add_object(specification)
    return specification


def _page_digests(pdf: pydyf.PDF) -> bytes:
    """The SHA-256 of the drawing instructions of each page, as they are when decompressed."""
    return canonical(
        {
            "schema": PAGES_SCHEMA,
            "pages": [hashlib.sha256(each.plain).hexdigest() for each in pdf.objects if isinstance(each, Packed)],
        }
    )


def _object(pdf: pydyf.PDF, reference: bytes) -> pydyf.Object:
    """The object that `12 0 R` names."""
    return pdf.objects[int(reference.split()[0])]
