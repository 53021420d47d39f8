"""What plug-ins do wrong stays with their own subject: the run goes on, and the record says where."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from muniment.evidence import Actor, Errored, Observed, Plan, Start, Status, Task
from muniment.evidence.registry import discover
from muniment.evidence.run import Look, look_at_all, to_record

NOW = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)

GOOD = '''
from datetime import datetime
from pathlib import Path
from pydantic import Field
from muniment.evidence import Collector, Facts, Origin, Settings, Verdict, failed, passed

class Policy(Settings):
    path: Path = Field(description="The document to read")

class Text(Facts):
    lines: int

class PolicyFile(Collector[Policy, Text]):
    """A policy document that is more than a title."""
    id = "acme.policy"
    subject_kind = "document"
    seconds = 0.5

    def observe(self, settings: Policy) -> Text:
        text = settings.path.read_text()
        return Text(origin=Origin(system=settings.path.name, query="read"), lines=text.count("\\n"))

    def assess(self, settings: Policy, facts: Text, at: datetime) -> Verdict:
        return passed("It has a body.") if facts.lines > 1 else failed("It is a title only.", "policy.empty")
'''

OBSERVE = "        text = settings.path.read_text()\n"


def seen_through(tmp_path: Path, source: str, *, settings: dict[str, str] | None = None) -> Look:
    """The look of one broken collector, run beside a good one that must still be seen."""
    folder = tmp_path / "collectors"
    folder.mkdir()
    (tmp_path / "policy.md").write_text("# Policy\n\nWe lock the door.\n")
    (folder / "good.py").write_text(GOOD)
    (folder / "bad.py").write_text(source.replace("acme.policy", "acme.bad"))
    tasks = tuple(
        Task(
            id=f"DOC-1.{id_}:policy.md",
            check=f"DOC-1.{id_}",
            controls=("DOC-1",),
            collector=f"acme.{id_}",
            subject="policy.md",
            settings=settings if settings is not None and id_ == "bad" else {"path": "policy.md"},
            valid_for=86_400,
        )
        for id_ in ("bad", "policy")
    )
    plan = Plan(planned=NOW, actor=Actor(name="ada"), workspace="sha256:" + "0" * 64, tasks=tasks)
    looks = dict(look_at_all(plan, discover(folder), clock=lambda: NOW, base=tmp_path))
    assert isinstance(looks[1].outcome, Observed), looks[1].outcome
    assert looks[1].outcome.verdict.status is Status.PASS
    return looks[0]


def errored(look: Look) -> Errored:
    assert isinstance(look.outcome, Errored), look.outcome
    return look.outcome


def line_of(source: str, words: str) -> int:
    return source[: source.index(words)].count("\n") + 1


def test_a_collector_that_raises_is_one_errored_record_that_names_file_and_line(tmp_path: Path) -> None:
    source = GOOD.replace(OBSERVE, "        raise KeyError('nobody home')\n")
    outcome = errored(seen_through(tmp_path, source))
    assert outcome.cause == "collector.raised"
    assert "nobody home" in outcome.message
    assert outcome.where == f"bad.py:{line_of(source, 'raise KeyError')}"


def test_a_collector_that_exits_the_interpreter_is_one_errored_record(tmp_path: Path) -> None:
    outcome = errored(seen_through(tmp_path, GOOD.replace(OBSERVE, "        raise SystemExit(7)\n")))
    assert (outcome.cause, outcome.message) == ("collector.raised", "SystemExit: 7")


def test_a_collector_that_hangs_is_given_up_at_the_line_where_it_stands(tmp_path: Path) -> None:
    source = GOOD.replace(OBSERVE, "        import threading\n        threading.Event().wait()\n")
    outcome = errored(seen_through(tmp_path, source))
    assert (outcome.cause, outcome.message) == ("collector.timeout", "no answer within 0.5 seconds")
    assert outcome.where == f"bad.py:{line_of(source, 'threading.Event')}"


def test_a_collector_that_returns_the_wrong_type_is_named_where_it_observes(tmp_path: Path) -> None:
    source = GOOD.replace(OBSERVE, "        return {'lines': 3}\n")
    outcome = errored(seen_through(tmp_path, source))
    assert outcome.cause == "collector.wrong_type"
    assert outcome.message == "observe gave dict where Text was promised"
    assert outcome.where == f"bad.py:{line_of(source, 'def observe')}"


def test_a_collector_that_does_not_parse_is_named_with_its_line(tmp_path: Path) -> None:
    source = GOOD.replace(OBSERVE, "        return Text(\n")
    outcome = errored(seen_through(tmp_path, source))
    assert outcome.cause == "collector.broken"
    assert outcome.where is not None and outcome.where.startswith("bad.py:")


def test_a_collector_whose_dependency_is_missing_is_named_with_its_line(tmp_path: Path) -> None:
    outcome = errored(seen_through(tmp_path, "import no_such_package\n" + GOOD))
    assert outcome.cause == "collector.broken"
    assert "no_such_package" in outcome.message
    assert outcome.where == "bad.py:1"


NO_SENSE = {
    "Collector[Policy, Text]": (
        "Collector",
        "PolicyFile does not say what its settings and facts are: `Collector[Settings, Facts]`",
        "class PolicyFile",
    ),
    "def assess(": (
        "def judge(",
        "acme.bad of collectors/bad.py is not a complete Collector",
        "class PolicyFile",
    ),
    "seconds = 0.5": (
        'seconds = "many"',
        "asking acme.bad what it is failed: ValueError: could not convert string to float: 'many'",
        None,
    ),
    "    seconds = 0.5\n": (
        "    seconds = -1\n",
        "asking acme.bad what it is failed: ValueError: `seconds` is -1; it may be up to 86400",
        None,
    ),
}


@pytest.mark.parametrize("old", NO_SENSE)
def test_a_class_that_makes_no_sense_is_one_errored_record_that_says_why(tmp_path: Path, old: str) -> None:
    new, words, line = NO_SENSE[old]
    source = GOOD.replace(old, new)
    outcome = errored(seen_through(tmp_path, source))
    assert (outcome.cause, outcome.message) == ("collector.broken", words)
    if line:
        assert outcome.where == f"bad.py:{line_of(source, line)}"


def test_a_setting_that_the_collector_does_not_have_is_named(tmp_path: Path) -> None:
    outcome = errored(seen_through(tmp_path, GOOD, settings={"pth": "policy.md"}))
    assert outcome.cause == "collector.settings"
    assert "path" in outcome.message


def test_an_async_collector_is_awaited(tmp_path: Path) -> None:
    look = seen_through(tmp_path, GOOD.replace("    def observe", "    async def observe"))
    assert look.outcome.verdict.status is Status.PASS


def test_facts_that_have_no_canonical_spelling_become_an_errored_record(tmp_path: Path) -> None:
    look = seen_through(tmp_path, GOOD.replace("lines: int", "lines: float"))
    record = to_record(look, 0, _start_of_one(), recorded=NOW, previous={})
    assert isinstance(record.outcome, Errored)
    assert record.outcome.cause == "record.not_canonical"
    assert "$.outcome.facts.lines" in record.outcome.message


def test_a_secret_in_the_facts_costs_the_record_and_not_the_run(tmp_path: Path) -> None:
    key = "-----BEGIN PRIVATE KEY-----"
    source = GOOD.replace('query="read"', f'query="{key}"')
    record = to_record(seen_through(tmp_path, source), 0, _start_of_one(), recorded=NOW, previous={})
    words = "outcome.origin.query holds what looks like a private key"
    assert record.outcome == Errored(cause="record.secret", message=words)
    assert record.life.valid_until is None


def test_a_record_names_its_place_its_predecessor_and_how_long_it_speaks(tmp_path: Path) -> None:
    look = seen_through(tmp_path, GOOD)
    earlier = {("DOC-1.bad", "policy.md"): "EV-2026-000011-0001"}
    record = to_record(look, 6, _start_of_one(), recorded=NOW, previous=earlier)
    assert record.id == "EV-2026-000012-0007"
    assert record.life.previous == "EV-2026-000011-0001"
    assert record.life.valid_until == NOW.replace(day=25)
    assert record.subject_kind == "document"
    assert record.method.package == "collectors/bad.py"
    assert record.method.parameters == {"path": "policy.md"}


def test_an_unknown_collector_is_an_errored_record_too(tmp_path: Path) -> None:
    task = Task(id="a:b", check="a", controls=("a",), collector="acme.gone", subject="b", settings={})
    plan = Plan(planned=NOW, actor=Actor(name="ada"), workspace="sha256:" + "0" * 64, tasks=(task,))
    [(_, look)] = look_at_all(plan, discover(tmp_path), clock=lambda: NOW, base=tmp_path)
    assert errored(look).cause == "collector.unknown"


@pytest.mark.parametrize("count", [1, 12])
def test_every_task_of_a_plan_comes_back_once(tmp_path: Path, count: int) -> None:
    folder = tmp_path / "collectors"
    folder.mkdir()
    (folder / "good.py").write_text(GOOD)
    (tmp_path / "policy.md").write_text("# Policy\n\nWe lock the door.\n")
    tasks = tuple(
        Task(
            id=f"D:{n}", check="D", controls=(), collector="acme.policy", subject=f"{n}", settings={"path": "policy.md"}
        )
        for n in range(count)
    )
    plan = Plan(planned=NOW, actor=Actor(name="ada"), workspace="sha256:" + "0" * 64, tasks=tasks)
    places = [place for place, _ in look_at_all(plan, discover(folder), clock=lambda: NOW, base=tmp_path, limit=3)]
    assert sorted(places) == list(range(count))


def _start_of_one() -> Start:
    task = Task(id="a:b", check="a", controls=(), collector="acme.policy", subject="b", settings={})
    plan = Plan(planned=NOW, actor=Actor(name="ada"), workspace="sha256:" + "0" * 64, tasks=(task,))
    zero = "sha256:" + "0" * 64
    return Start(run=12, run_id=plan.run_id, plan=plan, previous_size=0, previous_root=zero, versions={})
