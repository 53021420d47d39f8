"""Checkpoints against the published vectors of the note format, and against forged ones."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muniment.evidence.errors import IntegrityError
from muniment.evidence.store.keys import Signer, trust_in
from muniment.evidence.store.note import (
    Checkpoint,
    key_id,
    opened_checkpoint,
    sign_note,
    signed_checkpoint,
    verifier_key,
    verify_note,
)

# golang.org/x/mod/sumdb/note, note_test.go
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_PRIVATE = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
NEUMANN_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NEUMANN_NOTE = (
    NEUMANN_TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"

# C2SP tlog-checkpoint, "Note text"
SOFA_SIGNATURE = "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8="
SOFA = f"""example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa {SOFA_SIGNATURE}
"""

ORIGIN = "example.org/evidence"


@pytest.fixture
def signer() -> Signer:
    """A new key."""
    return Signer(Ed25519PrivateKey.generate(), "Example signer")


@pytest.mark.parametrize("vector", [NEUMANN, ENOCH])
def test_key_ids_are_those_of_the_go_vectors(vector: str) -> None:
    name, hashed, key = vector.split("+", 2)
    public = base64.b64decode(key)[1:]
    assert key_id(name, public).hex() == hashed
    assert verifier_key(name, public) == vector


def test_the_go_vector_is_signed_byte_for_byte() -> None:
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(NEUMANN_PRIVATE)[1:])
    assert sign_note(NEUMANN_TEXT, "PeterNeumann", Signer(private, "PeterNeumann")) == NEUMANN_NOTE


def test_the_go_vector_verifies_and_one_letter_more_does_not() -> None:
    public = base64.b64decode(NEUMANN.split("+", 2)[2])[1:]
    assert verify_note(NEUMANN_NOTE, "PeterNeumann", (public,)) == NEUMANN_TEXT
    with pytest.raises(IntegrityError, match="the signature of PeterNeumann does not fit the note"):
        verify_note(NEUMANN_NOTE.replace("cryptography", "cryptographY"), "PeterNeumann", (public,))


def test_the_checkpoint_of_the_specification_is_read() -> None:
    checkpoint = Checkpoint.parse(SOFA)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.root == "sha256:0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"


def test_a_checkpoint_of_ours_is_opened_with_the_key_and_with_no_other(signer: Signer) -> None:
    checkpoint = signed_checkpoint(ORIGIN, 7, b"\x07" * 32, signer)
    assert opened_checkpoint(checkpoint.note, trust_in(signer, ORIGIN)) == checkpoint
    stranger = Signer(Ed25519PrivateKey.generate(), "stranger")
    with pytest.raises(IntegrityError, match=r"no known key of example\.org/evidence signed"):
        opened_checkpoint(checkpoint.note, trust_in(stranger, ORIGIN))


def test_a_checkpoint_of_another_log_is_refused(signer: Signer) -> None:
    checkpoint = signed_checkpoint("example.org/other", 7, b"\x07" * 32, signer)
    with pytest.raises(IntegrityError, match=r"that of example\.org/other, not of example\.org/evidence"):
        opened_checkpoint(checkpoint.note, trust_in(signer, ORIGIN))


def test_signatures_of_unknown_keys_are_passed_over(signer: Signer) -> None:
    checkpoint = signed_checkpoint(ORIGIN, 7, b"\x07" * 32, signer)
    witness = SOFA.strip("\n").rpartition("\n")[2]
    note = checkpoint.note + witness + "\n"
    assert opened_checkpoint(note, trust_in(signer, ORIGIN)).size == 7


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.rstrip("\n"),
        lambda note: note.replace("—", "-"),
        lambda note: note.replace("\n7\n", "\n07\n"),
        lambda note: note.replace("\n7\n", "\n-7\n"),
        lambda note: note.replace("BwcH", "Bwc", 1),
        lambda note: note.replace("BwcH", "Bw\tcH", 1),
        lambda note: note.replace("BwcH", "BwcÄ", 1),
        lambda note: note[:-3] + "Ä=\n",
        lambda _: "",
    ],
)
def test_what_is_not_quite_a_checkpoint_is_refused(spoil, signer: Signer) -> None:
    note = spoil(signed_checkpoint(ORIGIN, 7, b"\x07" * 32, signer).note)
    with pytest.raises(IntegrityError) as caught:
        opened_checkpoint(note, trust_in(signer, ORIGIN))
    assert caught.value.code == "note.malformed"
