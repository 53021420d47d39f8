"""A witness's file: the heads of the log that a second person keeps, one a line, each signed and bound to the last.

    muniment witness 1 example.org/evidence
    11 sha256:9f2c… 2026-11-24T13:00:00.000Z Az3grlgtzPICa5OS… 4f0c21d9a8b3e671

A line holds size, root, when it was written by our clock, the signature of the checkpoint's note (base64), and the
first sixteen digits of the SHA-256 over the line before and this one without them. So a line that was edited or taken
out of the middle is told from a log that was rewritten: the first does not fit its signature or its neighbour, the
second fits both and is not what the log leads to. A person can compare size and root with his own eyes.
"""

import base64
import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from muniment.evidence.errors import IntegrityError, StoreFault, UsageError
from muniment.evidence.model import rfc3339
from muniment.evidence.store.fault import Fault, place
from muniment.evidence.store.keys import Trust
from muniment.evidence.store.note import Checkpoint, opened_checkpoint

_TITLE = "muniment witness 1 "
_LINE = re.compile(
    r"(?P<size>0|[1-9][0-9]{0,17}) sha256:(?P<root>[0-9a-f]{64}) (?P<at>\S{20,40}) (?P<signature>[A-Za-z0-9+/]+=*)"
    r" (?P<bond>[0-9a-f]{16})"
)
_FILE_MOST = 64 * 1024 * 1024  # bytes; a line has about 200


@dataclass(frozen=True)
class WitnessLine:
    """One head that was written down; `where` names file and line, `bound` is whether it fits the line before it.

    `at` is None in a file that holds a checkpoint only.
    """

    checkpoint: Checkpoint
    at: datetime | None
    where: str
    bound: bool


@dataclass(frozen=True)
class WitnessFile:
    """What a witness's file says. `end` is what the next line is bound to; None where no line may follow."""

    origin: str
    lines: tuple[WitnessLine, ...]
    end: str | None


def read_witness(path: Path) -> WitnessFile:
    """The heads in a witness's file, none of them believed.

    A file that holds one signed checkpoint (C2SP) is a witness's file of one line.

    Raises:
        UsageError: `witness.missing` or `witness.malformed`: it is no such file; the line is named.
    """
    try:
        data = path.read_bytes()[: _FILE_MOST + 1]
        text = data.decode("utf-8")
    except OSError as error:
        raise UsageError(
            f"the witness's file cannot be read: {error.strerror}", where=str(path), code="witness.missing"
        ) from error
    except UnicodeDecodeError as error:
        raise _malformed(path, 1, "it is not text") from error
    title, _, rest = text.partition("\n")
    if not title.startswith(_TITLE):
        return _one_note(path, text)
    if len(data) > _FILE_MOST:
        raise _malformed(path, 1, "it is far too long")
    if rest and not rest.endswith("\n"):
        raise _malformed(path, text.count("\n") + 1, "the line breaks off")
    origin, before = title.removeprefix(_TITLE), title
    lines = []
    for number, line in enumerate(rest.splitlines(), start=2):
        lines.append(_read_line(path, number, line, origin, before))
        before = line
    return WitnessFile(origin, tuple(lines), before)


def append_to_witness(path: Path, checkpoint: Checkpoint, at: datetime) -> bool:
    """Write the head down, in a new file where there is none. False where the last line has it already.

    Raises:
        UsageError: there is another kind of file.
        IntegrityError: `witness.origin`: it is a witness of another log.
        StoreFault: it cannot be written.
    """
    title = f"{_TITLE}{checkpoint.origin}"
    known = read_witness(path) if path.exists() else WitnessFile(checkpoint.origin, (), title)
    if known.origin != checkpoint.origin:
        raise _of_another(known.origin, checkpoint.origin, str(path))
    if known.end is None:
        raise _malformed(path, 1, "it is a single checkpoint, to which no line is added")
    if known.lines and known.lines[-1].checkpoint.size == checkpoint.size:
        return False
    signature = checkpoint.note.rstrip("\n").rpartition(" ")[2]
    body = f"{checkpoint.size} {checkpoint.root} {rfc3339(at)} {signature}"
    line = f"{body} {_bond(known.end, body)}\n"
    before = path.stat().st_size if path.exists() else None
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line if path.exists() and file.tell() else f"{title}\n{line}")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        _cut_back(path, before)
        raise StoreFault(
            f"the witness's file cannot be written: {error.strerror}", where=str(path), code="witness.unwritable"
        ) from error
    return True


