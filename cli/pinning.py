"""`muniment collectors list`, `lock` and `diff`: whose code looks, and whether it is as it was reviewed.

None of them imports a collector.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from muniment.cli.collectors import Json, collectors_app, registry_of
from muniment.cli.exits import FINDINGS

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.evidence.collector import Source
    from muniment.evidence.lock import Change, Lock, Pin
    from muniment.evidence.registry import Registration


def register(app: typer.Typer) -> None:  # noqa: ARG001 - as every group has it
    """Add the commands."""
    collectors_app.command("list")(list_collectors)
    collectors_app.command("lock")(lock)
    collectors_app.command("diff")(diff)


def list_collectors(context: typer.Context, as_json: Json = False) -> int:
    """List the collectors: where each comes from, its code, what it serves, when it last looked. Imports none."""
    from muniment.cli.console import print_json, result, table
    from muniment.cli.desk import desk_of
    from muniment.evidence.errors import UsageError

    try:
        desk: Desk | None = desk_of(context)
    except UsageError:
        desk = None
    registry = desk.registry if desk else registry_of(context)
    rows = [_row(each, desk) for each in registry.values()]
    if desk:
        by_collector, by_check = _last_looks(desk)
        rows = [{**row, "last": by_collector.get(row["id"])} for row in rows]
        rows += [_program_row(desk, source, checks, by_check) for source, checks in _programs(desk).items()]
    if as_json:
        print_json("muniment.collectors/1", collectors=rows)
        return 0
    columns = ["COLLECTOR", "VERSION", "CODE", "COMES FROM"]
    if desk:
        columns = [*columns[:3], "LOCK", "LAST LOOK", "SERVES", columns[3]]
    result().print(table(columns, [_cells(row) for row in rows]))
    return 0


def lock(context: typer.Context, as_json: Json = False) -> int:
    """Pin the collectors that the checks use, as they are now, in muniment.lock. Review what it changes."""
    from muniment.cli.console import print_json, result, talk
    from muniment.cli.desk import desk_of
    from muniment.cli.words import counted
    from muniment.evidence.lock import FILE, changes, read_lock, write_lock

    desk = desk_of(context)
    now = lock_now(desk)
    made = changes(read_lock(desk.root), now)
    write_lock(desk.root, now)
    if as_json:
        print_json("muniment.lock/1", file=FILE, changes=[_change(each) for each in made])
        return 0
    for each in made:
        result().print(_told(each))
    pinned = counted(len(now.collectors) + len(now.programs), "collector")
    talk().print(f"{FILE} pins {pinned}. It is reviewed and kept with the workspace's other files.")
    return 0


def diff(context: typer.Context, as_json: Json = False) -> int:
    """Say which collectors are not as muniment.lock has them; exit code 1 where there is one."""
    from muniment.cli.console import print_json, result, talk
    from muniment.cli.desk import desk_of
    from muniment.evidence.lock import FILE, changes, read_lock

    desk = desk_of(context)
    made = changes(read_lock(desk.root), lock_now(desk))
    if as_json:
        print_json("muniment.lock-diff/1", file=FILE, changes=[_change(each) for each in made])
    elif made:
        for each in made:
            result().print(_told(each))
        talk().print("`muniment collectors lock` pins them as they are; review them first.")
    else:
        talk().print(f"Every collector that a check uses is as {FILE} has it.")
    return FINDINGS if made else 0


def lock_now(desk: "Desk") -> "Lock":
    """The lock that pins what the checks of a workspace use."""
    from muniment.evidence.lock import lock_of

    used = {check.collector for check in desk.workspace.checks}
    return lock_of((each for each in desk.registry.values() if each.id in used), _programs(desk))


def _programs(desk: "Desk") -> "dict[Source, set[str]]":
    """The programs that checks run, each with the checks."""
    from muniment.evidence.protocol import EXECUTABLE

    found: dict[Source, set[str]] = {}
    checks = [check for check in desk.workspace.checks if check.collector == EXECUTABLE]
    if checks:
        from muniment.evidence.collectors.executable import Executable

        for check in checks:
            source = Executable.source_of(check.settings, desk.root)
            if source is not None:
                found.setdefault(source, set()).add(check.id)
    return found


def _row(registration: "Registration", desk: "Desk | None") -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": registration.id,
        "version": registration.version,
        "origin": registration.origin,
        "code": registration.code,
    }
    if desk is None:
        return row
    from muniment.evidence.lock import pin_of, read_lock

    checks = (check.id for check in desk.workspace.checks if check.collector == registration.id)
    return {
        **row,
        "lock": read_lock(desk.root).state(registration.id, pin_of(registration)),
        "controls": _controls(desk, checks),
    }


def _program_row(desk: "Desk", source: "Source", checks: set[str], last: dict[str, dict[str, Any]]) -> dict[str, Any]:
    from muniment.evidence.lock import read_lock

    looks = [last[check] for check in checks if check in last]
    return {
        "id": source.package,
        "version": None,
        "origin": "a program",
        "code": source.code,
        "lock": read_lock(desk.root).state_of_program(source),
        "controls": _controls(desk, checks),
        "last": max(looks, key=lambda look: str(look["at"]), default=None),
    }


def _controls(desk: "Desk", checks: Iterable[str]) -> list[str]:
    return sorted({control for check in checks for control in desk.workspace.users(check)})


def _last_looks(desk: "Desk") -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """By collector, and by check, the run and the instant of the newest record; empty where there is no store yet."""
    from muniment.evidence import rfc3339
    from muniment.evidence.errors import StoreFault

    try:
        desk.index.update(desk.store)
    except StoreFault:
        return {}, {}
    by_collector: dict[str, dict[str, Any]] = {}
    by_check: dict[str, dict[str, Any]] = {}
    for row in sorted(desk.index.latest(desk.clock()), key=lambda row: (row.collected, row.leaf)):
        by_collector[row.collector] = by_check[row.check] = {"run": row.run, "at": rfc3339(row.collected)}
    return by_collector, by_check


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    code = _short(row["code"])
    cells = (row["id"], row["version"] or "not said", code)
    if "lock" not in row:
        return (*cells, row["origin"])
    last = row["last"]
    when = f"run {last['run']}, {last['at']}" if last else "never"
    return (*cells, row["lock"], when, ", ".join(row["controls"]) or "no control", row["origin"])


def _short(digest: str | None) -> str:
    return digest.removeprefix("sha256:")[:12] if digest else "not found"


def _change(change: "Change") -> dict[str, Any]:
    return {
        "name": change.name,
        "what": change.what,
        "before": change.before.to_json() if change.before else None,
        "now": change.now.to_json() if change.now else None,
    }


def _told(change: "Change") -> str:
    """`changed  acme.policy  collectors/policy.py 0123456789ab → collectors/policy.py ba9876543210`."""
    from muniment.cli.console import visible

    sides = " → ".join(_side(each) for each in _sides(change.before, change.now))
    return visible(f"{change.what:8} {change.name}  {sides}")


def _sides(*pins: "Pin | None") -> "Iterable[Pin]":
    return (pin for pin in pins if pin is not None)


def _side(pin: "Pin") -> str:
    return f"{pin.origin} {_short(pin.digest)}"
