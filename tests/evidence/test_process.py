"""What a plug-in does to its process ends there: its own record says what happened, and the next subject is seen."""

import os
import select
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import JsonValue

from muniment.evidence import Actor, CouldNotLook, Errored, InputFault, Observed, Plan, Task
from muniment.evidence.form import Asked, Filled, Slip
from muniment.evidence.look import Look
from muniment.evidence.process import describe, fill_in
from muniment.evidence.registry import discover
from muniment.evidence.run import look_at_all

NOW = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)

SOURCE = '''
import os, signal, subprocess, sys, threading
from datetime import datetime
from pathlib import Path
from pydantic import Field
from muniment.evidence import Code, Collector, Facts, Origin, Settings, Verdict, failed, passed

class Policy(Settings):
    path: Path = Field(description="The document to read")

class Text(Facts):
    lines: int

class PolicyFile(Collector[Policy, Text]):
    """A policy document that is more than a title."""
    id = "acme.policy"
    version = "3"
    subject_kind = "document"
    seconds = 0.5
    codes = (Code("policy.empty", "It is a title only", "none", "write it"),)

    def observe(self, settings: Policy) -> Text:
        DEED
        text = settings.path.read_text()
        return Text(origin=Origin(system=settings.path.name, query="read"), lines=text.count("\\n"))

    def assess(self, settings: Policy, facts: Text, at: datetime) -> Verdict:
        return passed("It has a body.") if facts.lines > 1 else failed("It is a title only.", "policy.empty")
'''
LINE = SOURCE[: SOURCE.index("DEED")].count("\n") + 1


def looks(root: Path, *sources: str) -> list[Look]:
    """The looks of a run through several plug-ins, in the order of the plan."""
    (root / "collectors").mkdir()
    (root / "policy.md").write_text("# Policy\n\nWe lock the door.\n")
    for number, source in enumerate(sources):
        (root / f"collectors/p{number}.py").write_text(source.replace("acme.policy", f"acme.p{number}"))
    settings: dict[str, JsonValue] = {"path": "policy.md"}
    tasks = tuple(
        Task(id=f"D:{n}", check="D", controls=(), collector=f"acme.p{n}", subject="policy.md", settings=settings)
        for n in range(len(sources))
    )
    plan = Plan(planned=NOW, actor=Actor(name="ada"), workspace="sha256:" + "0" * 64, tasks=tasks)
    seen = dict(look_at_all(plan, discover(root / "collectors"), clock=lambda: NOW, base=root))
    return [seen[place] for place in sorted(seen)]


def doing(deed: str) -> str:
    return SOURCE.replace("DEED", deed)


DEEDS = {
    "os._exit(3)": ("collector.crashed", "its process ended itself with exit code 3 before it answered", None),
    "os.kill(os.getpid(), signal.SIGKILL)": (
        "collector.crashed",
        "its process was ended by SIGKILL before it answered",
        None,
    ),
    "os.kill(os.getpid(), signal.SIGSEGV)": (
        "collector.crashed",
        "its process was ended by SIGSEGV before it answered",
        f"p0.py:{LINE}",
    ),
    "bytearray(8 * 2**30)": ("collector.memory", "MemoryError: ", f"p0.py:{LINE}"),
    "threading.Event().wait()": ("collector.timeout", "no answer within 0.5 seconds", f"p0.py:{LINE}"),
    "threading.Thread(target=threading.Event().wait).start(); threading.Event().wait()": (
        "collector.timeout",
        "no answer within 0.5 seconds",
        f"p0.py:{LINE}",
    ),
    "subprocess.run(['sleep', '60'])": ("collector.timeout", "no answer within 0.5 seconds", f"p0.py:{LINE}"),
    "raise SystemExit(7)": ("collector.raised", "SystemExit: 7", f"p0.py:{LINE}"),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_ends_a_process_is_one_errored_record_and_the_next_subject_is_seen(tmp_path: Path, deed: str) -> None:
    bad, good = looks(tmp_path, doing(deed), doing("pass"))
    assert isinstance(bad.outcome, Errored)
    assert (bad.outcome.cause, bad.outcome.message, bad.outcome.where) == DEEDS[deed]
    assert (bad.subject_kind, bad.method.version, bad.method.package) == ("document", "3", "collectors/p0.py")
    assert good.outcome.verdict.message == "It has a body."


def test_what_ends_the_process_while_it_is_imported_is_one_errored_record_too(tmp_path: Path) -> None:
    gone, large, good = looks(
        tmp_path, "import os; os._exit(0)\n" + SOURCE, "bytearray(8 * 2**30)\n" + SOURCE, doing("pass")
    )
    assert gone.outcome == Errored(
        cause="collector.crashed", message="its process ended itself with exit code 0 before it answered"
    )
    assert isinstance(large.outcome, Errored)
    assert (large.outcome.cause, large.outcome.where) == ("collector.memory", "p1.py:1")
    assert good.outcome.verdict.message == "It has a body."


def test_printing_and_another_working_directory_change_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    here = Path.cwd()
    deeds = doing("print('{garbage'); os.write(1, b'more'); os.chdir('/'); sys.stdout.close()")
    [seen] = looks(tmp_path, deeds)
    assert isinstance(seen.outcome, Observed)
    assert seen.outcome.facts == {"lines": 3}
    assert Path.cwd() == here
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "{garbage\nmore")


