"""Signing keys that are in no file of ours: a real ssh-agent, and a program that signs."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.errors import StoreFault
from muniment.evidence.store import Signer, Store, verify_store
from muniment.evidence.store.keyring import signer_at

PROGRAM = """\
#!{python}
import base64, sys
from cryptography.hazmat.primitives.serialization import load_ssh_private_key
key = load_ssh_private_key(open({path!r}, "rb").read(), None)
if sys.argv[1] == "public":
    print(open({path!r} + ".pub").read(), end="")
else:
    print(base64.b64encode(key.sign(sys.stdin.buffer.read(){bent})).decode())
"""


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key in a file, as a person has it."""
    Signer.generate(tmp_path / "ada", name="Ada")
    return tmp_path / "ada"


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An ssh-agent of our own, with nothing in it."""
    place = str(tmp_path_factory.mktemp("a") / "s")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", place], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # it says where it listens, once it does
    monkeypatch.setenv("SSH_AUTH_SOCK", place)
    yield {**os.environ}
    process.terminate()
    process.wait()
    process.stdout.close()


def ssh_add(*words: str) -> None:
    """What a person does; the comment of a key is what its file says, or else its path."""
    subprocess.run(["ssh-add", "-q", *words], check=True, capture_output=True)


def program(folder: Path, key: Path, bent: str = "") -> Path:
    """A program as somebody would write it in front of a token."""
    path = folder / "signer"
    path.write_text(PROGRAM.format(python=sys.executable, path=str(key), bent=bent))
    path.chmod(0o755)
    return path


def a_run(signer: Signer, folder: Path, making: Any) -> None:
    """A store that this signer makes and writes to verifies, and git agrees."""
    store = Store.create(folder / "evidence.git", origin=making.ORIGIN, signer=signer, at=making.NOON)
    start = store.begin(making.plan_of(6), signer, at=making.NOON)
    store.finish(start, making.records_of(start), signer, at=making.NOON, milliseconds=1)
    assert verify_store(store.path, store.trust()).ok
    (folder / "allowed").write_text(store.trust().allowed_signers())
    allowed = f"gpg.ssh.allowedSignersFile={folder / 'allowed'}"
    subprocess.run(["git", "-C", store.path, "-c", allowed, "verify-commit", "HEAD"], check=True, capture_output=True)


@pytest.mark.usefixtures("agent")
def test_a_key_in_an_ssh_agent_signs(key: Path, tmp_path: Path, making: Any) -> None:
    ssh_add(str(key))
    held = Signer.load(key)
    for reference in (f"ssh-agent:{held.fingerprint}", f"ssh-agent:{key}", "ssh-agent:"):
        signer = signer_at(reference, tmp_path)
        assert signer.public == held.public
        assert signer.sign(b"the same bytes") == held.sign(b"the same bytes")
    key.unlink()  # only the agent has it now
    a_run(signer, tmp_path, making)


@pytest.mark.usefixtures("agent")
def test_an_agent_that_holds_another_key_or_more_than_one_is_told(key: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreFault, match="holds no such Ed25519 key"):
        signer_at("ssh-agent:", tmp_path)
    ssh_add(str(key))
    signer = signer_at("ssh-agent:", tmp_path)
    Signer.generate(tmp_path / "bea", name="Bea")
    ssh_add(str(tmp_path / "bea"))
    with pytest.raises(StoreFault, match="more than one such key"):
        signer_at("ssh-agent:", tmp_path)
    with pytest.raises(StoreFault, match="holds no such Ed25519 key"):
        signer_at("ssh-agent:SHA256:0000", tmp_path)
    ssh_add("-D")
    with pytest.raises(StoreFault, match="refuses to sign"):
        signer.sign(b"the key is gone")


@pytest.mark.usefixtures("agent")
def test_keys_of_other_kinds_are_passed_over(key: Path, tmp_path: Path) -> None:
    keygen = ["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(tmp_path / "ecdsa")]
    subprocess.run(keygen, check=True, capture_output=True)
    ssh_add(str(tmp_path / "ecdsa"))
    ssh_add(str(key))
    assert signer_at("ssh-agent:", tmp_path).public == Signer.load(key).public


@pytest.mark.parametrize("place", ["", "/nowhere/agent"])
def test_without_an_agent_it_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", place)
    with pytest.raises(StoreFault, match="no ssh-agent answers") as raised:
        signer_at("ssh-agent:", tmp_path)
    assert raised.value.mend is not None
    assert "ssh-add" in raised.value.mend


def test_a_program_signs(key: Path, tmp_path: Path, making: Any) -> None:
    program(tmp_path, key)
    signer = signer_at("program:signer", tmp_path)
    assert (signer.name, signer.sign(b"x")) == ("Ada", Signer.load(key).sign(b"x"))
    a_run(signer, tmp_path, making)


def test_a_wrong_signature_of_a_program_is_never_stored(key: Path, tmp_path: Path, making: Any) -> None:
    program(tmp_path, key, bent='+b"!"')
    with pytest.raises(StoreFault, match="no signature of the key") as raised:
        a_run(signer_at("program:signer", tmp_path), tmp_path, making)
    assert raised.value.code == "store.key_wrong"
    assert not (tmp_path / "evidence.git").exists()


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("exit 3", "`signer public` ended with exit code 3"),
        ("echo hello", "does not print a public key"),
        ('[ "$1" = public ] && cat ada.pub || echo "%%%"', "does not print base64"),
        ('[ "$1" = public ] && cat ada.pub || echo AAAA', "no signature of the key"),
    ],
)
def test_a_program_that_does_something_else_is_told(key: Path, tmp_path: Path, script: str, complaint: str) -> None:
    path = tmp_path / "signer"
    path.write_text(textwrap.dedent(f"#!/bin/sh\ncd {key.parent}\n{script}\n"))
    path.chmod(0o755)
    with pytest.raises(StoreFault, match=complaint):
        signer_at("program:signer", tmp_path).sign(b"x")


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreFault, match="cannot be run"):
        signer_at("program:signer", tmp_path)


def test_a_file_is_a_file_with_and_without_the_word(key: Path, tmp_path: Path) -> None:
    assert signer_at("file:ada", tmp_path).public == signer_at(str(key), tmp_path).public
