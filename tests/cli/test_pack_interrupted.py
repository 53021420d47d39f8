"""Ctrl-C while the pages of a pack are drawn by processes."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from muniment.exports.workers import usual_workers

# Workers are started with the Python that imports their module: here one that says that it is there, and draws nothing.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` has it ignored
ours, sys.executable = sys.executable, sys.argv.pop(1)
import muniment.exports.workers
sys.executable = ours
from muniment.cli.main import main
main()
"""


@pytest.mark.skipif(usual_workers() < 2, reason="one processor: pages are drawn by the command itself")
def test_ctrl_c_leaves_no_worker_and_no_file(packed_acme: Path, muniment: Any, tmp_path: Path) -> None:
    said, python, target = tmp_path / "said", tmp_path / "python", tmp_path / "out"
    os.mkfifo(said)
    pipe = os.open(said, os.O_RDONLY | os.O_NONBLOCK)
    python.write_text(f"#!/bin/sh\nexec 9> {said}\necho here >&9\nexec cat > /dev/null\n")
    python.chmod(0o755)
    target.mkdir()
    words = ("-w", packed_acme, "pack", "iso-iec-27001-2022", "--no-cache", "-o", target / "pack.pdf")
    command = [sys.executable, "-c", PROGRAM, python, *words]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    told = b""
    while told.count(b"\n") < usual_workers():
        assert select.select([pipe], [], [], 120)[0], "no worker was started"
        told += os.read(pipe, 100)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out, b"interrupted" in err) == (130, b"", True), err
    assert select.select([pipe], [], [], 120)[0]
    assert os.read(pipe, 100) == b""  # the end: nobody holds the other end any longer
    os.close(pipe)
    assert list(target.iterdir()) == []
    built = muniment("-w", packed_acme, "log", "--kind", "pack.built", "--json").json["decisions"]
    assert len(built) == 1  # the one that was built before
