"""A long log is examined in portions, by several processes at a time.

Another process begins its portion at what the log itself says of the commit before it, as a reader's `since` does. When
this process comes to that commit, it must have come to the same state by itself, and the other must have found nothing
wrong: only then does what the other saw count. Otherwise the portion is examined here. So the report is the one
that a single process gives, word for word, and rests on nothing that was not examined.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from muniment.evidence.errors import IntegrityError, MunimentError
from muniment.evidence.store import layout
from muniment.evidence.store.database import Database
from muniment.evidence.store.examine import Examiner, Gathered, Standing
from muniment.evidence.store.fault import Fault
from muniment.evidence.store.meaning import SeenStart, seen_start
from muniment.evidence.store.note import opened_checkpoint
from muniment.evidence.store.objects import Commit
from muniment.evidence.store.since import base_at, keys_at

WORTH = 4_000  # leaves, from which on a process is worth its start
MOST = 8
_TOLD = 50  # times that another process says how far it has come

Link = tuple[str, Commit] | Fault  # a commit by its name, or why it cannot be read
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Portion:
    """Links `first` to `end` of the chain; the folders of the runs that are open before it, by what commits say."""

    first: int
    end: int
    open: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Seen:
    """What another process saw of a portion in which nothing is wrong: where it began, where it ended."""

    before: Standing
    after: Standing
    gathered: Gathered


def examined(
    examiner: Examiner,
    database: Database,
    chain: Sequence[Link],
    progress: Progress | None = None,
    processes: int | None = None,
) -> Iterator[Fault]:
    """The faults of all commits of the chain, in their order; the examiner knows the rest afterwards.

    `processes` is how many may be at work, otherwise as many as there are processors, where it is worth it.
    """
    first, *others = portions(chain, usual_processes(chain) if processes is None else processes)
    told = Told(progress, len(chain))
    with _at_work(examiner, database, chain, others) as helpers:
        told.helpers = helpers
        yield from _here(examiner, chain, first, told)
        for portion, helper in zip(others, helpers, strict=True):
            seen = helper.seen(told)
            if seen is not None and seen.before == examiner.standing:
                examiner.resume(seen.after)
                examiner.gathered.add(seen.gathered)
                told.own += portion.end - portion.first
            else:
                yield from _here(examiner, chain, portion, told)
            helper.done = 0


def usual_processes(chain: Sequence[Link]) -> int:
    """How many processes are worth their start: one for a short log, or where a process cannot be doubled safely."""
    if _size(chain) - _size(chain[:1]) < WORTH or sys.platform == "darwin" or threading.active_count() > 1:
        return 1
    return min(MOST, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else 1


def portions(chain: Sequence[Link], number: int) -> list[Portion]:
    """About as many portions, of about as many leaves each; at least one. None but the first begins after damage."""
    start, total = _size(chain[:1]), _size(chain)
    found, first, wanted = list[Portion](), 0, 1
    open_now: frozenset[str] = frozenset()
    open_first = open_now
    for at, link in enumerate(chain[:-1], start=1):
        if isinstance(link, Fault):
            continue
        open_now = _open_after(open_now, link[1].trailers.get("Entry", ""))
        if wanted < number and _size([link]) >= start + (total - start) * wanted // number:
            found.append(Portion(first, at, open_first))
            first, open_first, wanted = at, open_now, wanted + 1
    return [*found, Portion(first, len(chain), open_first)]


def _open_after(before: frozenset[str], entry: str) -> frozenset[str]:
    folder, _, name = entry.rpartition("/")
    if name == layout.START_STATEMENT:
        return before | {folder}
    return before - {folder} if name == layout.STATEMENT else before


def _size(chain: Sequence[Link]) -> int:
    """How many leaves the log had after the last of these links, by what its commit says; 0 where that is unknown."""
    said = "" if not chain or isinstance(chain[-1], Fault) else chain[-1][1].trailers.get("Tree-Size", "")
    return int(said) if said.isdecimal() and len(said) < 19 else 0


def _here(examiner: Examiner, chain: Sequence[Link], portion: Portion, told: "Told") -> Iterator[Fault]:
    for link in chain[portion.first : portion.end]:
        if isinstance(link, Fault):
            yield link
            examiner.skip()
        else:
            yield from examiner.examine(*link)
        told.one()


class Told:
    """How far all are together."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total = progress, total
        self.own = 0
        self.helpers: Sequence[Helper] = ()

    def one(self) -> None:
        """One more was examined here."""
        self.own += 1
        self.tell()

    def tell(self) -> None:
        """Say it, if somebody listens."""
        if self.progress is not None:
            for helper in self.helpers:
                helper.listen()
            self.progress(self.own + sum(helper.done for helper in self.helpers), self.total)


