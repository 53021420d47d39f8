"""Verify the PDF signature of a pack (PAdES, ETSI EN 319 142-1), and say by whom, when, and who trusts the certificate.

In this order, so that what a later step relies on has been seen by an earlier one:

1. the file's revisions: the first is the one that the seal covers, and the last is a signature over the whole file;
2. there is one signature, and besides it only document timestamps; each byte range leaves out nothing but itself;
3. what was appended since the seal: a signature's field, its certificates and revocation lists, and nothing else;
4. each signature and timestamp holds mathematically;
5. where the reader pinned roots, the certificates lead to them; what hinders it has the words of EN 319 102-1.

PDF readers accept bytes after the end, and whole pages that a stranger exchanges before he signs; 1 and 3 do not.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from muniment.evidence import IntegrityError, utc

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import EmbeddedPdfSignature, PdfSignatureStatus
    from pyhanko_certvalidator import ValidationContext

MOST_REVISIONS = 20
CATALOG = {"/AcroForm", "/DSS", "/Extensions", "/Perms", "/Version"}
FIELD_KEYS = {"/F", "/FT", "/Lock", "/P", "/Rect", "/Subtype", "/T", "/TU", "/Type", "/V"}


@dataclass(frozen=True)
class Pinned:
    """What a reader believes: certificates that a signer's must lead to, those of timestamps, and the time it is."""

    roots: "tuple[Certificate, ...]"
    authorities: "tuple[Certificate, ...]"
    at: datetime


@dataclass(frozen=True)
class PdfSignature:
    """One signature that holds: who signed at which level, and when.

    `signed_at` is what the signer claims, `stamped_at` what an
    authority's timestamp says; `trusted` is None where no root was pinned.
    """

    subject: str
    issuer: str
    level: str
    signed_at: datetime | None
    stamped_at: datetime | None
    trusted: bool | None = None


def verify_signature(data: bytes, sealed: int, pinned: Pinned | None = None) -> PdfSignature:
    """The signature of a file whose first `sealed` bytes are the sealed pack.

    Raises:
        IntegrityError: `signature.malformed`, `signature.missing`, `signature.trailing`, `signature.changed`,
            `signature.broken`, `signature.untrusted`, `signature.expired` or `signature.revoked`.
    """
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.general import SigningError
    from pyhanko.sign.validation.errors import SignatureValidationError, ValidationInfoReadingError

    for name in ("pyhanko", "pyhanko_certvalidator"):  # what they would log is in our report
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        reader = PdfFileReader(BytesIO(data))
        signature, stamps = _signatures(reader)
        _revisions(reader, data, sealed, (signature, *stamps))
        _nothing_else(reader, 1 + len(stamps))
        asyncio.run(_hold(signature, stamps))
        found = _described(reader, signature, stamps)
        if pinned is not None and pinned.roots:
            _trusted(signature, stamps, pinned)
            return PdfSignature(**{**vars(found), "trusted": True})
    except IntegrityError:
        raise
    # A PDF library meets garbage in many ways; none of them may end in a traceback.
    except (
        PdfError,
        SigningError,
        SignatureValidationError,
        ValidationInfoReadingError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        RecursionError,
        NotImplementedError,
        OSError,
    ) as error:
        raise IntegrityError(
            f"what was appended to the sealed pack cannot be read as a signature ({type(error).__name__})",
            code="signature.malformed",
        ) from error
    return found


def _signatures(reader: "PdfFileReader") -> "tuple[EmbeddedPdfSignature, Sequence[EmbeddedPdfSignature]]":
    """The one signature, and the timestamps over the document."""
    signatures = list(reader.embedded_regular_signatures)
    if len(signatures) != 1:
        what = "nothing in the file is a signature" if not signatures else "more than one person signed the file"
        raise IntegrityError(
            f"there is something after the end of the sealed pack, and {what}", code="signature.missing"
        )
    return signatures[0], list(reader.embedded_timestamp_signatures)


def _revisions(reader: "PdfFileReader", data: bytes, sealed: int, all_: "Sequence[EmbeddedPdfSignature]") -> None:
    """The first revision is the sealed one, and the last is a signature over every byte of the file."""
    from pyhanko.sign.validation import SignatureCoverageLevel

    references = reader.xrefs
    first = references.get_xref_container_info(0)
    begin = int(data[:sealed].rsplit(b"startxref", 1)[1].split()[0])
    if first.end_location > sealed or references.get_startxref_for_revision(0) != begin:
        raise IntegrityError("a PDF reader is led past the sealed pack to another one", code="signature.changed")
    if references.total_revisions > MOST_REVISIONS:
        raise IntegrityError(f"there are more than {MOST_REVISIONS} revisions", code="signature.malformed")
    whole = 0
    for each in all_:
        start, length, after, rest = (int(number) for number in each.byte_range)
        content = len(each.pkcs7_content) * 2 + 2
        if start or after != length + content or after + rest > len(data) or length < sealed:
            raise IntegrityError("a signature leaves out more than itself", code="signature.broken")
        if each.evaluate_signature_coverage() is SignatureCoverageLevel.ENTIRE_FILE and after + rest == len(data):
            whole += 1
    if whole != 1 or not data.endswith(b"\n%%EOF\n"):
        raise IntegrityError("there are bytes after the last signature", code="signature.trailing")


