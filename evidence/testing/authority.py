"""A certificate authority made on the spot, for servers on loopback: in tests of collectors and in the demonstration.

    authority = Authority(folder)
    identity = authority.issue("www.example.test", since, until)

The validity of a certificate is given by the caller, so that a history under a set clock meets certificates that were
valid at each of its instants. The keys are made anew each time; nobody else trusts them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=90)

_SINCE, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)  # the authority's own validity


@dataclass(frozen=True)
class Identity:
    """A certificate and its private key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority with EC P-256 keys. `trust` is its root as a PEM file; keys lie beside it, mode 0600."""

    def __init__(self, folder: Path, organisation: str = "Test") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._organisation = organisation
        self._numbers = count(1)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._root = self._make_root()
        self.trust = folder / "root.pem"
        self.trust.write_bytes(self._root.public_bytes(Encoding.PEM))

    def issue(self, name: str, not_before: datetime, not_after: datetime | None = None) -> Identity:
        """A server certificate for one DNS name; without an end it is valid for 90 days."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(self._named(name), self._root.subject, key, not_before, not_after or not_before + LIFETIME)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(self._authority_key(), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        stem = self._folder / f"{name}-{next(self._numbers)}"
        identity = Identity(certificate=stem.with_name(f"{stem.name}.pem"), key=stem.with_name(f"{stem.name}.key"))
        identity.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        identity.key.touch(mode=0o600)
        identity.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return identity

    def _make_root(self) -> x509.Certificate:
        name = self._named(f"{self._organisation} root")
        return (
            _builder(name, name, self._key, _SINCE, _UNTIL)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True), critical=True)
            .add_extension(self._authority_key(), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _authority_key(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())

    def _named(self, name: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, self._organisation),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, not_before: datetime, not_after: datetime
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
