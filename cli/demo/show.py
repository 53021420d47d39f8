"""What the demonstration shows, step by step, and what it says of each."""

import shutil
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from muniment.cli.clock import now
from muniment.cli.console import bar, talk, visible
from muniment.cli.demo.story import live_through, write_workspace
from muniment.cli.demo.world import World
from muniment.cli.desk import Desk
from muniment.cli.packing import Request, build
from muniment.cli.words import counted
from muniment.evidence import IntegrityError
from muniment.evidence.store import Trust, verify_store
from muniment.exports.verify import verify_pack

if TYPE_CHECKING:
    from muniment.cli.collecting import Collected
    from muniment.exports.write import PackFile

FRAMEWORK = "iso-iec-27001-2022"


def show(root: Path) -> int:
    """Tell the whole story in one go. Exit code 0 where everything is found as it should be.

    Raises:
        IntegrityError: an altered byte was not found, or an unaltered one was.
    """
    began = time.monotonic()
    today = now().replace(microsecond=0)
    talk().print("Example Phone Co., Ltd., a made-up company, on this machine alone: nothing goes beyond loopback.\n")
    collected = _collect(root.resolve(), today)
    desk = Desk(root.resolve(), clock=lambda: today)
    made = _pack(desk, today)
    _verify(desk, made)
    _alter(desk, made)
    desk.close()
    place = root / "packs" / made.path.name
    talk().print(
        f"\nDone in {time.monotonic() - began:.0f} seconds. The pack is {place}. To go on:\n\n"
        f"  cd {root}\n  muniment status\n  muniment show {collected[-1].records[0].id}\n"
        f"  muniment verify packs/{made.path.name}"
    )
    return 0


def _collect(root: Path, today: datetime) -> "tuple[Collected, ...]":
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="muniment-demo-") as keys, World(Path(keys)) as world:
        write_workspace(root, world, today)
        _done("Made a workspace, a signing key and an empty signed store")
        with bar("Living through eleven months") as shown:
            collected = live_through(root, world, today, shown)
    records = sum(len(each.records) for each in collected)
    _done(f"Lived through eleven months: {counted(len(collected), 'run')}, {counted(records, 'record')}, all signed")
    last = collected[-1]
    words = ", ".join(f"{number} {word.replace('_', ' ')}" for word, number in last.end.by_status.items() if number)
    _done(f"Looked at {counted(len(last.records), 'subject')} today: {words}")
    return collected


def _pack(desk: Desk, today: datetime) -> "PackFile":
    workspace = desk.workspace
    period = workspace.period
    assert period is not None  # noqa: S101 - written by `write_workspace`
    command = f"muniment pack {FRAMEWORK}"
    asked = Request(workspace.frameworks[FRAMEWORK], period, today, mark="DEMO", command=command)
    began = time.monotonic()
    with bar("Building the pack") as shown:
        made, *others = build(desk, asked, None, lambda stage, done, total: shown(done, total, stage))
    forms = " and ".join(each.path.suffix.removeprefix(".").upper() for each in others)
    took = f"{time.monotonic() - began:.0f} seconds"
    _done(f"Built the audit pack: {counted(made.pages or 0, 'page')} in {took}, and beside the PDF {forms}")
    return made


def _verify(desk: Desk, made: "PackFile") -> None:
    store = verify_store(desk.workspace.store_path, desk.trust)
    pack = verify_pack(made.path, desk.trust)
    if not (store.ok and pack.ok):
        raise IntegrityError("what nobody altered does not verify", mend="`muniment verify` names each fault")
    _done(f"Verified the store ({counted(store.records, 'record')}) and the pack against the pinned key")


def _alter(desk: Desk, made: "PackFile") -> None:
    """Alter one byte in a copy of the store, and one in a copy of the pack."""
    with tempfile.TemporaryDirectory(prefix="muniment-demo-") as folder:
        store = Path(folder) / "evidence.git"
        shutil.copytree(desk.workspace.store_path, store)
        newest = max((store / "objects" / "pack").glob("*.pack"), key=lambda file: file.stat().st_mtime_ns)
        _flip(newest, newest.stat().st_size // 2)
        _found("the store", store, desk.trust)
        pack = Path(folder) / made.path.name
        shutil.copyfile(made.path, pack)
        _flip(pack, pack.read_bytes().index(b'"verdict":{"codes"'))
        _found("the pack", pack, desk.trust)


def _found(what: str, altered: Path, trust: Trust) -> None:
    report = verify_store(altered, trust) if altered.is_dir() else verify_pack(altered, trust)
    if report.ok:
        raise IntegrityError(f"an altered byte in a copy of {what} was not found")
    fault = next((each for each in report.faults if "EV-" in each.where + each.message), report.faults[0])
    _done(f"Altered one byte in a copy of {what}, and it was found:")
    talk().print(f"    {fault.code}: {visible(fault.message)}\n    at {visible(fault.where)}")


def _flip(file: Path, place: int) -> None:
    """Change one bit of one byte of a file."""
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)


def _done(sentence: str) -> None:
    talk().print(Text("✓ ", style="green") + Text(sentence))
