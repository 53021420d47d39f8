"""Keys, SSH signatures and DSSE envelopes, held against ssh-keygen and securesystemslib."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from muniment.evidence.errors import IntegrityError, StoreFault, UsageError
from muniment.evidence.store import Signer, Trust, dsse, sshsig
from muniment.evidence.store.keys import trust_in

ORIGIN = "example.org/evidence"
needs_ssh_keygen = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed (apt: openssh-client)"
)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """A new key in a file."""
    return Signer.generate(tmp_path / "key", name="Example signer")


def test_a_key_is_for_its_owner_only_and_comes_back_with_its_name(signer: Signer, tmp_path: Path) -> None:
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    loaded = Signer.load(tmp_path / "key")
    assert (loaded.public, loaded.name) == (signer.public, "Example signer")


def test_a_key_is_never_overwritten(signer: Signer, tmp_path: Path) -> None:
    with pytest.raises(StoreFault, match="there is a key already"):
        Signer.generate(tmp_path / "key")


def test_a_key_that_others_can_read_is_refused(signer: Signer, tmp_path: Path) -> None:
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(StoreFault) as caught:
        Signer.load(tmp_path / "key")
    assert caught.value.mend == f"chmod 600 {tmp_path / 'key'}"


def test_a_missing_key_and_a_file_that_is_none_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(StoreFault, match="the key cannot be read"):
        Signer.load(tmp_path / "nothing")
    (tmp_path / "other").write_text("hello")
    (tmp_path / "other").chmod(0o600)
    with pytest.raises(StoreFault, match="not an OpenSSH private key"):
        Signer.load(tmp_path / "other")


@needs_ssh_keygen
def test_ssh_keygen_knows_the_key_by_the_same_fingerprint(signer: Signer, tmp_path: Path) -> None:
    shown = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key"], check=True, capture_output=True, text=True).stdout
    assert signer.fingerprint in shown


@needs_ssh_keygen
def test_a_key_that_ssh_keygen_made_signs(tmp_path: Path) -> None:
    path = tmp_path / "theirs"
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-C", "Ada", "-f", path], check=True)
    signer = Signer.load(path)
    assert signer.name == "Ada"
    assert sshsig.verify(b"text", sshsig.sign(b"text", signer), trust_in(signer, ORIGIN)).name == "Ada"


@needs_ssh_keygen
def test_our_signature_is_byte_for_byte_that_of_ssh_keygen_and_verifies_there(signer: Signer, tmp_path: Path) -> None:
    message = tmp_path / "message"
    message.write_bytes(b"tree and parent\n")
    ours = sshsig.sign(message.read_bytes(), signer)
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", tmp_path / "key", message], check=True, capture_output=True
    )
    assert (tmp_path / "message.sig").read_text() == ours
    (tmp_path / "allowed").write_text(trust_in(signer, ORIGIN).allowed_signers())
    verify = ["ssh-keygen", "-Y", "verify", "-f", tmp_path / "allowed", "-I", ORIGIN, "-n", "git"]
    command = [*verify, "-s", tmp_path / "message.sig"]
    assert subprocess.run(command, input=message.read_bytes(), check=False, capture_output=True).returncode == 0
    assert subprocess.run(command, input=b"another\n", check=False, capture_output=True).returncode != 0


def test_an_ssh_signature_fits_its_message_its_namespace_and_its_key_only(signer: Signer, tmp_path: Path) -> None:
    trust = trust_in(signer, ORIGIN)
    armoured = sshsig.sign(b"message", signer)
    assert sshsig.verify(b"message", armoured, trust).name == "Example signer"
    with pytest.raises(IntegrityError, match="does not fit"):
        sshsig.verify(b"massage", armoured, trust)
    with pytest.raises(IntegrityError, match="no readable SSH signature"):
        sshsig.verify(b"message", sshsig.sign(b"message", signer, "file"), trust)
    with pytest.raises(IntegrityError, match="no readable SSH signature"):
        sshsig.verify(b"message", armoured.replace("U1NI", "Ü1NI"), trust)
    stranger = Signer.generate(tmp_path / "stranger")
    with pytest.raises(IntegrityError, match="not a key of example"):
        sshsig.verify(b"message", sshsig.sign(b"message", stranger), trust)


def test_securesystemslib_verifies_our_envelope(signer: Signer) -> None:
    sealed = dsse.seal("application/vnd.in-toto+json", b'{"a":1}', signer)
    envelope = Envelope.from_dict(json.loads(sealed))
    key = SSlibKey(signer.fingerprint, "ed25519", "ed25519", {"public": signer.public.hex()})
    assert list(envelope.verify([key], 1)) == [signer.fingerprint]
    assert envelope.payload == b'{"a":1}'


def test_the_encoding_that_is_signed_is_that_of_the_dsse_protocol() -> None:
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_an_envelope_is_refused_without_signature_with_another_key_and_with_another_payload(
    signer: Signer, tmp_path: Path
) -> None:
    trust = trust_in(signer, ORIGIN)
    sealed = dsse.seal("text", b"payload", signer)
    assert dsse.unseal(sealed, "text", trust)[0] == b"payload"
    bare = json.dumps({**json.loads(sealed), "signatures": []}).encode()
    swapped = json.dumps({**json.loads(sealed), "payload": "cGF5bG9hZHM="}).encode()
    stranger = dsse.seal("text", b"payload", Signer.generate(tmp_path / "stranger"))
    cases = [(bare, "statement.unsigned"), (swapped, "statement.signature"), (stranger, "statement.unknown_key")]
    for data, code in cases:
        with pytest.raises(IntegrityError) as caught:
            dsse.unseal(data, "text", trust)
        assert caught.value.code == code


def test_pinned_keys_come_back_from_their_file(signer: Signer, tmp_path: Path) -> None:
    trust = trust_in(signer, ORIGIN)
    trust.dump(tmp_path / "pin.json")
    assert Trust.load(tmp_path / "pin.json") == trust
    (tmp_path / "pin.json").write_text('{"schema":"muniment.root/1"}')
    with pytest.raises(UsageError, match="no list of trusted keys"):
        Trust.load(tmp_path / "pin.json")


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "line\nbreak"])
def test_an_origin_that_a_note_could_not_carry_is_refused(origin: str, signer: Signer) -> None:
    with pytest.raises(ValueError, match="origin"):
        trust_in(signer, origin)