def _cut_back(path: Path, size: int | None) -> None:
    """Take away what was written of a line, or of a new file: half a line would pass for an edited file."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True) if size is None else os.truncate(path, size)


def witness_faults(witness: WitnessFile, trust: Trust, size: int, root: Callable[[int], str | None]) -> Iterator[Fault]:
    """What the file and the log say against each other. `root` gives the log's root at a size, None where it had none.

    A line that does not fit its signature or its neighbour was edited, and says nothing of the log.
    """
    if witness.origin != trust.origin:
        yield Fault.of(_of_another(witness.origin, trust.origin, witness.lines[0].where if witness.lines else "file"))
        return
    sizes = [line.checkpoint.size for line in witness.lines]
    for at, line in enumerate(witness.lines):
        checkpoint = line.checkpoint
        where = place(line.where, f"checkpoint of {checkpoint.size} leaves")
        try:
            opened_checkpoint(checkpoint.note, trust)
        except IntegrityError as error:
            yield Fault("witness.edited", where, f"no key of the log signed what the line says: {error.what}")
            continue
        if not line.bound or (at and sizes[at] <= sizes[at - 1]):
            yield Fault("witness.edited", where, "it does not follow the line before it: the file was edited")
        if size < checkpoint.size:
            yield Fault("history.shorter", where, f"the log has {size} leaves now: what came after was taken away")
        elif root(checkpoint.size) != checkpoint.root:
            yield Fault("history.rewritten", where, "the log is not a continuation of it: its history was rewritten")


def _read_line(path: Path, number: int, line: str, origin: str, before: str) -> WitnessLine:
    match = _LINE.fullmatch(line)
    if match is None:
        raise _malformed(path, number, "a line has size, root, time, signature and a short digest")
    try:
        at = datetime.fromisoformat(match["at"])
        root = base64.b64encode(bytes.fromhex(match["root"])).decode()
        note = f"{origin}\n{match['size']}\n{root}\n\n— {origin} {match['signature']}\n"
        checkpoint = Checkpoint.parse(note)
    except (ValueError, IntegrityError) as error:
        raise _malformed(path, number, str(error)) from error
    body = line.rpartition(" ")[0]
    return WitnessLine(checkpoint, at, f"{path}:{number}", bound=_bond(before, body) == match["bond"])


def _one_note(path: Path, text: str) -> WitnessFile:
    try:
        checkpoint = Checkpoint.parse(text)
    except IntegrityError as error:
        raise _malformed(path, 1, "it is neither a witness's file nor a checkpoint") from error
    line = WitnessLine(checkpoint, None, str(path), bound=True)
    return WitnessFile(checkpoint.origin, (line,), None)


def _bond(before: str, body: str) -> str:
    return hashlib.sha256(f"{before}\n{body}".encode()).hexdigest()[:16]


def _of_another(theirs: str, ours: str, where: str) -> IntegrityError:
    return IntegrityError(f"the witness is of the log {theirs}, not of {ours}", where=where, code="witness.origin")


def _malformed(path: Path, number: int, what: str) -> UsageError:
    return UsageError(
        f"this is no witness's file: {what}",
        where=f"{path}:{number}",
        mend="use the file as `muniment anchor --witness FILE` wrote it; keep this one aside",
        code="witness.malformed",
    )
