"""What the certificates of a handshake say, and whether they lead to a root of the trust store (RFC 5280 section 6).

Dates are left to the judge, which knows the instant that is asked about; so the same chain and store always give the
same facts, on every Python and on every day.
"""

import ipaddress
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from muniment.evidence.collectors._tls.facts import Certificate, Chain, Name, Trust
from muniment.evidence.collectors._tls.names import covers
from muniment.evidence.collectors._tls.revocation import lists
from muniment.evidence.collectors._tls.signatures import SIGNATURE_ALGORITHMS, extension_of, signed_by
from muniment.evidence.collectors._tls.status import embedded_scts, names_responder, read_staple
from muniment.evidence.model import digest

_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_DEEPEST = 8  # certificates in one path
_MOST_NAMES = 12
_MOST_LOGS = 6
_LONGEST_WORD = 96  # characters of a name that are kept


@dataclass(frozen=True)
class TrustStore:
    """The roots that a path may end in, by their subject."""

    roots: Mapping[bytes, tuple[x509.Certificate, ...]]

    @classmethod
    def of(cls, pem: bytes) -> "TrustStore":
        """The store of a PEM file's bytes.

        Raises:
            ValueError: it holds no certificate, or one that cannot be read.
        """
        return _store(pem)


@dataclass(frozen=True)
class Sorted:
    """Certificates listed once, and the chains that point at them; `issued` holds the leaf of each trusted chain and
    its issuer, and None for any other."""

    certificates: tuple[Certificate, ...]
    chains: tuple[Chain, ...]
    issued: tuple[tuple[x509.Certificate, x509.Certificate] | None, ...]
    places: Mapping[tuple[bytes, ...], int]


@dataclass(frozen=True)
class Presented:
    """One chain as a server sent it: DER, leaf first, and what came beside it of its status."""

    ders: tuple[bytes, ...]
    staple: bytes = b""
    scts: tuple[str, ...] = ()


def sort_out(presented: Iterable[Presented], store: TrustStore, host: str) -> Sorted:
    """Read the chains once each, in the order given; of what came beside a chain the first that is not empty counts."""
    places: dict[tuple[bytes, ...], int] = {}
    numbers: dict[bytes, int] = {}
    certificates: list[Certificate] = []
    chains: list[Chain] = []
    issued: list[tuple[x509.Certificate, x509.Certificate] | None] = []
    for each in _merged(presented):
        places[each.ders] = len(chains)
        try:
            path, trust, anchor = _path_of([_load(der) for der in each.ders], store)
            read = {_der(link): _read(link, host if link is path[0] else None) for link in path}
            issuer = path[1] if len(path) > 1 else anchor
            responder, scts = names_responder(path[0]), each.scts + embedded_scts(path[0])
            staple = read_staple(each.staple, path[0], issuer) if each.staple else None
        except _UNREADABLE:
            chains.append(Chain(certificates=(), trust="malformed"))
            issued.append(None)
            continue
        for der, certificate in read.items():
            if der not in numbers:
                numbers[der] = len(certificates)
                certificates.append(certificate)
        chains.append(
            Chain(
                certificates=tuple(numbers[der] for der in read),
                trust=trust,
                anchor=_name(anchor.subject) if anchor else None,
                anchor_sha256=digest(_der(anchor)) if anchor else None,
                responder=responder,
                staple=staple,
                scts=len(scts),
                sct_logs=tuple(sorted(set(filter(None, scts))))[:_MOST_LOGS] or None,
                crl=bool(lists(path[0])),
            )
        )
        issued.append((path[0], issuer) if issuer is not None and anchor is not None else None)
    return Sorted(tuple(certificates), tuple(chains), tuple(issued), places)


def key_type(der: bytes) -> str:
    """The kind of a certificate's key: `rsa`, `ecdsa`, … or `unknown`."""
    try:
        return _key(_load(der))[0]
    except _UNREADABLE:
        return "unknown"


def _merged(presented: Iterable[Presented]) -> Iterable[Presented]:
    merged: dict[tuple[bytes, ...], Presented] = {}
    for each in presented:
        first = merged.setdefault(each.ders, each)
        merged[each.ders] = Presented(each.ders, first.staple or each.staple, first.scts or each.scts)
    return merged.values()


@lru_cache(maxsize=4)
def _store(pem: bytes) -> TrustStore:
    roots: dict[bytes, tuple[x509.Certificate, ...]] = {}
    with _old_serials_allowed():
        read = x509.load_pem_x509_certificates(pem)
    for root in read:
        subject = root.subject.public_bytes()
        roots[subject] = (*roots.get(subject, ()), root)
    return TrustStore(roots)


def _load(der: bytes) -> x509.Certificate:
    with _old_serials_allowed():
        return x509.load_der_x509_certificate(der)


@contextmanager
def _old_serials_allowed() -> Iterator[None]:
    """Public roots of old have the serial number 0, of which the library warns (RFC 5280 section 4.1.2.2)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        yield


_Path = list[x509.Certificate]


def _path_of(presented: _Path, store: TrustStore) -> tuple[_Path, Trust, x509.Certificate | None]:
    """The path without its anchor, how far it is to be trusted, and the anchor. Without a path: what links up."""
    paths = list(_paths([presented[0]], presented[1:], store))
    if paths:
        path, anchor = max(paths, key=lambda found: min(each.not_valid_after_utc for each in found[0]))
        return path, "trusted", anchor
    linked = _linked(presented)
    return linked, _distrust(linked), None


def _paths(path: _Path, pool: _Path, store: TrustStore) -> Iterable[tuple[_Path, x509.Certificate]]:
    """Every way from the path's last certificate to a root; certificates may come in any order and be too many."""
    last = path[-1]
    for root in store.roots.get(last.subject.public_bytes(), ()):
        if root == last:
            yield path, root
            return
    for root in store.roots.get(last.issuer.public_bytes(), ()):
        if signed_by(last, root) and _constraints_admit(root, path[0]):
            yield path, root
    if len(path) == _DEEPEST:
        return
    for issuer in pool[: _DEEPEST * 2]:
        if issuer not in path and _issued(last, issuer, below=len(path) - 1) and _constraints_admit(issuer, path[0]):
            yield from _paths([*path, issuer], pool, store)


