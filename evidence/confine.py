"""A program that is started within limits, given bytes, read from, and ended with everything that it started.

No shell stands in between. The program leads a process group of its own, so that what it starts ends with it; only what
makes a session of its own (setsid(2)) escapes. The limit on memory holds from its first instruction: it counts address
space (RLIMIT_AS of getrlimit(2)), for the program and for each process that it starts. It leaves no core file.
"""

import atexit
import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

MEMORY = 4096  # MiB of address space, where nobody says otherwise

Ending = Literal["ended", "line", "too_slow", "too_much"]

_MIB = 1024 * 1024
_CHUNK = 65_536
_LOOK_AGAIN = 0.1  # seconds: a program may end while something that it started still holds its pipes
_KEPT_LOG = 16_384  # bytes: of a log, the end is what tells

# Sets the limits and becomes the program; where it cannot, it says the number of the system's error. On Linux, the
# program is killed with the thread that waits for it, should that be killed itself (PR_SET_PDEATHSIG of prctl(2)).
_LAUNCHER = """
import ctypes, os, resource, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
answer, size = int(sys.argv[1]), int(sys.argv[2])
os.set_inheritable(answer, False)
_, most = resource.getrlimit(resource.RLIMIT_AS)
size = size if most == resource.RLIM_INFINITY else min(size, most)
resource.setrlimit(resource.RLIMIT_AS, (size, size))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
for each in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(each, signal.SIG_DFL)
try:
    os.execv(sys.argv[3], sys.argv[4:])
except OSError as error:
    os.write(answer, str(error.errno).encode())
"""


class Leash:
    """Holds programs that are under way, so that all of them can be ended at once, from any thread."""

    def __init__(self) -> None:
        self._held: set[Program] = set()
        self._ended = False
        self._guard = threading.Lock()

    def hold(self, program: "Program") -> None:
        """Take hold of a program; after `end`, it is ended at once."""
        with self._guard:
            self._held.add(program)
            if self._ended:
                program.kill()

    def let_go(self, program: "Program") -> None:
        """It has ended."""
        with self._guard:
            self._held.discard(program)

    def end(self) -> None:
        """End all that run, and whatever is still to come."""
        with self._guard:
            self._ended = True
            for program in self._held:
                program.kill()


class Program:
    """A program under way, to be used in a `with`: at the end of the block it is ended if it still runs."""

    def __init__(
        self,
        file: Path,
        words: Sequence[str],
        *,
        given: bytes,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        memory: int = MEMORY,
        keep_log: bool = False,
        leash: Leash | None = None,
    ) -> None:
        """Start it.

        Args:
            file: the program's file.
            words: its arguments, of which the first is its own name.
            given: the bytes that it finds on standard input.
            cwd: the folder that it works in.
            env: its whole environment; None gives it ours.
            memory: MiB of address space.
            keep_log: keep the end of what it writes to standard error, in `log`; otherwise it shares ours.
            leash: by which it may be ended from elsewhere.

        Raises:
            OSError: it cannot be started; `errno` says why.
        """
        self.out = bytearray()
        self.log = bytearray()
        self._given = memoryview(given)
        self._leash = leash or Leash()
        answer, said = os.pipe()
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(said), str(memory * _MIB), str(file), *words]
        with os.fdopen(answer, "rb") as refusal:
            try:
                self._process = subprocess.Popen(
                    launcher,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE if keep_log else None,
                    cwd=cwd,
                    env=env,
                    pass_fds=(said,),
                    start_new_session=True,
                )
            finally:
                os.close(said)
            _alive.add(self)
            self._leash.hold(self)
            number = refusal.read()
        if number:
            self.end()
            raise OSError(int(number), os.strerror(int(number)), str(file))
        self._selector = self._watch()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def read(self, seconds: float, most: int, *, line: bool = False) -> Ending:
        """Read into `out` until it has ended, or, with `line`, until there is a whole line.

        Args:
            seconds: how long to wait.
            most: how many bytes of output are read, of all that it ever says.
            line: whether a line is enough.
        """
        deadline = time.monotonic() + seconds
        while self._selector.get_map():
            if len(self.out) > most:
                return "too_much"
            if line and b"\n" in self.out:
                return "line"
            left = deadline - time.monotonic()
            if left <= 0:
                return "too_slow"
            ready = self._selector.select(min(left, _LOOK_AGAIN))
            for key, _ in ready:
                self._serve(key.fileobj)  # type: ignore[arg-type]
            if not ready and self._process.poll() is not None:
                self.kill()
        if len(self.out) > most:
            return "too_much"
        return "ended" if self._waited(deadline) else "too_slow"

    def end(self) -> int:
        """End it and all that it started. The exit code; negative is the number of the signal that ended it."""
        self.kill()
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        _alive.discard(self)
        self._leash.let_go(self)
        return code

    def kill(self) -> None:
        """Have it and all that it started end now; whoever reads from it comes to the end."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _watch(self) -> selectors.BaseSelector:
        selector = selectors.DefaultSelector()
        for pipe, event in (
            (self._process.stdin, selectors.EVENT_WRITE),
            (self._process.stdout, selectors.EVENT_READ),
            (self._process.stderr, selectors.EVENT_READ),
        ):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, event)
        return selector

    def _serve(self, pipe: IO[bytes]) -> None:
        """Move what can be moved now; let go of a pipe that is done."""
        if pipe is self._process.stdin:
            with contextlib.suppress(BrokenPipeError):  # it need not read what it is given
                self._given = self._given[os.write(pipe.fileno(), self._given[:_CHUNK]) :]
                if self._given:
                    return
        else:
            data = os.read(pipe.fileno(), _CHUNK)
            if pipe is self._process.stdout:
                self.out += data
            else:
                self.log = (self.log + data)[-_KEPT_LOG:]
            if data:
                return
        self._selector.unregister(pipe)
        with contextlib.suppress(BrokenPipeError):
            pipe.close()

    def _waited(self, deadline: float) -> bool:
        """Whether it ended by itself, after it closed its output."""
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True


_alive: set[Program] = set()


@atexit.register
def _end_all() -> None:
    """No program outlives the command that started it, however early that ends."""
    for each in tuple(_alive):
        each.end()
