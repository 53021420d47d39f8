"""Plug-ins in processes of their own, one for each look: what one of them does to its process ends there.

    ends, or is ended by a signal    `collector.crashed`, with file and line where the interpreter could still tell
    too slow                         `collector.timeout`, file and line
    too much memory                  `collector.memory`, file and line
    more than 8 MiB of facts         `collector.too_much`

Whatever it prints goes to standard error, where it goes in the file system is its own affair, and every process that it
starts ends with it. It has the environment of the run, as a library in the run's own process would: plug-ins need
proxies and credentials, and whoever may put code into the workspace is trusted with them. This is a fence against
accidents, not against malice: what guards against that is who may change a collector (`lock`).
"""

import json
import re
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from muniment.evidence.collector import Code
from muniment.evidence.confine import Ending, Leash, Program
from muniment.evidence.errors import CouldNotLook, InputFault
from muniment.evidence.form import Answers, Asked, Description, Filled, Slip, description_of, fill
from muniment.evidence.look import Clock, Look, span
from muniment.evidence.model import rfc3339
from muniment.evidence.record import Errored, Method, Outcome, Task
from muniment.evidence.registry import Registration, Registry
from muniment.evidence.worker import LOADING

_MOST = 8 * 1024 * 1024  # bytes of an answer; the store takes records of 1 MiB
_SPARE = 5.0  # seconds that a process has to say itself that it was too slow
_FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+) in ', re.MULTILINE)
_OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)


@dataclass(frozen=True)
class Window:
    """A plug-in that is ready to look at one task, in a process of its own."""

    task: Task
    registration: Registration
    method: Method  # as far as it is known before the collector is imported
    run: str | None = None
    leash: Leash | None = None

    @property
    def patience(self) -> float:
        """It keeps its own time."""
        return threading.TIMEOUT_MAX

    @property
    def subject_kind(self) -> str:
        """Not known before the collector is imported."""
        return "unknown"

    @property
    def file(self) -> Path | None:
        """The collector's source file, if it lies in the workspace."""
        source = self.registration.source
        return source if isinstance(source, Path) else None

    def look(self, *, clock: Clock, base: Path, at: datetime | None = None) -> Look:
        """One observation in a new process; judged at `at`, or else when it begins."""
        began = clock()
        request = {"task": self.task.to_json(), "run": self.run, "at": rfc3339(at or began)}
        heard = _ask(self.registration, "look", base, self.leash, **request)
        fault = None
        outcome: Outcome
        if isinstance(heard.answer, CouldNotLook):
            outcome = Errored(cause=heard.answer.cause, message=heard.answer.what, where=heard.answer.where)
        else:
            outcome = _OUTCOME.validate_python(heard.answer["outcome"])
            fault = InputFault(**heard.answer["fault"]) if heard.answer["fault"] else None
        method = self.method.model_copy(update={"version": heard.version})
        return Look(self.task, method, heard.subject_kind, outcome, span(began, clock), fault)


def describe(registration: Registration) -> Description:
    """What a collector says of itself.

    Raises:
        CouldNotLook: it does not import.
    """
    if registration.ours:
        return description_of(registration.load())
    answer = _ask(registration, "describe", Path.cwd()).answer
    if isinstance(answer, CouldNotLook):
        raise answer
    codes = tuple(Code(**each) for each in answer["codes"])
    return Description(**{**answer, "codes": codes, "undescribed": tuple(answer["undescribed"])})


def fill_in(registry: Registry, asked: Mapping[str, Sequence[Asked]], base: Path) -> dict[str, Answers]:
    """Fill in the settings of several collectors. One that is unknown or does not import is left out."""
    known = {id_: each for id_, each in asked.items() if id_ in registry}
    leash = Leash()
    with ThreadPoolExecutor(max_workers=4) as pool:
        try:
            answers = list(pool.map(lambda id_: _filled(registry[id_], known[id_], base, leash), known))
        except BaseException:  # Ctrl-C: nobody waits for a plug-in that hangs
            leash.end()
            raise
    return {id_: each for id_, each in zip(known, answers, strict=True) if each is not None}


