"""`muniment doctor`: is everything in place? Each line is ok, warn or fail, and says what mends it."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from muniment.cli.desk import Desk

State = Literal["ok", "warn", "fail"]

COULD_NOT, INTEGRITY = 3, 4
_SYMBOLS: dict[State, tuple[str, str]] = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "bold red")}
_LEAST_FREE = 200 * 1024 * 1024  # bytes; a pack and a few hundred runs fit in
_OLDEST_GIT = (2, 39)


@dataclass(frozen=True)
class Line:
    """What was looked at, how it stands, and what mends it."""

    what: str
    state: State
    sentence: str
    mend: str | None = None
    alarm: bool = False  # what is stored is not what was signed
    exit_code: int = COULD_NOT  # where it fails

    @property
    def ends_with(self) -> int:
        """The exit code that this line alone would lead to."""
        return self.exit_code if self.state == "fail" else 0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False
) -> int:
    """Look at everything that the commands need: programs, fonts, files, keys, store, index, disk, collectors."""
    from rich.text import Text

    from muniment.cli.console import print_json, result, table
    from muniment.cli.desk import Desk, desk_of
    from muniment.evidence.errors import UsageError

    lines = list(_machine())
    try:
        desk: Desk | None = desk_of(context)
    except UsageError as error:
        desk = None
        lines.append(Line("workspace", "warn", error.what, error.mend))
    if desk is not None:
        lines += _workspace(desk)
    worst = max(line.ends_with for line in lines)
    if as_json:
        print_json(
            "muniment.doctor/1", ok=worst == 0, lines=[{**vars(line), "exit_code": line.ends_with} for line in lines]
        )
        return worst
    rows = []
    for line in lines:
        symbol, colour = _SYMBOLS[line.state]
        sentence = line.sentence if line.mend is None else f"{line.sentence}\n→ {line.mend}"
        rows.append((Text(f"{symbol} {line.state}", style=colour), line.what, Text(sentence)))
    result().print(table(["", "WHAT", "HOW IT STANDS"], rows))
    return worst


def _machine() -> Iterator[Line]:
    """What does not depend on a workspace."""
    running = ".".join(str(part) for part in sys.version_info[:3])
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Line("Python", "ok" if supported else "warn", running, None if supported else "use Python 3.11 to 3.13")
    yield _git()
    yield _engine()
    yield _chinese()


def _git() -> Line:
    path = shutil.which("git")
    if path is None:
        return Line("git", "fail", "git is not on the PATH", "apt-get install git")
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.split()
    found = tuple(int(part) for part in answer[2].split(".")[:2]) if len(answer) > 2 else (0, 0)
    if found < _OLDEST_GIT:
        return Line(
            "git", "fail", f"git {answer[2] if len(answer) > 2 else 'of an unknown version'}", "use git 2.39 or newer"
        )
    return Line("git", "ok", answer[2])


def _engine() -> Line:
    """WeasyPrint, which needs the system's Pango."""
    from muniment.exports.engine import engine_versions

    try:
        versions = engine_versions()
    except (ImportError, OSError) as error:
        first = str(error).strip().partition("\n")[0]
        packages = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
        return Line("PDF", "fail", f"the PDF engine does not load: {first}", f"apt-get install {packages}")
    words = ", ".join(f"{name} {version}" for name, version in versions.items())
    return Line("PDF", "ok", f"{words}; the fonts come with Muniment")


def _chinese() -> Line:
    """The font for packs in Chinese, which does not come with Muniment; nobody else needs it."""
    from muniment.exports.fonts import cjk_file

    found = cjk_file()
    if found is None:
        return Line("Chinese", "ok", "no font with Chinese letters: `pack --language zh` needs one (fonts-noto-cjk)")
    return Line("Chinese", "ok", f"{found.name}, for `pack --language zh`")


def _workspace(desk: "Desk") -> Iterator[Line]:
    """Each part of the workspace; what rests on a part that fails is not looked at, and its failure is told once."""
    from muniment.evidence.errors import IntegrityError, MunimentError

    told = set[str]()

    looks: tuple[tuple[str, Callable[[Desk], Line]], ...] = (
        ("files", _files),
        ("collectors", _collectors),
        ("store", _store),
        ("key", _key),
        ("leftovers", _leftovers),
        ("pin", _pin),
        ("anchors", _anchors),
        ("payloads", _payloads),
        ("index", _index),
        ("disk", _disk),
        ("clock", _clock),
        ("schedule", _schedule),
    )
    for what, look in looks:
        try:
            yield look(desk)
        except MunimentError as error:
            alarm = isinstance(error, IntegrityError)
            if str(error) not in told:
                yield Line(what, "fail", str(error), error.mend, alarm, error.exit_code)
            told.add(str(error))
            if what == "files":
                return


