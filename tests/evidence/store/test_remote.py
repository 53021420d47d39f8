"""A second repository as an anchor: it takes what follows its head, and whatever else it holds is an alarm."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from muniment.evidence.errors import CouldNotLook, IntegrityError
from muniment.evidence.store import Store, verify_store
from muniment.evidence.store.remote import Remote, look_at_remote, push_to_remote, rewriting_is_refused

BRANCH = "refs/heads/evidence"


def second(folder: Path, *, guarded: bool = True) -> Remote:
    """An empty bare repository, as whoever keeps it would make it."""
    git(folder.parent, "init", "--quiet", "--bare", "--initial-branch=evidence", str(folder))
    for option in ("receive.denyNonFastForwards", "receive.denyDeletes"):
        git(folder, "config", option, "true" if guarded else "false")
    return Remote(str(folder))


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def refusal(store: Path, remote: Remote, *, pushed: int = 0) -> tuple[str, str]:
    """The code and the sentence of the alarm."""
    with pytest.raises(IntegrityError) as raised:
        push_to_remote(store, remote, pushed=pushed)
    return raised.value.code, raised.value.what


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return second(tmp_path / "second.git")


@pytest.fixture
def fork(bench: Any, tmp_path: Path) -> Any:
    """The same store with the same key, copied before its second run: what a key holder could go on from."""
    bench.run(number=1)
    shutil.copytree(bench.path, tmp_path / "fork.git")
    return tmp_path / "fork.git"


def test_the_second_repository_becomes_a_store_that_verifies(bench: Any, remote: Remote) -> None:
    bench.run(number=1)
    first = push_to_remote(bench.path, remote)
    bench.run(number=2)
    assert look_at_remote(bench.path, remote, pushed=first).behind
    assert push_to_remote(bench.path, remote, pushed=first) == bench.store.checkpoint().size
    assert not look_at_remote(bench.path, remote).behind
    report = verify_store(Path(remote.url), bench.trust)
    assert (report.ok, report.runs) == (True, 2), report.faults


def test_a_history_that_was_rewritten_with_the_key_is_refused_and_nothing_is_pushed(
    bench: Any, fork: Path, remote: Remote, making: Any
) -> None:
    bench.run(number=2)
    push_to_remote(bench.path, remote)
    kept = git(Path(remote.url), "rev-parse", BRANCH)
    rewritten = Store.open(fork)
    start = rewritten.begin(making.plan_of(6, making.NOON), bench.signer, at=making.NOON)
    rewritten.finish(start, making.records_of(start), bench.signer, at=making.NOON, milliseconds=1)
    assert verify_store(fork, bench.trust).ok, "from inside, nothing is to be seen"
    code, what = refusal(fork, remote)
    assert code == "remote.other_history"
    assert "parts after 10 leaves" in what
    assert git(Path(remote.url), "rev-parse", BRANCH) == kept


def test_a_store_that_was_set_back_is_told_from_one_that_was_rewritten(bench: Any, fork: Path, remote: Remote) -> None:
    bench.run(number=2)
    push_to_remote(bench.path, remote)
    code, what = refusal(fork, remote)
    assert code == "remote.ahead"
    assert "continues this log by 8 leaves" in what


def test_a_second_repository_of_another_log_is_an_alarm(
    bench: Any, remote: Remote, tmp_path: Path, making: Any
) -> None:
    (tmp_path / "other").mkdir()
    other = making.Bench(tmp_path / "other")
    other.run(number=3)
    push_to_remote(other.path, remote)
    code, what = refusal(bench.path, remote)
    assert (code, "no commit in common" in what) == ("remote.other_history", True)


def test_a_second_repository_that_was_emptied_or_set_back_is_an_alarm(bench: Any, remote: Remote) -> None:
    bench.run(number=1)
    pushed = push_to_remote(bench.path, remote)
    git(Path(remote.url), "update-ref", BRANCH, f"{BRANCH}~1")
    assert refusal(bench.path, remote, pushed=pushed)[0] == "remote.shorter"
    git(Path(remote.url), "update-ref", "-d", BRANCH)
    assert refusal(bench.path, remote, pushed=pushed)[0] == "remote.shorter"


def test_a_second_repository_that_takes_nothing_is_an_alarm(bench: Any, remote: Remote) -> None:
    hook = Path(remote.url) / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    code, what = refusal(bench.path, remote)
    assert (code, "pre-receive hook declined" in what) == ("remote.refused", True)


def test_a_second_repository_that_holds_something_else_is_an_alarm(bench: Any, remote: Remote, tmp_path: Path) -> None:
    work = tmp_path / "work"
    git(tmp_path, "init", "--quiet", str(work))
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    git(work, *identity, "commit", "--quiet", "--allow-empty", "-m", "Not a log")
    git(work, "push", "--quiet", remote.url, f"HEAD:{BRANCH}")
    code, what = refusal(bench.path, remote)
    assert (code, "cannot be read as a log" in what) == ("remote.other_history", True)


@pytest.mark.parametrize("where", ["missing.git", "file.txt"])
def test_what_is_no_repository_is_unreachable_and_no_alarm(bench: Any, tmp_path: Path, where: str) -> None:
    (tmp_path / "file.txt").write_text("not a repository\n")
    with pytest.raises(CouldNotLook, match="cannot be reached") as raised:
        push_to_remote(bench.path, Remote(str(tmp_path / where)))
    assert raised.value.cause == "remote.unreachable"


@contextmanager
def closed_door() -> Iterator[str]:
    """An HTTP server that lets nobody in."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="second"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_password_in_the_url_is_in_no_error(bench: Any) -> None:
    with closed_door() as host, pytest.raises(CouldNotLook) as raised:
        push_to_remote(bench.path, Remote(f"http://ada:correct-horse@{host}/second.git"))
    assert raised.value.where == f"http://{host}/second.git"
    assert "does not let us in" in raised.value.what
    assert "correct-horse" not in repr(raised.value) + str(raised.value) + repr(Remote("http://ada:correct-horse@x/"))


def test_whether_a_repository_lets_itself_be_rewritten_is_asked_where_it_can_be(tmp_path: Path) -> None:
    assert rewriting_is_refused(second(tmp_path / "guarded.git")) is True
    assert rewriting_is_refused(second(tmp_path / "open.git", guarded=False)) is False
    assert rewriting_is_refused(Remote("ssh://git@example.org/second.git")) is None


def test_the_users_own_git_environment_leads_nowhere_else(
    bench: Any, remote: Remote, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "remote.second.url")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(tmp_path / "elsewhere"))
    assert push_to_remote(bench.path, remote) == bench.store.checkpoint().size