class Helper:
    """Another process, and what it says: how many commits it has examined, and at last what it saw."""

    def __init__(self, process: BaseProcess, connection: Connection) -> None:
        self.process, self.connection = process, connection
        self.done = 0
        self._ended = False
        self._seen: _Seen | None = None

    def listen(self, patience: float | None = 0) -> None:
        """Take what it has said, or wait for it; one that has died says nothing more."""
        with contextlib.suppress(EOFError, OSError):
            while not self._ended and self.connection.poll(patience):
                said = self.connection.recv()
                if isinstance(said, int):
                    self.done = said
                    if patience is None:
                        return
                else:
                    self._seen, self._ended = said, True
            return
        self._ended = True

    def seen(self, told: Told) -> _Seen | None:
        """What it saw, when it has ended; None where something is wrong in its portion, or with itself."""
        while not self._ended:
            self.listen(None)
            told.tell()
        return self._seen


@contextlib.contextmanager
def _at_work(
    examiner: Examiner, database: Database, chain: Sequence[Link], others: Sequence[Portion]
) -> Iterator[list[Helper]]:
    """A process for each of the other portions; none outlives the `with`."""
    helpers: list[Helper] = []
    try:
        for portion in others:
            receiver, sender = multiprocessing.Pipe(duplex=False)
            process = multiprocessing.get_context("fork").Process(
                target=_elsewhere, args=(sender, examiner, database, chain, portion), daemon=True
            )
            with warnings.catch_warnings():  # from 3.12 on, of threads: `usual_processes` looked for them
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            sender.close()
            helpers.append(Helper(process, receiver))
        yield helpers
    finally:
        for helper in helpers:
            helper.process.kill()
            helper.process.join()
            helper.connection.close()


def _elsewhere(
    sender: Connection, examiner: Examiner, database: Database, chain: Sequence[Link], portion: Portion
) -> None:
    """The life of another process. What goes wrong in it is not told: then the portion is examined where faults are."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who began it ends it
    with contextlib.suppress(MunimentError, BrokenPipeError):
        sender.send(_seen_elsewhere(sender, examiner, Database(database.folder), chain, portion))


def _seen_elsewhere(
    sender: Connection, known: Examiner, database: Database, chain: Sequence[Link], portion: Portion
) -> _Seen | None:
    link = chain[portion.first - 1]
    if isinstance(link, Fault):
        return None
    before = claimed_at(database, link[1], portion.open, known.verified)
    examiner = Examiner(database, before.trust)
    examiner.resume(before)
    pace = max(1, (portion.end - portion.first) // _TOLD)
    for done, each in enumerate(chain[portion.first : portion.end], start=1):
        if isinstance(each, Fault) or examiner.examine(*each):
            return None
        if done % pace == 0:
            sender.send(done)
    after = examiner.standing
    return None if after is None else _Seen(before, after, examiner.gathered)


def claimed_at(database: Database, commit: Commit, open_runs: Iterable[str], verified: str | None) -> Standing:
    """The state of the log after a commit, as the log itself has it; `open_runs` are the folders of those runs.

    Raises:
        IntegrityError: it cannot be read, or is not signed.
    """
    versions, changed = keys_at(database, commit.tree)
    keys = versions[-1]
    try:
        note = database.blob_at(commit.tree, layout.CHECKPOINT).decode("utf-8", "replace")
        base = base_at(database, commit, opened_checkpoint(note, keys.trust), keys.trust)
        begun = [_start_in(database, commit.tree, folder) for folder in open_runs]
    except (KeyError, ValueError) as error:
        raise IntegrityError("the state of the log cannot be read", where=commit.tree, code="log.unreadable") from error
    return Standing(base, keys.trust, keys, changed, verified, {start.run: start for start in begun})


def _start_in(database: Database, tree: str, folder: str) -> SeenStart:
    return seen_start(database.blob_at(tree, f"{folder}/{layout.START}"))
