"""The second opinion: what stock git and ssh-keygen say of a store."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey


def test_git_fsck_has_nothing_to_say(three_runs: Any) -> None:
    done = subprocess.run(
        ["git", "fsck", "--full", "--strict", "--no-progress"],
        cwd=three_runs.path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed (apt: openssh-client)")
def test_git_verify_commit_accepts_every_commit(three_runs: Any, tmp_path: Path) -> None:
    (tmp_path / "allowed").write_text(three_runs.trust.allowed_signers())
    for commit in three_runs.git_commits():
        done = subprocess.run(
            ["git", "-c", f"gpg.ssh.allowedSignersFile={tmp_path / 'allowed'}", "verify-commit", commit],
            cwd=three_runs.path,
            check=True,
            capture_output=True,
            text=True,
        )
        assert 'Good "git" signature for example.org/evidence' in done.stderr


def test_git_log_alone_tells_the_story(three_runs: Any) -> None:
    assert three_runs.git("log", "--reverse", "--format=%s").splitlines()[:3] == [
        "Open the log example.org/evidence",
        "Run 1 begins: 6 tasks (schedule)",
        "Run 1: 6 records, 4 pass, 1 fail, 1 inconclusive (schedule)",
    ]


def test_securesystemslib_verifies_a_statement_and_its_digests_are_those_of_the_files(victim: Any) -> None:
    path = victim.file("statement.dsse.json")
    envelope = Envelope.from_dict(json.loads(victim.read(path)))
    key = SSlibKey(victim.signer.fingerprint, "ed25519", "ed25519", {"public": victim.signer.public.hex()})
    envelope.verify([key], 1)
    statement = json.loads(envelope.payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    for subject in statement["subject"]:
        if subject["name"] != "frontier.json":  # every commit writes this one anew
            summed = subprocess.run(["sha256sum"], input=victim.read(subject["name"]), check=True, capture_output=True)
            assert summed.stdout.split()[0].decode() == subject["digest"]["sha256"]


def test_a_clone_and_a_bundle_verify_like_the_original(three_runs: Any, making: Any, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "-q", "--mirror", three_runs.path, tmp_path / "clone.git"], check=True)
    assert making.verify_store(tmp_path / "clone.git", three_runs.trust).ok
    three_runs.git("bundle", "create", "-q", str(tmp_path / "store.bundle"), "--all")
    subprocess.run(["git", "clone", "-q", "--mirror", tmp_path / "store.bundle", tmp_path / "again.git"], check=True)
    assert making.verify_store(tmp_path / "again.git", three_runs.trust).records == 18


def test_git_refuses_to_push_a_rewritten_history_over_a_store(three_runs: Any, tmp_path: Path) -> None:
    shutil.copytree(three_runs.path, tmp_path / "target.git")
    push = ["git", "push", "-q", "--force", tmp_path / "target.git", "HEAD~2:refs/heads/evidence"]
    done = subprocess.run(push, cwd=three_runs.path, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "denying non-fast-forward" in done.stderr
