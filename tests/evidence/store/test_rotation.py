"""Keys change: added, put in another's place, revoked, destroyed. What was signed before stays."""

import importlib.util
import subprocess
import tarfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muniment.evidence.errors import StoreFault, UsageError
from muniment.evidence.model import canonical, digest
from muniment.evidence.store import Checkpoint, Signer, Store, Trust, VerifyReport, layout, rotation, verify_store
from muniment.evidence.store.append import Draft
from muniment.evidence.store.commit import writing
from muniment.evidence.store.keys import destroyed
from muniment.evidence.store.log import Log

HOUR = timedelta(hours=1)
_SPEC = importlib.util.spec_from_file_location("store_tsa", Path(__file__).with_name("tsa.py"))
assert _SPEC is not None and _SPEC.loader is not None
tsa = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tsa)


def signer(seed: int, name: str = "") -> Signer:
    return Signer(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32), name or f"Signer {seed}")


NEW = signer(1, "New signer")


def rotate(bench: Any, at: Any, new: Signer = NEW) -> Trust:
    """The new key in the place of the one that signs, from `at` on."""
    changed = rotation.in_place_of(bench.store.trusts()[-1], bench.signer, new, at)
    return bench.store.change_keys(changed, [bench.signer, new], new, at=at, subject="Keys change")


def run(bench: Any, making: Any, by: Signer, hour: float) -> None:
    at = making.NOON + hour * HOUR
    start = bench.store.begin(making.plan_of(6, at), by, at=at)
    bench.store.finish(start, making.records_of(start), by, at=at, milliseconds=1)


def codes(report: VerifyReport) -> set[str]:
    return {fault.code for fault in report.faults}


@pytest.fixture
def rotated(bench: Any, making: Any) -> Any:
    """A run by the old key, the change, a run by the new key."""
    bench.run(number=1)
    rotate(bench, making.NOON + 2 * HOUR)
    run(bench, making, NEW, 3)
    return bench


def test_a_reader_who_pinned_the_first_key_follows_the_change(rotated: Any) -> None:
    assert rotated.trust.version == 1
    report = rotated.verify()
    assert (report.ok, report.runs, report.pinned) == (True, 2, True), report.faults
    assert [record.run for record in rotated.store.records()] == [1] * 6 + [2] * 6


def test_a_reader_who_pinned_the_newest_version_knows_the_first_by_its_digest(rotated: Any) -> None:
    newest = rotated.store.trust()
    assert (newest.version, newest.previous) == (2, digest(rotated.store.trusts()[0].line))
    assert verify_store(rotated.path, newest).ok


def test_git_and_ssh_keygen_accept_the_commits_of_both_keys(rotated: Any, tmp_path: Path) -> None:
    (tmp_path / "allowed").write_text(rotated.store.trust().allowed_signers())
    for commit in rotated.git_commits():
        rotated.git("-c", f"gpg.ssh.allowedSignersFile={tmp_path / 'allowed'}", "verify-commit", commit)
    told = rotated.git("-c", f"gpg.ssh.allowedSignersFile={tmp_path / 'allowed'}", "log", "--format=%G? %GF", "HEAD")
    good, keys = zip(*(line.split() for line in told.splitlines()), strict=True)
    assert set(good) == {"G"}
    assert set(keys) == {key.fingerprint for key in rotated.store.trust().keys}


def test_the_old_key_signs_nothing_more(rotated: Any, making: Any) -> None:
    with pytest.raises(StoreFault, match="may not sign in this store at this time"):
        run(rotated, making, rotated.signer, 4)


@pytest.mark.parametrize("hour", [1.5, 4])
def test_the_old_key_is_not_believed_after_the_change_whatever_time_it_claims(
    rotated: Any, making: Any, hour: float
) -> None:
    at = making.NOON + hour * HOUR
    log = Log(rotated.path)
    draft = Draft("forged", "Forged", "decisions/1.dsse.json", {"decisions/1.json": [b'{"schema":"x/1"}']}, runs=2)
    with writing(log, making.ORIGIN, rotated.signer, at, "begin") as writer:
        writer.commit(draft, log.head())
    found = codes(rotated.verify())
    assert found & {"statement.key_ended", "statement.key_validity"}
    assert not rotated.verify().ok


