"""The process of a plug-in: imports one collector, does the one thing that it is asked for, and ends.

`process` starts it as `python -P -m muniment.evidence.worker`. It finds one JSON object on standard input and answers
in lines of JSON, first that the collector is there, then what came of it. What a plug-in prints goes to standard error.
If it takes too long, or crashes the interpreter, faulthandler writes where it stood in place of the answer.
"""

import faulthandler
import inspect
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import IO, Any

from muniment.evidence.errors import CouldNotLook
from muniment.evidence.form import Asked, description_of, fill
from muniment.evidence.look import Eye
from muniment.evidence.record import Method, Task
from muniment.evidence.registry import GROUP, AnyCollector, Registration, broken

LOADING = 30.0  # seconds for importing it, and for all that is not a look

_LONGEST = 86_400.0  # seconds for a look


def main() -> None:
    """Read the request, answer it, and be gone, whatever threads the plug-in has left behind."""
    request: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    answers = os.fdopen(os.dup(1), "w", encoding="ascii", buffering=1)
    os.dup2(2, 1)
    faulthandler.enable(answers)
    faulthandler.dump_traceback_later(LOADING, exit=True, file=answers)
    try:
        collector = _registration(request).load()
        with _blaming(collector):
            _say(answers, version=collector.version, subject_kind=collector.subject_kind, seconds=_seconds(collector))
            _say(answers, **_DEEDS[request["deed"]](collector, request, answers))
    except CouldNotLook as error:
        _say(answers, refused={"cause": error.cause, "what": error.what, "where": error.where})
    os._exit(0)


@contextmanager
def _blaming(collector: type[AnyCollector]) -> Iterator[None]:
    """What a class raises that says no sense of itself is a fault of the collector, and no crash."""
    try:
        yield
    except CouldNotLook:
        raise
    except Exception as error:
        raise broken(error, f"asking {collector.id} what it is", Path(inspect.getfile(collector))) from error


def _seconds(collector: type[AnyCollector]) -> float:
    seconds = float(collector.seconds)
    if not 0 < seconds <= _LONGEST:
        raise ValueError(f"`seconds` is {seconds:g}; it may be up to {_LONGEST:g}")
    return seconds


def _describe(collector: type[AnyCollector], request: dict[str, Any], answers: IO[str]) -> dict[str, Any]:  # noqa: ARG001
    return asdict(description_of(collector))


def _fill(collector: type[AnyCollector], request: dict[str, Any], answers: IO[str]) -> dict[str, Any]:  # noqa: ARG001
    asked = [Asked(**each) for each in request["asked"]]
    made = fill(collector.settings_type, collector.facts_type, asked, Path(request["base"]))
    filled = [[asdict(slip) for slip in each] if isinstance(each, tuple) else asdict(each) for each in made.filled]
    return {
        "keys": sorted(made.keys),
        "filled": filled,
        "declared": dict(made.declared),
        "takes_all": made.takes_all,
    }


def _look(collector: type[AnyCollector], request: dict[str, Any], answers: IO[str]) -> dict[str, Any]:
    task = Task.model_validate(request["task"])
    eye = Eye(task, collector, Method(collector=task.collector, version=collector.version), request["run"])
    faulthandler.dump_traceback_later(collector.seconds, exit=True, file=answers)
    outcome, fault = eye.outcome(Path(request["base"]), datetime.fromisoformat(request["at"]))
    faulthandler.cancel_dump_traceback_later()
    return {
        "outcome": outcome.to_json(),
        "fault": fault and {"cause": fault.cause, "what": fault.what, "where": fault.where, "mend": fault.mend},
    }


_DEEDS = {"describe": _describe, "fill": _fill, "look": _look}


def _registration(request: dict[str, Any]) -> Registration:
    return Registration(
        request["collector"],
        request["origin"],
        Path(request["file"]) if request["file"] else EntryPoint(request["collector"], request["entry_point"], GROUP),
    )


def _say(answers: IO[str], **fields: Any) -> None:
    answers.write(json.dumps(fields) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
