"""Where git itself is run: making a repository, admitting a pack, joining packs. Only this file imports GitPython.

Packs go through `git index-pack --strict`, which checks every object and looks for SHA-1 collisions. `core.fsync=all`
makes git sync what it writes; directories, which it never syncs, are synced here. GitPython makes and configures the
repository; what each run needs is started without it, because to import it takes longer than to store a small run.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from muniment.evidence.errors import StoreFault
from muniment.evidence.store.layout import BRANCH
from muniment.evidence.store.objects import Pack

_CONFIGURATION = {
    "core": {"fsync": "all", "logAllRefUpdates": "always"},
    "gc": {"auto": "0"},  # a gc beside a writer was seen to destroy acknowledged data
    "maintenance": {"auto": "false"},
    "pack": {"window": "0", "depth": "0"},  # each page stands for itself: no differences
    "receive": {"denyNonFastForwards": "true", "denyDeletes": "true"},
    "transfer": {"fsckObjects": "true"},
    "gpg": {"format": "ssh"},
}

_HANDED_ON = ("PATH", "GIT_EXEC_PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")  # what git itself may need


def make_repository(folder: Path) -> None:
    """A bare repository without hooks, configured for a store."""
    Git(folder).initialise()
    import git

    with git.Repo(folder) as repository, repository.config_writer() as writer:
        for section, options in _CONFIGURATION.items():
            for option, value in options.items():
                writer.set_value(section, option, value)
    for path in (folder, *folder.rglob("*")):
        sync(path)


class Git:
    """git, run on one repository while the lock is held."""

    def __init__(self, folder: Path, lock: int | None = None) -> None:
        self.folder = folder
        self._lock = lock

    def initialise(self) -> None:
        """Make an empty bare repository here, without hooks.

        Raises:
            StoreFault: git cannot.
        """
        branch = BRANCH.removeprefix("refs/heads/")
        options = ["--bare", "--quiet", "--template=", "--object-format=sha1", f"--initial-branch={branch}"]
        self._run(["git", "init", *options], ())

    def admit(self, pack: Pack) -> None:
        """Store a pack and sync it.

        Raises:
            StoreFault: git refuses it, or says that it has stored another; or the disk is full or read-only.
        """
        chunks = list(pack.chunks())
        stored = self._run(["git", "index-pack", "--stdin", "--strict", "--threads=1"], chunks)
        if stored.split() != [b"pack", chunks[-1].hex().encode()]:
            raise _fault("index-pack", 0, "it has stored another pack", self.folder)

    def gather_packs(self) -> None:
        """Join small packs into larger ones, so that their number grows with the logarithm of the runs only."""
        self._run(["git", "repack", "-d", "-q", "--geometric=2"], ())

    def _run(self, command: list[str], stdin: Iterable[bytes]) -> bytes:
        # The lock's descriptor goes along: were this process killed, the lock would last as long as git does.
        pipe, lock = subprocess.PIPE, () if self._lock is None else (self._lock,)
        try:
            process = subprocess.Popen(
                command,
                executable=_program(os.environ.get("PATH")),
                cwd=self.folder,
                env=_environment(self.folder.absolute()),
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                pass_fds=lock,
            )
        except FileNotFoundError as error:
            raise StoreFault("git is not installed", mend="install git 2.39 or newer", code="store.no_git") from error
        with process:
            assert process.stdin and process.stdout and process.stderr  # noqa: S101 - PIPE gives them
            with contextlib.suppress(BrokenPipeError):  # git says on stderr why it stopped reading
                for chunk in stdin:
                    process.stdin.write(chunk)
                process.stdin.close()
            said = process.stdout.read()  # a line at most: it cannot keep git from complaining
            complaint = process.stderr.read()
        if process.returncode:
            raise _fault(command[1], process.returncode, complaint.decode("utf-8", "replace"), self.folder)
        return said


def _environment(folder: Path) -> dict[str, str]:
    """What git is told: this repository and no other, whatever our own environment says."""
    return {
        **{name: os.environ[name] for name in _HANDED_ON if name in os.environ},
        "LC_ALL": "C",  # its complaints are read
        "LANGUAGE": "C",
        "GIT_DIR": str(folder),
        "GIT_OBJECT_DIRECTORY": f"{folder}/objects",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_DEFAULT_REF_FORMAT": "files",
        "GIT_CONFIG_NOSYSTEM": "1",  # and its own configuration, not that of the machine or of a person
        "GIT_CONFIG_GLOBAL": os.devnull,
    }


@cache
def _program(path: str | None) -> str:
    """Where git is: to have it looked for each time costs as much as all else that starting it takes here."""
    return shutil.which("git", path=path) or "git"


def sync(path: Path) -> None:
    """Make what was written to a file or a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fault(command: str, code: int, complaint: str, folder: Path) -> StoreFault:
    """What git's complaint means to the person who runs Muniment."""
    known = {
        "No space left on device": ("store.full", "the disk is full", "make room, then run again: nothing was lost"),
        "Disk quota exceeded": ("store.full", "the disk quota is used up", "make room, then run again"),
        "File too large": ("store.full", "a file may not grow further", "raise the limit, then run again"),
        "Read-only file system": ("store.read_only", "the store is on a read-only disk", "write to the original"),
        "Permission denied": ("store.read_only", "the store may not be written", "run as the store's owner"),
    }
    grew = code == -signal.SIGXFSZ  # a limit on the size of files ends git before it can complain
    for words, (stable, what, mend) in known.items():
        if words in complaint or (grew and words == "File too large"):
            return StoreFault(what, where=str(folder), mend=mend, code=stable)
    last = complaint.strip().splitlines()[-1] if complaint.strip() else f"exit code {code}"
    return StoreFault(f"git {command} failed: {last}", where=str(folder), mend="run again", code="store.git")