def _nothing_else(reader: "PdfFileReader", fields: int) -> None:
    """Nothing was appended since the seal but signatures with what they need.

    Of what was there, the catalog may get them, the first page their fields off the page, and the metadata a new date
    and producer. So what is new can be reached by no other way. pyHanko's own analysis walks the whole structure tree,
    which takes minutes for a tagged pack.
    """
    before: Any = reader.get_historical_resolver(0)
    all_: Any = reader
    page = before.get_object(before.root_ref)["/Pages"]["/Kids"].raw_get(0).reference
    allowed = {
        before.root_ref: CATALOG,
        page: {"/Annots"},
        reader.trailer_view.raw_get("/Info").reference: {"/ModDate", "/Producer"},
        before.get_object(before.root_ref).raw_get("/Metadata").reference: {"/Length"},
    }
    if reader.root_ref != before.root_ref or reader.encrypted:
        raise _changed("another document is led to")
    revisions = range(1, reader.xrefs.total_revisions)
    if any(reader.xrefs.refs_freed_in_revision(each) for each in revisions):
        raise _changed("something was taken away")
    for reference in {each for revision in revisions for each in reader.xrefs.explicit_refs_in_revision(revision)}:
        if not before.is_ref_unassignable(reference):
            _compared(before.get_object(reference), all_.get_object(reference), allowed.get(reference, set()))
    _only_fields(reader, fields)


def _compared(old: Any, new: Any, allowed: set[str]) -> None:
    """An object that was there is as it was, but for these keys."""
    if not allowed or not hasattr(old, "keys") or type(old) is not type(new):
        raise _changed("something that was there was replaced")
    for key in (old.keys() | new.keys()) - allowed:
        if key not in old or key not in new or _bytes(old.raw_get(key)) != _bytes(new.raw_get(key)):
            raise _changed(f"{key} is not as it was")
    if hasattr(old, "data") and _title(old.data) != _title(new.data):
        raise _changed("the title is not as it was")


def _only_fields(reader: "PdfFileReader", fields: int) -> None:
    """What the first page got are fields of signatures that show nothing."""
    form, page = reader.root["/AcroForm"], reader.root["/Pages"]["/Kids"][0]
    old: Any = reader.get_historical_resolver(0)
    was = old.get_object(old.root_ref)["/Pages"]["/Kids"][0]
    kept = [_bytes(each) for each in was["/Annots"]] if "/Annots" in was else []
    now = page["/Annots"]
    if [_bytes(each) for each in now][: len(kept)] != kept or len(now) - len(kept) != fields:
        raise _changed("the first page got more than the fields of the signatures")
    if not set(form.keys()) <= {"/Fields", "/SigFlags"} or len(form["/Fields"]) != fields:
        raise _changed("a form was added")
    for each in list(form["/Fields"]) + list(now)[len(kept) :]:
        field = each.get_object()
        left, bottom, right, top = (float(edge) for edge in field["/Rect"])
        if not set(field.keys()) <= FIELD_KEYS or field["/FT"] != "/Sig" or (left, bottom) != (right, top):
            raise _changed("a signature's field shows or does something")


def _changed(what: str) -> IntegrityError:
    return IntegrityError(f"more than a signature was added to the sealed pack: {what}", code="signature.changed")


def _bytes(value: Any) -> bytes:
    out = BytesIO()
    value.write_to_stream(out, None)
    return out.getvalue()


def _title(metadata: bytes) -> list[str]:
    from defusedxml.ElementTree import fromstring

    found = fromstring(metadata).iter("{http://purl.org/dc/elements/1.1/}title")
    return ["".join(each.itertext()).strip() for each in found]


async def _hold(signature: "EmbeddedPdfSignature", stamps: "Sequence[EmbeddedPdfSignature]") -> None:
    """Each holds mathematically, whoever made it."""
    from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
    from pyhanko.sign.validation.settings import KeyUsageConstraints
    from pyhanko_certvalidator import ValidationContext

    nobody = ValidationContext(trust_roots=[], allow_fetching=False)
    any_usage = KeyUsageConstraints(key_usage=set(), extd_key_usage=None)
    status = await async_validate_pdf_signature(signature, nobody, key_usage_settings=any_usage, skip_diff=True)
    stamp = status.timestamp_validity
    held = status.intact and status.valid and (stamp is None or (stamp.intact and stamp.valid))
    for each in stamps:
        told = await async_validate_pdf_timestamp(each, nobody, skip_diff=True)
        held = held and told.intact and told.valid
    if not held:
        raise IntegrityError("some byte of the file was changed after it was signed", code="signature.broken")


