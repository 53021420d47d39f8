"""Sign the PDF of a pack, so that a stock PDF reader tells who vouches for it (PAdES, ETSI EN 319 142-1).

The signature is appended to the sealed file, as a revision of its own that covers every byte before it: the seal stands
as it was, over the first revision. Whatever level is asked for, the last revision is a signature over the whole file.

    B     the certificate and its signature
    T     and an authority's timestamp over the signature
    LT    and the certificates and revocation lists that show that it held
    LTA   and an authority's timestamp over all of that

What needs nobody else, such as a passphrase or an expired certificate, is found by `signing`, before a page is drawn.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muniment.controls.model import Signing
from muniment.evidence import MunimentError, UsageError, rfc3339
from muniment.evidence.secret import resolve
from muniment.evidence.store.timestamp import exchange, load_certificates
from muniment.exports.card import Ask, on_card

if TYPE_CHECKING:
    from asn1crypto.x509 import Certificate  # type: ignore[import-untyped]
    from pyhanko.sign.signers import Signer
    from pyhanko.sign.timestamps import TimeStamper
    from pyhanko_certvalidator import ValidationContext

FIELD, TIMESTAMP_FIELD = "Signature", "Timestamp"
USAGES = frozenset({"digital_signature", "non_repudiation"})  # either will do: RFC 5280, section 4.2.1.3

Sign = Callable[[bytes], bytes]


def signing(settings: Signing, base: Path, at: datetime, ask: Ask | None = None) -> Sign:
    """What signs the bytes of a sealed PDF. Relative references start at `base`; `at` is the time that is claimed.
    `ask` asks a person for the PIN of a token, once.

    Raises:
        UsageError: `signature.certificate`, `signature.passphrase`, `signature.expired`, `signature.usage`,
            `signature.card` or `anchor.certificates`: nothing can be signed with what was named.
        CouldNotLook: a secret is not where it should be.
    """
    ask = cache(ask) if ask else None
    with _identity(settings, base, ask) as signer:
        _check(signer.signing_cert, at)
    if settings.roots is not None:
        load_certificates(settings.roots)

    def sign(data: bytes) -> bytes:
        with _identity(settings, base, ask) as signer, _told(settings):
            return asyncio.run(_signed(data, settings, signer, at))

    return sign


async def _signed(data: bytes, settings: Signing, signer: "Signer", at: datetime) -> bytes:
    context = _context(settings) if settings.level in ("LT", "LTA") else None
    try:
        return await _appended(data, settings, signer, context, at)
    finally:
        if context is not None:
            await context.aclose()  # type: ignore[no-untyped-call]


async def _appended(
    data: bytes, settings: Signing, signer: "Signer", context: "ValidationContext | None", at: datetime
) -> bytes:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import InvisSigSettings, MDPPerm, SigFieldSpec, SigSeedSubFilter
    from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
    from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
    from pyhanko.sign.signers.pdf_signer import DSSContentSettings, SigDSSPlacementPreference

    metadata = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
        embed_validation_info=context is not None,
        use_pades_lta=settings.level == "LTA",
        timestamp_field_name=TIMESTAMP_FIELD,
        validation_context=context,
        signer_key_usage=set(),
        dss_settings=DSSContentSettings(include_vri=False, placement=SigDSSPlacementPreference.TOGETHER_WITH_SIGNATURE),
    )
    # Both profiles ask for it: PDF/A that what is there can be printed, PDF/UA that what has no tag is off the page.
    unseen = InvisSigSettings(set_print_flag=True, set_hidden_flag=False, box_out_of_bounds=True)
    made = PdfSigner(
        metadata,
        signer,
        timestamper=None if settings.level == "B" else _stamper(settings),
        new_field_spec=SigFieldSpec(FIELD, invis_sig_settings=unseen),
    )
    writer = IncrementalPdfFileWriter(BytesIO(data))
    session = made.init_signing_session(writer)
    session.system_time = at
    found = await session.perform_presign_validation(writer)
    size = await session.estimate_signature_container_size(found, tight=False)
    document = session.prepare_tbs_document(validation_info=found, bytes_reserved=size)
    prepared, output = document.digest_tbs_document(output=BytesIO())
    finished = await document.perform_signature(
        document_digest=prepared.document_digest, pdf_cms_signed_attrs=PdfCMSSignedAttributes(signing_time=at)
    )
    await finished.post_signature_processing(output)
    output.seek(0)
    whole: bytes = output.read()
    return whole


def _context(settings: Signing) -> "ValidationContext":
    """What the certificates are held against at levels LT and LTA, with what shows that they were not revoked."""
    from pyhanko_certvalidator import ValidationContext

    files = [settings.roots, settings.authority.certificates if settings.authority else None]
    roots = [root for file in files if file for root in asn1(file)]
    return ValidationContext(trust_roots=roots, allow_fetching=True, revocation_mode="hard-fail")


def asn1(file: Path) -> "list[Certificate]":
    """The certificates of a PEM file, as pyHanko takes them."""
    from asn1crypto.x509 import Certificate
    from cryptography.hazmat.primitives.serialization import Encoding

    return [Certificate.load(each.public_bytes(Encoding.DER)) for each in load_certificates(file)]


def _stamper(settings: Signing) -> "TimeStamper":
    """The authority, asked as for every other timestamp."""
    from asn1crypto.tsp import TimeStampReq, TimeStampResp  # type: ignore[import-untyped]
    from pyhanko.sign.timestamps import TimeStamper

    authority = settings.authority
    assert authority is not None  # noqa: S101 - the workspace was read so
    url = authority.url

    class Asked(TimeStamper):
        async def async_request_tsa_response(self, req: TimeStampReq) -> TimeStampResp:
            return TimeStampResp.load(exchange(url, req.dump()))

    return Asked()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _identity(settings: Signing, base: Path, ask: Ask | None) -> "Iterator[Signer]":
    """The certificate with its key, while it is needed."""
    if settings.card is not None:
        with on_card(settings.card, base, ask) as signer:
            yield signer
    else:
        yield _in_file(settings, base)


def _in_file(settings: Signing, base: Path) -> "Signer":
    from asn1crypto.keys import PrivateKeyInfo  # type: ignore[import-untyped]
    from asn1crypto.x509 import Certificate
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from pyhanko.sign.signers import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    file = settings.certificate
    assert file is not None  # noqa: S101 - the workspace was read so
    secret = resolve({"passphrase": settings.passphrase}, base)["passphrase"] if settings.passphrase else None
    key, certificate, chain = _read(file, settings.key, secret.encode() if secret else None)
    if key.public_key() != certificate.public_key():
        raise _unusable("the key is not that of the certificate", settings.key or file)
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple([Certificate.load(each.public_bytes(Encoding.DER)) for each in chain])
    return SimpleSigner(
        signing_cert=Certificate.load(certificate.public_bytes(Encoding.DER)),
        signing_key=PrivateKeyInfo.load(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())),
        cert_registry=store,
    )


def _read(file: Path, key_file: Path | None, passphrase: bytes | None) -> tuple[Any, Any, list[Any]]:
    """Key, certificate and chain, of PKCS#12 or of PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

    at_fault = file
    try:
        data = file.read_bytes()
        if key_file is None:
            key, certificate, chain = pkcs12.load_key_and_certificates(data, passphrase)
        else:
            certificate, *chain = x509.load_pem_x509_certificates(data)
            at_fault = key_file
            key = load_pem_private_key(key_file.read_bytes(), passphrase)
    except OSError as error:
        raise _unusable(f"it cannot be read: {error.strerror}", at_fault) from error
    except (ValueError, TypeError) as error:
        what = str(error).lower()
        if "password" in what or "decrypt" in what or "mac" in what:
            raise UsageError(
                "the passphrase does not open it",
                where=str(at_fault),
                mend="name the passphrase as `signature.passphrase` of muniment.yaml: `env:NAME` or `file:PATH`",
                code="signature.passphrase",
            ) from None
        raise _unusable("it is neither PKCS#12 nor PEM", at_fault) from error
    if key is None or certificate is None:
        raise _unusable("it does not hold both a certificate and its key", file)
    return key, certificate, list(chain)


