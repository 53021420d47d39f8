"""One look at one subject, outside any run: what `muniment collectors try` does."""

from datetime import datetime
from pathlib import Path

from muniment.cli.clock import now
from muniment.controls.yaml import read
from muniment.evidence import Actor, EvidenceRecord, Plan, Start, Task, digest
from muniment.evidence.collector import subject_of
from muniment.evidence.look import Look
from muniment.evidence.registry import Registration, Registry
from muniment.evidence.run import open_eye, to_record
from muniment.evidence.sensitive import declared_by

STDIN = Path("/dev/stdin")


def look_once(registration: Registration, settings: Path, at: datetime) -> tuple[Look, EvidenceRecord]:
    """Look at what a settings file points at, judged at `at`; the record is made and not kept (run 0).

    Raises:
        ConfigError: a setting is off, with its place in the file.
        CouldNotLook: the collector does not import.
    """
    file = STDIN if str(settings) == "-" else settings
    base = Path.cwd() if file == STDIN else file.resolve().parent
    collector = registration.load()
    read_settings = read(file, collector.settings_type).value
    task = Task(
        id="try",
        check="try",
        controls=(),
        collector=registration.id,
        subject=subject_of(read_settings),
        settings=read_settings.model_dump(mode="json", by_alias=True),
        declared=declared_by(collector.settings_type, collector.facts_type),
    )
    plan = Plan(planned=at, actor=Actor(name="try", trigger="try"), workspace=digest(b""), tasks=(task,))
    # Run numbers count from 1: the number 0 says that this record is in no store.
    nothing = digest(b"")
    start = Start.model_construct(
        run=0, run_id=plan.run_id, plan=plan, previous_size=0, previous_root=nothing, versions={}
    )
    seen = open_eye(task, Registry(iter([registration])), base).look(clock=now, base=base, at=at)
    return seen, to_record(seen, 0, start, recorded=seen.collected.end, previous={})
