"""One event loop for all looks of this process.

A run looks at many endpoints at the same time, each in a thread of its own. With a loop in each thread they would take
the interpreter from one another at every packet; on one loop the same looks take half the CPU.
"""

import asyncio
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

_T = TypeVar("_T")


async def on_one_loop(look: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine that is run on the loop that all share."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(look, _loop()))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="tls looks", daemon=True).start()
    return loop
