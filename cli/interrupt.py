"""Ctrl-C that is heard at a safe point, and never in the middle of a write.

Python raises KeyboardInterrupt wherever it happens to be: between taking a lock and the line that would give it back,
or in a finaliser, where it is lost. So, while a run is under way, the first Ctrl-C is only noted, and the run asks.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def heard() -> Iterator[Callable[[], bool]]:
    """Gives a question: was Ctrl-C pressed since? A second Ctrl-C is raised at once, as ever.

    Outside the main thread, and where SIGINT is ignored (as under nohup), the answer stays no.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before in (signal.SIG_IGN, None):
        yield lambda: False
        return
    asked = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
