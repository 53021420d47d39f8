"""Any program as a collector: a shell script, a Node or Go program, a Nagios plug-in.

Three protocols say how it is asked and what its answer means:

    muniment-json/1   JSON on standard input and output (`protocol`); the program says the outcome
    nagios            the exit code: 0 pass, 1 inconclusive, 2 fail, 3 could not look (Monitoring Plugins Development
                      Guidelines, "Plugin Return Codes": a warning is neither as it should be nor known to be wrong)
    raw               standard output is the evidence, by digest; exit code 0 pass, 1 fail, any other could not look
                      (as POSIX has it for cmp, diff, grep and test: 0 and 1 answer the question, the rest is trouble)

There is no shell. The program has an environment of PATH, LANG, TZ and the secrets that the check declares, a process
group of its own, and limits of time, memory and output; it works in the folder of the workspace. What goes wrong is one
`Errored` record: `executable.missing`, `.not_executable`, `.failed`, `.crashed`, `.timeout`, `.too_much`, `.malformed`
(no JSON), `.invalid` (JSON of another form), or the cause that the program itself gives.
"""

import errno
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar

import orjson
from pydantic import Field, JsonValue, ValidationError

from muniment.evidence.collector import Code, Collector, Facts, Settings, Source
from muniment.evidence.confine import MEMORY, Ending, Program
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.model import digest
from muniment.evidence.protocol import EXECUTABLE, PROTOCOL, ExecutableOutput, NotSeen, Protocol, input_of
from muniment.evidence.record import Content, Observed, Origin
from muniment.evidence.secret import Redactor, Reference, resolve
from muniment.evidence.sensitive import Declared
from muniment.evidence.verdict import Verdict, failed, inconclusive, passed

LONGEST = 3600  # seconds
OUTPUT = 16 * 1024 * 1024  # bytes

_LINES, _COLUMNS = 20, 200  # of raw output, what a record keeps
_WORDS = 300  # characters of a program's own words in a message
_PLACE = re.compile(r"\{(\w+)\}")


class ExecutableSettings(Settings):
    """The program, how to speak to it, and what it is given."""

    rest: ClassVar[str | None] = "settings"

    run: tuple[str, ...] = Field(
        min_length=1,
        description="The program and its arguments, without a shell; paths start at the workspace; `{host}` in an "
        "argument stands for the setting `host`",
    )
    protocol: Protocol = Field(PROTOCOL, description="How it is asked, and what its answer means")
    source: str | None = Field(
        None, description="The system that it looks at, as a URI; `muniment-json/1` programs say it themselves"
    )
    env: dict[str, Reference] = Field(default_factory=dict, description="Secrets that it finds in its environment")
    timeout: int = Field(60, ge=1, le=LONGEST, description="Seconds that it may take")
    memory: int = Field(MEMORY, ge=16, description="MiB of address space that it may take")
    settings: Annotated[dict[str, JsonValue], Declared("ip")] = Field(
        default_factory=dict, description="What it is given; the keys of a register's entry are added"
    )


class ExecutableFacts(Facts):
    """What a program saw, and what it said that this means: only the program can judge."""

    seen: dict[str, JsonValue]
    verdict: Verdict

    def observed(self, verdict: Verdict) -> Observed:
        """The outcome of a look: the program's facts as they are."""
        return Observed(origin=self.origin, facts=self.seen, verdict=verdict)

    @classmethod
    def of(cls, outcome: Observed) -> "ExecutableFacts":
        """The facts of a past record, with the verdict of that day."""
        return cls(origin=outcome.origin, seen=outcome.facts, verdict=outcome.verdict)


_GUIDE = "Monitoring Plugins Development Guidelines, Plugin Return Codes"
_POSIX = "POSIX.1-2024, exit status of cmp, diff, grep and test"
_OURS = "the protocol is ours: docs/executables.md"
_CODES = (
    Code("nagios.critical", "The plug-in says CRITICAL (fail)", _GUIDE, "see what it says"),
    Code("nagios.warning", "The plug-in says WARNING (inconclusive)", _GUIDE, "see what it says"),
    Code("nagios.unknown", "The plug-in says UNKNOWN (no verdict)", _GUIDE, "see what it says"),
    Code("raw.failed", "The program ended with exit code 1 (fail)", _POSIX, "see what it wrote"),
    Code("executable.missing", "There is no such program (no verdict)", _OURS, "install it, or correct `run`"),
    Code("executable.not_executable", "It may not be executed (no verdict)", _OURS, "chmod +x, and see its first line"),
    Code("executable.failed", "It ended with a code that is no answer (no verdict)", _OURS, "see what it says"),
    Code("executable.crashed", "A signal ended it (no verdict)", _OURS, "run it by hand; it may lack memory"),
    Code("executable.timeout", "It did not answer in time (no verdict)", _OURS, "run it by hand; raise `timeout`"),
    Code("executable.too_much", "It wrote more than 16 MiB (no verdict)", _OURS, "let it write facts, not the data"),
    Code("executable.malformed", "It wrote no JSON object (no verdict)", _OURS, "write the log to standard error"),
    Code("executable.invalid", "Its answer has another form (no verdict)", _OURS, "see the schema of the answer"),
    Code("secret.missing", "A secret is not where the check says (no verdict)", _OURS, "set the variable or the file"),
    Code("secret.short", "A secret is too short to be taken out of text (no verdict)", _OURS, "choose a longer one"),
)


