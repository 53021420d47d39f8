"""The key exchange and the record keys of a TLS 1.3 server's first flight, so that its certificates can be read.

TLS 1.3 encrypts the certificates with keys that depend on nothing but one Diffie-Hellman exchange (RFC 8446, 7.1).
Reading them here gives the whole chain, of each kind of key, on every Python alike.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_CURVES: Mapping[str, type[ec.EllipticCurve]] = {
    "secp256r1": ec.SECP256R1,
    "secp384r1": ec.SECP384R1,
    "secp521r1": ec.SECP521R1,
}
SHARED_GROUPS = ("x25519", "x448", *_CURVES)

_SUITES = {  # hash, length of the key in bytes
    "TLS_AES_128_GCM_SHA256": ("sha256", 16),
    "TLS_AES_256_GCM_SHA384": ("sha384", 32),
    "TLS_CHACHA20_POLY1305_SHA256": ("sha256", 32),
    "TLS_AES_128_CCM_SHA256": ("sha256", 16),
    "TLS_AES_128_CCM_8_SHA256": ("sha256", 16),
}


class KeyShares:
    """One fresh key pair for each group; used for one connection."""

    def __init__(self, groups: Iterable[str]) -> None:
        self._keys = {name: _generate(name) for name in groups}

    @property
    def public(self) -> tuple[tuple[str, bytes], ...]:
        """Group and public key, as a hello carries them."""
        return tuple((name, _public(key)) for name, key in self._keys.items())

    def secret(self, group: str, peer: bytes) -> bytes | None:
        """The shared secret; None where we have no key in that group, or the peer's point is no point."""
        key = self._keys.get(group)
        try:
            if isinstance(key, x25519.X25519PrivateKey):
                return key.exchange(x25519.X25519PublicKey.from_public_bytes(peer))
            if isinstance(key, x448.X448PrivateKey):
                return key.exchange(x448.X448PublicKey.from_public_bytes(peer))
            if isinstance(key, ec.EllipticCurvePrivateKey):
                return key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(key.curve, peer))
        except ValueError:
            return None
        return None


class RecordKeys:
    """Opens the records of the server's handshake traffic, in order."""

    def __init__(self, suite: str, secret: bytes, transcript: bytes) -> None:
        """`transcript` is the ClientHello and the ServerHello, each as a handshake message."""
        name, length = _SUITES[suite]
        empty = _hash(name, b"")
        early = _extract(name, bytes(len(empty)), bytes(len(empty)))
        handshake = _extract(name, _expand(name, early, "derived", empty, len(empty)), secret)
        traffic = _expand(name, handshake, "s hs traffic", _hash(name, transcript), len(empty))
        self._aead = _aead(suite, _expand(name, traffic, "key", b"", length))
        self._iv = _expand(name, traffic, "iv", b"", 12)
        self._sequence = 0

    def open(self, header: bytes, body: bytes) -> tuple[int, bytes] | None:
        """Content type and content of one record; None where it does not open."""
        nonce = bytes(a ^ b for a, b in zip(self._iv, struct.pack("!4xQ", self._sequence), strict=True))
        self._sequence += 1
        try:
            plain = self._aead.decrypt(nonce, body, header).rstrip(b"\x00")
        except InvalidTag:
            return None
        return (plain[-1], plain[:-1]) if plain else None


_Key = x25519.X25519PrivateKey | x448.X448PrivateKey | ec.EllipticCurvePrivateKey


def _generate(group: str) -> _Key:
    if group == "x25519":
        return x25519.X25519PrivateKey.generate()
    if group == "x448":
        return x448.X448PrivateKey.generate()
    return ec.generate_private_key(_CURVES[group]())


def _public(key: _Key) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return key.public_key().public_bytes_raw()


def _aead(suite: str, key: bytes) -> AESGCM | AESCCM | ChaCha20Poly1305:
    if "_CCM_" in suite:
        return AESCCM(key, tag_length=8 if "_CCM_8_" in suite else 16)
    return ChaCha20Poly1305(key) if "CHACHA20" in suite else AESGCM(key)


def _hash(name: str, data: bytes) -> bytes:
    return hashlib.new(name, data).digest()


def _extract(name: str, salt: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt, secret, name)


def _expand(name: str, secret: bytes, label: str, context: bytes, length: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446 section 7.1); one block is always enough here."""
    words = b"tls13 " + label.encode()
    info = struct.pack("!H", length) + bytes([len(words)]) + words + bytes([len(context)]) + context
    return hmac.digest(secret, info + b"\x01", name)[:length]