def forge_change(bench: Any, changed: Trust, signers: list[Signer], at: Any, writer: Signer | None = None) -> None:
    """Store a version of the keys past all that the store would refuse."""
    log, by = Log(bench.path), writer or bench.signer
    pages = {layout.trust_path(changed.version): [canonical(changed)]}
    files = {layout.trust_path(changed.version, layout.SIGNATURES): rotation.signed_change(changed, signers)}
    statement = layout.trust_path(changed.version, ".dsse.json")
    cosigners = [each for each in (bench.signer,) if each is not by]
    draft = Draft("keys.change", "Keys", statement, pages, log.head().runs, None, cosigners, files)
    with writing(log, bench.store.origin, by, at, "rekey") as writing_:
        writing_.commit(draft, log.head())


def test_a_change_that_the_old_key_did_not_sign_is_a_fault(bench: Any, making: Any) -> None:
    at = making.NOON + HOUR
    changed = rotation.in_place_of(bench.store.trusts()[-1], bench.signer, NEW, at)
    with pytest.raises(
        UsageError, match="version before it asks for the signatures of 1 of its keys, and has those of 0"
    ):
        bench.store.change_keys(changed, [NEW], NEW, at=at, subject="Keys change")
    forge_change(bench, changed, [NEW], at)
    assert "root.threshold" in codes(bench.verify())


def test_a_key_that_nobody_holds_cannot_take_a_place(bench: Any, making: Any) -> None:
    at = making.NOON + HOUR
    changed = rotation.in_place_of(bench.store.trusts()[-1], bench.signer, NEW, at)
    with pytest.raises(UsageError, match="it asks for the signatures of 1 of its keys, and has those of 0"):
        bench.store.change_keys(changed, [bench.signer], bench.signer, at=at, subject="Keys change")


@pytest.mark.parametrize(
    ("bend", "code"),
    [
        (lambda changed: changed.model_copy(update={"keys": changed.keys[1:]}), "root.dropped"),
        (lambda changed: changed.model_copy(update={"previous": "sha256:" + "0" * 64}), "root.previous"),
        (lambda changed: changed.model_copy(update={"version": 3}), "root.version"),
        (lambda changed: changed.model_copy(update={"origin": "example.com/other"}), "root.version"),
    ],
)
def test_a_version_that_does_not_follow_is_named(bench: Any, making: Any, bend: Any, code: str) -> None:
    at = making.NOON + HOUR
    changed = bend(rotation.in_place_of(bench.store.trusts()[-1], bench.signer, NEW, at))
    with pytest.raises(UsageError, match="the keys were not changed"):
        bench.store.change_keys(changed, [bench.signer, NEW], NEW, at=at, subject="Keys change")
    forge_change(bench, changed, [bench.signer, NEW], at)
    assert code in codes(bench.verify())


def test_an_ended_key_cannot_be_brought_back(rotated: Any, making: Any) -> None:
    at = making.NOON + 5 * HOUR
    grown = rotation.with_key(rotated.store.trusts()[-1], signer(2), at)
    back = tuple(key.model_copy(update={"valid_until": None}) for key in grown.keys)
    changed = grown.model_copy(update={"keys": back})
    with pytest.raises(UsageError, match="may do more than before"):
        rotated.store.change_keys(changed, [NEW, signer(2)], NEW, at=at, subject="Keys change")


