"""The way from an empty folder to a collector's evidence in a verified pack, step by step, as a person walks it.

    python benchmarks/first_collector.py

Each step is a command in a process of its own; nothing is edited and nothing is asked. The commands are those of
docs/collectors.md. What is left of five minutes is for reading and typing.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FIVE_MINUTES = 300
TOOLS = Path(sys.executable).parent
STEPS = (
    "muniment init acme --organisation Acme --owner Ada --time-zone UTC",
    "muniment -w acme collectors new backup-age --control BCK-1",
    "pytest -q -p no:cacheprovider acme/tests",
    "muniment -w acme collect backup-age",
    "muniment -w acme collectors lock",
    "muniment -w acme pack iso-iec-27001-2022",
    "muniment -w acme verify",
)


def main() -> None:
    """Walk, print a line for each step, then one JSON object; exit code 1 where a step fails or it takes too long."""
    environment = {**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}
    rows: list[dict[str, float | str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for step in STEPS:
            began, cpu = time.monotonic(), _cpu()
            ran = subprocess.run(step.split(), cwd=folder, env=environment, capture_output=True, text=True, check=False)
            if ran.returncode:
                sys.exit(f"{step}\n{ran.stdout}{ran.stderr}")
            rows.append({"step": step, "seconds": round(time.monotonic() - began, 2), "cpu": round(_cpu() - cpu, 2)})
            print(f"{rows[-1]['seconds']:8} s  {rows[-1]['cpu']:6} s CPU  {step}", flush=True)
    total = round(sum(float(row["seconds"]) for row in rows), 2)
    print(json.dumps({"schema": "muniment.bench.first-collector/1", "seconds": total, "steps": rows}))
    sys.exit(total > FIVE_MINUTES)


def _cpu() -> float:
    """Seconds of CPU that finished children have used."""
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    main()
