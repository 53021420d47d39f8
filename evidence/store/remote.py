"""A second git repository as an anchor: the log is pushed there, and whoever keeps it refuses to let it be rewritten.

The branch is only ever moved forward, never forced. What the other side holds is looked at before each push: a history
that is not ours, or more than we have, is an alarm and not a thing to mend here. Git is asked through a URL that stands
neither among the words of its command nor in what we say of it, because it may hold a password.
"""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from muniment.evidence.errors import CouldNotLook, IntegrityError, MunimentError
from muniment.evidence.store.database import Database
from muniment.evidence.store.layout import BRANCH
from muniment.evidence.store.objects import parse_commit

_LOOK_SECONDS, _PUSH_SECONDS, _FETCH_SECONDS = 20, 120, 600
_NAME = "second"
_KEPT = ("GIT_SSH", "GIT_SSL", "GIT_ASKPASS", "GIT_HTTP", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_PROXY")
_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "SSH_ASKPASS_REQUIRE": "never",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": f"remote.{_NAME}.url",
}
_COMPLAINTS = {
    "Could not resolve host": "its name does not resolve",
    "Connection refused": "nobody listens there",
    "Connection timed out": "it does not answer",
    "Host key verification failed": "its host key is not known",
    "dubious ownership": "its folder belongs to another user",
    "Permission denied": "it does not let us in",
    "Authentication failed": "it does not let us in",
    "terminal prompts disabled": "it asks for a password that nobody is there to give",
    "does not appear to be a git repository": "there is no git repository there",
    "not found": "there is no git repository there",
}
_REASONS = ("non-fast-forward", "fetch first", "pre-receive hook declined", "hook declined", "unpacker error")


@dataclass(frozen=True)
class Remote:
    """Where the second repository is. `url` may hold a password and is never shown; `shown` is."""

    url: str = field(repr=False)

    @property
    def shown(self) -> str:
        """The place without user, password and query."""
        parts = urlsplit(self.url)
        if not parts.scheme or not parts.netloc:
            return self.url
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def folder(self) -> Path | None:
        """The repository itself, where it is a folder of this machine."""
        path = Path(self.url.removeprefix("file://"))
        return path if path.is_absolute() else None


@dataclass(frozen=True)
class RemoteStanding:
    """How far the second repository is: its head, how many leaves that is, and whether ours is further."""

    commit: str | None
    size: int
    behind: bool


def look_at_remote(store: Path, remote: Remote, *, pushed: int = 0) -> RemoteStanding:
    """Hold what the second repository has against the store, without changing either.

    Args:
        store: our side.
        remote: the other side.
        pushed: how many leaves it is known to have taken; it may not hold fewer.

    Raises:
        CouldNotLook: `remote.unreachable`.
        IntegrityError: `remote.ahead`: it has more than the store; `remote.other_history`: it has another history;
            `remote.shorter`: it has less than it took.
    """
    theirs = _head_of(remote)  # before our own history: what a run appends meanwhile is no alarm
    return _standing(remote, theirs, _history(Database(store)), pushed)


def push_to_remote(store: Path, remote: Remote, *, pushed: int = 0) -> int:
    """Bring the second repository up to the head of the store; gives how many leaves it holds then.

    Raises:
        CouldNotLook: `remote.unreachable`.
        IntegrityError: as `look_at_remote`, or `remote.refused`: it does not take what follows its own head.
    """
    theirs = _head_of(remote)
    ours = _history(Database(store))
    head, size = next(iter(ours.items()))
    if not _standing(remote, theirs, ours, pushed).behind:
        return size
    words = ["push", "--porcelain", "--no-verify", _NAME, f"{head}:{BRANCH}"]
    code, out, complaint = _git(remote, words, _PUSH_SECONDS, store)
    if code:
        now = look_at_remote(store, remote, pushed=pushed).size  # another process of ours may have been quicker
        if now < size:
            refusal = next((line for line in out.splitlines() if line.startswith("!")), None)
            raise _refused(remote, refusal) if refusal else _unreachable(remote, code, complaint)
        return now
    return size


def rewriting_is_refused(remote: Remote) -> bool | None:
    """Whether the second repository says that it refuses rewriting and deleting; None where that cannot be asked."""
    folder = remote.folder
    if folder is None or not folder.is_dir():
        return None
    asked = ("receive.denyNonFastForwards", "receive.denyDeletes")
    words = [["-C", str(folder), "config", "--type=bool", "--get", name] for name in asked]
    return all(_git(remote, each, _LOOK_SECONDS)[1].strip() == "true" for each in words)