def _files(desk: "Desk") -> Line:
    from muniment.cli.collecting import planned
    from muniment.cli.words import counted

    tasks, _ = planned(desk, everything=True)
    workspace = desk.workspace
    words = f"{counted(len(workspace.controls), 'control')}, {counted(len(workspace.checks), 'check')}"
    if not tasks:
        return Line(
            "files", "warn", f"{words}, and no subject to look at", "name endpoints in registers/endpoints.yaml"
        )
    return Line("files", "ok", f"{words}, {counted(len(tasks), 'subject')} to look at")


def _collectors(desk: "Desk") -> Line:
    from muniment.cli.words import counted
    from muniment.evidence.errors import CouldNotLook
    from muniment.evidence.process import describe

    broken: list[str] = []
    silent: list[str] = []
    for registration in desk.registry.values():
        try:
            silent += describe(registration).undescribed
        except CouldNotLook as error:
            broken.append(f"{registration.id}: {error}")
    if broken:
        return Line("collectors", "fail", "; ".join(broken), "mend the file or install what it needs")
    if silent:
        words = f"these settings say nothing of themselves: {'; '.join(silent)}"
        return Line("collectors", "warn", words, 'say `Field(description="…")`')
    return Line("collectors", "ok", f"{counted(len(desk.registry), 'collector')}, all of which import")


def _key(desk: "Desk") -> Line:
    key = desk.store.trust().key(desk.signer.public)
    where = desk.workspace.signing or "readable by you alone"
    words = f"{desk.signer.name}, {desk.signer.fingerprint}, {where}"
    if key is None or not key.valid_at(desk.clock()) or not key.signs_entries:
        return Line(
            "key", "fail", f"{words}; it may not sign in this store", "`muniment keys list` shows those that may"
        )
    return Line("key", "ok", words)


def _store(desk: "Desk") -> Line:
    from muniment.cli.words import counted

    checkpoint = desk.store.checkpoint()
    return Line("store", "ok", f"{checkpoint.origin}, {counted(checkpoint.size, 'leaf', 'leaves')}, head signed")


def _pin(desk: "Desk") -> Line:
    from muniment.evidence.store.rotation import pin_fault

    chain = desk.store.trusts()
    fault = pin_fault(chain, desk.trust)
    if fault is not None:
        return Line(
            "pin",
            "fail",
            f"the store names other signers than this side has pinned: {fault.message}",
            "find out why before you trust the store; a new pin is an act of two people",
            alarm=True,
            exit_code=INTEGRITY,
        )
    if desk.trust.version < len(chain):
        words = f"version {desk.trust.version} of the keys is pinned, and the store has version {len(chain)}"
        return Line("pin", "warn", words, "muniment keys pin")
    return Line("pin", "ok", "the pinned signers are those of the store")


def _anchors(desk: "Desk") -> Line:
    from muniment.cli.anchoring import held_by_notes, policy_faults, remote_at, standing, standings
    from muniment.evidence.errors import CouldNotLook
    from muniment.evidence.store.remote import look_at_remote, rewriting_is_refused
    from muniment.evidence.store.timestamp import load_certificates

    anchoring = desk.workspace.anchoring
    if anchoring is None:
        mend = "name a timestamp authority or a second repository under `anchors` in muniment.yaml"
        return Line("anchors", "warn", "nobody outside holds the store: a rewritten history cannot be seen", mend)
    for authority in anchoring.authorities:
        load_certificates(authority.certificates)
    for reference in anchoring.remotes:
        remote = remote_at(reference, desk.root)
        with contextlib.suppress(CouldNotLook):  # our own notes say since when
            look_at_remote(desk.store.path, remote)
        if rewriting_is_refused(remote) is False:
            mend = f"git -C {remote.shown} config receive.denyNonFastForwards true, and receive.denyDeletes true"
            return Line("anchors", "warn", f"{remote.shown} lets its history be rewritten", mend)
    overdue = policy_faults(desk, held_by_notes(desk))
    if overdue:
        return Line("anchors", "fail", "\n".join(each.message for each in overdue), "muniment anchor")
    size, states = desk.store.checkpoint().size, standings(desk)
    words = "\n".join(standing(name, size, state) for name, state in states.items())
    if any(state.alarm for state in states.values()):
        return Line("anchors", "fail", words, "muniment anchor", alarm=True, exit_code=INTEGRITY)
    if all(state.size >= size for state in states.values()):
        return Line("anchors", "ok", words)
    since = [state.waiting_since for state in states.values() if state.waiting_since is not None]
    late = bool(since) and desk.clock() - min(since) > timedelta(seconds=anchoring.max_age)
    return Line("anchors", "fail" if late else "warn", words, "muniment anchor")


