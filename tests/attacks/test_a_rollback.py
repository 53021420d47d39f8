"""The log is rolled back, or forced: seen by whoever kept a checkpoint, refused by a second remote."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from muniment.evidence.store import Checkpoint, Store, verify_store
from muniment.evidence.store.timestamp import ask_authority, load_certificates
from muniment.evidence.store.waiting import keep_token


def test_a_rollback_is_seen_by_who_kept_a_checkpoint(victim: Any) -> None:
    kept = Store.open(victim.path).checkpoint()
    victim.git("update-ref", "refs/heads/evidence", "HEAD~2")
    assert victim.verify().ok, "from inside, a log that was cut off looks like a younger one"
    found = victim.verify(witness=kept).faults
    assert [fault.code for fault in found] == ["history.shorter"]
    assert found[0].message == "the log has 18 leaves now: what came after was taken away"


def test_a_store_continues_the_checkpoint_that_was_kept(bench: Any) -> None:
    bench.run(number=1)
    kept = Checkpoint.parse(bench.store.checkpoint().note)
    bench.run(number=2)
    assert verify_store(bench.path, bench.trust, witness=kept).ok


def test_a_forged_checkpoint_from_outside_is_refused(three_runs: Any, tmp_path: Path) -> None:
    forged = three_runs.store.checkpoint().note.replace("\n26\n", "\n27\n")
    report = verify_store(three_runs.path, three_runs.trust, witness=Checkpoint.parse(forged))
    assert [fault.code for fault in report.faults] == ["witness.invalid"]


def test_a_remote_with_the_settings_of_a_store_refuses_an_older_state(victim: Any, tmp_path: Path) -> None:
    """A second copy of the store: `git push` adds to it, and no force takes anything away."""
    shutil.copytree(victim.path, tmp_path / "remote.git")
    victim.git("update-ref", "refs/heads/evidence", "HEAD~2")
    for refspec in ("+evidence:evidence", ":evidence"):
        pushed = subprocess.run(
            ["git", "push", str(tmp_path / "remote.git"), refspec], cwd=victim.path, capture_output=True, text=True
        )
        assert pushed.returncode != 0
        assert "denying" in pushed.stderr or "prohibited" in pushed.stderr
    assert verify_store(tmp_path / "remote.git", victim.trust).runs == 3


def test_what_was_anchored_does_not_fit_what_was_written_after_a_rollback(
    bench: Any, making: Any, authority: Any
) -> None:
    """The head was stamped, rolled back, and another run written in the place of the stamped one."""
    bench.run(number=1)
    before = bench.git("rev-parse", "HEAD")
    bench.run(number=2)
    checkpoint = bench.store.checkpoint()
    keep_token(bench.path, checkpoint.size, ask_authority(authority.url, checkpoint.note))
    bench.git("update-ref", "refs/heads/evidence", before)
    bench.run(number=3)
    bench.run(number=4)  # it stores the token that was waiting
    report = verify_store(bench.path, bench.trust, authorities=load_certificates(authority.root))
    assert "anchor.other_hash" in [fault.code for fault in report.faults]
