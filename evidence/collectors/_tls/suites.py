"""The versions, cipher suites and groups that the probe knows, by the names and numbers of IANA's TLS registries.

`suites.csv` holds the suites that a server can accept from a stranger: those of pre-shared keys, SRP, Kerberos and GOST
are left out, because no server without a shared secret can finish them.
"""

import csv
from functools import cache
from importlib.resources import files

VERSIONS = {"SSLv3": 0x0300, "TLSv1.0": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
VERSION_NAMES = {number: name for name, number in VERSIONS.items()}

GROUPS = {
    "secp192r1": 19,
    "secp224r1": 21,
    "secp256k1": 22,
    "secp256r1": 23,
    "secp384r1": 24,
    "secp521r1": 25,
    "brainpoolP256r1": 26,
    "brainpoolP384r1": 27,
    "brainpoolP512r1": 28,
    "x25519": 29,
    "x448": 30,
    "brainpoolP256r1tls13": 31,
    "brainpoolP384r1tls13": 32,
    "brainpoolP512r1tls13": 33,
    "sect233k1": 6,
    "sect233r1": 7,
    "sect283k1": 9,
    "sect283r1": 10,
    "sect409k1": 11,
    "sect409r1": 12,
    "sect571k1": 13,
    "sect571r1": 14,
    "ffdhe2048": 256,
    "ffdhe3072": 257,
    "ffdhe4096": 258,
    "ffdhe6144": 259,
    "ffdhe8192": 260,
    "SecP256r1MLKEM768": 4587,
    "X25519MLKEM768": 4588,
    "SecP384r1MLKEM1024": 4589,
}
GROUP_NAMES = {number: name for name, number in GROUPS.items()}

# What each kind of key may sign with, SHA-1 and MD5 included: a weak certificate must show itself.
RSA_SIGNATURES = (0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B, 0x0401, 0x0501, 0x0601, 0x0301, 0x0201, 0x0101)
ECDSA_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0303, 0x0203, 0x081A, 0x081B, 0x081C, 0x0807, 0x0808)
DSA_SIGNATURES = (0x0402, 0x0502, 0x0202)
SIGNATURES = ECDSA_SIGNATURES + RSA_SIGNATURES + DSA_SIGNATURES

_WEAK = ("_NULL_", "_anon_", "_EXPORT_", "_RC4_", "_RC2_", "_DES_", "_3DES_", "_IDEA_", "_SEED_")


def _read() -> dict[str, int]:
    text = files(__package__).joinpath("suites.csv").read_text(encoding="ascii")
    return {row["name"]: int(row["number"], 16) for row in csv.DictReader(text.splitlines())}


SUITES = _read()
SUITE_NAMES = {number: name for name, number in SUITES.items()}
SUITES_13 = tuple(name for name, number in SUITES.items() if number >> 8 == 0x13)
SUITES_12 = tuple(name for name, number in SUITES.items() if number >> 8 != 0x13)


@cache
def classes_12() -> tuple[tuple[str, ...], ...]:
    """The suites of TLS 1.2 and older in four classes, each to be offered alone.

    What a server picks says nothing of what else it would take: a server that prefers good suites shows its bad ones
    only to a client that offers nothing better.
    """
    weak = tuple(name for name in SUITES_12 if any(part in name for part in _WEAK))
    rsa = tuple(name for name in SUITES_12 if name not in weak and _is_modern(name, "TLS_ECDHE_RSA_"))
    ecdsa = tuple(name for name in SUITES_12 if name not in weak and _is_modern(name, "TLS_ECDHE_ECDSA_"))
    other = tuple(name for name in SUITES_12 if name not in weak + rsa + ecdsa)
    return rsa, ecdsa, other, weak


def _is_modern(name: str, start: str) -> bool:
    return name.startswith(start) and ("_AES_128_GCM_" in name or "_AES_256_GCM_" in name or "_CHACHA20_" in name)
