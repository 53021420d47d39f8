"""What the demonstration's telephones sent: captures of scripted sessions, and a list of identifiers.

Everything follows from the seed. The sessions are those of `registers/sessions.yaml`: one with consent, one in private
mode and one signed out, which sends what is strictly necessary and no more.
"""

import base64
import json
import random
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

_APP, _TELEMETRY = "https://app.example-phone.test", "https://t0.example-telemetry.test/v1/e"
_EVENTS = 6
_PHONES, _EACH = ("north", "south"), 150  # identifiers of a phone in one situation
_IMEI, _MAC = "490154203237518", "00:1A:2B:3C:4D:5E"  # of no telephone that was ever sold


def write_sessions(folder: Path, *, at: datetime, seed: int) -> None:
    """Write `normal.jsonl`, `private.jsonl` and `signed-out.jsonl`; the sessions ended an hour before `at`."""
    folder.mkdir(exist_ok=True)
    numbers = random.Random(seed)  # noqa: S311 - made-up data, the same each time
    begin = at - timedelta(hours=2)
    update = _row(begin + timedelta(seconds=20), f"{_APP}/update", {"ver": "12.2.1"})
    necessary = [_row(begin, f"{_APP}/canary"), update]
    sent = [_row(begin + timedelta(minutes=n + 1), _TELEMETRY, _event(numbers, n)) for n in range(_EVENTS)]
    for name, rows in (("normal", necessary + sent), ("private", necessary), ("signed-out", necessary)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_identifiers(folder: Path, *, seed: int) -> None:
    """Write `generated.csv`, identifiers of test phones in four situations, and what is known of these phones."""
    folder.mkdir(exist_ok=True)
    numbers = random.Random(seed)  # noqa: S311 - made-up data, the same each time
    lines = ["id,device,install,reset,mode"]
    for phone in _PHONES:
        for situation in ("1,1,normal", "1,1,private", "1,2,normal", "2,1,normal"):
            lines += [f"{_random_id(numbers)},{phone},{situation}" for _ in range(_EACH)]
    (folder / "generated.csv").write_text("\n".join(lines) + "\n")
    (folder / "test-phones.txt").write_text(f"# IMEI and MAC of the test phones; kept out of git\n{_IMEI}\n{_MAC}\n")


def _event(numbers: random.Random, n: int) -> dict[str, Any]:
    more = {"used_mb": numbers.randrange(200, 900)} if n % 2 else {"ver": "12.2.1"}
    return {"rid": _random_id(numbers), "event": "memory" if n % 2 else "app_open", **more}


def _random_id(numbers: random.Random) -> str:
    return str(uuid.UUID(int=numbers.getrandbits(128), version=4))


def _row(at: datetime, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """A line of JSONL as the converter for mitmproxy writes it."""
    row: dict[str, Any] = {"at": at.isoformat(), "url": url, "headers": {"content-type": "application/json"}}
    return row if body is None else {**row, "body_base64": base64.b64encode(json.dumps(body).encode()).decode()}
