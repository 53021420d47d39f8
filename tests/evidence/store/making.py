"""Plans, records and stores for the tests: real ones, small and the same every time.

As a program it appends runs to a store and prints the number of each that was acknowledged:
`making.py STORE KEY FIRST COUNT`.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from muniment.evidence import (
    Actor,
    End,
    Errored,
    EvidenceRecord,
    Method,
    Observed,
    Origin,
    Plan,
    Span,
    Start,
    Task,
    canonical,
    failed,
    passed,
)
from muniment.evidence.record import count_by_status, record_id
from muniment.evidence.store import Signer, Store, Trust, VerifyReport, sshsig, verify_store
from muniment.evidence.store.append import Draft
from muniment.evidence.store.commit import writing
from muniment.evidence.store.database import Database
from muniment.evidence.store.layout import run_folder
from muniment.evidence.store.log import Log
from muniment.evidence.store.objects import format_commit, parse_commit, with_signature

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ORIGIN = "example.org/evidence"


def plan_of(tasks: int, at: datetime = NOON, reason: str | None = None) -> Plan:
    """A plan of so many looks."""
    return Plan(
        planned=at,
        actor=Actor(name="scheduler", kind="service", trigger="schedule"),
        workspace="sha256:" + "0" * 64,
        tasks=tuple(
            Task(
                id=f"tls/host-{place}",
                check="tls",
                controls=("C-1",),
                collector="tls",
                subject=f"host-{place}.example.org:443",
                settings={"host": f"host-{place}.example.org"},
            )
            for place in range(1, tasks + 1)
        ),
        reason=reason,
    )


def records_of(start: Start, places: Iterable[int] | None = None, padding: int = 0) -> list[EvidenceRecord]:
    """One record for each task, or for the tasks at these places: the third fails, the fifth could not be seen."""
    wanted = range(1, len(start.plan.tasks) + 1) if places is None else places
    return [record_at(start, place, padding) for place in wanted]


def record_at(start: Start, place: int, padding: int = 0, note: str = "") -> EvidenceRecord:
    """The record of the task at this place; `padding` makes it so many bytes longer."""
    task, at = start.plan.tasks[place - 1], start.plan.planned
    seen = Observed(
        origin=Origin(system=f"tls://{task.subject}", query="handshake TLS 1.0 to TLS 1.3"),
        facts={"protocols": ["TLSv1.2", "TLSv1.3"], "note": note, "padding": "x" * padding, "place": place},
        verdict=failed("TLS 1.0 is offered", "tls.version.legacy") if place == 3 else passed("As it should be"),
    )
    unseen = Errored(cause="net.timeout", message="no answer in 10 s")
    return EvidenceRecord(
        id=record_id(at.year, start.run, place),
        task=task.id,
        check=task.check,
        controls=task.controls,
        subject=task.subject,
        subject_kind="endpoint",
        collected=Span(start=at, end=at + timedelta(seconds=1)),
        recorded=at + timedelta(seconds=2),
        method=Method(collector="tls", version="1"),
        actor=start.plan.actor,
        outcome=unseen if place == 5 else seen,
    )


class Bench:
    """A new store in a folder, its key, and a run in one word."""

    def __init__(self, folder: Path) -> None:
        self.key_path = folder / "key"
        self.signer = Signer.generate(self.key_path, name="Example signer")
        self.path = folder / "evidence.git"
        self.store = Store.create(self.path, origin=ORIGIN, signer=self.signer, at=NOON)
        self.trust = self.store.trust()

    def begin(self, tasks: int = 6, number: int = 1) -> Start:
        """A run that is begun only; the numberth run starts on the numberth hour after noon."""
        at = NOON + timedelta(hours=number)
        return self.store.begin(plan_of(tasks, at), self.signer, at=at)

    def finish(self, start: Start, records: list[EvidenceRecord] | None = None, **more: Any) -> End:
        """End a run, a minute after its plan."""
        records = records_of(start) if records is None else records
        at = start.plan.planned + timedelta(minutes=1)
        return self.store.finish(start, records, self.signer, at=at, milliseconds=60_000, **more)

    def run(self, tasks: int = 6, number: int = 1, padding: int = 0) -> Start:
        """A whole run."""
        start = self.begin(tasks, number)
        self.finish(start, records_of(start, padding=padding))
        return start

    def verify(self) -> VerifyReport:
        """Verify with the pinned key."""
        return verified(self.path, self.trust)

    def git(self, *words: str) -> str:
        """Run git on the store."""
        done = subprocess.run(["git", *words], cwd=self.path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def git_commits(self) -> list[str]:
        """The ids of all commits, oldest first, as git lists them."""
        return self.git("rev-list", "--reverse", "HEAD").splitlines()

    def page_sizes(self) -> list[int]:
        """The size of each page of records."""
        lines = (line.split() for line in self.git("ls-tree", "-r", "-l", "HEAD").splitlines())
        return [int(size) for _, _, _, size, path in lines if "records-" in path]

    def append_unknown_leaf(self) -> None:
        """A commit as a later version may make it, with a leaf of a kind that this one does not know."""
        pages = {"later/0001.json": [b'{"said":"something","schema":"muniment.later/1"}']}
        self.forge("later/0001.dsse.json", pages)

    def forge(
        self,
        statement: str,
        pages: dict[str, list[bytes]],
        runs: int | None = None,
        files: Mapping[str, bytes] | None = None,
        origin: str = ORIGIN,
    ) -> None:
        """Sign and append whatever a key holder likes, past all that the store would refuse."""
        log = Log(self.path)
        head = log.head()
        hashes = statement.replace("statement.dsse.json", "leaves.sha256") if "statement" in statement else None
        draft = Draft(
            "forged", "Forged", statement, pages, head.runs if runs is None else runs, hashes, files=files or {}
        )
        with writing(log, origin, self.signer, NOON, "begin") as writer:
            writer.commit(draft, head)

    def forge_end(self, start: Start, records: list[EvidenceRecord], **counts: Any) -> None:
        """End a run with these records and an end that says what it likes."""
        folder = run_folder(start.plan.planned, start.run, start.run_id)
        end = {
            "run": start.run,
            "run_id": start.run_id,
            "ended": NOON,
            "planned": len(start.plan.tasks),
            "got": len(records),
            "by_status": count_by_status(records),
            "errored": sum(record.outcome.kind == "errored" for record in records),
            "milliseconds": 1,
            **counts,
        }
        pages = {f"{folder}/records-0000.jsonl": [canonical(record) for record in records]} if records else {}
        ended = canonical(End.model_validate(end))
        self.forge(f"{folder}/statement.dsse.json", {**pages, f"{folder}/end.json": [ended]})


def verified(path: Path, trust: Trust | None, **more: Any) -> VerifyReport:
    """What verification finds, which is the same for one process and for several."""
    report = verify_store(path, trust, processes=1, **more)
    assert verify_store(path, trust, processes=3, **more) == report
    return report


class Victim:
    """A store that somebody without its key tampers with, by git's own commands."""

    def __init__(self, path: Path, signer: Signer, trust: Trust) -> None:
        self.path, self.signer, self.trust = path, signer, trust

    def verify(self, **more: Any) -> VerifyReport:
        """Verify with the pinned key."""
        return verified(self.path, self.trust, **more)

    def codes(self) -> list[str]:
        """The codes of all faults."""
        return [fault.code for fault in self.verify().faults]

    def git(self, *words: str, stdin: bytes = b"", **environment: str) -> str:
        """Run git on the store."""
        done = subprocess.run(
            ["git", *words],
            cwd=self.path,
            input=stdin,
            check=True,
            capture_output=True,
            env={**os.environ, "GIT_DIR": str(self.path), **environment},
        )
        return done.stdout.decode().strip()

    def file(self, name: str, run: int = 2) -> str:
        """The path of a file of a run."""
        return next(path for path in self.paths() if f"/{run:06d}-" in path and path.endswith(f"/{name}"))

    def paths(self) -> list[str]:
        """Every file at the head."""
        return self.git("ls-tree", "-r", "--name-only", "HEAD").splitlines()

    def read(self, path: str) -> bytes:
        """A file at the head."""
        return self.git("show", f"HEAD:{path}").encode() + b"\n"

    def read_pages(self, until: str) -> list[str]:
        """The lines of all pages of a run before this one."""
        folder = until.rpartition("/")[0]
        pages = [path for path in self.paths() if path.startswith(f"{folder}/records-") and path < until]
        return [line for page in pages for line in self.read(page).decode().splitlines()]

    def append(self, changes: dict[str, bytes | None], signer: Signer | None = None) -> None:
        """A further commit that writes or removes files, signed by this key or by nobody."""
        tree = self._tree("HEAD", changes)
        unsigned = format_commit(
            tree, (self.git("rev-parse", "HEAD"),), "A <a@example.org>", 1_800_000_000, "Tidy up\n"
        )
        self._point(with_signature(unsigned, sshsig.sign(unsigned, signer)) if signer else unsigned)

    def rewrite(self, first: str, changes: dict[str, bytes | None], signer: Signer | None = None) -> None:
        """Bend the history: from the commit with this subject on, files are other than they were.

        The signatures are kept as they were, or made anew with another key.
        """
        names = self.git("rev-list", "--reverse", "HEAD").splitlines()
        subjects = self.git("log", "--reverse", "--format=%s", "HEAD").splitlines()
        at = next(at for at, subject in enumerate(subjects) if subject.startswith(first))
        parent = names[at - 1]
        for name in names[at:]:
            data = Database(self.path).read(name, "commit")
            old = parse_commit(data)
            tree = self._tree(old.tree, changes)
            bent = data.replace(old.tree.encode(), tree.encode()).replace(old.parents[0].encode(), parent.encode())
            if signer:
                payload = parse_commit(bent).payload
                bent = with_signature(payload, sshsig.sign(payload, signer))
            parent = self._point(bent)

    def flip(self, path: str, where: float) -> None:
        """Change one bit inside the packed object of a file at the head; `where` runs from 0 to 1."""
        pack, start, length = self.packed(self.git("rev-parse", f"HEAD:{path}"))
        flip_bit(pack, start + 2 + int(where * (length - 3)))

    def packed(self, object_id: str) -> tuple[Path, int, int]:
        """The pack, offset and packed size of an object."""
        for index in (self.path / "objects" / "pack").glob("*.idx"):
            for line in self.git("verify-pack", "-v", str(index)).splitlines():
                words = line.split()
                if words[0] == object_id:
                    return index.with_suffix(".pack"), int(words[4]), int(words[3])
        raise KeyError(object_id)

    def _tree(self, tree: str, changes: dict[str, bytes | None]) -> str:
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            self.git("read-tree", tree, **index)
            for path, data in changes.items():
                blob = "0" * 40 if data is None else self.git("hash-object", "-w", "--stdin", stdin=data)
                line = f"{'0' if data is None else '100644'} {blob}\t{path}\n"
                self.git("update-index", "--index-info", stdin=line.encode(), **index)
            return self.git("write-tree", **index)

    def _point(self, commit: bytes) -> str:
        name = self.git("hash-object", "-w", "-t", "commit", "--stdin", stdin=commit)
        self.git("update-ref", "refs/heads/evidence", name)
        return name


def flip_bit(path: Path, at: int) -> None:
    """Change one bit of a file, whatever its mode."""
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def main() -> None:
    """Append runs to a store."""
    path, key, first, count = sys.argv[1:]
    store, signer = Store.open(Path(path)), Signer.load(Path(key))
    for number in range(int(first), int(first) + int(count)):
        at = NOON + timedelta(hours=number)
        start = store.begin(plan_of(6, at), signer, at=at)
        store.finish(start, records_of(start), signer, at=at + timedelta(minutes=1), milliseconds=60_000)
        print(number, flush=True)


if __name__ == "__main__":
    main()
