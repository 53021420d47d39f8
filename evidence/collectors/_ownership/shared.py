"""What the looks of one run share: a registry is asked once for each thing, by a few looks at a time, and is left alone
by all of them while it asks for a pause.

The looks of a run are in threads with event loops of their own, so that nothing here belongs to a loop: who has to wait
sleeps for a moment and looks again.
"""

import asyncio
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from muniment.evidence.allowance import Allowance
from muniment.evidence.errors import CouldNotLook

T = TypeVar("T")

AT_A_TIME = 4  # requests to one server; the public registries ask for few and name no number
_MOST_KEPT = 4096
_MOST_BYTES = 64 * 1024 * 1024
_MOMENT = 0.02  # seconds


class Shared:
    """The memory of one run. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking: set[str] = set()
        self._kept: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._bytes = 0
        self._busy: Counter[str] = Counter()
        self._quiet_until: dict[str, float] = {}

    async def once(
        self,
        key: str,
        ask: Callable[[], Awaitable[T]],
        allowance: Allowance,
        *,
        weigh: Callable[[T], int] = lambda _: 0,
    ) -> T:
        """What `ask` gives to the first look that wants the key; who comes meanwhile waits for it.

        A failure is shared too, but not that of a look whose own time was over. `weigh` gives the bytes of a value:
        the oldest values go when there are too many of either.

        Raises:
            CouldNotLook: what `ask` raises; `rdap.timeout` where the answer to another look took too long.
        """
        while not self._claim(key):
            known = self._kept.get(key)
            if known is not None:
                value: T = _given(known[0])
                return value
            await _moment(allowance, key)
        try:
            value = await ask()
        except CouldNotLook as failure:
            self._keep(key, failure if allowance.left else None, 0)
            raise
        except BaseException:
            self._keep(key, None, 0)
            raise
        self._keep(key, value, weigh(value))
        return value

    @asynccontextmanager
    async def turn(self, server: str, allowance: Allowance) -> AsyncIterator[None]:
        """A place among the few requests that a server is sent at a time.

        Raises:
            CouldNotLook: `rdap.rate_limited` where the server asked for a pause that is longer than the time left;
                `rdap.timeout` where no place became free in time.
        """
        while not self._enter(server):
            if self._pause(server) > allowance.left:
                raise CouldNotLook(
                    "rdap.rate_limited",
                    "the server asked another look of this run for a longer pause",
                    where=server,
                    mend="collect less often, or at another time",
                )
            await _moment(allowance, server)
        try:
            yield
        finally:
            with self._lock:
                self._busy[server] -= 1

    def leave_alone(self, server: str, seconds: float) -> None:
        """No look sends a request to the server for so long."""
        with self._lock:
            self._quiet_until[server] = time.monotonic() + seconds

    def _claim(self, key: str) -> bool:
        with self._lock:
            if key in self._kept or key in self._asking:
                return False
            self._asking.add(key)
            return True

    def _keep(self, key: str, value: Any, size: int) -> None:
        with self._lock:
            self._asking.discard(key)
            if value is None:
                return
            self._kept[key] = (value, size)
            self._bytes += size
            while len(self._kept) > _MOST_KEPT or self._bytes > _MOST_BYTES:
                self._bytes -= self._kept.popitem(last=False)[1][1]

    def _enter(self, server: str) -> bool:
        with self._lock:
            if self._busy[server] >= AT_A_TIME or self._quiet_until.get(server, 0.0) > time.monotonic():
                return False
            self._busy[server] += 1
            return True

    def _pause(self, server: str) -> float:
        return self._quiet_until.get(server, 0.0) - time.monotonic()


def shared_by(run: str | None) -> Shared:
    """The memory of the run with that id; a look outside any run has one of its own.

    Only the latest run is remembered, so that no answer outlives it.
    """
    if run is None:
        return Shared()
    with _runs_lock:
        if run not in _runs:
            _runs.clear()
            _runs[run] = Shared()
        return _runs[run]


_runs: dict[str, Shared] = {}
_runs_lock = threading.Lock()


def _given(outcome: Any) -> Any:
    if isinstance(outcome, CouldNotLook):  # a new one for each look: an exception carries the trace of its thread
        raise CouldNotLook(outcome.cause, outcome.what, where=outcome.where, mend=outcome.mend)
    return outcome


async def _moment(allowance: Allowance, where: str) -> None:
    if not allowance.left:
        raise CouldNotLook("rdap.timeout", "the time of the look ended before its turn came", where=where)
    await asyncio.sleep(_MOMENT)
