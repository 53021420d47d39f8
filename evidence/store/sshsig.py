"""SSH signatures (OpenSSH PROTOCOL.sshsig), made and verified in process; `git verify-commit` accepts them.

One signature costs 0.1 ms here and 8 ms through `ssh-keygen`. The namespace of a commit is `git`.
"""

import base64
import hashlib
import struct

from muniment.evidence.errors import IntegrityError
from muniment.evidence.store.keys import KEY_TYPE, Signer, Trust, TrustedKey, ssh_string, verified, wire

NAMESPACE = "git"

_MAGIC = b"SSHSIG"
_VERSION = 1
_HASH = b"sha512"
_BEGIN = "-----BEGIN SSH SIGNATURE-----"
_END = "-----END SSH SIGNATURE-----"


def sign(message: bytes, signer: Signer, namespace: str = NAMESPACE) -> str:
    """The armoured signature, ending in a newline."""
    signature = ssh_string(KEY_TYPE) + ssh_string(signer.sign(_to_sign(message, namespace)))
    blob = (
        _MAGIC
        + struct.pack(">I", _VERSION)
        + ssh_string(wire(signer.public))
        + ssh_string(namespace.encode())
        + ssh_string(b"")
        + ssh_string(_HASH)
        + ssh_string(signature)
    )
    encoded = base64.b64encode(blob).decode()
    lines = [encoded[start : start + 70] for start in range(0, len(encoded), 70)]
    return "\n".join([_BEGIN, *lines, _END]) + "\n"


def verify(message: bytes, armoured: str, trust: Trust, namespace: str = NAMESPACE) -> TrustedKey:
    """The trusted key that signed the message.

    Raises:
        IntegrityError: `commit.signature` where it does not fit or is no signature, `commit.unknown_key` where the
            key is not trusted.
    """
    public, signature = _parse(armoured, namespace)
    key = trust.key(public)
    if key is None:
        raise IntegrityError(f"the signer is not a key of {trust.origin}", code="commit.unknown_key")
    if not verified(public, signature, _to_sign(message, namespace)):
        raise IntegrityError(f"the signature of {key.name} does not fit the commit", code="commit.signature")
    return key


def _to_sign(message: bytes, namespace: str) -> bytes:
    hashed = hashlib.sha512(message).digest()
    return _MAGIC + ssh_string(namespace.encode()) + ssh_string(b"") + ssh_string(_HASH) + ssh_string(hashed)


def _parse(armoured: str, namespace: str) -> tuple[bytes, bytes]:
    """The public key and the signature, 32 and 64 bytes; anything but one exact spelling is refused."""
    lines = armoured.strip("\n").split("\n")
    try:
        blob = base64.b64decode("".join(lines[1:-1]), validate=True)
    except ValueError as error:
        raise _malformed() from error
    head = _MAGIC + struct.pack(">I", _VERSION) + struct.pack(">I", len(wire(b"\0" * 32))) + wire(b"\0" * 32)[:-32]
    middle = ssh_string(namespace.encode()) + ssh_string(b"") + ssh_string(_HASH)
    middle += struct.pack(">I", len(ssh_string(KEY_TYPE)) + 4 + 64) + ssh_string(KEY_TYPE) + struct.pack(">I", 64)
    public, signature = blob[len(head) : len(head) + 32], blob[-64:]
    if lines[0] != _BEGIN or lines[-1] != _END or blob != head + public + middle + signature:
        raise _malformed()
    return public, signature


def _malformed() -> IntegrityError:
    return IntegrityError("the commit carries no readable SSH signature", code="commit.signature")
