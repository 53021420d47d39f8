"""Signatures on certificates and on what speaks of them: the algorithms by name, and whether a key made one."""

from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

_E = TypeVar("_E", bound=x509.ExtensionType)

# RFC 3279, 4055, 5758 and 8410.
SIGNATURE_ALGORITHMS = {
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.10": "rsassaPss",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.113549.1.1.14": "sha224WithRSAEncryption",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1",
    "1.2.840.10045.4.3.1": "ecdsa-with-SHA224",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.2.840.10040.4.3": "dsa-with-sha1",
    "2.16.840.1.101.3.4.3.2": "dsa-with-sha256",
    "1.3.101.112": "ed25519",
    "1.3.101.113": "ed448",
}


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key signed the certificate. SHA-1 counts here: that it is weak is for the judge to say."""
    try:
        how = certificate.signature_algorithm_parameters
        key, hashed = issuer.public_key(), certificate.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        return False
    return made_by(key, certificate.signature, certificate.tbs_certificate_bytes, hashed, how)


def made_by(
    key: CertificatePublicKeyTypes,
    signature: bytes,
    signed: bytes,
    hashed: hashes.HashAlgorithm | None,
    how: object = None,
) -> bool:
    """Whether the key made the signature over `signed`; `how` is RSA's padding, PKCS #1 version 1.5 if not told."""
    try:
        match key:
            case rsa.RSAPublicKey() if hashed:
                key.verify(signature, signed, how if isinstance(how, padding.PSS) else padding.PKCS1v15(), hashed)
            case ec.EllipticCurvePublicKey() if hashed:
                key.verify(signature, signed, ec.ECDSA(hashed))
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(signature, signed)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def extension_of(certificate: x509.Certificate, kind: type[_E]) -> _E | None:
    """The certificate's extension of that kind, if it has one."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
