"""Timestamps that wait for the next run, in `anchors/` beside git's own folders: which it stores, and which it refuses.

What was stored stays, so a token over other bytes than its checkpoint would be a fault for ever. Such a one is put
aside under the name `….refused`, where no run looks at it again and `muniment doctor` names it. Beside each token lies
the head that was stamped, `….note`: where a key of the log signed it and the log has another, the log was rewritten.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from muniment.evidence.errors import MunimentError
from muniment.evidence.store.fault import Fault
from muniment.evidence.store.keys import Trust
from muniment.evidence.store.layout import ANCHORS
from muniment.evidence.store.lock import unwritable
from muniment.evidence.store.log import Log
from muniment.evidence.store.note import Checkpoint, opened_checkpoint
from muniment.evidence.store.objects import parse_commit
from muniment.evidence.store.since import earlier_notes
from muniment.evidence.store.timestamp import Token, read_token

_NAME = re.compile(r"([0-9]{1,18})(?:-[0-9a-f]{8})?\.tsr")
_REFUSED, _STAMPED = ".refused", ".note"


def keep_token(store: Path, size: int, token: Token, *, mark: str = "") -> None:
    """Let a token wait for the next run. `mark`, eight hexadecimal digits, tells the tokens of authorities apart.

    Raises:
        StoreFault: it cannot be written.
    """
    name = f"{size}-{mark}.tsr" if mark else f"{size}.tsr"
    write_among_anchors(store, f"{name}{_STAMPED}", token.note.encode())
    write_among_anchors(store, name, token.answer)


def waiting(store: Path) -> dict[str, bytes]:
    """Name → bytes of the tokens that no run has stored yet."""
    return {name: data for name, data in _read(store, "*.tsr").items() if _NAME.fullmatch(name)}


def take(log: Log) -> dict[str, bytes]:
    """The waiting tokens that the next run stores; the others are put aside. Only while the lock is held."""
    tokens = waiting(log.path)
    kept = _sound(tokens, log)
    with contextlib.suppress(OSError):  # then it is looked at again in the next run, and refused again
        for name in tokens.keys() - kept.keys():
            token, aside = log.path / ANCHORS / name, log.path / ANCHORS / f"{name}{_REFUSED}"
            with contextlib.suppress(FileNotFoundError):  # somebody else put the token there
                _stamped(token).replace(_stamped(aside))
            token.replace(aside)
    return kept


def refused(log: Log) -> tuple[str, ...]:
    """The names of what was put aside, and of what the next run will put aside."""
    tokens = waiting(log.path)
    aside = _read(log.path, f"*.tsr{_REFUSED}").keys()
    return tuple(sorted(aside | (tokens.keys() - _sound(tokens, log).keys())))


def stamped_sizes(store: Path) -> list[int]:
    """How many leaves the heads had that are said to be stamped by what waits or was put aside."""
    sizes = (stamped_size(name.removesuffix(_REFUSED)) for name in _read(store, "*.tsr*"))
    return [size for size in sizes if size is not None]


def rewritten(store: Path, notes: Mapping[int, str], trust: Trust, size: int) -> Iterator[Fault]:
    """The stamped heads that keys of the log signed, and in whose place a log of `size` leaves has others.

    `notes` are the checkpoints of the log by their sizes. A token over anything else says nothing of the log.
    """
    for name, data in _read(store, "*.tsr*").items():
        stamped, beside = stamped_size(name.removesuffix(_REFUSED)), _stamped(store / ANCHORS / name)
        if stamped is None or stamped > size or not beside.exists():
            continue
        with contextlib.suppress(MunimentError):
            note = beside.read_text("utf-8", "replace")
            read_token(data, note, where=name)
            head = opened_checkpoint(note, trust)
            if head.size == stamped and (stamped not in notes or Checkpoint.parse(notes[stamped]).root != head.root):
                what = "an authority stamped another head of this size, which a key of this log signed"
                yield Fault("anchor.other_hash", f"{ANCHORS}/{name}", what)


def stored_under(tokens: Mapping[str, bytes], at: datetime) -> dict[str, bytes]:
    """Path in the tree → bytes, for tokens that are stored at this instant."""
    return {f"{ANCHORS}/{at:%Y/%m/%d}/{name}": data for name, data in tokens.items()}


def forget(store: Path, tokens: Iterable[str]) -> None:
    """Remove tokens that a run has stored."""
    for name in tokens:
        (store / ANCHORS / name).unlink(missing_ok=True)
        _stamped(store / ANCHORS / name).unlink(missing_ok=True)


def stamped_size(path: str) -> int | None:
    """How many leaves the checkpoint has that a token is over, by the token's name; None for another name."""
    match = _NAME.fullmatch(path.rpartition("/")[2])
    return int(match[1]) if match else None


def write_among_anchors(store: Path, name: str, data: bytes) -> None:
    """Write a file there, whole or not at all.

    Raises:
        StoreFault: it cannot be written.
    """
    folder = store / ANCHORS
    try:
        folder.mkdir(exist_ok=True)
        (folder / f".{name}").write_bytes(data)
        (folder / f".{name}").replace(folder / name)
    except OSError as error:
        raise unwritable(error, folder) from error


def _read(store: Path, pattern: str) -> dict[str, bytes]:
    """Name → bytes of the files of such names; a run may store and remove one meanwhile."""
    found = {}
    for path in sorted((store / ANCHORS).glob(pattern)):
        with contextlib.suppress(FileNotFoundError):
            found[path.name] = path.read_bytes()
    return found


def _stamped(token: Path) -> Path:
    """Where the head lies that a token is over."""
    return token.with_name(f"{token.name}{_STAMPED}")


def _sound(tokens: Mapping[str, bytes], log: Log) -> dict[str, bytes]:
    """The tokens that are over the checkpoint that their name says. Whose they are is for verification to tell."""
    notes = _notes(log, [size for name in tokens if (size := stamped_size(name)) is not None])
    kept = {}
    for name, data in tokens.items():
        note = notes.get(stamped_size(name) or 0)
        if note is not None:
            with contextlib.suppress(MunimentError):
                kept[name] = read_token(data, note, where=name).answer
    return kept


def _notes(log: Log, sizes: Iterable[int]) -> dict[int, str]:
    """Size → checkpoint, of those of these sizes that the log has signed; the head's is at hand."""
    head = log.head()
    notes = {head.checkpoint.size: head.checkpoint.note}
    earlier = [size for size in sizes if size not in notes]
    if not earlier:
        return notes
    commit = parse_commit(log.database.read(head.commit, "commit"))
    return notes | dict(earlier_notes(log.database, commit, earlier))
