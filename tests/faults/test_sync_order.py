"""The order of writing and syncing, as the kernel saw it: at each acknowledgement, nothing needed is without a sync.

This is the power cut without a disk: it needs no loop device. strace(1) notes what a writer and its git did. A file's
bytes are safe when it was synced after its last write; its name is safe when its folder was synced after the file was
put there. At the moment of an acknowledgement this has to hold for every pack, every index and the branch.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

_CALLS = "openat,write,writev,pwrite64,fsync,fdatasync,rename,renameat,renameat2,link,linkat,close"
_LINE = re.compile(r"^\d+ +(?:\S+ )?(?P<call>\w+)\((?P<words>.*)\) += (?P<result>-?\d+)")
_FILE = re.compile(r"<([^<>]+)>")
_NAME = re.compile(r'"([^"]*)"')


def test_each_acknowledged_byte_and_name_was_synced(bench: Any, nursery: Any, tmp_path: Path) -> None:
    bench.run(number=1)
    gate, told, log = tmp_path / "gate", tmp_path / "told", tmp_path / "log"
    os.mkfifo(gate)
    writer = nursery.writer(bench.path, bench.key_path, told, first=11, count=3, gate=gate)
    command = ["strace", "-f", "-y", "-o", str(log), "-e", f"trace={_CALLS}", "-p", str(writer.pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        assert "attached" in strace.stderr.readline()
        writer.let_go(gate)
        assert writer.wait() == 0
    lines = log.read_text(errors="replace").splitlines()
    seen = _Disk(bench.path, told, lines)
    assert (seen.acknowledged, seen.unsafe) == (3, set())

    def without(call: str, path: Path) -> set[str]:
        """What would be unsafe if these calls had not been made."""
        left = [line for line in lines if f" {call}(" not in line or f"<{path}" not in line]
        return _Disk(bench.path, told, left).unsafe

    packs, branch = bench.path / "objects" / "pack", bench.path / "refs" / "heads"
    assert any(path.endswith(".pack") for path in without("fsync", packs)), "the test sees a folder that is not synced"
    assert str(branch / "evidence") in without("fsync", branch)


class _Disk:
    """What is only in memory, by path: bytes that were not synced, and names whose folder was not.

    `unsafe` are packs, indexes and the branch that were so at an acknowledgement.
    """

    def __init__(self, store: Path, told: Path, lines: list[str]) -> None:
        self._store, self._told = store, str(told)
        self._bytes, self._names = set[str](), set[str]()
        self.unsafe, self.acknowledged = set[str](), 0
        for line in lines:
            self._see(line)

    def _see(self, line: str) -> None:
        match = _LINE.match(line)
        if match is None or int(match["result"]) < 0:
            return
        call, words = match["call"], match["words"]
        paths = _FILE.findall(words)
        if call in ("write", "writev", "pwrite64") and paths:
            self._acknowledge() if paths[0] == self._told else self._bytes.add(paths[0])
        elif call in ("fsync", "fdatasync") and paths:
            self._bytes.discard(paths[0])
            self._names = {name for name in self._names if str(Path(name).parent) != paths[0]}
        elif call.startswith(("rename", "link")):
            old, new = (str(self._store / name) for name in _NAME.findall(words)[:2])
            self._names.add(new)
            if old in self._bytes:
                self._bytes.add(new)

    def _acknowledge(self) -> None:
        self.acknowledged += 1
        needed = (f"{self._store}/objects/pack/pack-", f"{self._store}/refs/heads/evidence")
        self.unsafe |= {each for each in self._bytes | self._names if each.startswith(needed)}
