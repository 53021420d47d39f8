"""The story of the demonstration: a workspace is written, eleven months are lived through, and today is collected.

The months before today are real runs under a clock that was set: real connections, real queries, real signatures. Only
the dates are those of the story.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from string import Template
from typing import NamedTuple

from muniment.cli.collecting import Collected, planned, run
from muniment.cli.demo import consent_log, sessions
from muniment.cli.demo.repository import write_repository
from muniment.cli.demo.requests import ask_and_answer
from muniment.cli.demo.world import HOSTS, LAST, WITHOUT_RUN, World
from muniment.cli.desk import Desk
from muniment.cli.pinning import lock_now
from muniment.cli.setup import complete
from muniment.controls.model import Workspace
from muniment.controls.noticing import noticed
from muniment.evidence import Actor, digest
from muniment.evidence.lock import write_lock

FILES = Path(__file__).with_name("workspace")
STEP = timedelta(weeks=2)
ORIGIN = "example-phone.test/evidence"


class _Size(NamedTuple):
    acts: int
    events: int
    violations: Mapping[consent_log.Violation, int]


# How large the consent log of a step is, and how many violations of each class it holds.
_EARLIER = _Size(1_500, 8_000, {})
_SLIP = _Size(1_500, 8_000, {"withdrawn": 2})
_TODAY = _Size(12_500, 100_000, {"before": 3, "withdrawn": 4, "incognito": 1})
_SLIPPED_AT = 12
_GRANTED_AT = 17
_ATTESTED_AT = LAST - 2  # the first step after the day on which it says that it was made
_QUARTERLY = frozenset({"not-2.claims", "crt-1.certificates", "src-1.identifier"})
_QUARTERS = frozenset({0, 5, 11, 17, LAST})

_SOURCE = b'''"""The identifier that goes with usage data."""

import uuid


def new_identifier() -> str:
    """Drawn from the system's random source, for each report anew. It is made from nothing else."""
    return str(uuid.uuid4())