def _described(
    reader: "PdfFileReader", signature: "EmbeddedPdfSignature", stamps: "Sequence[EmbeddedPdfSignature]"
) -> PdfSignature:
    from pyhanko.sign.validation.generic_cms import extract_tst_data_iter

    token = next(iter(extract_tst_data_iter(signature.signer_info, signed=False)), None)
    stamped = _stamped_at(token) if token is not None else None
    kept = "/DSS" in reader.root
    level = "B-LTA" if kept and stamps else "B-LT" if kept else "B-T" if stamped else "B-B"
    claimed = signature.self_reported_timestamp
    return PdfSignature(
        subject=_name(signature.signer_cert.subject),
        issuer=_name(signature.signer_cert.issuer),
        level=level,
        signed_at=utc(claimed) if claimed else None,
        stamped_at=stamped,
    )


def _stamped_at(token: Any) -> datetime:
    return utc(token["encap_content_info"]["content"].parsed["gen_time"].native)


def _name(name: Any) -> str:
    return str(name.human_friendly)


def _trusted(signature: "EmbeddedPdfSignature", stamps: "Sequence[EmbeddedPdfSignature]", pinned: Pinned) -> None:
    """The certificates lead to what the reader pinned: the authority's as of its timestamp, the signer's as of that.

    Without a timestamp the signer's certificate is judged as of now. The revocation lists are those of the file.
    """
    from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate

    subject = _name(signature.signer_cert.subject)
    status, stamped = asyncio.run(_judged(signature, stamps, pinned))
    if not stamped:
        raise IntegrityError("the timestamp is not by an authority that you pinned", code="signature.untrusted")
    if status.trusted:
        return
    word = status.trust_problem_indic
    if status.revoked or word in (AdESFailure.REVOKED, AdESIndeterminate.REVOKED_NO_POE):
        what, code = "was revoked before it is shown to have signed", "signature.revoked"
    elif word in (AdESIndeterminate.EXPIRED, AdESIndeterminate.OUT_OF_BOUNDS_NO_POE):
        what, code = "ended, and no timestamp shows that it signed before", "signature.expired"
    else:
        what, code = "does not lead to what you pinned", "signature.untrusted"
    told = f" ({word.standard_name})" if word else ""
    raise IntegrityError(f"the certificate of {subject} {what}{told}", code=code)


async def _judged(
    signature: "EmbeddedPdfSignature", stamps: "Sequence[EmbeddedPdfSignature]", pinned: Pinned
) -> "tuple[PdfSignatureStatus, bool]":
    """How the signer's chain stands, and whether the chains of all timestamps do."""
    from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
    from pyhanko.sign.validation.generic_cms import extract_tst_data_iter
    from pyhanko.sign.validation.settings import KeyUsageConstraints

    token = next(iter(extract_tst_data_iter(signature.signer_info, signed=False)), None)
    moment = _stamped_at(token) if token is not None else pinned.at
    usage = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"})
    status = await async_validate_pdf_signature(
        signature,
        _context(signature.reader, pinned.roots, moment),
        _context(signature.reader, pinned.authorities, moment),
        key_usage_settings=usage,
        skip_diff=True,
    )
    held = status.timestamp_validity is None or status.timestamp_validity.trusted
    for each in stamps:
        at = _stamped_at(each.signed_data)
        told = await async_validate_pdf_timestamp(
            each, _context(signature.reader, pinned.authorities, at), skip_diff=True
        )
        held = held and told.trusted
    return status, held


def _context(reader: "PdfFileReader", roots: "Sequence[Certificate]", moment: datetime) -> "ValidationContext":
    """Certificates lead to one of these; from level LT on, the file must show that they were not revoked."""
    from asn1crypto.x509 import Certificate as Asn1  # type: ignore[import-untyped]
    from cryptography.hazmat.primitives.serialization import Encoding
    from pyhanko.sign.validation import DocumentSecurityStore
    from pyhanko_certvalidator import ValidationContext

    settings: dict[str, Any] = {
        "trust_roots": [Asn1.load(each.public_bytes(Encoding.DER)) for each in roots],
        "moment": moment,
        "allow_fetching": False,
    }
    if "/DSS" not in reader.root:
        return ValidationContext(**settings, revocation_mode="soft-fail")
    kept = DocumentSecurityStore.read_dss(reader)
    return kept.as_validation_context({**settings, "revocation_mode": "hard-fail"})
