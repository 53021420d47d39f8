"""Keys and certificates for TLS test servers: authorities, leaves that are good, and leaves with one fault each."""

from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC).replace(microsecond=0)
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


class Identity(NamedTuple):
    """A certificate, its private key, and the certificates that a server sends after it."""

    certificate: x509.Certificate
    key: object
    issuers: tuple[x509.Certificate, ...] = ()

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def chain_pem(self) -> bytes:
        return b"".join(each.public_bytes(Encoding.PEM) for each in (self.certificate, *self.issuers))

    @property
    def chain_der(self) -> tuple[bytes, ...]:
        return tuple(each.public_bytes(Encoding.DER) for each in (self.certificate, *self.issuers))


@cache
def key_of(kind: str, owner: str = "leaves"):
    """`rsa:2048` or `ec:P-256`. The same words give the same key, because keys take long to make."""
    algorithm, _, size = kind.partition(":")
    if algorithm == "rsa":
        return rsa.generate_private_key(65537, int(size))
    return ec.generate_private_key({"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}[size]())


def name_of(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def authority(common_name: str, parent: Identity | None = None, *, path_length: int | None = None) -> Identity:
    """A root, or an intermediate of `parent`."""
    key = key_of("rsa:2048", common_name)
    extensions = [x509.BasicConstraints(ca=True, path_length=path_length), _usage(key_cert_sign=True, crl_sign=True)]
    return issue(name_of(common_name), key, parent, extensions, days=(-30, 1800))


def leaf(
    names: str,
    by: Identity | None,
    *,
    key: str = "rsa:2048",
    days: tuple[int, int] = (-1, 89),
    sha1: bool = False,
    with_issuer: bool = True,
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
) -> Identity:
    """A server's certificate for names such as `DNS:www.example.org,IP:127.0.0.1`; without `by` it signs itself."""
    extensions = [
        x509.BasicConstraints(ca=False, path_length=None),
        _usage(digital_signature=True, key_encipherment=True),
        x509.ExtendedKeyUsage([purpose]),
    ]
    if names:
        extensions.append(x509.SubjectAlternativeName([_general(name) for name in names.split(",")]))
    made = issue(name_of("leaf"), key_of(key), by, extensions, days)
    if sha1:
        made = made._replace(certificate=_signed_over_sha1(made.certificate, by.key))
    return made if with_issuer else made._replace(issuers=())


def issue(subject, key, by: Identity | None, extensions, days) -> Identity:
    """A certificate with these extensions, critical where RFC 5280 wants them so."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, isinstance(extension, x509.BasicConstraints | x509.KeyUsage))
    certificate = builder.sign(by.key if by else key, hashes.SHA256())
    is_root = by is None or by.certificate.issuer == by.certificate.subject
    return Identity(certificate, key, () if is_root else (by.certificate, *by.issuers))


def _signed_over_sha1(certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> x509.Certificate:
    """The same certificate with an RSA signature over SHA-1, which the library itself no longer makes."""
    sha256, sha1 = bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105")
    signed = certificate.tbs_certificate_bytes.replace(sha256, sha1)
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - that it is weak is the point
    body = signed + b"\x30" + bytes([len(sha1) + 2]) + sha1 + b"\x05\x00"
    body += b"\x03\x82" + (len(signature) + 1).to_bytes(2) + b"\x00" + signature
    return x509.load_der_x509_certificate(b"\x30\x82" + len(body).to_bytes(2) + body)


def _usage(**usages: bool) -> x509.KeyUsage:
    return x509.KeyUsage(**dict.fromkeys(_USAGES, False) | usages)


def _general(name: str) -> x509.GeneralName:
    kind, _, value = name.partition(":")
    return x509.IPAddress(ip_address(value)) if kind == "IP" else x509.DNSName(value)
