"""Leftovers of killed processes, full and read-only disks: nothing acknowledged is lost, the next run works."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.errors import StoreFault
from muniment.evidence.store import Store, verify_store
from muniment.evidence.store.failpoint import STEPS, VARIABLE

MAKING = Path(__file__).parents[1] / "evidence" / "store" / "making.py"
CREATE = (
    "import sys; from pathlib import Path; from datetime import UTC, datetime\n"
    "from muniment.evidence.store import Signer, Store\n"
    "folder = Path(sys.argv[1]); signer = Signer.generate(folder / 'key')\n"
    "at = datetime(2026, 11, 24, tzinfo=UTC)\n"
    "Store.create(folder / 'evidence.git', origin='example.org/evidence', signer=signer, at=at)\n"
)
MS_RDONLY, MS_REMOUNT, MS_BIND = 1, 32, 4096


@pytest.mark.parametrize("step", STEPS)
def test_a_store_killed_while_it_is_made_leaves_no_half_store(step: str, making: Any, tmp_path: Path) -> None:
    environment = {**os.environ, VARIABLE: f"create.{step}"}
    done = subprocess.run([sys.executable, "-c", CREATE, tmp_path], check=False, env=environment)
    if step == "known":  # a store that is made is never known already
        assert done.returncode == 0
        return
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "evidence.git").exists()
    signer = making.Signer.load(tmp_path / "key")
    Store.create(tmp_path / "evidence.git", origin=making.ORIGIN, signer=signer, at=making.NOON)


def test_the_environment_of_a_git_hook_does_not_lead_a_store_astray(making: Any, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", other], check=True)
    astray = {
        "GIT_DIR": str(other / ".git"),
        "GIT_OBJECT_DIRECTORY": str(other / ".git" / "objects"),
        "GIT_INDEX_FILE": str(other / ".git" / "index"),
        "GIT_DEFAULT_HASH": "sha256",
    }
    subprocess.run([sys.executable, "-c", CREATE, tmp_path], check=True, env={**os.environ, **astray})
    append = [sys.executable, MAKING, tmp_path / "evidence.git", tmp_path / "key", "1", "1"]
    subprocess.run(append, check=True, env={**os.environ, **astray}, capture_output=True)
    report = verify_store(tmp_path / "evidence.git", None)
    assert report.ok
    assert report.records == 6
    assert not any(path.is_file() for path in (other / ".git" / "objects").rglob("*"))


def test_a_machine_without_git_says_so(making: Any, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CREATE, tmp_path],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    assert done.stderr.splitlines()[-1] == "muniment.evidence.errors.StoreFault: git is not installed"


def test_stale_locks_and_half_packs_of_a_killed_git_do_not_block(bench: Any) -> None:
    bench.run(number=1)
    leftovers = ["refs/heads/evidence.lock", "HEAD.lock", "packed-refs.lock", "objects/pack/tmp_pack_x7Rk2a"]
    for name in leftovers:
        (bench.path / name).write_bytes(b"")
    bench.run(number=2)
    assert bench.verify().ok
    assert not any((bench.path / name).exists() for name in leftovers)


def test_a_reader_beside_a_writer_raises_no_false_alarm(bench: Any) -> None:
    bench.run(number=1)
    reader, looks = Store.open(bench.path), 0
    with _start(bench, first=2, count=30) as writer:
        while writer.poll() is None:
            assert reader.proof(3).leaf == 3  # held against the signed root on the way
            assert sum(1 for _ in reader.records()) % 6 == 0
            assert verify_store(bench.path, bench.trust).ok  # once: the writer goes on between two looks
            looks += 1
        out, complaint = writer.communicate()
    assert (len(out.split()), complaint) == (30, "")
    assert looks > 3
    assert sum(1 for _ in reader.records()) == 31 * 6


def test_packs_are_joined_before_they_become_many(bench: Any) -> None:
    for number in range(1, 31):
        bench.run(tasks=2, number=number)
    packs = list((bench.path / "objects" / "pack").glob("*.pack"))
    assert len(packs) < 50
    assert bench.verify().ok
    assert bench.store.record("EV-2026-000001-0002").record.task == "tls/host-2"


def test_a_store_that_git_has_repacked_with_differences_reads_the_same(bench: Any) -> None:
    for number in range(1, 4):
        bench.run(tasks=40, number=number)
    before = [stored.digest for stored in bench.store.records()]
    bench.git(
        "-c", "pack.window=50", "-c", "pack.depth=20", "repack", "-a", "-d", "-q", "-f", "--depth=20", "--window=50"
    )
    bench.git("pack-refs", "--all")
    assert "chain length" in bench.git("verify-pack", "-v", *map(str, bench.path.glob("objects/pack/*.idx")))
    again = Store.open(bench.path)
    assert [stored.digest for stored in again.records()] == before
    assert verify_store(bench.path, bench.trust).ok
    bench.run(number=4)
    assert bench.verify().ok


def test_a_store_of_loose_objects_reads_the_same(bench: Any) -> None:
    bench.run()
    packs = bench.path / "objects" / "pack"
    whole = [path.read_bytes() for path in packs.glob("*.pack")]
    for path in packs.iterdir():
        path.unlink()
    for pack in whole:
        subprocess.run(["git", "unpack-objects", "-q"], cwd=bench.path, input=pack, check=True)
    assert len(list(Store.open(bench.path).records())) == 6
    assert bench.verify().ok


def test_a_reader_sees_what_another_process_has_written_and_repacked(bench: Any) -> None:
    reader = Store.open(bench.path)
    bench.run(number=1)
    assert len(list(reader.records())) == 6
    bench.git("repack", "-a", "-d", "-q")
    bench.run(number=2)
    assert len(list(reader.records())) == 12


def test_a_full_disk_is_told_and_the_next_run_works(making: Any, tmp_path: Path) -> None:
    with _small_disk(tmp_path / "disk") as disk:
        bench = making.Bench(disk)
        bench.run(number=1)
        start = bench.begin(number=2)
        filler = disk / "filler"
        _fill(filler)
        with pytest.raises(StoreFault) as caught:
            bench.finish(start)
        assert (caught.value.code, caught.value.what) == ("store.full", "the disk is full")
        assert bench.verify().ok
        filler.unlink()
        bench.finish(start)
        bench.run(number=3)
        report = bench.verify()
        assert report.ok, report.faults
        assert (report.runs, report.records) == (3, 18)


def test_a_disk_that_is_full_while_a_store_is_made_leaves_nothing_behind(making: Any, tmp_path: Path) -> None:
    signer = making.Signer.generate(tmp_path / "key")
    with _small_disk(tmp_path / "disk") as disk:
        _fill(disk / "filler")
        with pytest.raises(StoreFault):
            Store.create(disk / "evidence.git", origin=making.ORIGIN, signer=signer, at=making.NOON)
        assert [path.name for path in disk.iterdir()] == ["filler"]


def test_a_limit_on_the_size_of_files_is_told_like_a_full_disk(bench: Any) -> None:
    start = bench.begin(tasks=60)
    limited = subprocess.run(
        ["prlimit", "--fsize=1500", sys.executable, MAKING, bench.path, bench.key_path, "7", "1"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert limited.returncode == 1
    assert "StoreFault" in limited.stderr
    assert "a file may not grow further" in limited.stderr
    assert bench.verify().ok
    bench.finish(start)
    assert bench.verify().ok


def test_a_read_only_store_is_read_and_verified_and_says_why_it_is_not_written(bench: Any) -> None:
    bench.run(number=1)
    with _read_only(bench.path):
        assert len(list(Store.open(bench.path).records())) == 6
        assert bench.verify().ok
        with pytest.raises(StoreFault) as caught:
            bench.begin(number=2)
        assert (caught.value.code, caught.value.what) == ("store.read_only", "the store may not be written")
        assert caught.value.mend
    bench.run(number=2)
    assert bench.verify().ok


def _append(bench: Any, *, first: int, count: int, failpoint: str = "") -> Any:
    """Append runs in a process of its own."""
    with _start(bench, first=first, count=count, failpoint=failpoint) as process:
        out, complaint = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, complaint)


def _start(bench: Any, *, first: int, count: int, failpoint: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, MAKING, bench.path, bench.key_path, str(first), str(count)],
        env={**os.environ, VARIABLE: failpoint},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """A disk of two mebibytes, in memory."""
    folder.mkdir()
    _mount("tmpfs", folder, "tmpfs", 0, "size=2m")
    try:
        yield folder
    finally:
        _unmount(folder)


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    """The folder, mounted over itself so that not even root may write."""
    _mount(str(folder), folder, None, MS_BIND, None)
    try:
        _mount(None, folder, None, MS_BIND | MS_REMOUNT | MS_RDONLY, None)
        yield
    finally:
        _unmount(folder)


def _mount(source: str | None, target: Path, kind: str | None, flags: int, options: str | None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    words = [None if word is None else word.encode() for word in (source, str(target), kind)]
    if libc.mount(*words, flags, None if options is None else options.encode()) != 0:
        pytest.skip(f"this machine does not let us mount: {os.strerror(ctypes.get_errno())} (run as root)")


def _unmount(target: Path) -> None:
    ctypes.CDLL(None).umount2(str(target).encode(), 2)


def _fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return
