"""`muniment anchor`: an authority is asked in every run, and one that cannot be reached blocks nothing."""

import importlib.util
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.store import Store, timestamp
from muniment.exports.contents import opened

_SPEC = importlib.util.spec_from_file_location("store_tsa", Path(__file__).parents[1] / "evidence/store/tsa.py")
assert _SPEC is not None and _SPEC.loader is not None
tsa = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tsa)


@pytest.fixture
def acme(small_acme: Path) -> Path:
    """The workspace of these tests."""
    return small_acme


def name_authority(acme: Path, url: str, root: Path) -> None:
    file = acme / "muniment.yaml"
    file.write_text(file.read_text() + f"\nanchors:\n  authority: {url}\n  certificates: file:{root}\n")


def anchor_line(muniment: Any, acme: Path) -> dict[str, str]:
    lines = muniment("--workspace", acme, "doctor", "--json").json["lines"]
    return next(line for line in lines if line["what"] == "anchors")


def test_every_run_is_anchored_before_the_first_look_and_after_the_last(
    acme: Path, muniment: Any, tmp_path: Path
) -> None:
    with tsa.serving(tmp_path / "tsa") as authority:
        name_authority(acme, authority.url, authority.root)
        assert muniment("--workspace", acme, "collect", "--all").code == 1
        assert muniment("--workspace", acme, "collect", "--all").code == 1
    assert anchor_line(muniment, acme)["state"] == "ok"
    verified = muniment("--workspace", acme, "verify", "--json")
    assert verified.code == 0, verified.words
    assert verified.json["anchors_trusted"] == 3  # two plans and the first end; the second end waits for a third run


def test_openssl_believes_the_timestamp_that_a_pack_carries(acme: Path, muniment: Any, tmp_path: Path) -> None:
    with tsa.serving(tmp_path / "tsa") as authority:
        name_authority(acme, authority.url, authority.root)
        muniment("--workspace", acme, "decide", "signed_off", "--reason", "The year is over")
        assert muniment("--workspace", acme, "anchor").code == 0
        made = muniment("--workspace", acme, "pack", "trustarc-truste", "--allow-empty", "--formats", "pdf", "--json")
        assert made.code == 0, made.words
        (pdf,) = (acme / "packs").glob("*.pdf")
        assert muniment("--workspace", acme, "verify", pdf).code == 0
        files = opened(pdf.read_bytes()).files
        assert files["timestamp.txt"] == files["checkpoint.txt"], "the head itself was stamped, and its token waits"
        for name in ("timestamp.txt", "timestamp.tsr"):
            (authority.folder / name).write_bytes(files[name])
        words = ("-data", "timestamp.txt", "-in", "timestamp.tsr", "-CAfile", "root.pem")
        assert "Verification: OK" in authority.openssl("ts", "-verify", *words)


def test_a_timestamp_over_other_bytes_is_refused_told_and_blocks_nothing(
    acme: Path, muniment: Any, tmp_path: Path
) -> None:
    with tsa.serving(tmp_path / "tsa") as authority:
        name_authority(acme, authority.url, authority.root)
        other = authority.answer = timestamp.ask_authority(authority.url, "another note\n").answer
        refused = muniment("--workspace", acme, "anchor")
        assert (refused.code, "over other bytes than the checkpoint" in refused.words) == (4, True)
        assert not list((acme / "evidence.git/anchors").glob("*.tsr*"))
        alarmed = muniment("--workspace", acme, "doctor")
        assert (alarmed.code, "ALARM" in alarmed.words) == (4, True)
        head = Store.open(acme / "evidence.git").checkpoint().size
        (acme / f"evidence.git/anchors/{head}.tsr").write_bytes(other)  # as if an older version had kept it
        authority.answer = None
        assert muniment("--workspace", acme, "decide", "signed_off", "--reason", "The year is over").code == 0
        assert muniment("--workspace", acme, "anchor").code == 0
    told = " ".join(muniment("--workspace", acme, "doctor").words.split())
    assert f"anchors/{head}.tsr.refused is no timestamp" in told
    assert muniment("--workspace", acme, "verify").code == 0


def test_an_unreachable_authority_blocks_nothing_is_shown_and_is_asked_again(
    acme: Path, muniment: Any, tmp_path: Path
) -> None:
    with tsa.serving(tmp_path / "tsa") as authority:
        url, root = authority.url, authority.root
    name_authority(acme, url, root)
    collected = muniment("--workspace", acme, "collect", "--all")
    assert collected.code == 1  # the findings, as ever
    assert "cannot be reached" in collected.words
    assert anchor_line(muniment, acme)["state"] == "warn"
    assert "the last attempt failed" in muniment("--workspace", acme, "anchor", "--status").words
    assert muniment("--workspace", acme, "anchor").code == 3
    with tsa.serving(tmp_path / "again") as authority:
        file = acme / "muniment.yaml"
        file.write_text(file.read_text().replace(url, authority.url).replace(str(root), str(authority.root)))
        assert muniment("--workspace", acme, "anchor").code == 0
    assert anchor_line(muniment, acme)["state"] == "ok"


