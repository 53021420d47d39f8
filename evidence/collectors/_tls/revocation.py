"""Whether an issuer says that it revoked a certificate: its OCSP responder is asked, else its list is fetched.

Asked only where the server staples no good status, and only for chains that lead to a trusted root. Dates are left to
the judge.
"""

import warnings
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from muniment.evidence.collectors._tls.facts import Asked
from muniment.evidence.collectors._tls.fetch import Web
from muniment.evidence.collectors._tls.signatures import extension_of, made_by
from muniment.evidence.collectors._tls.status import read_staple
from muniment.evidence.errors import CouldNotLook

_MOST_OCSP = 64 * 1024
_MOST_CRL = 16 * 1024 * 1024
_MOST_SOURCES = 2  # of each kind; more are spare copies of the same
_LONGEST_URL = 200


def responders(leaf: x509.Certificate) -> tuple[str, ...]:
    """The URLs of the OCSP responders that a certificate names (RFC 5280 section 4.2.2.1)."""
    access = extension_of(leaf, x509.AuthorityInformationAccess)
    places = (each for each in access or () if each.access_method == AuthorityInformationAccessOID.OCSP)
    return _urls([each.access_location for each in places])


def lists(leaf: x509.Certificate) -> tuple[str, ...]:
    """The URLs of the lists of revoked certificates that it names, those by other issuers left out (4.2.1.13)."""
    points = extension_of(leaf, x509.CRLDistributionPoints)
    return _urls([name for point in points or () if not point.crl_issuer for name in point.full_name or ()])


async def ask(leaf: x509.Certificate, issuer: x509.Certificate, web: Web) -> Asked | None:
    """What the issuer says of a certificate: the first answer that is signed and tells, else why the last does not.

    None where the certificate names nobody to ask.
    """
    told: Asked | None = None
    for url in responders(leaf)[:_MOST_SOURCES]:
        told = await _asked_responder(url, leaf, issuer, web)
        if told.tells:
            return told
    for url in lists(leaf)[:_MOST_SOURCES]:
        told = await _read_list(url, leaf, issuer, web)
        if told.tells:
            return told
    return told


def too_late(leaf: x509.Certificate) -> Asked | None:
    """What is told of a certificate for whose issuer no time was left."""
    places = [("OCSP", url) for url in responders(leaf)] + [("CRL", url) for url in lists(leaf)]
    no_time = CouldNotLook("tls.revocation.unknown", "the time of the look ended before its answer")
    return _silent(*places[0], no_time) if places else None


async def _asked_responder(url: str, leaf: x509.Certificate, issuer: x509.Certificate, web: Web) -> Asked:
    """By POST with SHA-1 of the issuer, which every responder takes (RFC 6960 appendix A.1, RFC 5019 section 2.1.1)."""
    question = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA1()).build()  # noqa: S303 - an identifier
    body = ("application/ocsp-request", question.public_bytes(Encoding.DER))

    async def fetched() -> tuple[bytes, int]:
        answer = await web.fetch(url, _MOST_OCSP, body)
        return answer, len(answer)

    try:
        answer = await web.memory.once(f"{leaf.fingerprint(hashes.SHA256()).hex()} {url}", fetched)
    except CouldNotLook as error:
        return _silent("OCSP", url, error)
    said = read_staple(answer, leaf, issuer)
    return Asked(
        by="OCSP",
        url=url[:_LONGEST_URL],
        status=said.status,
        signed=said.signed,
        this_update=said.this_update,
        next_update=said.next_update,
    )


async def _read_list(url: str, leaf: x509.Certificate, issuer: x509.Certificate, web: Web) -> Asked:
    async def fetched() -> tuple[x509.CertificateRevocationList | None, int]:
        body = await web.fetch(url, _MOST_CRL)
        return _crl(body), len(body)

    try:
        crl = await web.memory.once(url, fetched)
    except CouldNotLook as error:
        return _silent("CRL", url, error)
    if crl is None or not _speaks_for(crl, url, leaf):
        return Asked(by="CRL", url=url[:_LONGEST_URL], status="unreadable", signed=False)
    return Asked(
        by="CRL",
        url=url[:_LONGEST_URL],
        status="good" if crl.get_revoked_certificate_by_serial_number(leaf.serial_number) is None else "revoked",
        signed=_is_signed(crl, issuer),
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
    )


def _crl(body: bytes) -> x509.CertificateRevocationList | None:
    """DER by RFC 5280 section 4.2.1.13; some serve PEM."""
    load = x509.load_pem_x509_crl if body.startswith(b"-----BEGIN") else x509.load_der_x509_crl
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return load(body)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _speaks_for(crl: x509.CertificateRevocationList, url: str, leaf: x509.Certificate) -> bool:
    """Whether the list is whole, of the leaf's issuer, and meant for this place: an issuer that divides its lists says
    so in each, so that nobody can serve one part in place of another (RFC 5280 sections 5.2.5 and 6.3.3)."""
    if crl.issuer != leaf.issuer:
        return False
    try:
        kinds = {type(each.value): each.value for each in crl.extensions}
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False
    if x509.DeltaCRLIndicator in kinds:
        return False
    part = kinds.get(x509.IssuingDistributionPoint)
    if not isinstance(part, x509.IssuingDistributionPoint):
        return True
    if part.indirect_crl or part.only_contains_ca_certs or part.only_contains_attribute_certs:
        return False
    if part.only_some_reasons or part.relative_name:
        return False
    return part.full_name is None or url in _urls(part.full_name)


def _is_signed(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        how = crl.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return False
    return made_by(issuer.public_key(), crl.signature, crl.tbs_certlist_bytes, how)


def _silent(by: str, url: str, error: CouldNotLook) -> Asked:
    return Asked.model_validate(
        {"by": by, "url": url[:_LONGEST_URL], "status": "unreachable", "signed": False, "reason": error.what}
    )


def _urls(names: Sequence[x509.GeneralName]) -> tuple[str, ...]:
    values = (each.value for each in names if isinstance(each, x509.UniformResourceIdentifier))
    return tuple(value for value in values if value.lower().startswith(("http://", "https://")))