def test_two_of_three_must_sign_where_the_threshold_is_two(bench: Any, making: Any) -> None:
    at = making.NOON + HOUR
    second, third = signer(2), signer(3)
    for number, new in enumerate((second, third)):
        when = at + number * HOUR
        changed = rotation.with_key(bench.store.trusts()[-1], new, when, only="keys")
        changed = rotation.with_threshold(changed, number + 1)
        bench.store.change_keys(changed, [bench.signer, new], bench.signer, at=when, subject="A key more")
    later = at + 5 * HOUR
    changed = rotation.without(
        bench.store.trusts()[-1], third.fingerprint, later, since=later, reason="the card was lost"
    )
    with pytest.raises(UsageError, match="asks for the signatures of 2 of its keys, and has those of 1"):
        bench.store.change_keys(changed, [bench.signer], bench.signer, at=later, subject="Revoke")
    bench.store.change_keys(changed, [bench.signer, second], bench.signer, at=later, subject="Revoke")
    with pytest.raises(StoreFault, match="may not sign"):
        run(bench, making, second, 9)
    assert (bench.verify().ok, bench.store.trust().threshold) == (True, 2)


def revoke(bench: Any, making: Any, since: float) -> None:
    """At seven, the first key is revoked since some hour; the new one signs that."""
    at = making.NOON + 7 * HOUR
    changed = rotation.without(
        bench.store.trusts()[-1],
        bench.signer.fingerprint,
        at,
        since=making.NOON + since * HOUR,
        reason="a laptop was stolen",
    )
    bench.store.change_keys(changed, [NEW], NEW, at=at, subject="Revoke")


def test_what_a_revoked_key_signed_before_is_believed_and_the_rest_is_disowned(rotated: Any, making: Any) -> None:
    revoke(rotated, making, since=2.5)
    assert rotated.verify().ok
    assert [key.reason for key in rotated.store.trust().keys] == ["a laptop was stolen", None]


def test_what_a_revoked_key_signed_since_is_disowned_and_can_still_be_read(rotated: Any, making: Any) -> None:
    revoke(rotated, making, since=0.5)
    report = rotated.verify()
    assert codes(report) == {"key.revoked"}
    assert "Example signer signed it at 2026-11-24T13:00" in report.faults[0].message
    assert len(list(rotated.store.records())) == 12


def test_with_a_pinned_authority_only_an_anchor_shows_what_was_there_before_a_revocation(
    bench: Any, making: Any, tmp_path: Path
) -> None:
    from datetime import datetime

    from muniment.evidence.store.timestamp import ask_authority, load_certificates
    from muniment.evidence.store.waiting import keep_token

    bench.run(number=1)
    with tsa.serving(tmp_path / "tsa") as authority:
        note = bench.store.checkpoint().note
        token = ask_authority(authority.url, note)
        keep_token(bench.path, bench.store.checkpoint().size, token)
        far = datetime.fromisoformat("2076-01-01T00:00:00Z")
        bench.store.begin(making.plan_of(1, far), bench.signer, at=far)  # stored with the token, and itself unanchored
        roots = load_certificates(authority.root)
    rotate(bench, far + HOUR)
    changed = rotation.without(
        bench.store.trusts()[-1], bench.signer.fingerprint, far + 2 * HOUR, since=far + HOUR / 2, reason="stolen"
    )
    bench.store.change_keys(changed, [NEW], NEW, at=far + 2 * HOUR, subject="Revoke")
    report = verify_store(bench.path, bench.trust, authorities=roots)
    assert [(each.code, "run 2" in each.where) for each in report.faults] == [
        ("key.unproven", True),
        ("key.revoked", False),
    ]
    assert codes(verify_store(bench.path, bench.trust)) == {"key.revoked"}, "without one, the claimed time must do"


def test_a_reader_whose_pin_is_of_another_root_or_ahead_is_told(rotated: Any, making: Any, tmp_path: Path) -> None:
    stranger = rotated.trust.model_copy(update={"threshold": 2})
    assert "root.foreign" in codes(verify_store(rotated.path, stranger))
    newest = rotated.store.trust()
    rotated.git("update-ref", "refs/heads/evidence", "refs/heads/evidence~3")
    assert "root.shorter" in codes(verify_store(rotated.path, newest))


