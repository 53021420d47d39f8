"""`muniment doctor` finds and mends what a killed writer left in the store."""

import fcntl
from pathlib import Path
from typing import Any


def told(muniment: Any, acme: Path) -> dict[str, Any]:
    lines = muniment("--workspace", acme, "doctor", "--json").json["lines"]
    return next(line for line in lines if line["what"] == "leftovers")


def test_what_a_killed_writer_left_is_removed(acme: Path, muniment: Any) -> None:
    assert told(muniment, acme)["sentence"] == "none"
    store = acme / "evidence.git"
    left = [store / "refs" / "heads" / "evidence.lock", store / "objects" / "pack" / "tmp_pack_x7Rk2a"]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    line = told(muniment, acme)
    assert (line["state"], line["sentence"]) == ("ok", "2 files of a writer that was killed: removed")
    assert not any(path.exists() for path in left)
    assert told(muniment, acme)["sentence"] == "none"


def test_while_a_writer_is_at_work_nothing_is_removed(acme: Path, muniment: Any) -> None:
    store = acme / "evidence.git"
    (store / "HEAD.lock").touch()
    with (store / "muniment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert told(muniment, acme)["sentence"] == "a writer is at work"
    assert (store / "HEAD.lock").exists()


def test_a_store_that_was_never_finished_is_told(acme: Path, muniment: Any) -> None:
    (acme / ".evidence.git.abc123").mkdir()
    line = told(muniment, acme)
    assert (line["state"], line["mend"]) == ("warn", "rm -r .evidence.git.abc123, if nothing is being set up now")