@pytest.mark.parametrize("answer", [b"garbage", b""])
def test_an_authority_that_answers_nonsense_ends_with_exit_code_4(
    acme: Path, muniment: Any, tmp_path: Path, answer: bytes
) -> None:
    with tsa.serving(tmp_path / "tsa") as authority:
        authority.answer = answer
        name_authority(acme, authority.url, authority.root)
        said = muniment("--workspace", acme, "anchor")
    assert (said.code, "no timestamp of RFC 3161" in said.words) == (4, True)


def test_without_an_authority_there_is_nothing_to_ask(acme: Path, muniment: Any) -> None:
    said = muniment("--workspace", acme, "anchor")
    assert (said.code, "no anchor is named" in said.words) == (2, True)


def second(folder: Path, acme: Path, written: str | None = None) -> None:
    """A guarded empty repository, named in the workspace."""
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    for option in ("receive.denyNonFastForwards", "receive.denyDeletes"):
        subprocess.run(["git", "-C", str(folder), "config", option, "true"], check=True)
    file = acme / "muniment.yaml"
    file.write_text(file.read_text() + f"\nanchors:\n  remotes: ['{written or folder}']\n")


def test_every_run_is_pushed_to_the_second_repository(acme: Path, muniment: Any, tmp_path: Path) -> None:
    second(tmp_path / "second.git", acme)
    assert muniment("--workspace", acme, "collect", "--all").code == 1
    assert anchor_line(muniment, acme)["state"] == "ok"
    size = muniment("--workspace", acme, "anchor", "--status", "--json").json["size"]
    assert f"holds {size} leaves since" in muniment("--workspace", acme, "status").words
    verified = muniment("--workspace", acme, "verify", "--remote", tmp_path / "second.git", "--json")
    assert verified.code == 0, verified.words
    assert verified.json["remotes"] == [{"remote": str(tmp_path / "second.git"), "size": size, "behind": False}]


