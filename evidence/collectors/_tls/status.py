"""What comes beside a certificate: a stapled OCSP response (RFC 6960) and timestamps of transparency (RFC 6962).

Only what was sent is read. Dates are left to the judge. Of timestamps the logs are told by id; that they signed them is
not checked.
"""

import base64
import hashlib

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from muniment.evidence.collectors._tls.facts import Staple
from muniment.evidence.collectors._tls.signatures import extension_of, made_by, signed_by

_LOG_ID = 32  # bytes: SHA-256 of the log's key
_STATUS = {ocsp.OCSPCertStatus.GOOD: "good", ocsp.OCSPCertStatus.REVOKED: "revoked"}


def names_responder(certificate: x509.Certificate) -> bool:
    """Whether the certificate names an OCSP responder (RFC 5280 section 4.2.2.1)."""
    access = extension_of(certificate, x509.AuthorityInformationAccess)
    return any(each.access_method == AuthorityInformationAccessOID.OCSP for each in access or ())


def embedded_scts(certificate: x509.Certificate) -> tuple[str, ...]:
    """The log of each timestamp of certificate transparency that the certificate holds (RFC 6962 section 3.3)."""
    found = extension_of(certificate, x509.PrecertificateSignedCertificateTimestamps)
    return tuple(_log(each.log_id) for each in found or ())


def read_scts(data: bytes) -> tuple[str, ...]:
    """The log of each timestamp of a list in a TLS extension (RFC 6962 section 3.3): the id in base64, or the empty
    string for a timestamp of an unknown version."""
    rest, logs = data[2:], list[str]()
    while len(rest) > 2 and (size := int.from_bytes(rest[:2])) <= len(rest) - 2:
        known = size > _LOG_ID and rest[2] == 0  # version 1 is written 0
        logs.append(_log(rest[3 : 3 + _LOG_ID]) if known else "")
        rest = rest[2 + size :]
    return tuple(logs)


def _log(id_: bytes) -> str:
    return base64.b64encode(id_).decode("ascii")


def read_staple(data: bytes, leaf: x509.Certificate, issuer: x509.Certificate | None) -> Staple:
    """A stapled response as it speaks of the leaf; without an issuer nothing can show that it was signed."""
    unreadable = Staple(status="unreadable", signed=False)
    try:
        response = ocsp.load_der_ocsp_response(data)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return unreadable
        single = next((each for each in response.responses if _speaks_of(each, leaf)), None)
        if single is None:
            return unreadable
        return Staple.model_validate(
            {
                "status": _STATUS.get(single.certificate_status, "unknown"),
                "signed": issuer is not None and _signed(response, issuer),
                "this_update": single.this_update_utc,
                "next_update": single.next_update_utc,
            }
        )
    except (ValueError, UnsupportedAlgorithm):
        return unreadable


def _speaks_of(single: ocsp.OCSPSingleResponse, leaf: x509.Certificate) -> bool:
    """By serial number and issuer (RFC 6960 section 4.1.1)."""
    issuer = hashlib.new(single.hash_algorithm.name, leaf.issuer.public_bytes()).digest()
    return single.serial_number == leaf.serial_number and single.issuer_name_hash == issuer


def _signed(response: ocsp.OCSPResponse, issuer: x509.Certificate) -> bool:
    """By the issuer itself, or by whom it gave a certificate for that (RFC 6960 section 4.2.2.2)."""
    appointed = [each for each in response.certificates if _is_appointed(each, issuer)]
    return any(
        made_by(each.public_key(), response.signature, response.tbs_response_bytes, response.signature_hash_algorithm)
        for each in (issuer, *appointed)
    )


def _is_appointed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    usage = extension_of(certificate, x509.ExtendedKeyUsage)
    named = usage is not None and ExtendedKeyUsageOID.OCSP_SIGNING in usage
    return named and certificate.issuer == issuer.subject and signed_by(certificate, issuer)