class Executable(Collector[ExecutableSettings, ExecutableFacts]):
    """Any program that looks: JSON in and out, a Nagios plug-in, or its plain output."""

    id = EXECUTABLE
    seconds = LONGEST + 60.0  # the program has a limit of its own
    codes = _CODES

    @classmethod
    def source_of(cls, settings: dict[str, JsonValue], base: Path) -> Source | None:
        """The program's file; where a bare name is that of an interpreter (`node`), its script in the workspace."""
        run = settings.get("run")
        if not isinstance(run, list | tuple) or not run or not all(isinstance(word, str) for word in run):
            return None
        program, *arguments = (str(word) for word in run)
        script = next((word for word in arguments if "/" not in program and _lies_in(base, word)), None)
        try:
            file = base / script if script else _found(program, base)
            code = digest(file.read_bytes())
        except (CouldNotLook, OSError):
            code = None
        return Source(_name(script or program), code)

    def observe(self, settings: ExecutableSettings) -> ExecutableFacts:
        """Run the program once."""
        secrets = resolve(settings.env, self.base)
        redactor = Redactor(secrets)
        words = _words(settings)
        asked = input_of(self.run, self.task, self.at, settings.settings).to_json()
        given = orjson.dumps(asked) if settings.protocol == PROTOCOL else b""
        ran = _run(settings, words, self.base, _environment(secrets), given, redactor)
        match settings.protocol:
            case "muniment-json/1":
                return _from_json(ran, redactor)
            case "nagios":
                return _from_nagios(ran, _origin(settings, words, ran, redactor), redactor)
            case "raw":
                return _from_raw(ran, _origin(settings, words, ran, redactor), redactor)

    def assess(self, settings: ExecutableSettings, facts: ExecutableFacts, at: datetime) -> Verdict:  # noqa: ARG002
        """What the program said."""
        return facts.verdict


@dataclass(frozen=True)
class _Ran:
    """A program that ended by itself. `out` is as it came, `last` the last line of its log without secrets."""

    name: str
    code: int
    out: bytes
    last: str

    @property
    def failed(self) -> CouldNotLook:
        """The exit code as a failure to look."""
        said = f": {self.last}" if self.last else ""
        return CouldNotLook("executable.failed", f"{self.name} ended with exit code {self.code}{said}")


def _run(
    settings: ExecutableSettings,
    words: Sequence[str],
    base: Path,
    env: Mapping[str, str],
    given: bytes,
    redactor: Redactor,
) -> _Ran:
    name = _name(words[0])
    file = _found(words[0], base)
    try:
        with Program(file, words, given=given, cwd=base, env=env, memory=settings.memory, keep_log=True) as program:
            ending = program.read(settings.timeout, OUTPUT)
            code = program.end()
    except OSError as error:
        raise _refused(name, file, error) from error
    log = redactor.text(program.log.decode("utf-8", "replace")).splitlines()
    for line in log:
        sys.stderr.write(f"{name}: {_visible(line)}\n")
    _see_that_it_ended(name, ending, code, settings)
    return _Ran(name, code, bytes(program.out), _visible(log[-1])[:_WORDS] if log else "")


def _see_that_it_ended(name: str, ending: Ending, code: int, settings: ExecutableSettings) -> None:
    if ending == "too_slow":
        raise CouldNotLook("executable.timeout", f"{name} gave no answer within {settings.timeout} seconds")
    if ending == "too_much":
        raise CouldNotLook("executable.too_much", f"{name} wrote more than {OUTPUT // 1024**2} MiB")
    if code < 0:
        raise CouldNotLook("executable.crashed", f"{name} was ended by {signal.Signals(-code).name}")


