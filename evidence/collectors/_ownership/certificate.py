"""A proof by a certificate: a certification authority validated the organisation that its subject names.

Only certificates whose policy says so are taken: organisation or extended validation (CA/Browser Forum Baseline
Requirements, section 7.1.6.1). The file is the organisation's; its chain must end in a trusted root, so that nobody can
write it by hand. Whether the certificate was revoked is not asked.
"""

import warnings
from functools import lru_cache
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from muniment.evidence.bounded import MIB, read_at_most
from muniment.evidence.collectors._ownership.facts import Certified
from muniment.evidence.errors import InputFault

_LARGEST = 4 * MIB  # the roots of the public have 0.3
_VALIDATED = {"2.23.140.1.1", "2.23.140.1.2.2"}  # extended validation, organisation validation


def read_certificate(file: Path, host: str, trust: Path | None) -> Certified:
    """What the certificate of a PEM file says: leaf first, then its intermediates. `trust` holds the roots; without it
    they are Mozilla's. The chain is judged at the leaf's first instant: whether the leaf still holds is not asked here.

    Raises:
        InputFault: `certificate.no_proof`, with the reason.
    """
    leaf, *others = _certificates(file, _bytes(file))
    policies = _policies(leaf)
    organisation = _name(leaf.subject, NameOID.ORGANIZATION_NAME)
    if organisation is None or not policies & _VALIDATED:
        raise _no_proof(file, "no authority validated an organisation for it")
    roots = trust or Path(certifi.where())
    policy = PolicyBuilder().store(_store(roots, _bytes(roots))).time(leaf.not_valid_before_utc)
    try:
        policy.build_server_verifier(x509.DNSName(host)).verify(leaf, others)
    except VerificationError as error:
        raise _no_proof(file, f"it is not a trusted certificate of {host}: {error}") from error
    return Certified(
        organisation=organisation,
        issuer=_name(leaf.issuer, NameOID.COMMON_NAME) or leaf.issuer.rfc4514_string()[:300],
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        sha256=f"sha256:{leaf.fingerprint(hashes.SHA256()).hex()}",
    )


@lru_cache(maxsize=4)
def _store(file: Path, pem: bytes) -> Store:
    with warnings.catch_warnings():  # some roots that everybody trusts are older than the rules of today
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return Store(_certificates(file, pem))


def _bytes(file: Path) -> bytes:
    try:
        return read_at_most(file, _LARGEST)
    except OSError as error:
        raise _no_proof(file, f"the file cannot be read: {error.strerror}") from error


def _certificates(file: Path, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise _no_proof(file, "the file holds no certificate in PEM") from error


def _policies(leaf: x509.Certificate) -> set[str]:
    try:
        extension = leaf.extensions.get_extension_for_class(x509.CertificatePolicies)
    except (x509.ExtensionNotFound, ValueError):
        return set()
    return {policy.policy_identifier.dotted_string for policy in extension.value}


def _name(name: x509.Name, attribute: x509.ObjectIdentifier) -> str | None:
    found = next(iter(name.get_attributes_for_oid(attribute)), None)
    return str(found.value)[:300] if found else None


def _no_proof(file: Path, reason: str) -> InputFault:
    mend = "name the PEM file of an OV or EV certificate of this host with its chain, or leave the setting out"
    return InputFault("certificate.no_proof", f"no proof of ownership: {reason}", where=file.name, mend=mend)
