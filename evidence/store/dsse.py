"""DSSE envelopes (Dead Simple Signing Envelope, protocol version 1): a payload, its type, and signatures over both."""

import base64
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from muniment.evidence.errors import IntegrityError
from muniment.evidence.model import Frozen, canonical
from muniment.evidence.store.keys import Signer, Trust, TrustedKey, verified

_Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]


class Signature(Frozen):
    """One signature; `keyid` is the fingerprint of the key, a hint that is never believed."""

    keyid: str
    sig: _Base64


class Envelope(Frozen):
    """The envelope as it is stored."""

    payload: _Base64
    payload_type: str = Field(alias="payloadType")
    signatures: tuple[Signature, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding that is signed (DSSE protocol, "Signature Definition")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def seal(payload_type: str, payload: bytes, *signers: Signer) -> bytes:
    """The envelope as canonical JSON."""
    signed = pae(payload_type, payload)
    signatures = tuple(
        Signature(keyid=signer.fingerprint, sig=base64.b64encode(signer.sign(signed)).decode()) for signer in signers
    )
    encoded = base64.b64encode(payload).decode()
    return canonical(Envelope(payload=encoded, payload_type=payload_type, signatures=signatures))


def unseal(data: bytes, payload_type: str, trust: Trust) -> tuple[bytes, tuple[TrustedKey, ...]]:
    """The payload, and the trusted keys whose signatures fit; there is at least one.

    Raises:
        IntegrityError: `statement.malformed`, `statement.unsigned`, `statement.unknown_key` or `statement.signature`.
    """
    try:
        envelope = Envelope.model_validate_json(data)
        payload = base64.b64decode(envelope.payload, validate=True)
        signatures = [base64.b64decode(signature.sig, validate=True) for signature in envelope.signatures]
    except (ValidationError, ValueError) as error:
        raise IntegrityError("this is not a DSSE envelope", code="statement.malformed") from error
    if envelope.payload_type != payload_type:
        raise IntegrityError(
            f"the envelope holds {envelope.payload_type!r}, not {payload_type!r}", code="statement.malformed"
        )
    if not signatures:
        raise IntegrityError("the statement carries no signature", code="statement.unsigned")
    signed = pae(payload_type, payload)
    named = {key.fingerprint for key in trust.keys}
    keys = tuple(key for key in trust.keys if any(verified(key.raw, signature, signed) for signature in signatures))
    if keys:
        return payload, keys
    if any(signature.keyid in named for signature in envelope.signatures):
        raise IntegrityError("the signature does not fit the statement", code="statement.signature")
    raise IntegrityError(
        f"the statement is signed by {envelope.signatures[0].keyid}, which is no key of {trust.origin}",
        code="statement.unknown_key",
    )