def _unusable(what: str, file: Path) -> UsageError:
    mend = "name PKCS#12, or PEM with `key`, as `signature.certificate` of muniment.yaml"
    return UsageError(
        f"nothing can be signed with this certificate: {what}", where=str(file), mend=mend, code="signature.certificate"
    )


def _check(certificate: "Certificate", at: datetime) -> None:
    """Refuse what no reader would accept.

    Raises:
        UsageError: `signature.expired` or `signature.usage`.
    """
    since, until = certificate.not_valid_before, certificate.not_valid_after
    who = certificate.subject.human_friendly
    if not since <= at <= until:
        raise UsageError(
            f"the certificate is valid from {rfc3339(since)} to {rfc3339(until)}, and now it is {rfc3339(at)}",
            where=who,
            mend="ask for a new certificate, or pack with --no-sign",
            code="signature.expired",
        )
    usage = certificate.key_usage_value
    if usage is None or not USAGES & usage.native:
        raise UsageError(
            "the certificate is not made for signatures: its key usage has neither digitalSignature nor nonRepudiation",
            where=who,
            mend="ask for a certificate to sign documents with",
            code="signature.usage",
        )


@contextlib.contextmanager
def _told(settings: Signing) -> Iterator[None]:
    """Say of a failure what it is, in our words."""
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign.general import SigningError
    from pyhanko_certvalidator.errors import CRLValidationError, OCSPValidationError, PathError, ValidationError

    try:
        yield
    except (SigningError, PathError, ValidationError, CRLValidationError, OCSPValidationError) as error:
        raise MunimentError(
            f"the pack cannot be signed at level {settings.level}: {_plain(error)}",
            mend="see that `signature.roots` and the authority's certificates are those that the certificates lead to, "
            "and that their revocation lists can be fetched",
            code="signature.chain",
        ) from error
    except (PdfError, ValueError, OSError) as error:
        raise MunimentError(
            f"the pack cannot be signed: {_plain(error)}", mend="pack with --no-sign", code="signature.failed"
        ) from error


def _plain(error: Exception) -> str:
    """The error's own words, on one line, without whatever follows."""
    return (" ".join(str(error).split()) or type(error).__name__)[:300]