'''


def write_workspace(root: Path, world: World, now: datetime) -> None:
    """Write the files that people would have written, a key, and an empty store, opened before the first step."""
    began = instant_of(0, now)
    day = timedelta(days=1)
    commit = write_repository(root / "source" / "browser.git", "telemetry/identifier.py", _SOURCE, began - 30 * day)
    words = {
        "period": f"{began.replace(day=1):%Y-%m-%d}..{now:%Y-%m-%d}",
        "resolver": world.resolver,
        "legacy_port": str(world.port("legacy.example-phone.test")),
        "said_on": f"{began:%Y-%m-%d}",
        "exception_start": f"{instant_of(_GRANTED_AT, now):%Y-%m-%d}",
        "exception_end": f"{now + 60 * day:%Y-%m-%d}",
        "attested_on": f"{now - 40 * day:%Y-%m-%d}",
        "attested_until": f"{now + 325 * day:%Y-%m-%d}",
        "review": f"{now + 120 * day:%Y-%m-%d}",
        "record": f"EV-{now:%Y}-{LAST + 1 - len(WITHOUT_RUN):06d}-0001",
        "endpoints": "".join(world.entries(0)),
        "consented_at": f"{began - STEP:%Y-%m-%dT%H:%M:%SZ}",
        "certified_on": f"{began - 200 * day:%Y-%m-%d}",
        "certified_until": f"{began + 895 * day:%Y-%m-%d}",
        "certificate_27001": digest((FILES / "certificates" / "iso-iec-27001.txt").read_bytes()),
        "certificate_27701": digest((FILES / "certificates" / "iso-iec-27701.txt").read_bytes()),
        "source_commit": commit,
        "source_file": digest(_SOURCE),
        "published_page": digest((FILES / "website" / "answer.html").read_bytes()),
    }
    for source in sorted(FILES.rglob("*")):
        if source.is_file() and "__pycache__" not in source.parts:
            target = root / source.relative_to(FILES)
            target = target.with_name(".gitignore") if target.name == "gitignore" else target
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(Template(source.read_text("utf-8")).substitute(words), "utf-8")
    (root / "claims").mkdir(exist_ok=True)
    shutil.copyfile(root / "website" / "answer.html", root / "claims" / "answer-as-published.html")
    (root / ".muniment").mkdir()
    (root / ".muniment" / "demo.json").write_text('{"demo": true}\n')
    (root / "trust").mkdir()
    shutil.copyfile(world.authority.trust, root / "trust" / "demo-ca.pem")
    world.write_bootstrap(root / "registers" / "rdap-bootstrap.json")
    for _ in complete(root, origin=ORIGIN, at=began - day):
        pass


def live_through(root: Path, world: World, now: datetime, tell: Callable[[int, int], None]) -> tuple[Collected, ...]:
    """Every run of the story, the last of them today, by collectors that are pinned before the first.

    `tell` is given the step and the number of steps.
    """
    collected = []
    desk = Desk(root)
    write_lock(root, lock_now(desk))
    for step in range(LAST + 1):
        tell(step, LAST + 1)
        if _changes_the_register(step):
            _write_endpoints(root, world, step)
            desk.close()
            desk = Desk(root)
        if step == LAST:
            _hear_the_auditor(desk, now - STEP / 2)
        if step not in WITHOUT_RUN:
            collected.append(_live_one(desk, world, step, instant_of(step, now)))
    desk.close()
    tell(LAST + 1, LAST + 1)
    return tuple(collected)


def instant_of(step: int, now: datetime) -> datetime:
    """The instant of a step: two weeks apart, the last of them now."""
    return now - (LAST - step) * STEP


def _live_one(desk: Desk, world: World, step: int, at: datetime) -> Collected:
    world.become(step, at)
    size = _TODAY if step == LAST else _SLIP if step == _SLIPPED_AT else _EARLIER
    consent_log.write_log(desk.root / "consent", start=at - STEP, until=at, seed=step, **size._asdict())
    if step == LAST:
        _edit_page(desk.root / "website" / "answer.html")
    sessions.write_sessions(desk.root / "captures", at=at, seed=step)
    sessions.write_identifiers(desk.root / "identifiers", seed=step)
    desk.clock = lambda: at
    names = [each.id for each in desk.workspace.checks if step in _QUARTERS or each.id not in _QUARTERLY]
    tasks, populations = planned(desk, names, everything=True)
    actor = Actor(name="demonstration", kind="service", host="localhost", trigger="schedule")
    desk.decide(*noticed(_as_it_stood(desk.workspace, step), desk.store.decisions(), actor, at))
    return run(desk, tasks, populations, actor=actor)


def _hear_the_auditor(desk: Desk, at: datetime) -> None:
    """A list of requests comes in a week before today, and one of them is answered."""
    desk.clock = lambda: at
    ask_and_answer(desk, at)


def _edit_page(page: Path) -> None:
    """Somebody rounds a sentence off, and tells nobody."""
    page.write_text(
        page.read_text("utf-8").replace("memory use, crash reports", "memory use and crash reports"), "utf-8"
    )


def _as_it_stood(workspace: Workspace, step: int) -> Workspace:
    """The workspace before the exception was granted and the attestation was made, and after."""
    return replace(
        workspace,
        exceptions=workspace.exceptions if step >= _GRANTED_AT else (),
        attestations=workspace.attestations if step >= _ATTESTED_AT else (),
    )


def _changes_the_register(step: int) -> bool:
    return any(host.since == step for host in HOSTS)


def _write_endpoints(root: Path, world: World, step: int) -> None:
    """The register as people had it at a step: hosts join over the months."""
    text = Template((FILES / "registers" / "endpoints.yaml").read_text("utf-8"))
    words = {"endpoints": "".join(world.entries(step))}
    (root / "registers" / "endpoints.yaml").write_text(text.substitute(words), "utf-8")
