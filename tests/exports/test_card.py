"""A signature by a key that never leaves its token (PKCS#11), with SoftHSM as the token."""

import io
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
import pkcs11
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from pkcs11.util.ec import decode_ec_private_key
from pkcs11.util.x509 import decode_x509_certificate

from muniment.controls.model import Card, Signing
from muniment.evidence import UsageError
from muniment.exports.signing import signing

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "4711-correct-horse"
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not Path(MODULE).exists(), reason="SoftHSM is not installed (apt: softhsm2)")


@pytest.fixture(scope="session")
def token(authorities: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the PIN in a file, beside a token `Acme`: its `Seal` can sign, `Strange` and `Public` cannot."""
    folder = tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    (folder / "pin").write_text(PIN + "\n")
    (folder / "wrong").write_text("0000-0000\n")
    (folder / "text.so").write_text("no library")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    made = ["softhsm2-util", "--init-token", "--free", "--label", "Acme", "--so-pin", "so-pin-0815", "--pin", PIN]
    subprocess.run(made, check=True, capture_output=True)
    with pkcs11.lib(MODULE).get_token(token_label="Acme").open(user_pin=PIN, rw=True) as session:
        _put(session, authorities.folder, "signer", "Seal", b"\x01", key="signer")
        _put(session, authorities.folder, "signer", "Strange", b"\x02", key="tsa")
        _put(session, authorities.folder, "signer", "Public", b"\x03", key=None)
    yield folder
    del os.environ["SOFTHSM2_CONF"]


def _put(session: Any, folder: Path, name: str, label: str, id_: bytes, key: str | None) -> None:
    """A certificate and a key onto the token, under one label and id."""
    held = {pkcs11.Attribute.TOKEN: True, pkcs11.Attribute.LABEL: label, pkcs11.Attribute.ID: id_}
    certificate = load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
    session.create_object(decode_x509_certificate(certificate.public_bytes(Encoding.DER)) | held)
    if key:
        private = load_pem_private_key((folder / f"{key}.key").read_bytes(), None)
        raw = private.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        usable = {pkcs11.Attribute.PRIVATE: True, pkcs11.Attribute.SIGN: True}
        session.create_object(decode_ec_private_key(raw) | held | usable)


def by(card: Card) -> Signing:
    """A signature of level B by that card."""
    return Signing(level="B", certificate=None, key=None, passphrase=None, card=card, roots=None, authority=None)


@pytest.mark.parametrize(
    ("label", "key_id", "pin"), [("Seal", None, "file:pin"), (None, b"\x01", "ask"), ("Seal", b"\x01", "file:pin")]
)
def test_a_token_signs_and_a_stock_reader_finds_the_signature_valid(
    label: str | None, key_id: bytes | None, pin: str, token: Path, tmp_path: Path
) -> None:
    asked: list[str] = []

    def ask(name: str) -> str:
        asked.append(name)
        return PIN

    out = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(out)
    sign = signing(by(Card(MODULE, "Acme", label, pin, key_id)), token, AT, ask)
    (tmp_path / "signed.pdf").write_bytes(sign(out.getvalue()))
    told = subprocess.run(["pdfsig", "-nocert", tmp_path / "signed.pdf"], capture_output=True, text=True, check=False)
    assert "Signer Certificate Common Name: Example Phone Co. Seal" in told.stdout
    assert "Signature is Valid." in told.stdout
    assert asked == (["Acme"] if pin == "ask" else [])


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (Card("/nowhere/module.so", "Acme", "Seal", "file:pin"), "the module is not there"),
        (Card("text.so", "Acme", "Seal", "file:pin"), "no PKCS#11 library that can be loaded"),
        (Card(MODULE, "Other", "Seal", "file:pin"), "there is no token Other"),
        (Card(MODULE, "Acme", "Seal", "file:wrong"), "the PIN is wrong"),
        (Card(MODULE, "Acme", "Nothing", "file:pin"), "holds no certificate Nothing"),
        (Card(MODULE, "Acme", "Public", "file:pin"), "holds no private key Public"),
        (Card(MODULE, "Acme", "Strange", "file:pin"), "the key Strange is not that of the certificate"),
        (Card(MODULE, "Acme", None, "file:pin", b"\x09"), "holds no certificate with the id 09"),
        (Card(MODULE, "Acme", "Seal", None), "holds no private key Seal"),
        (Card(MODULE, "Acme", "Seal", "ask"), "nobody can be asked for the PIN here"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_thing_that_may_be_wrong_is_told_apart_and_the_pin_is_in_no_error(
    card: Card, said: str, token: Path
) -> None:
    if card.module == "text.so":
        card = Card(str(token / "text.so"), card.token, card.label, card.pin)
    with pytest.raises(UsageError, match=said) as refused:
        signing(by(card), token, AT)
    assert (refused.value.code, refused.value.exit_code) == ("signature.card", 2)
    assert refused.value.mend
    assert "4711" not in str(refused.value) + refused.value.mend
    assert "0000" not in str(refused.value) + refused.value.mend
