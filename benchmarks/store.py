"""What the evidence store costs, against git itself and auditree-framework's locker, measured side by side.

    python benchmarks/store.py                     # 1,000 and 10,000 records, as a table and then as JSON
    python benchmarks/store.py --large             # also 100,000 records, and all series as of a date among 1,000,000
    python benchmarks/store.py --rounds 3          # fewer rounds; each figure is the median of them
    python benchmarks/store.py --own               # without the locker, which needs a network once
    python benchmarks/store.py --reading           # only verification, index and look-up
    python benchmarks/store.py --large --postgresql postgresql://USER@HOST/DATABASE    # the rows there too

Figures are CPU seconds, user and system, of this process and its children; contestants take turns in each round.
Two lines tell elapsed time: a server of PostgreSQL is no child of ours, and `verify` takes as many processors as there
are, as git could; what both took of CPU stands beside it. The database of the server must be empty.
`ingest` is end to end: canonical JSON, the door, leaves, signature, checkpoint, commit, rows in SQLite. `git
fast-import` gets the same bytes as one file per record, one process and one commit per run, because each run has to
be acknowledged; the time to make its input is not counted. Both start from an empty store. git's first import into an
empty repository takes about a third of each later one, which is to its favour where a line has one run only. A run of
ours is two commits, the plan before the first look and what was seen, each with a process of git; git gets one.
We sync as `core.fsync=all` says, git as it does by itself: neither costs CPU. Keys, stores, plans and records
are made before the clock starts. The locker is installed into a virtual environment in a temporary folder, from
benchmarks/auditree.txt; it is no part of Muniment. Disks sync slowly: with TMPDIR on a disk in memory the whole takes
a fraction of the time, and the same CPU.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from muniment.evidence import (
    Actor,
    EvidenceRecord,
    Method,
    Observed,
    Origin,
    Plan,
    Span,
    Start,
    Task,
    canonical,
    digest,
    passed,
)
from muniment.evidence.index import Index
from muniment.evidence.index.database import load
from muniment.evidence.index.rows import RECORDS, SERIES
from muniment.evidence.record import record_id
from muniment.evidence.store import Signer, Store, verify_store

AT = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)
SMALL, LARGE = 1_200, 20_000  # bytes a record
LOCKER = Path(__file__).with_name("auditree.txt")
LOCKER_RECORDS = 500
GROWTH_RUNS, GROWTH_WINDOW = 1_000, 48  # packs are joined about every 24 runs, so that a window holds two such moments
HEAD = f"{'what':<34}{'records':>9}{'ours':>10}{'theirs':>10}{'ratio':>8}  target"


@dataclass(frozen=True)
class Figure:
    """One line of the table: medians in CPU seconds, or in what the line names; the ratio is that to `theirs`.

    Where nobody else is measured, it is the ratio to the number that the target names.
    """

    what: str
    records: int
    ours: float
    theirs: float | None
    ratio: float
    target: str
    met: bool
    detail: str = ""


class Bench:
    """A temporary store with its index, its runs of records of one size, and what git was given in its place."""

    def __init__(self, folder: Path, each: int, size: int) -> None:
        folder.mkdir(parents=True)
        self.folder, self.each, self.size = folder, each, size
        self.signer = Signer.generate(folder / "key")
        self.store = Store.create(folder / "evidence.git", origin="bench.test/log", signer=self.signer, at=AT)
        self.index = Index.open(f"sqlite:///{folder}/index.db")
        self.runs, self.raw = 0, 0
        self.streams = list[bytes]()

    def ingest(self) -> float:
        """One run, begun, finished and indexed; gives the CPU seconds of that alone."""
        self.runs += 1
        at = AT + timedelta(hours=self.runs)
        planned = plan(self.each, at)
        with spending() as spent:
            start = self.store.begin(planned, self.signer, at=at)
        records = [record(start, place, self.size) for place in range(1, self.each + 1)]
        self._tell_git([canonical(each) for each in records])
        with spending() as more:
            self.store.finish(start, records, self.signer, at=at, milliseconds=1)
            self.index.update(self.store)
        return spent[0] + more[0]

    def fast_import(self) -> float:
        """What git itself takes for the same bytes, one file per record and one commit per run."""
        theirs = self.folder / "theirs.git"
        run("git", "init", "--quiet", "--bare", str(theirs))
        total, stream = 0.0, self.folder / "stream"
        for data in self.streams:
            stream.write_bytes(data)
            with stream.open("rb") as opened, spending() as spent:
                subprocess.run(["git", "-C", theirs, "fast-import", "--quiet"], stdin=opened, check=True)
            total += spent[0]
        return total

    def close(self) -> None:
        self.index.close()
        self.streams.clear()

    def _tell_git(self, lines: list[bytes]) -> None:
        """The input of `git fast-import`, which is not timed."""
        self.raw += sum(map(len, lines))
        out = [f"commit refs/heads/main\ncommitter a <a@example.org> {self.runs} +0000\ndata 3\nrun\n".encode()]
        out += [b"from refs/heads/main^0\n"] if self.runs > 1 else []
        for place, line in enumerate(lines):
            out.append(f"M 100644 inline {self.runs:06d}/{place:06d}.json\ndata {len(line)}\n".encode() + line + b"\n")
        self.streams.append(b"".join(out))


def main() -> int:
    """Measure, and print the table and the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--large", action="store_true", help="also 100,000 records, and 1,000,000 rows")
    parser.add_argument("--postgresql", metavar="URL", help="with --large: an empty database for the same rows")
    parser.add_argument("--own", action="store_true", help="without auditree-framework's locker")
    parser.add_argument("--reading", action="store_true", help="only what reads: verification, index, as of a date")
    words = parser.parse_args()
    figures, skipped = list[Figure](), dict[str, str]()
    print(HEAD)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wanted = readings if words.reading else measurements
        for figure in wanted(folder, words.rounds, words.postgresql, large=words.large):
            show(figure)
            figures.append(figure)
        if not words.own and not words.reading:
            found = against_locker(folder / "locker", words.rounds)
            if isinstance(found, Figure):
                show(found)
                figures.append(found)
            else:
                skipped["auditree locker"] = found
    for what, why in skipped.items():
        print(f"skipped {what}: {why}")
    print(json.dumps({"figures": [asdict(each) for each in figures], "rounds": words.rounds, "skipped": skipped}))
    return 0