def _from_json(ran: _Ran, redactor: Redactor) -> ExecutableFacts:
    if ran.code != 0:
        raise ran.failed
    try:
        said = redactor.json(orjson.loads(ran.out))
    except orjson.JSONDecodeError as error:
        what = f"what {ran.name} wrote is not one JSON object: {redactor.text(error.msg)}"
        raise CouldNotLook("executable.malformed", what, where=f"line {error.lineno}, column {error.colno}") from error
    try:
        answer = ExecutableOutput.model_validate_json(orjson.dumps(said))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the whole"
        what = f"the answer of {ran.name} is not of {PROTOCOL}: `{key}`: {first['msg']}"
        raise CouldNotLook("executable.invalid", what) from error
    if isinstance(answer.outcome, NotSeen):
        raise CouldNotLook(answer.outcome.cause, answer.outcome.message[:_WORDS])
    return ExecutableFacts(origin=answer.origin(redactor.met), seen=answer.facts, verdict=answer.outcome)


def _from_nagios(ran: _Ran, origin: Origin, redactor: Redactor) -> ExecutableFacts:
    first, *_ = _text(ran, redactor).splitlines() or [""]
    words, _, performance = first.partition("|")
    text = words.strip()[:_WORDS] or f"{ran.name} ended with exit code {ran.code} and said nothing"
    seen: dict[str, JsonValue] = {"exit_code": ran.code, "text": text, "performance": performance.strip()[:_WORDS]}
    match ran.code:
        case 0:
            verdict = passed(text)
        case 1:
            verdict = inconclusive(text, "nagios.warning")
        case 2:
            verdict = failed(text, "nagios.critical")
        case 3:
            raise CouldNotLook("nagios.unknown", text)
        case _:
            raise ran.failed
    return ExecutableFacts(origin=origin, seen=seen, verdict=verdict)


def _from_raw(ran: _Ran, origin: Origin, redactor: Redactor) -> ExecutableFacts:
    if ran.code not in (0, 1):
        raise ran.failed
    lines = _text(ran, redactor).splitlines()
    shown: list[JsonValue] = [line[:_COLUMNS] for line in lines[:_LINES]]
    words = f"{ran.name} ended with exit code {ran.code}."
    return ExecutableFacts(
        origin=origin,
        seen={"exit_code": ran.code, "lines": len(lines), "first_lines": shown},
        verdict=passed(words) if ran.code == 0 else failed(words, "raw.failed"),
    )


def _origin(settings: ExecutableSettings, words: Sequence[str], ran: _Ran, redactor: Redactor) -> Origin:
    """Where plain output comes from. The digest is that of the output without secrets: a digest lets one guess them."""
    clean = _text(ran, redactor)
    data = ran.out if not redactor.met else clean.encode("utf-8")
    content = Content(name="standard output", media_type="text/plain", size=len(data), sha256=digest(data))
    return Origin(
        system=settings.source or f"executable:{ran.name}",
        query=redactor.text(shlex.join(words)),
        contents=(content,),
        redactions=redactor.met,
    )


def _words(settings: ExecutableSettings) -> list[str]:
    """The command line, with settings in the places of their names."""

    def value(place: re.Match[str]) -> str:
        given = settings.settings.get(place[1])
        return str(given) if isinstance(given, str | int) else place[0]

    program, *arguments = settings.run
    return [program, *(_PLACE.sub(value, each) for each in arguments)]


def _environment(secrets: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "TZ": "UTC", **secrets}


def _found(word: str, base: Path) -> Path:
    """The program's file: a path from the workspace, or a name on the PATH."""
    file = base / word if "/" in word else Path(shutil.which(word) or "")
    if not file.is_file():
        where = "in the workspace" if "/" in word else "on the PATH"
        raise CouldNotLook("executable.missing", f"there is no program {_name(word)} {where}")
    return file


def _refused(name: str, file: Path, error: OSError) -> CouldNotLook:
    """Why the system would not start a file that is there."""
    if error.errno in (errno.EACCES, errno.EPERM) and not os.access(file, os.X_OK):
        return CouldNotLook("executable.not_executable", f"{name} may not be executed: chmod +x {name}")
    if error.errno in (errno.ENOENT, errno.ENOEXEC, errno.EACCES):
        what = f"{name} cannot be started: its first line names no interpreter that is there"
        return CouldNotLook("executable.not_executable", what)
    return CouldNotLook("executable.failed", f"{name} cannot be started: {error.strerror}")


def _lies_in(base: Path, word: str) -> bool:
    file = base / word
    return not Path(word).is_absolute() and file.is_file() and file.resolve().is_relative_to(base.resolve())


def _name(word: str) -> str:
    """As the workspace names it: `collectors/hsm.sh` for `./collectors/hsm.sh`."""
    return Path(word).as_posix()


def _text(ran: _Ran, redactor: Redactor) -> str:
    return redactor.text(ran.out.decode("utf-8", "replace"))


def _visible(line: str) -> str:
    return "".join(each if each.isprintable() else "�" for each in line)