def test_an_unreachable_repository_is_queued_shown_and_pushed_to_by_the_next_run(
    acme: Path, muniment: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "second.git"
    second(folder, acme)
    folder.rename(tmp_path / "away.git")
    collected = muniment("--workspace", acme, "collect", "--all")
    assert (collected.code, "cannot be reached" in collected.words) == (1, True)
    assert "the last attempt failed" in muniment("--workspace", acme, "status").words
    assert anchor_line(muniment, acme)["state"] == "warn"
    assert muniment("--workspace", acme, "anchor").code == 3
    assert muniment("--workspace", acme, "verify", "--remote", folder).code == 3
    (tmp_path / "away.git").rename(folder)
    muniment("--workspace", acme, "collect", "--all")
    assert anchor_line(muniment, acme)["state"] == "ok"


def test_a_store_that_was_set_back_ends_with_exit_code_4_everywhere(acme: Path, muniment: Any, tmp_path: Path) -> None:
    second(tmp_path / "second.git", acme)
    muniment("--workspace", acme, "anchor")
    before = tmp_path / "before"
    shutil.copytree(acme / "evidence.git", before)
    muniment("--workspace", acme, "decide", "signed_off", "--reason", "The year is over")
    muniment("--workspace", acme, "anchor")
    shutil.rmtree(acme / "evidence.git")
    before.rename(acme / "evidence.git")
    for index in (acme / ".muniment").glob("index.db*"):  # it would know too
        index.unlink()
    verified = muniment("--workspace", acme, "verify", "--remote", tmp_path / "second.git")
    assert (verified.code, "were taken away here" in verified.words) == (4, True)
    assert muniment("--workspace", acme, "doctor").code == 4
    collected = muniment("--workspace", acme, "collect", "--all")
    assert (collected.code, "another history" in collected.words) == (1, True)  # told, and the run is kept
    assert "ALARM" in muniment("--workspace", acme, "status").words


def test_a_repository_that_lets_itself_be_rewritten_is_no_anchor(acme: Path, muniment: Any, tmp_path: Path) -> None:
    second(tmp_path / "second.git", acme)
    subprocess.run(["git", "-C", str(tmp_path / "second.git"), "config", "receive.denyDeletes", "false"], check=True)
    line = anchor_line(muniment, acme)
    assert (line["state"], "lets its history be rewritten" in line["sentence"]) == ("warn", True)


def test_a_password_is_named_by_a_variable_and_written_nowhere(
    acme: Path, muniment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second(tmp_path / "second.git", acme, "env:SECOND_REPOSITORY")
    assert "SECOND_REPOSITORY, which is not set" in muniment("--workspace", acme, "anchor").words
    monkeypatch.setenv("SECOND_REPOSITORY", "http://ada:correct-horse@127.0.0.1:1/second.git")
    said = muniment("--workspace", acme, "collect", "--all")
    said_too = muniment("--workspace", acme, "anchor", "--json")
    assert "cannot be reached" in said.words
    written = (acme / "evidence.git/anchors/state.json").read_text()
    assert "correct-horse" not in said.words + said_too.words + written
    monkeypatch.setenv("SECOND_REPOSITORY", str(tmp_path / "second.git"))
    assert muniment("--workspace", acme, "anchor").code == 0


@pytest.mark.parametrize(
    "remote", ["https://ada:correct-horse@example.org/second.git", "--upload-pack=touch", "ext::sh -c touch"]
)
def test_a_remote_that_holds_a_password_or_a_command_is_refused(acme: Path, muniment: Any, remote: str) -> None:
    file = acme / "muniment.yaml"
    file.write_text(file.read_text() + f"\nanchors:\n  remotes: ['{remote}']\n")
    said = muniment("--workspace", acme, "anchor", "--status")
    assert (said.code, "muniment.yaml" in said.words) == (2, True)


def test_a_second_person_keeps_the_heads_in_a_file(acme: Path, muniment: Any, tmp_path: Path) -> None:
    file = tmp_path / "witness.txt"
    muniment("--workspace", acme, "decide", "signed_off", "--reason", "The year is over")
    assert "wrote down the head of" in muniment("--workspace", acme, "anchor", "--witness", file).words
    assert "has already the head" in muniment("--workspace", acme, "anchor", "--witness", file).words
    verified = muniment("--workspace", acme, "verify", "--witness", file, "--json")
    assert (verified.code, verified.json["witnessed"]) == (0, 1)
    subprocess.run(
        ["git", "-C", str(acme / "evidence.git"), "update-ref", "refs/heads/evidence", "evidence~1"], check=True
    )
    said = muniment("--workspace", acme, "verify", "--witness", file)
    assert (said.code, "what came after was taken away" in said.words) == (4, True)
    before = file.read_text()
    assert muniment("--workspace", acme, "anchor", "--witness", file).code == 4
    assert file.read_text() == before
    file.write_text("Dear auditor\n")
    assert muniment("--workspace", acme, "verify", "--witness", file).code == 2
    file.write_text(before.partition("\n")[0] + "\n")
    said = muniment("--workspace", acme, "verify", "--witness", file)
    assert (said.code, "holds no head, so it shows nothing" in said.words) == (2, True)


def test_a_head_that_waits_too_long_for_a_required_anchor_does_not_verify(
    acme: Path, muniment: Any, tmp_path: Path
) -> None:
    second(tmp_path / "second.git", acme)
    file = acme / "muniment.yaml"
    file.write_text(file.read_text() + "  require: [remote, witness]\n  max_age: 1s\n")
    store_of_long_ago(acme)
    verified = muniment("--workspace", acme, "verify")
    assert (verified.code, verified.words.count("anchor.overdue")) == (4, 2)
    assert "has no witness; the policy allows 1 second" in muniment("--workspace", acme, "status").words
    assert anchor_line(muniment, acme)["state"] == "fail"
    assert muniment("--workspace", acme, "anchor").code == 0
    assert muniment("--workspace", acme, "verify").words.count("anchor.overdue") == 1
    assert muniment("--workspace", acme, "anchor", "--witness", tmp_path / "witness.txt").code == 0
    assert muniment("--workspace", acme, "verify").code == 0


def store_of_long_ago(acme: Path) -> None:
    """In place of the store, one that was made in 2001."""
    from datetime import UTC, datetime

    from muniment.evidence.store import Signer, Store

    shutil.rmtree(acme / "evidence.git")
    signer, then = Signer.load(acme / "keys/signing"), datetime(2001, 1, 1, tzinfo=UTC)
    Store.create(acme / "evidence.git", origin="acme-inc/evidence", signer=signer, at=then)


@pytest.mark.parametrize(
    ("policy", "complaint"),
    [
        ("{require: [timestamp]}", "a timestamp is required, and none is named"),
        ("{require: [remote]}", "a remote is required, and none is named"),
        ("{max_age: 1d}", "name an authority"),
        ("{authority: 'https://tsa.example.org'}", "go together"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(acme: Path, muniment: Any, policy: str, complaint: str) -> None:
    file = acme / "muniment.yaml"
    file.write_text(file.read_text() + f"\nanchors: {policy}\n")
    said = muniment("--workspace", acme, "anchor", "--status")
    assert (said.code, complaint in said.words) == (2, True)