def test_a_rewritten_list_of_keys_is_a_fault(rotated: Any, making: Any) -> None:
    victim = making.Victim(rotated.path, rotated.signer, rotated.trust)
    bent = rotated.store.trusts()[1].line.replace(b'"threshold":1', b'"threshold":2')
    victim.append({"keys/0002.json": bent + b"\n"}, NEW)
    assert {"file.rewritten", "commit.unstated"} <= set(victim.codes())


def test_the_private_half_of_a_period_is_destroyed_and_its_runs_still_verify(
    bench: Any, making: Any, tmp_path: Path
) -> None:
    bench.run(number=1)
    rotate(bench, making.NOON + 2 * HOUR)
    before = bench.key_path.read_bytes()
    held = bench.key_path.open("rb")
    destroyed(bench.key_path)
    assert (bench.key_path.exists(), bench.key_path.with_name("key.pub").exists()) == (False, False)
    with held:
        assert held.read() != before, "the bytes on the disk are others, too"
    assert bench.verify().ok


def test_the_same_change_again_is_acknowledged_again(rotated: Any, making: Any) -> None:
    size = rotated.store.checkpoint().size
    changed = rotated.store.trust()
    at = making.NOON + 2 * HOUR
    assert rotated.store.change_keys(changed, [rotated.signer, NEW], NEW, at=at, subject="Again") == changed
    assert rotated.store.checkpoint().size == size


@pytest.mark.parametrize("after", [1, 4, 5])
def test_verification_from_a_kept_checkpoint_on_knows_the_keys_of_that_time(
    rotated: Any, making: Any, after: int
) -> None:
    sizes = [entry.size for entry in rotated.store.entries()]
    rotated.git("update-ref", "refs/heads/kept", f"refs/heads/evidence~{len(sizes) - after}")
    kept = Checkpoint.parse(rotated.git("show", "refs/heads/kept:checkpoint") + "\n")
    rotated.git("update-ref", "-d", "refs/heads/kept")
    report = verify_store(rotated.path, rotated.trust, since=kept)
    assert (report.ok, report.since) == (True, kept.size), report.faults


def test_keys_that_nobody_signed_are_not_taken_on_trust_from_before_a_kept_checkpoint(
    rotated: Any, making: Any
) -> None:
    kept = rotated.store.checkpoint()
    victim = making.Victim(rotated.path, rotated.signer, rotated.trust)
    bent = rotated.store.trusts()[1].line.replace(b'"threshold":1', b'"threshold":2')
    victim.rewrite("Run 2:", {"keys/0002.json": bent + b"\n"}, NEW)
    report = verify_store(rotated.path, rotated.trust, since=kept)
    assert report.since is None, "the whole log was looked at"
    assert "file.rewritten" in codes(report)


@pytest.fixture
def old_store(tmp_path: Path) -> Path:
    """A store that was written before keys could change: two runs, signed with the key of bytes 0 to 31."""
    with tarfile.open(Path(__file__).parents[2] / "subjects" / "store-format-1.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "evidence.git"


def test_a_store_from_before_keys_could_change_verifies_and_its_keys_can_change(
    old_store: Path, making: Any, tmp_path: Path
) -> None:
    old = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), "Example signer")
    store = Store.open(old_store)
    pinned = store.trust()
    assert store.commit == "79dacf09fffb8c187e240e1923aaf6e79acf64c3"
    assert (verify_store(old_store, pinned).ok, canonical(pinned)) == (True, store.trusts()[0].line)
    at = making.NOON + 9 * HOUR
    store.change_keys(
        rotation.in_place_of(store.trusts()[-1], old, NEW, at), [old, NEW], NEW, at=at, subject="Keys change"
    )
    report = verify_store(old_store, pinned)
    assert (report.ok, report.runs, report.records) == (True, 2, 12), report.faults
    fresh = Store.create(tmp_path / "fresh.git", origin=making.ORIGIN, signer=old, at=making.NOON)
    assert fresh.commit == "f0b7c4e7296a2652ecefa426fcd21c49a3db0eb3", "a new store begins with the same bytes as ever"
    assert (
        subprocess.run(["git", "-C", old_store, "fsck", "--strict"], capture_output=True, check=False).returncode == 0
    )
