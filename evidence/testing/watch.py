"""What code does to the world while it runs, as the interpreter itself tells it: audit events (PEP 578) and C calls.

Nothing is replaced, so nothing can be got round by importing a name early. What a library does in C without an audit
event is not seen: a database engine with a network stack of its own, and reading the environment.
"""

import functools
import ipaddress
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

R = TypeVar("R")

_LOOKS_UP = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
_REACHES = _LOOKS_UP | {"socket.connect", "socket.sendto", "socket.sendmsg"}
_TOUCHES = ("open", "socket.", "subprocess.", "os.", "shutil.", "sqlite3.", "time.sleep", "urllib.", "tempfile.")
_FILES = frozenset({"open", "os.listdir", "os.scandir"})
_CLOCKS = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time"},
    "posix": {"urandom", "times"},
    "nt": {"urandom", "times"},
}
_DATES = {"now", "utcnow", "today"}
_NAMES = {"localhost", "localhost.", ""}


class NetworkForbidden(AssertionError):
    """Something reached beyond loopback where a test said that nothing may."""


@contextmanager
def no_network() -> Iterator[None]:
    """Refuse every connection, datagram and look-up of a name beyond loopback, in all threads, before it is made.

    Raises:
        NetworkForbidden: in the code that reached out, with the address.
    """
    _ear().forbidden += 1
    try:
        yield
    finally:
        _ear().forbidden -= 1


def watched(run: Callable[[], R], *, own: Path | None) -> tuple[R, tuple[str, ...]]:
    """Run a function in a thread of its own; gives its result, and what it touched, each with file and line.

    Importing is no touch, and neither is reading what is installed, or what lies in the package of `own`, the file of
    the code that is watched: both are part of the code. Whatever the function raises goes through.
    """
    touched: list[str] = []
    results: list[R] = []
    raised: list[BaseException] = []

    def body() -> None:
        watch = _Watch(touched, own)
        _ear().watches[threading.get_ident()] = watch
        sys.setprofile(watch.profile)
        try:
            results.append(run())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            raised.append(error)
        finally:
            sys.setprofile(None)
            del _ear().watches[threading.get_ident()]

    thread = threading.Thread(target=body, name="watched")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return results[0], tuple(touched)


class _Watch:
    """Notes what one thread does."""

    def __init__(self, touched: list[str], own: Path | None) -> None:
        self._touched = touched
        self._own = str(own) if own else None
        self._code = _installed() + (
            (f"{own.parent}{os.sep}",) if own and (own.parent / "__init__.py").exists() else ()
        )

    def event(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Note an audit event, unless it is part of running code."""
        if not name.startswith(_TOUCHES) or _is_importing(sys._getframe()):
            return
        if name in _FILES and _is_reading(name, arguments) and str(arguments[0]).startswith(self._code):
            return
        self._note(name, repr(arguments[0]) if arguments else "", sys._getframe(2))

    def profile(self, frame: FrameType, event: str, function: Any) -> None:
        """Note a call of a C function that reads the clock or asks for chance, which raises no audit event."""
        if event != "c_call":
            return
        owner, name = getattr(function, "__self__", None), function.__name__
        is_date = isinstance(owner, type) and issubclass(owner, date) and name in _DATES
        module = getattr(owner, "__name__", None)
        if (is_date or name in _CLOCKS.get(str(module), ())) and not _is_importing(frame):
            self._note(f"{module}.{name}", "", frame)

    def _note(self, what: str, argument: str, frame: FrameType | None) -> None:
        places = []
        while frame is not None:
            places.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        file, line = next((place for place in places if place[0] == self._own), places[0])
        self._touched.append(f"{what}({argument}) at {Path(file).name}:{line}")


class _Ear:
    """Hears every audit event of the process: an audit hook cannot be taken out, so there is one."""

    def __init__(self) -> None:
        self.forbidden = 0
        self.watches: dict[int, _Watch] = {}

    def hear(self, name: str, arguments: tuple[Any, ...]) -> None:
        if self.forbidden and name in _REACHES:
            _require_loopback(name, arguments)
        if self.watches and (watch := self.watches.get(threading.get_ident())):
            watch.event(name, arguments)


@functools.cache
def _ear() -> _Ear:
    ear = _Ear()
    sys.addaudithook(ear.hear)
    return ear


def _require_loopback(name: str, arguments: tuple[Any, ...]) -> None:
    """Look-ups tell the host first; the others tell the socket, then an address or the path of a Unix socket."""
    if name in _LOOKS_UP:
        host = arguments[0]
    elif isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    text = host.decode(errors="replace") if isinstance(host, bytes) else host or ""
    if not _is_loopback(text):
        raise NetworkForbidden(f"{name} to {text} is beyond loopback, where this test may not reach")


def _is_loopback(host: str) -> bool:
    try:
        return host in _NAMES or ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _is_reading(name: str, arguments: tuple[Any, ...]) -> bool:
    """`open` tells a mode, or flags where a descriptor is opened (`os.open`)."""
    if name != "open":
        return True
    _, mode, flags = arguments
    return not set(mode or "") & set("wax+") and not (flags or 0) & (os.O_WRONLY | os.O_RDWR)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


@functools.cache
def _installed() -> tuple[str, ...]:
    """The folders that installed code and its data lie in."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple(sorted({f"{folder}{os.sep}" for name in names if (folder := sysconfig.get_path(name))}))
