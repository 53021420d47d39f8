"""A program that has imported the store and forks a writer for each line that it reads: a writer starts at once.

Lines are JSON. `{"store", "key", "first", "count", "told", "gate", "failpoint"}` starts a writer that appends `count`
runs from the number `first` on, each of three records, and answers with its process id, which is also its process
group. The writer notes the number of each acknowledged run in the file `told`, an error as `! code: what`, and one that
is none of ours as `!! type: message`. Where there is a `gate`, a FIFO, it begins when a byte comes through; it has
opened the gate when its process id is told, so that no call but the store's is left that could be made to fail.
`{"wait": PID}` answers with the writer's exit status.
"""

import contextlib
import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "evidence" / "store"))

import making

import muniment.evidence.store.plumbing  # noqa: F401 - which a store imports when it first writes
from muniment.evidence.errors import MunimentError
from muniment.evidence.store import Signer, Store
from muniment.evidence.store.failpoint import VARIABLE

TASKS = 3


def main() -> None:
    """Until the input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            print(os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1]), flush=True)
            continue
        heard, ready = os.pipe()
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            status = 5
            try:
                status = write(asked, ready)
            finally:
                os._exit(status)
        with contextlib.suppress(PermissionError, ProcessLookupError):  # whichever of both comes first
            os.setpgid(child, child)
        os.close(ready)
        os.read(heard, 1)
        os.close(heard)
        print(child, flush=True)


def write(asked: dict[str, Any], ready: int) -> int:
    """What a writer does; `ready` is told when it stands at its gate. Gives its exit status."""
    told = os.open(asked["told"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.environ[VARIABLE] = asked["failpoint"]
    gate = os.open(asked["gate"], os.O_RDWR) if asked["gate"] else None  # both ways, which waits for nobody
    os.writev(ready, [b"."])
    os.close(ready)
    if gate is not None:
        os.read(gate, 1)
        os.close(gate)
    try:
        store, signer = Store.open(Path(asked["store"])), Signer.load(Path(asked["key"]))
        for number in range(asked["first"], asked["first"] + asked["count"]):
            at = making.NOON + timedelta(hours=number)
            start = store.begin(making.plan_of(TASKS, at), signer, at=at)
            ended = at + timedelta(minutes=1)
            store.finish(start, making.records_of(start), signer, at=ended, milliseconds=60_000)
            os.writev(told, [b"%d\n" % number])  # not write(2), which may be made to fail
    except MunimentError as error:
        os.writev(told, [f"! {error.code}: {error.what!r}\n".encode()])
        return 3
    except Exception as error:  # noqa: BLE001 - it is what is looked for
        os.writev(told, [f"!! {type(error).__name__}: {str(error)!r}\n".encode()])
        return 4
    return 0


if __name__ == "__main__":
    main()
