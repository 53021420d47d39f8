"""Named points at which a test can have the process killed, so that what a power cut or `kill -9` leaves is seen.

`MUNIMENT_FAILPOINT=finish.indexed` ends the process with SIGKILL when a `finish` has handed its pack to git. The names
are `create`, `begin`, `finish` or `decide`, a dot, and a step of the commit protocol: `locked`, `cleaned`, `known`,
`packed`, `indexed`, `pack_synced`, `moved`, `synced`. Nothing happens while the variable is not set.
"""

import os
import signal

VARIABLE = "MUNIMENT_FAILPOINT"
STEPS = ("locked", "cleaned", "known", "packed", "indexed", "pack_synced", "moved", "synced")


def reach(operation: str, step: str) -> None:
    """Die here if this is the point that was named."""
    if os.environ.get(VARIABLE) == f"{operation}.{step}":
        os.kill(os.getpid(), signal.SIGKILL)