def test_what_a_plug_in_started_ends_with_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    held = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    [seen] = looks(tmp_path, doing("subprocess.Popen(['sleep', 'infinity'], stdout=open('held', 'w'))"))
    assert isinstance(seen.outcome, Observed)
    assert select.select([held], [], [], 20) == ([held], [], [])  # nobody holds its other end any longer
    os.close(held)


def test_more_facts_than_a_record_could_hold_are_not_read(tmp_path: Path) -> None:
    source = doing("pass").replace("lines: int", "lines: str").replace('text.count("\\n")', "text * 2**20")
    [seen] = looks(tmp_path, source.replace("facts.lines > 1", "facts.lines"))
    assert seen.outcome == Errored(cause="collector.too_much", message="it saw more than 8 MiB of facts")


def test_an_input_at_fault_comes_back_as_such(tmp_path: Path) -> None:
    source = doing("raise InputFault('policy.binary', 'no text', where='policy.md:3', mend='save it as text')")
    [seen] = looks(tmp_path, source.replace("Facts, Origin", "Facts, InputFault, Origin"))
    assert isinstance(seen.fault, InputFault)
    assert (seen.fault.cause, seen.fault.what, seen.fault.where, seen.fault.mend) == (
        "policy.binary",
        "no text",
        "policy.md:3",
        "save it as text",
    )


def test_settings_are_filled_in_and_described_without_importing_the_plug_in_here(tmp_path: Path) -> None:
    looks(tmp_path, doing("pass"))
    registry = discover(tmp_path / "collectors")
    asked = {
        "acme.p0": [Asked(offered={"path": "a.md", "owner": "Ada"}), Asked(settled={"path": "b.md", "pth": "c.md"})],
        "gone": [],
    }
    answers = fill_in(registry, asked, tmp_path)
    assert answers["acme.p0"].filled == (
        Filled({"path": "a.md"}, "a.md"),
        (Slip("pth", "extra_forbidden", "Extra inputs are not permitted"),),
    )
    assert list(answers) == ["acme.p0"]
    said = describe(registry["acme.p0"])
    assert (said.version, said.subject_kind, said.first_line) == (
        "3",
        "document",
        "A policy document that is more than a title.",
    )
    assert [code.id for code in said.codes] == ["policy.empty"]


def test_a_plug_in_that_does_not_import_is_not_described_and_not_filled_in(tmp_path: Path) -> None:
    looks(tmp_path, "import no_such_package\n" + SOURCE)
    registry = discover(tmp_path / "collectors")
    assert fill_in(registry, {"acme.p0": [Asked()]}, tmp_path) == {}
    with pytest.raises(CouldNotLook, match="no_such_package") as caught:
        describe(registry["acme.p0"])
    assert caught.value.where == "p0.py:1"