def _payloads(desk: "Desk") -> Line:
    """Sealed payloads against the records that commit to them, and against what was erased."""
    from muniment.cli.erasing import erasures, sealed_in
    from muniment.cli.words import counted
    from muniment.evidence.vault import Vault

    vault, erased = Vault(desk.root), erasures(desk)
    named = {each.id for each in sealed_in(desk)}
    here = set(vault.ids())
    left = sorted(here & erased.keys())
    if left:
        return Line("payloads", "fail", f"{left[0]} was to be erased and is still here", f"muniment erase {left[0]} …")
    lost = sorted(id_ for id_ in named - erased.keys() if vault.state(id_) != "kept")
    if lost:
        mend = "bring payloads/ back from its backup"
        return Line("payloads", "fail", f"{counted(len(lost), 'payload')} cannot be opened and nobody erased it", mend)
    astray = sorted(here - named)
    if astray:
        words = f"no record commits to {astray[0]}" + (f" and {len(astray) - 1} more" if len(astray) > 1 else "")
        return Line("payloads", "warn", words, f"muniment erase {astray[0]} …")
    return Line(
        "payloads", "ok", f"{counted(len(named) - len(named & erased.keys()), 'payload')} kept, {len(erased)} erased"
    )


def _index(desk: "Desk") -> Line:
    from muniment.cli.words import counted

    new = desk.index.update(desk.store)
    wrong = desk.index.check_against(desk.store)
    if wrong:
        return Line("index", "fail", f"rows differ from the store: {wrong[0]}", "muniment index rebuild")
    return Line("index", "ok", "equal to the store" + (f" after {counted(new, 'new row')}" if new else ""))


def _disk(desk: "Desk") -> Line:
    free = shutil.disk_usage(desk.root).free
    words = f"{free // 1024**2:,} MiB free"
    return Line("disk", "ok", words) if free >= _LEAST_FREE else Line("disk", "warn", words, "free some space")


def _leftovers(desk: "Desk") -> Line:
    """What a writer leaves who was killed. The next writer removes it; so does this, unless a writer is at work."""
    from muniment.cli.words import counted
    from muniment.evidence.store.lock import mend

    path = desk.workspace.store_path
    refused = desk.store.refused_tokens()
    if refused:
        what = f"{path.name}/anchors/{refused[0]} is no timestamp of this log: no run stores it"
        return Line("leftovers", "warn", what, "find out how it came there, and take it away")
    halves = sorted(each.name for each in path.parent.glob(f".{path.name}.*") if each.is_dir())
    cleared = mend(path)
    if halves:  # nobody can tell whether the one who makes it is still at work
        what = f"{halves[0]} is a store that was never finished"
        return Line("leftovers", "warn", what, f"rm -r {halves[0]}, if nothing is being set up now")
    if cleared is None:
        return Line("leftovers", "ok", "a writer is at work")
    if cleared:
        return Line("leftovers", "ok", f"{counted(len(cleared), 'file')} of a writer that was killed: removed")
    return Line("leftovers", "ok", "none")


def _clock(desk: "Desk") -> Line:
    from muniment.exports.text import instant

    now = desk.clock()
    latest = max((run.end.ended for run in desk.store.runs() if run.end), default=now)
    if latest > now + timedelta(minutes=5):
        return Line("clock", "fail", f"it is {instant(now)} here, but a run ended {instant(latest)}", "set the clock")
    return Line("clock", "ok", instant(now))


def _schedule(desk: "Desk") -> Line:
    from muniment.cli.collecting import planned
    from muniment.cli.words import counted

    due, _ = planned(desk)
    if due:
        return Line("schedule", "warn", f"{counted(len(due), 'subject')} due", "muniment collect")
    return Line("schedule", "ok", "nothing is due")
