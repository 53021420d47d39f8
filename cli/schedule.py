"""`muniment schedule`: what is due when, as a list or a calendar, and the timer that looks in time.

The timer runs `muniment collect --due` every hour: the cadence of each check decides what is due, not the timer,
so that a machine that slept catches up and an hour too many does no harm. Findings (exit code 1) are no failure of the
service; what could not be done is.
"""

import hashlib
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.controls.assess import Assessment
    from muniment.controls.model import CheckResult
    from muniment.exports.calendar import Expiry

MADE_BY = "# Made by `muniment schedule install`."

schedule_app = typer.Typer(help="What is due when, and the timer that looks in time.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@dataclass(frozen=True)
class Unit:
    """One file of the timer."""

    name: str
    text: str


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(schedule_app, name="schedule")


@schedule_app.callback(invoke_without_command=True)
def schedule(
    context: typer.Context,
    ics: Annotated[
        Path | None, typer.Option("--ics", metavar="FILE", help="Also write a calendar of the due dates (RFC 5545).")
    ] = None,
    as_json: Json = False,
) -> int:
    """List when each check is due, soonest first."""
    if context.invoked_subcommand is not None:
        return 0
    from muniment.cli.console import print_json, result, table, talk
    from muniment.cli.desk import desk_of
    from muniment.cli.reading import period_of
    from muniment.controls.assess import assess
    from muniment.exports.calendar import calendar
    from muniment.exports.text import instant

    desk = desk_of(context)
    at = desk.clock()
    assessment = assess(desk.workspace, desk.store.records(), desk.store.runs(), period_of(desk, None, at), at)
    due = _due(assessment)
    if ics is not None:
        name = f"{desk.workspace.organisation}: evidence due"
        ics.write_bytes(calendar(name, _entries(desk, assessment, due, at), at))
        talk().print(f"Wrote {ics}.")
    if as_json:
        print_json(
            "muniment.schedule/1",
            at=at.isoformat(),
            checks=[
                {
                    "check": each.check,
                    "collector": each.collector,
                    "due": each.next_due.isoformat() if each.next_due else None,
                    "freshness": each.freshness,
                }
                for each in due
            ],
        )
        return 0
    rows = [(instant(each.next_due) if each.next_due else "now", each.freshness, each.check) for each in due]
    result().print(table(["DUE", "EVIDENCE", "CHECK"], rows))
    return 0


@schedule_app.command("install")
def install(
    context: typer.Context,
    only_print: Annotated[bool, typer.Option("--print", help="Print the files; write nothing.")] = False,
    cron: Annotated[bool, typer.Option("--cron", help="Print a line for crontab instead; write nothing.")] = False,
) -> int:
    """Write a systemd timer and service for the user who runs this, or print them."""
    from muniment.cli.console import talk
    from muniment.cli.desk import desk_of
    from muniment.evidence.errors import UsageError

    desk = desk_of(context)
    if cron:
        print(_cron_line(desk))  # noqa: T201 - stdout is the result, and no console may wrap it
        return 0
    units = _units(desk)
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    if only_print:
        for unit in units:
            print(f"# {folder / unit.name}\n{unit.text}")  # noqa: T201 - see above
        return 0
    for unit in units:
        there = folder / unit.name
        if there.exists() and not there.read_text("utf-8").startswith(MADE_BY):
            raise UsageError("somebody else wrote this file", where=str(there), mend="move it away, or use `--print`")
    folder.mkdir(parents=True, exist_ok=True)
    for unit in units:
        (folder / unit.name).write_text(unit.text, "utf-8")
        talk().print(f"Wrote {folder / unit.name}.")
    talk().print(
        "Start it with:\n"
        f"  systemctl --user daemon-reload && systemctl --user enable --now {_name(desk)}.timer\n"
        "and let it run while you are away:\n"
        "  loginctl enable-linger"
    )
    return 0


def _due(assessment: "Assessment") -> "list[CheckResult]":
    """Each check once, soonest first; those that were never looked at before all others."""
    checks = {each.check: each for finding in assessment.findings.values() for each in finding.checks}
    current = [each for each in checks.values() if "check.retired" not in each.verdict.codes]
    return sorted(current, key=lambda each: (each.next_due is not None, each.next_due or assessment.at, each.check))


def _entries(desk: "Desk", assessment: "Assessment", due: "list[CheckResult]", at: datetime) -> "Iterator[Expiry]":
    """A calendar's entries: the due date of each check, and the ends of exceptions that hold."""
    from muniment.exports.calendar import Expiry

    origin = desk.trust.origin
    for each in due:
        words = f"{each.collector}, {each.population} subjects: muniment collect {each.check}"
        yield Expiry(f"due-{each.check}@{origin}", each.next_due or at, f"Evidence due: {each.check}", words)
    for finding in assessment.findings.values():
        for exception in finding.exceptions:
            if exception.end > at:
                words = f"{exception.reason} Approved by {exception.approver}."
                summary = f"Exception ends: {exception.id} ({finding.control})"
                yield Expiry(f"exception-{exception.id}@{origin}", exception.end, summary, words)


def _units(desk: "Desk") -> tuple[Unit, ...]:
    """The service and its timer (systemd.service(5), systemd.timer(5))."""
    command = " ".join(_quoted(word) for word in _command(desk, "collect", "--due", "--trigger", "systemd timer"))
    told = " ".join(_quoted(word) for word in _command(desk, "notify"))
    service = [
        MADE_BY,
        "[Unit]",
        f"Description=Collect evidence that is due: {_specifiers(desk.workspace.organisation)}",
        "After=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        f"WorkingDirectory={_specifiers(str(desk.root))}",
        f"ExecStart={command}",
        *([f"ExecStopPost={told}"] if desk.workspace.notify else []),
        "SuccessExitStatus=1",
        "",
    ]
    timer = [
        MADE_BY,
        "[Unit]",
        f"Description=Every hour: evidence that is due, {_specifiers(desk.workspace.organisation)}",
        "",
        "[Timer]",
        "OnCalendar=hourly",
        "RandomizedDelaySec=10min",
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
        "",
    ]
    name = _name(desk)
    return Unit(f"{name}.service", "\n".join(service)), Unit(f"{name}.timer", "\n".join(timer))


def _cron_line(desk: "Desk") -> str:
    """One line of a crontab; the minute is the workspace's own, so that not all run at once."""
    minute = int(hashlib.sha256(str(desk.root).encode()).hexdigest(), 16) % 60
    command = shlex.join(_command(desk, "collect", "--due", "--trigger", "cron"))
    if desk.workspace.notify:
        command += f" ; {shlex.join(_command(desk, 'notify'))}"
    return f"{minute} * * * * {command}".replace("%", "\\%")


def _command(desk: "Desk", *words: str) -> tuple[str, ...]:
    """The command of this very installation, on this workspace."""
    return (str(Path(sys.executable).with_name("muniment")), "--workspace", str(desk.root), *words)


def _name(desk: "Desk") -> str:
    """Two workspaces of one name get two timers."""
    own = hashlib.sha256(str(desk.root).encode()).hexdigest()[:8]
    words = "".join(each.lower() if each.isascii() and each.isalnum() else "-" for each in desk.root.name)
    return f"muniment-{words.strip('-') or 'workspace'}-{own}"


def _quoted(word: str) -> str:
    """A word of a command line, in quotes where it holds more than plain characters (systemd.service(5), quoting)."""
    escaped = _specifiers(word).replace("$", "$$")
    if all(each.isalnum() or each in "/._-%$" for each in escaped):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _specifiers(text: str) -> str:
    """Text in which no percent sign is a specifier, and no line ends early."""
    return " ".join(text.replace("%", "%%").splitlines())