def measurements(folder: Path, rounds: int, server: str | None, *, large: bool) -> Iterator[Figure]:
    """All but the locker, the quick ones first."""
    yield ingest(folder / "a", "ingest, one run of 1,000", 1_000, 1_000, SMALL, rounds, 2.0)
    yield ingest(folder / "aa", "ingest, runs of 1,000", 5_000, 1_000, SMALL, rounds, 2.0)
    yield ingest(folder / "b", "ingest, runs of 100", 1_000, 100, SMALL, rounds, 1.0)
    yield ingest(folder / "c", "ingest, records of 20 KB", 300, 100, LARGE, rounds, 1.3)
    yield from whole_store(folder / "d", 1_000, rounds)
    yield from whole_store(folder / "e", 10_000, rounds)
    yield growth(folder / "f")
    if large:
        yield from whole_store(folder / "g", 100_000, min(rounds, 3))
        yield from as_of_a_date(folder, server, rounds)


def readings(folder: Path, rounds: int, server: str | None, *, large: bool) -> Iterator[Figure]:
    """Only what is asked of a store that is there."""
    for count in (1_000, 10_000, *([100_000] if large else [])):
        bench = Bench(folder / str(count), 1_000, SMALL)
        for _ in range(count // 1_000):
            bench.ingest()
            bench.streams.clear()
        yield from read_back(bench, count, rounds)
        bench.close()
    if large:
        yield from as_of_a_date(folder, server, rounds)


def ingest(folder: Path, what: str, count: int, each: int, size: int, rounds: int, target: float) -> Figure:
    """So many records in runs of so many, against `git fast-import`, a new store each round."""
    ours, theirs = list[float](), list[float]()
    for number in range(rounds):
        bench = Bench(folder / str(number), each, size)
        ours.append(sum(bench.ingest() for _ in range(count // each)))
        theirs.append(bench.fast_import())
        bench.close()
    speed = f"{count / statistics.median(ours):.0f} records/CPU-s"
    return faster(what, count, ours, theirs, target, speed)


def whole_store(folder: Path, count: int, rounds: int) -> Iterator[Figure]:
    """A store of so many records in runs of 1,000: ingest, size, verification, index."""
    bench = Bench(folder, 1_000, SMALL)
    ours = sum(bench.ingest() for _ in range(count // 1_000))
    if count > 1_000:
        yield faster("ingest, one pass", count, [ours], [bench.fast_import()], 2.0, f"{count / ours:.0f} records/CPU-s")
    stored = sum(path.stat().st_size for path in bench.store.path.rglob("*") if path.is_file())
    detail = f"{stored / 2**20:.1f} MiB stored, {bench.raw / 2**20:.1f} MiB of records"
    yield smaller("size as written", count, [stored / 2**20], [bench.raw / 2**20], 0.35, detail)
    yield from read_back(bench, count, rounds)
    bench.close()


def read_back(bench: Bench, count: int, rounds: int) -> Iterator[Figure]:
    """Verification against git's own, and the index made anew; what takes a moment is done the more often."""
    verify, fsck, rebuild = list[tuple[float, float]](), list[tuple[float, float]](), list[float]()
    for _ in range(rounds * max(1, 5_000 // count)):
        with spending() as spent:
            assert verify_store(bench.store.path, bench.store.trust()).ok  # noqa: S101
        verify.append((spent[1], spent[0]))
        with spending() as spent:
            run("git", "-C", str(bench.store.path), "fsck", "--full", "--strict")
        fsck.append((spent[1], spent[0]))
        with spending() as spent:
            bench.index.rebuild(bench.store)
        rebuild.append(spent[0])
    elapsed, cpu = zip(*verify, strict=True)
    elapsed_git, cpu_git = zip(*fsck, strict=True)
    times = statistics.median(a / b for a, b in zip(cpu, cpu_git, strict=True))
    spent_each = f"{statistics.median(cpu):.3f} and {statistics.median(cpu_git):.3f} CPU-s, {times:.2f} times its"
    yield smaller("verify against git fsck, elapsed", count, elapsed, elapsed_git, 1.25, spent_each)
    rate = count / statistics.median(rebuild)
    yield Figure("index, records per CPU second", count, rate, None, rate / 25_000, ">= 1", met=rate >= 25_000)


def growth(folder: Path) -> Figure:
    """What the last runs of 1,000 cost against the first ones; each run has ten records."""
    bench = Bench(folder, 10, SMALL)
    costs = [bench.ingest() for _ in range(GROWTH_RUNS)]
    bench.close()
    first, last = costs[:GROWTH_WINDOW], costs[-GROWTH_WINDOW:]
    medians = f"medians {statistics.median(first) * 1000:.1f} and {statistics.median(last) * 1000:.1f} ms"
    return smaller(
        "run 1,000 against run 10", 10 * GROWTH_RUNS, [statistics.mean(last)], [statistics.mean(first)], 1.3, medians
    )


def as_of_a_date(folder: Path, server: str | None, rounds: int) -> Iterator[Figure]:
    """In SQLite, and on a server if one is named."""
    yield as_of(f"sqlite:///{folder}/h/index.db", "1,000 series as of a date, ms", 10, rounds)
    if server is not None:
        yield as_of(server, "the same, PostgreSQL, ms elapsed", 50, rounds)


def as_of(url: str, what: str, target: int, rounds: int) -> Figure:
    """The newest record of each of 1,000 series at an instant, among 1,000,000 rows; at most so many milliseconds."""
    moments = 1_000
    with Index.open(url) as index:
        with index._database.writing() as connection:
            load(connection, SERIES, [(leaf, "sha256:", f"check-{leaf}", "host") for leaf in range(1_000)])
            for moment in range(moments):
                rows = [_row(moment * 1_000 + leaf, leaf, moment) for leaf in range(1_000)]
                load(connection, RECORDS, rows)
        taken = []
        for _ in range(5 * rounds):
            with spending() as spent:
                began = time.perf_counter()
                found = index.latest(AT + timedelta(seconds=moments // 2))
                elapsed = time.perf_counter() - began
            assert len(found) == 1_000  # noqa: S101
            taken.append((spent[0] if url.startswith("sqlite") else elapsed) * 1000)
    milliseconds = statistics.median(taken)
    return Figure(what, 1_000 * moments, milliseconds, None, milliseconds / target, "<= 1", met=milliseconds <= target)


def _row(leaf: int, series: int, moment: int) -> tuple[object, ...]:
    at = int((AT + timedelta(seconds=moment)).timestamp()) * 1_000_000
    text = ("task", series, "endpoint", "tls", "observed", "pass", "As it should be", "[]")
    return (leaf, "sha256:", f"EV-2026-000001-{leaf:04d}", 1, *text, at, at, at, at, None)


def against_locker(folder: Path, rounds: int) -> Figure | str:
    """The locker with 500 records in one commit, against us; or why it cannot be had."""
    folder.mkdir()
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    install = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "-r",
        LOCKER,
    ]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"it cannot be installed: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}"
    ours, theirs = list[float](), list[float]()
    for number in range(min(rounds, 3)):
        bench = Bench(folder / f"ours-{number}", LOCKER_RECORDS, SMALL)
        ours.append(bench.ingest())
        contents = folder / "contents.json"
        start = next(iter(bench.store.runs())).start
        made = (record(start, place, SMALL) for place in range(1, LOCKER_RECORDS + 1))
        contents.write_text(json.dumps([canonical(each).decode() for each in made]))
        told = run(str(python), "-c", LOCKER_PROGRAM, str(folder / f"theirs-{number}"), str(contents))
        theirs.append(float(told.splitlines()[-1]))
        bench.close()
    return faster("ingest against auditree's locker", LOCKER_RECORDS, ours, theirs, 200)


LOCKER_PROGRAM = """
import json, os, resource, sys
from compliance.evidence import RawEvidence
from compliance.locker import Locker

for who in ("AUTHOR", "COMMITTER"):
    os.environ.update({f"GIT_{who}_NAME": "a", f"GIT_{who}_EMAIL": "a@example.org"})

def spent():
    each = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in each)

folder, contents = sys.argv[1], json.load(open(sys.argv[2]))
before = spent()
with Locker("bench", local_path=folder) as locker:
    for number, content in enumerate(contents):
        evidence = RawEvidence(f"record-{number}.json", "tls", 86400, "a look")
        evidence.set_content(content)
        locker.add_evidence(evidence)
print(spent() - before)
"""


def plan(tasks: int, at: datetime) -> Plan:
    """So many looks at TLS endpoints."""
    return Plan(
        planned=at,
        actor=Actor(name="scheduler", kind="service", trigger="schedule"),
        workspace=digest(b"the register"),
        tasks=tuple(
            Task(
                id=f"tls/host-{place}",
                check="tls",
                controls=("C-1",),
                collector="tls",
                subject=f"host-{place}.example.org:443",
                settings={},
            )
            for place in range(1, tasks + 1)
        ),
    )


def record(start: Start, place: int, size: int) -> EvidenceRecord:
    """A record of about so many bytes: what a look at a TLS endpoint brings, with digests that do not compress."""
    task, at = start.plan.tasks[place - 1], start.plan.planned
    chance = random.Random(f"{start.run}/{place}")
    prints = [f"{chance.getrandbits(256):064x}" for _ in range(max(5, (size - 1_000) // 68))]
    facts = {"fingerprints": prints, "protocols": ["TLSv1.2", "TLSv1.3"], "group": "X25519MLKEM768", "hsts": 63072000}
    return EvidenceRecord(
        id=record_id(at.year, start.run, place),
        task=task.id,
        check=task.check,
        controls=task.controls,
        subject=task.subject,
        subject_kind="endpoint",
        collected=Span(start=at, end=at + timedelta(milliseconds=chance.randint(20, 400))),
        recorded=at + timedelta(seconds=1),
        method=Method(collector="tls", version="1"),
        actor=start.plan.actor,
        outcome=Observed(
            origin=Origin(system=f"tls://{task.subject}", query="handshake TLS 1.0 to TLS 1.3"),
            facts=facts,
            verdict=passed("As it should be"),
        ),
    )


def faster(what: str, count: int, ours: list[float], theirs: list[float], target: float, detail: str = "") -> Figure:
    """How many times our speed is theirs."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    return Figure(what, count, mine, other, ratio, f">= {target:g}", ratio >= target, detail)


def smaller(
    what: str, count: int, ours: Sequence[float], theirs: Sequence[float], target: float, detail: str = ""
) -> Figure:
    """How many times theirs we take."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return Figure(what, count, mine, other, ratio, f"<= {target:g}", ratio <= target, detail)


@contextmanager
def spending() -> Iterator[list[float]]:
    """CPU seconds of this process and its children, then elapsed seconds; the list is full when the block is left."""
    before, began, spent = _spent(), time.perf_counter(), list[float]()
    yield spent
    spent += [_spent() - before, time.perf_counter() - began]


def _spent() -> float:
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def run(*command: str) -> str:
    """Run a program that must succeed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def show(figure: Figure) -> None:
    """One line, as soon as it is known."""
    theirs = "-" if figure.theirs is None else f"{figure.theirs:.3f}"
    cells = f"{figure.what:<34}{figure.records:>9,}{figure.ours:>10.3f}{theirs:>10}{figure.ratio:>8.2f}"
    print(f"{cells}  {figure.target} {'met' if figure.met else 'MISSED'}  {figure.detail}".rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
