"""The PDF signature of a pack on the command line: how it is asked for, what is refused, and what `verify` tells."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import NameOID

FRAMEWORK = "trustarc-truste"
SETTINGS = """
signature:
  level: B
  certificate: file:keys/seal.pem
  key: file:keys/seal.key
  passphrase: file:keys/passphrase
  roots: file:keys/seal.pem
"""


@pytest.fixture
def signing(small_acme: Path) -> Path:
    """A workspace whose packs are signed, by a certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Acme Seal")])
    began = datetime.now(UTC) - timedelta(days=1)
    usage = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    usage |= dict.fromkeys(("digital_signature", "content_commitment", "key_cert_sign", "crl_sign"), True)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .sign(key, hashes.SHA256())
    )
    keys = small_acme / "keys"
    keys.joinpath("seal.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    locked = BestAvailableEncryption(b"correct horse")
    keys.joinpath("seal.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    keys.joinpath("passphrase").write_text("correct horse\n")
    file = small_acme / "muniment.yaml"
    file.write_text(file.read_text("utf-8") + SETTINGS, "utf-8")
    return small_acme


def test_a_signed_pack_says_by_whom_and_what_was_added_is_refused(muniment: Any, signing: Path) -> None:
    made = muniment("-w", signing, "pack", FRAMEWORK, "--allow-empty", "--formats", "pdf", "--json")
    assert made.code == 0, made.err
    pack = Path(made.json["path"])
    answer = muniment("-w", signing, "verify", pack, "--json")
    told = answer.json["signature"]
    assert (answer.code, told["level"], told["trusted"]) == (0, "B-B", True)
    assert "Acme Seal" in told["subject"]
    assert "PDF signature B-B by" in muniment("-w", signing, "verify", pack).words
    pack.chmod(0o644)
    with pack.open("ab") as file:
        file.write(b"% more\n")
    answer = muniment("-w", signing, "verify", pack, "--json")
    assert (answer.code, answer.json["faults"][0]["code"]) == (4, "signature.trailing")


@pytest.mark.parametrize(
    ("file", "text", "code"),
    [("passphrase", "wrong horse\n", "signature.passphrase"), ("seal.pem", "no certificate", "signature.certificate")],
)
def test_what_cannot_sign_is_named_and_no_half_pack_is_left(
    file: str, text: str, code: str, muniment: Any, signing: Path
) -> None:
    (signing / "keys" / file).write_text(text)
    answer = muniment("-w", signing, "pack", FRAMEWORK, "--json")
    assert (answer.code, answer.json["error"]["code"]) == (2, code)
    assert "horse" not in answer.out + answer.err
    assert not list(signing.glob("packs/*"))


def test_a_signature_that_nobody_described_is_refused(muniment: Any, small_acme: Path) -> None:
    answer = muniment("-w", small_acme, "pack", FRAMEWORK, "--sign")
    assert answer.code == 2
    assert "muniment.yaml does not say how the PDF is signed" in answer.words


@pytest.mark.parametrize(
    ("uri", "code", "said"),
    [
        ("pkcs11:token=Acme;object=Seal?module-path=/nowhere/p11.so", "signature.card", "the module is not there"),
        ("pkcs11:token=Acme;object=Seal?module-path=/nowhere/p11.so&pin-value=4711", None, "a PIN does not stand in"),
        ("pkcs11:token=Acme?module-path=/nowhere/p11.so", None, "name the `token` and the `label`"),
    ],
)
def test_a_token_is_named_by_a_uri_and_what_cannot_be_is_refused(
    uri: str, code: str | None, said: str, muniment: Any, small_acme: Path
) -> None:
    file = small_acme / "muniment.yaml"
    file.write_text(f"{file.read_text('utf-8')}\nsignature:\n  card: {{uri: '{uri}', pin: ask}}\n", "utf-8")
    answer = muniment("-w", small_acme, "pack", FRAMEWORK, "--json")
    assert answer.code == 2
    assert code in (None, answer.json["error"]["code"])
    assert said in answer.out + answer.err
    assert "4711" not in answer.out + answer.err
