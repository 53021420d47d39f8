"""Sign with a certificate whose key never leaves a card or a hardware module (PKCS#11).

Each thing that may be wrong is told apart before a page is drawn: the module, the token, the PIN, the certificate, the
key, and whether the two belong together, which one trial signature shows. A PIN stands in no error.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muniment.controls.model import Card
from muniment.evidence import UsageError
from muniment.evidence.secret import resolve

if TYPE_CHECKING:
    from pyhanko.sign.signers import Signer

ASK = "ask"
TRIED = b"muniment tries whether this key is that of the certificate"

Ask = Callable[[str], str]  # the PIN of the token of that label, from a person


@contextlib.contextmanager
def on_card(card: Card, base: Path, ask: Ask | None = None) -> "Iterator[Signer]":
    """The certificate with its key, while the token is open. A `pin` that is `ask` is asked of a person.

    Raises:
        UsageError: `signature.card`, with what is wrong of it.
        CouldNotLook: the PIN is not where it should be.
    """
    try:
        import pkcs11
        from pyhanko.sign.pkcs11 import PKCS11Signer
    except ImportError as error:
        raise _wrong("no PKCS#11 is installed here", card, "install it: pip install 'muniment[pkcs11]'") from error
    token = _token(card)
    try:
        with token.open(user_pin=_pin(card, base, ask)) as session:
            signer = PKCS11Signer(
                session,
                cert_label=card.label,
                key_label=card.label,
                cert_id=card.key_id,
                key_id=card.key_id,
                other_certs_to_pull=None,
                use_raw_mechanism=not _hashes(token),
            )
            _try(signer, card)
            yield signer
    except (pkcs11.exceptions.PinIncorrect, pkcs11.exceptions.PinLenRange, pkcs11.exceptions.PinInvalid):
        raise _wrong("the PIN is wrong", card, "mend it first: a token locks after a few wrong ones") from None
    except pkcs11.exceptions.PinLocked:
        raise _wrong("the PIN is locked", card, "have it unlocked by who holds the token's SO-PIN") from None
    except pkcs11.exceptions.PKCS11Error as error:
        what = f"the token does not sign ({type(error).__name__})"
        raise _wrong(what, card, "see with `pkcs11-tool --module FILE --login --test` what it says") from None


def _token(card: Card) -> Any:
    """The one token of that label.

    Raises:
        UsageError: the module is not there or is none, or there is no such token, or more than one.
    """
    import pkcs11

    if not Path(card.module).is_file():
        raise _wrong("the module is not there", card, "name the file of the token's PKCS#11 library as `module`")
    try:
        tokens = list(pkcs11.lib(card.module).get_tokens(token_label=card.token))
    except (pkcs11.exceptions.PKCS11Error, RuntimeError, OSError) as error:
        what = f"the module is no PKCS#11 library that can be loaded ({type(error).__name__})"
        raise _wrong(what, card, "name the file of the token's PKCS#11 library as `module`") from None
    if len(tokens) != 1:
        what = f"there is no token {card.token}" if not tokens else f"there are {len(tokens)} tokens {card.token}"
        mend = "put it in; `pkcs11-tool --module FILE --list-slots` names the tokens that are there"
        raise _wrong(what, card, mend)
    return tokens[0]


def _hashes(token: Any) -> bool:
    """Whether the token itself takes the digest of what it signs; otherwise it is given the digest."""
    from pkcs11 import Mechanism

    return {Mechanism.ECDSA_SHA256, Mechanism.SHA256_RSA_PKCS} <= set(token.slot.get_mechanisms())


def _pin(card: Card, base: Path, ask: Ask | None) -> str | None:
    if card.pin == ASK:
        if ask is None:
            raise _wrong("nobody can be asked for the PIN here", card, "name it as `pin: env:NAME` or `file:PATH`")
        return ask(card.token)
    return resolve({"pin": card.pin}, base)["pin"] if card.pin else None


def _try(signer: "Signer", card: Card) -> None:
    """Find certificate and key, and see by one signature that they belong together.

    Raises:
        UsageError: one of them is not there, there are several, or the key is that of another certificate.
    """
    from pkcs11.exceptions import PKCS11Error

    try:
        certificate = signer.signing_cert  # which loads the key too
    except PKCS11Error as error:
        which = "private key" if "private key" in str(error) else "certificate"
        what = f"the token holds no {which} {_named(card)}, or more than one"
        mend = "`pkcs11-tool --module FILE --login -O` names what it holds; name both by their `id`, if labels recur"
        raise _wrong(what, card, mend) from None
    assert certificate is not None  # noqa: S101 - or loading it has raised
    if not _fits(asyncio.run(signer.async_sign_raw(TRIED, "sha256")), certificate):
        mend = "name certificate and key by the `id` that they share, or load the right key"
        raise _wrong(f"the key {_named(card)} is not that of the certificate", card, mend)


def _fits(signature: bytes, certificate: Any) -> bool:
    """Whether the signature of `TRIED` is by the certificate's key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.x509 import load_der_x509_certificate

    key = load_der_x509_certificate(certificate.dump()).public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, TRIED, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, TRIED, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _named(card: Card) -> str:
    return card.label or f"with the id {(card.key_id or b'').hex()}"


def _wrong(what: str, card: Card, mend: str) -> UsageError:
    return UsageError(what, where=f"{card.module}, token {card.token}", mend=mend, code="signature.card")
