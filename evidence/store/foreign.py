"""A git repository that is not ours, read and never written: git stays in this room, also where it is a subject.

Only commands that read objects are run. Neither the user's nor the system's configuration counts, nothing is fetched,
replaced objects are seen as they were, and no hook, filter or text conversion is run.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from muniment.evidence.errors import CouldNotLook

LARGEST = 16 << 20  # bytes of a file that is read
REVISION = r"^[A-Za-z0-9_][A-Za-z0-9_./~^-]*$"  # no option, no `:path`, no reflog

_SECONDS = 30
_FENCE = ("-c", "safe.directory=*", "-c", "protocol.allow=never", "-c", "core.fsmonitor=false")
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


@dataclass(frozen=True)
class Blob:
    """A file at a commit: git's id of it, and its bytes."""

    id: str
    data: bytes


class ForeignRepository:
    """The repository that a folder lies in."""

    def __init__(self, folder: Path) -> None:
        """Find it.

        Raises:
            CouldNotLook: `source.no_repository` or `source.no_git`.
        """
        self._folder = folder
        if self._ask("rev-parse", "--git-dir") is None:
            raise CouldNotLook(
                "source.no_repository",
                "there is no git repository here",
                where=folder.name,
                mend="clone it, and say where it lies as `repository`",
            )

    def commit(self, revision: str) -> str | None:
        """The id of the commit that a revision names; None where it names none."""
        if not re.fullmatch(REVISION, revision):
            return None
        answer = self._ask("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        return answer.decode("ascii").strip() if answer else None

    def committed(self, commit: str) -> datetime:
        """When the commit says that it was made."""
        raw = self._must("cat-file", "commit", commit)
        line = next(each for each in raw.split(b"\n") if each.startswith(b"committer "))
        return datetime.fromtimestamp(int(line.rsplit(b" ", 2)[1]), UTC)

    def blob(self, commit: str, path: str) -> Blob | None:
        """The file at a path; None where the commit has no file there.

        Raises:
            CouldNotLook: `source.too_large`.
        """
        name = f"{commit}:{path}"
        if (self._ask("cat-file", "-t", name) or b"").strip() != b"blob":
            return None
        if int(self._must("cat-file", "-s", name)) > LARGEST:
            raise CouldNotLook("source.too_large", "the file is larger than 16 MiB, and is not read", where=path)
        return Blob(
            self._must("rev-parse", "--verify", name).decode("ascii").strip(), self._must("cat-file", "-p", name)
        )

    def descends(self, commit: str, ancestor: str) -> bool:
        """Whether `ancestor` is in the history of `commit`, or is it."""
        return self._ask("merge-base", "--is-ancestor", ancestor, commit) is not None

    def author(self, path: str) -> str | None:
        """The name of who last changed a file, if it still is as committed; never an address."""
        if (
            not self._ask("ls-files", "--", path)
            or self._ask("diff", "--quiet", "--no-ext-diff", "HEAD", "--", path) is None
        ):
            return None
        return (self._ask("log", "-1", "--format=%an", "--", path) or b"").decode("utf-8", "replace").strip() or None

    def _must(self, *words: str) -> bytes:
        answer = self._ask(*words)
        if answer is None:
            raise CouldNotLook(
                "source.damaged", "the repository lacks an object that it names, or is damaged", where=self._folder.name
            )
        return answer

    def _ask(self, *words: str) -> bytes | None:
        """What git answers; None where it says no."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        try:
            run = subprocess.run(
                ["git", *_FENCE, "-C", str(self._folder), *words],
                capture_output=True,
                env={**kept, **_ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                timeout=_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise CouldNotLook("source.no_git", "git is not installed", mend="install git 2.39 or newer") from error
        except subprocess.TimeoutExpired as error:
            raise CouldNotLook("source.timeout", f"git did not answer within {_SECONDS} s") from error
        return run.stdout if run.returncode == 0 else None