def _standing(remote: Remote, theirs: str | None, ours: dict[str, int], pushed: int) -> RemoteStanding:
    if theirs is not None and theirs not in ours:
        raise _alarm(remote, ours)
    size = ours[theirs] if theirs is not None else 0
    if size < pushed:
        raise IntegrityError(
            f"the second repository holds {size:,} leaves, and had taken {pushed:,}: it was set back",
            where=remote.shown,
            mend="find out who did it; then push the branch there by hand",
            code="remote.shorter",
        )
    return RemoteStanding(theirs, size, behind=theirs != next(iter(ours)))


def _head_of(remote: Remote) -> str | None:
    code, out, complaint = _git(remote, ["ls-remote", "--quiet", _NAME, BRANCH], _LOOK_SECONDS)
    if code:
        raise _unreachable(remote, code, complaint)
    names = [line.split("\t")[0] for line in out.splitlines() if line.endswith(f"\t{BRANCH}")]
    return names[0] if names and re.fullmatch(r"[0-9a-f]{40}", names[0]) else None


def _history(database: Database) -> dict[str, int]:
    """Commit → leaves of the log after it, the newest first.

    Raises:
        IntegrityError: a commit cannot be read, or does not say how far it leads.
    """
    found: dict[str, int] = {}
    commit = database.reference(BRANCH)
    if commit is None:
        raise IntegrityError("the branch of the log is gone", where=BRANCH, code="ref.missing")
    while commit is not None:
        parsed = parse_commit(database.read(commit, "commit"))
        try:
            found[commit] = int(parsed.trailers["Tree-Size"])
        except (KeyError, ValueError) as error:
            raise IntegrityError(
                "the commit does not say what it appended", where=f"commit {commit}", code="commit.malformed"
            ) from error
        commit = parsed.parents[0] if parsed.parents else None
    return found


def _alarm(remote: Remote, ours: dict[str, int]) -> MunimentError:
    """What it means that the other side's head is none of our commits: its branch is fetched aside and compared."""
    with tempfile.TemporaryDirectory() as workplace:
        folder = Path(workplace) / "theirs.git"
        made, _, _ = _git(remote, ["init", "--quiet", "--bare", str(folder)], _LOOK_SECONDS)
        words = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", _NAME, f"+{BRANCH}:{BRANCH}"]
        code, _, complaint = _git(remote, words, _FETCH_SECONDS, folder)
        if made or code:
            return _unreachable(remote, code, complaint)
        try:
            theirs = _history(Database(folder))
        except IntegrityError as error:
            return _other_history(remote, f"which cannot be read as a log ({error.what})")
    head = next(iter(ours))
    if head in theirs:
        more = next(iter(theirs.values())) - ours[head]
        return IntegrityError(
            f"the second repository continues this log by {more:,} leaves: they were taken away here, or this is an"
            " older copy",
            where=remote.shown,
            mend="verify the second repository, and go on from it",
            code="remote.ahead",
        )
    common = next((size for commit, size in theirs.items() if commit in ours), None)
    return _other_history(
        remote, "which has no commit in common with ours" if common is None else f"which parts after {common:,} leaves"
    )


def _other_history(remote: Remote, how: str) -> IntegrityError:
    return IntegrityError(
        f"the second repository has another history of this log, {how}: one of the two was rewritten",
        where=remote.shown,
        mend="verify both; believe neither until you know which was rewritten. Nothing was pushed",
        code="remote.other_history",
    )


def _refused(remote: Remote, line: str) -> IntegrityError:
    reason = next((each for each in _REASONS if f"({each})" in line), "for a reason of its own")
    return IntegrityError(
        f"the second repository refuses what follows its own head ({reason})",
        where=remote.shown,
        mend="ask whoever keeps it; the log was not changed",
        code="remote.refused",
    )


def _unreachable(remote: Remote, code: int, complaint: str) -> CouldNotLook:
    """Git's complaint in our words: its own may repeat the URL with what is secret in it."""
    why = next((ours for theirs, ours in _COMPLAINTS.items() if theirs in complaint), f"git's exit code was {code}")
    return CouldNotLook(
        "remote.unreachable",
        f"the second repository cannot be reached: {why}",
        where=remote.shown,
        mend="`muniment anchor` tries again, as does the next run",
    )


def _git(remote: Remote, words: Sequence[str], seconds: float, folder: Path | None = None) -> tuple[int, str, str]:
    """Exit code, output and complaint of git, in a session of its own: it cannot ask a person, and ends with us."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key.startswith(_KEPT)
    }
    environment |= {"GIT_ASKPASS": "true", **environment, **_QUIET, "GIT_CONFIG_VALUE_0": remote.url}
    if folder is not None:
        environment["GIT_DIR"] = str(folder)
    try:
        process = subprocess.Popen(
            ["git", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise CouldNotLook("remote.no_git", "git is not installed", mend="install git 2.39 or newer") from error
    try:
        out, complaint = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return 124, "", "Connection timed out"
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode, out.decode("utf-8", "replace"), complaint.decode("utf-8", "replace")