def _filled(registration: Registration, asked: Sequence[Asked], base: Path, leash: Leash) -> Answers | None:
    if registration.ours:
        try:
            collector = registration.load()
        except CouldNotLook:
            return None
        return fill(collector.settings_type, collector.facts_type, asked, base)
    answer = _ask(registration, "fill", base, leash, asked=[asdict(each) for each in asked]).answer
    if isinstance(answer, CouldNotLook):
        return None
    filled = (
        tuple(Slip(**slip) for slip in each) if isinstance(each, list) else Filled(**each) for each in answer["filled"]
    )
    declared = {kind: tuple(paths) for kind, paths in answer["declared"].items()}
    return Answers(frozenset(answer["keys"]), tuple(filled), declared, answer["takes_all"])


@dataclass(frozen=True)
class _Heard:
    """What came from a plug-in's process: its answer, or what happened in place of one."""

    answer: dict[str, Any] | CouldNotLook
    version: str = "unknown"
    subject_kind: str = "unknown"
    seconds: float = LOADING


def _ask(registration: Registration, deed: str, base: Path, leash: Leash | None = None, **request: Any) -> _Heard:
    """Ask for one deed in a new process."""
    source = registration.source
    words = {
        "deed": deed,
        "base": str(base),
        "collector": registration.id,
        "origin": registration.origin,
        "file": str(source) if isinstance(source, Path) else None,
        "entry_point": None if isinstance(source, Path) else source.value,
        **request,
    }
    python = sys.executable
    command = [python, "-P", "-m", "muniment.evidence.worker"]
    given = json.dumps(words).encode("ascii")
    try:
        with Program(Path(python), command, given=given, cwd=base, leash=leash) as program:
            ending = program.read(LOADING + _SPARE, _MOST, line=True)
            heard = _introduced(program.out)
            if ending == "line":
                ending = program.read(heard.seconds + _SPARE, _MOST)
            return replace(heard, answer=_answer(program, ending, heard.seconds, registration))
    except OSError as error:
        return _Heard(CouldNotLook("collector.crashed", f"no process could be started for it: {error.strerror}"))


def _introduced(out: bytearray) -> _Heard:
    """What the first line says, if the collector came as far as that."""
    nothing = CouldNotLook("collector.crashed", "it did not answer")
    try:
        return _Heard(nothing, **json.loads(out.partition(b"\n")[0]))
    except (ValueError, TypeError):
        return _Heard(nothing)


def _answer(
    program: Program, ending: Ending, seconds: float, registration: Registration
) -> dict[str, Any] | CouldNotLook:
    """What the collector was refused for, or its answer; else what the exit code and faulthandler tell."""
    code = program.end()
    said = program.out.decode("ascii", "replace")
    where = _where(said, registration)
    if ending == "too_much":
        return CouldNotLook("collector.too_much", f"it saw more than {_MOST // 1024**2} MiB of facts")
    if ending == "too_slow" or "Timeout (" in said.rpartition("}")[2]:
        return CouldNotLook("collector.timeout", f"no answer within {seconds:g} seconds", where=where)
    try:
        lines = [json.loads(line) for line in said.splitlines()]
        refused = lines[-1].get("refused")
        return CouldNotLook(**refused) if refused else dict(lines[1])
    except (ValueError, IndexError):
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended itself with exit code {code}"
        return CouldNotLook("collector.crashed", f"its process {how} before it answered", where=where)


def _where(said: str, registration: Registration) -> str | None:
    """`file.py:12`, the innermost line of the collector's own file in what faulthandler wrote, or of any file."""
    frames = [(Path(each["file"]), each["line"]) for each in _FRAME.finditer(said)]
    own = [frame for frame in frames if frame[0] == registration.source] or frames
    return f"{own[0][0].name}:{own[0][1]}" if own else None