def _linked(presented: _Path) -> _Path:
    path = [presented[0]]
    while len(path) < _DEEPEST:
        issuer = next((each for each in presented if each not in path and _issued(path[-1], each, below=0)), None)
        if issuer is None:
            break
        path.append(issuer)
    return path


def _distrust(linked: _Path) -> Trust:
    """Why a chain that leads to no root of ours does not.

    A server may leave out the root (RFC 5246 section 7.4.2), so a chain that stops short of it is complete. Whether the
    missing issuer is a root cannot be seen from what was sent: its name is taken at its word, and a chain that already
    holds an issuer is taken for complete.
    """
    last = linked[-1]
    if last.subject == last.issuer:
        return "self_signed" if len(linked) == 1 else "unknown_root"
    issuer = _name(last.issuer)
    says_root = "root" in f"{issuer.common_name} {issuer.organisation}".lower()
    return "unknown_root" if len(linked) > 1 or says_root else "incomplete"


def _issued(certificate: x509.Certificate, issuer: x509.Certificate, *, below: int) -> bool:
    """Whether the issuer signed it and may (RFC 5280 section 6.1.4); `below` counts the issuers already under it."""
    if certificate.issuer != issuer.subject:
        return False
    basic = extension_of(issuer, x509.BasicConstraints)
    usage = extension_of(issuer, x509.KeyUsage)
    may = basic is not None and basic.ca and (basic.path_length is None or below <= basic.path_length)
    return may and (usage is None or usage.key_cert_sign) and signed_by(certificate, issuer)


def _constraints_admit(issuer: x509.Certificate, leaf: x509.Certificate) -> bool:
    """Name constraints on DNS names and IP addresses (RFC 5280 section 4.2.1.10)."""
    constraints = extension_of(issuer, x509.NameConstraints)
    names = extension_of(leaf, x509.SubjectAlternativeName)
    if constraints is None or names is None:
        return True
    for name in names:
        permitted = [each for each in constraints.permitted_subtrees or () if type(each) is type(name)]
        excluded = [each for each in constraints.excluded_subtrees or () if type(each) is type(name)]
        if any(_within(name, each) for each in excluded):
            return False
        if permitted and not any(_within(name, each) for each in permitted):
            return False
    return True


def _within(name: x509.GeneralName, subtree: x509.GeneralName) -> bool:
    if isinstance(name, x509.DNSName) and isinstance(subtree, x509.DNSName):
        inner, outer = name.value.lower(), subtree.value.lower().removeprefix(".")
        return not outer or inner == outer or inner.endswith(f".{outer}")
    if isinstance(name, x509.IPAddress) and isinstance(subtree, x509.IPAddress):
        network = subtree.value
        return isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network) and name.value in network
    return False


def _read(certificate: x509.Certificate, host: str | None) -> Certificate:
    """The facts of one certificate; names are kept for the leaf only, whose `host` they are compared with."""
    names = _names(certificate) if host is not None else ()
    first = sorted(names, key=lambda name: not covers(name, host or ""))
    kind, bits, curve = _key(certificate)
    usage = extension_of(certificate, x509.ExtendedKeyUsage)
    oid = certificate.signature_algorithm_oid.dotted_string
    return Certificate(
        sha256=digest(_der(certificate)),
        subject=_name(certificate.subject),
        issuer=_name(certificate.issuer),
        names=tuple(name[:_LONGEST_WORD] for name in first[:_MOST_NAMES]),
        names_total=len(names),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_type=kind,
        key_bits=bits,
        curve=curve,
        signature=SIGNATURE_ALGORITHMS.get(oid, oid),
        server_auth=usage is None
        or ExtendedKeyUsageOID.SERVER_AUTH in usage
        or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage,
    )


def _names(certificate: x509.Certificate) -> Sequence[str]:
    found = extension_of(certificate, x509.SubjectAlternativeName)
    if found is None:
        return ()
    names = [f"DNS:{value}" for value in found.get_values_for_type(x509.DNSName)]
    return names + [f"IP:{value}" for value in found.get_values_for_type(x509.IPAddress)]


def _key(certificate: x509.Certificate) -> tuple[str, int | None, str | None]:
    """Kind, size in bits and named curve."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "unknown", None, None
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa", key.key_size, None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ecdsa", key.key_size, key.curve.name
    if isinstance(key, dsa.DSAPublicKey):
        return "dsa", key.key_size, None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519", 256, None
    return ("ed448", 456, None) if isinstance(key, ed448.Ed448PublicKey) else ("unknown", None, None)


def _name(name: x509.Name) -> Name:
    def word(oid: x509.ObjectIdentifier) -> str | None:
        found = name.get_attributes_for_oid(oid)
        return str(found[0].value)[:_LONGEST_WORD] if found else None

    return Name(common_name=word(NameOID.COMMON_NAME), organisation=word(NameOID.ORGANIZATION_NAME))


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
