"""One event loop for all looks of this process, and their turns at one server.

A run looks at many endpoints at the same time, each in a thread of its own. With a loop in each thread they would take
the interpreter from one another at every packet; on one loop the same looks take half the CPU.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Hashable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, TypeVar

_T = TypeVar("_T")

LOOKS_AT_ONE_PLACE = 2  # each makes eight connections at a time at most
_LONGEST_QUEUE = 90.0  # seconds; the looks of a run are sixteen at a time, so that one waits for seven pairs at most


class Turns:
    """How many looks may be at one place, an address and a port, at the same time: many names lead to one server."""

    def __init__(self, at_once: int = LOOKS_AT_ONE_PLACE, patience: float = _LONGEST_QUEUE) -> None:
        self._at_once, self._patience = at_once, patience
        self._places: dict[Hashable, asyncio.Semaphore] = {}
        self._users: Counter[Hashable] = Counter()

    @asynccontextmanager
    async def at(self, place: Hashable) -> AsyncIterator[None]:
        """One turn at a place. Raises TimeoutError where it does not come in time."""
        self._users[place] += 1
        turn = self._places.setdefault(place, asyncio.Semaphore(self._at_once))
        try:
            async with asyncio.timeout(self._patience):
                await turn.acquire()
            try:
                yield
            finally:
                turn.release()
        finally:
            self._users[place] -= 1
            if not self._users[place]:  # a run may go through thousands of places
                del self._users[place], self._places[place]


turns = Turns()


async def on_one_loop(look: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine that is run on the loop that all share."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(look, _loop()))


def _loop() -> asyncio.AbstractEventLoop:
    with _starting:  # the first looks of a run come at the same moment, and must not start a loop each
        return _started()


_starting = threading.Lock()


@cache
def _started() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="tls looks", daemon=True).start()
    return loop
