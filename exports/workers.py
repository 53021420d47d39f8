"""Draws parts in processes of their own, a few at a time.

A worker gets style and resources once, then one part after another, and answers each with a packed fragment or with
what went wrong. It may take so much memory and CPU time and no more. A worker that dies takes the pack with it, by the
name of the part that it was drawing: a section is never left out. Workers end when their input does, so that none
outlives the command, whatever ends that.
"""

import json
import os
import queue
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any

from muniment.evidence import MunimentError
from muniment.exports.parts import Part

MEMORY = 3 << 30  # bytes of address space of one worker
SECONDS = 300  # of CPU time for one part
MOST = 4

Resources = Mapping[str, tuple[str, bytes]]
Answer = tuple[int, bytes | MunimentError]  # a part's place, and its packed fragment


def usual_workers() -> int:
    """As many as there are processors for us, but not more than a few."""
    return min(MOST, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def drawn_by_workers(
    parts: Sequence[tuple[int, Part]], css: str, resources: Resources, workers: int, python: str = sys.executable
) -> Iterator[tuple[int, bytes]]:
    """Each part's place and packed fragment, in the order in which they are done; the longest are begun first.

    Raises:
        MunimentError: `pack.worker` where a worker died, with the part's name, or what it said itself.
    """
    waiting: queue.SimpleQueue[tuple[int, Part]] = queue.SimpleQueue()
    for each in sorted(parts, key=lambda each: -len(each[1].xhtml)):
        waiting.put(each)
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    with _started(python, min(workers, len(parts))) as processes:
        threads = [
            threading.Thread(target=_kept_busy, args=(process, waiting, answers, css, resources), daemon=True)
            for process in processes
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in parts:
                place, answer = answers.get()
                if isinstance(answer, MunimentError):
                    raise answer
                yield place, answer
        finally:
            for process in processes:
                process.kill()
            for thread in threads:
                thread.join()


@contextmanager
def _started(python: str, number: int) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Workers, gone afterwards; `-P` keeps the folder where the command runs from lending them modules."""
    command = [python, "-P", "-m", "muniment.exports.workers"]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(number):
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            processes.append(process)
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                with suppress(OSError):
                    if stream:
                        stream.close()


def _kept_busy(
    process: "subprocess.Popen[bytes]",
    waiting: "queue.SimpleQueue[tuple[int, Part]]",
    answers: "queue.SimpleQueue[Answer]",
    css: str,
    resources: Resources,
) -> None:
    """Hand one part after another to a worker."""
    assert process.stdin and process.stdout  # noqa: S101 - both are pipes
    told = False
    while True:
        try:
            place, part = waiting.get_nowait()
        except queue.Empty:
            with suppress(OSError):
                process.stdin.close()
            return
        try:
            if not told:
                _tell_style(process.stdin, css, resources)
                told = True
            _send(process.stdin, part.xhtml.encode())
            answers.put((place, _answer(part, _received(process.stdout))))
        except (OSError, EOFError, ValueError):  # a killed one's pipes are closed under us
            answers.put((place, _died(part, process)))
            return


def _died(part: Part, process: "subprocess.Popen[bytes]") -> MunimentError:
    code = process.wait()
    if code == -signal.SIGXCPU:
        why = "took more CPU time than it may"
    else:
        why = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    return MunimentError(
        f"“{part.name}” could not be drawn: the process that drew it {why}",
        mend="look whether the machine has memory left, and build the pack again: what was drawn is kept",
        code="pack.worker",
    )


def _answer(part: Part, data: bytes) -> bytes | MunimentError:
    if data[:1] == b"F":
        return data[1:]
    if data[:1] == b"M":
        return MunimentError(
            f"“{part.name}” could not be drawn: it takes more memory than the process that drew it may have",
            mend="look for a value in it that is larger than a page can show, and build the pack again",
            code="pack.worker",
        )
    said = json.loads(data[1:])
    return MunimentError(said["what"], mend=said["mend"], code=said["code"])


def _tell_style(stream: IO[bytes], css: str, resources: Resources) -> None:
    _send(stream, json.dumps({"css": css, "types": {name: kind for name, (kind, _) in resources.items()}}).encode())
    for _, data in resources.values():
        _send(stream, data)


def _send(stream: IO[bytes], data: bytes) -> None:
    stream.write(len(data).to_bytes(8, "big") + data)
    stream.flush()


def _received(stream: IO[bytes]) -> bytes:
    size = stream.read(8)
    data = stream.read(int.from_bytes(size, "big")) if len(size) == 8 else b""
    if len(size) < 8 or len(data) < int.from_bytes(size, "big"):
        raise EOFError
    return data


def serve(source: IO[bytes], sink: IO[bytes], limit: Callable[[], None]) -> None:
    """A worker's whole life: style and resources, then parts until the input ends. `limit` is called before each."""
    from muniment.exports.engine import Engine
    from muniment.exports.fragment import packed

    style = json.loads(_received(source))
    engine = Engine(style["css"], {name: (kind, _received(source)) for name, kind in style["types"].items()})
    while True:
        try:
            xhtml = _received(source).decode()
        except EOFError:
            return
        limit()
        try:
            _send(sink, b"F" + packed(engine.draw(xhtml)))
        except MunimentError as error:
            _send(sink, b"E" + _said(error.what, error.mend, error.code))
        except MemoryError:
            _send(sink, b"M")


def _said(what: str, mend: Any, code: str) -> bytes:
    return json.dumps({"what": what, "mend": mend, "code": code}).encode()


def _limit() -> None:
    """Bounds on this process: its memory as a whole, its CPU time from now on."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + SECONDS
    if hard != resource.RLIM_INFINITY:
        soft = max(min(soft, hard - 1), 0)  # below the hard one, at which the end is not told from any other
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def main() -> None:
    """Run a worker over the standard streams."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command ends us, once it knows
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard), hard))
    with suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer, _limit)


if __name__ == "__main__":
    main()
