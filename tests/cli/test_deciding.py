"""`muniment decide` and `muniment log`: what people decide, and what the program notices by itself."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from muniment.cli.collecting import planned, run
from muniment.cli.desk import Desk
from muniment.evidence import Plan

EXCEPTION = """\
exceptions:
- id: EX-1
  control: GOV-2
  subject: privacy policy
  reason: the text is being written
  compensating: the old policy holds
  requested_by: Bo
  approver: Grace
  start: 2026-01-01
  end: 2026-12-31
"""


def kinds(muniment: Any, root: Path, *words: str) -> list[str]:
    """The kinds of the decisions in the log, oldest first."""
    return [each["decision"]["kind"] for each in muniment("-w", root, "log", "--json", *words).json["decisions"]][::-1]


def test_a_decision_is_recorded_listed_and_proven(acme: Path, muniment: Any) -> None:
    words = ("gap.explained", "--reason", "the scheduler was being moved", "--about", "GOV-2")
    stored = muniment("-w", acme, "decide", *words, "--json")
    assert (stored.code, stored.json["leaf"]) == (0, 2)
    assert muniment("-w", acme, "decide", *words).words.startswith("DE-")
    told = muniment("-w", acme, "log").words
    assert f"{stored.json['id']}" in told
    assert "gap explained: the scheduler was being moved; about GOV-2" in told
    verified = muniment("-w", acme, "verify", "--json").json
    assert (verified["ok"], verified["decisions"], verified["records"]) == (True, 2, 0)


REFUSED = {
    ("exception.granted", "--asked-by", "Bo", "--approver", "bo"): "bo cannot approve what Bo asks for",
    ("exception.granted", "--asked-by", "Bo"): "somebody asks and somebody else approves",
    ("exception.grated",): "did you mean exception.granted?",
    ("erased",): "unknown kind of decision 'erased'",
    ("pack.given",): "`--to` names who a pack was handed to",
    ("pack.given", "--to", "jane@example.org"): "--to takes a name",
    ("signed_off", "--approver", "+442079460958"): "--approver takes a name",
    ("signed_off", "--about", "192.0.2.7"): "holds what looks like an IP address",
}


def test_what_cannot_be_decided_is_refused_in_a_sentence(acme: Path, muniment: Any) -> None:
    answers = {words: muniment("-w", acme, "decide", *words, "--reason", "because") for words in REFUSED}
    wrong = {words: each for words, each in answers.items() if each.code != 2 or REFUSED[words] not in each.words}
    assert wrong == {}
    assert kinds(muniment, acme) == []


def test_collecting_notices_what_changed_in_the_register(acme: Path, muniment: Any) -> None:
    muniment("-w", acme, "collect", "--all")
    assert kinds(muniment, acme) == ["control.changed"]
    muniment("-w", acme, "collect", "--all")
    assert kinds(muniment, acme) == ["control.changed"]

    file = acme / "registers" / "exceptions.yaml"
    file.write_text(EXCEPTION)
    muniment("-w", acme, "collect", "--all")
    file.write_text(EXCEPTION.replace("2026-12-31", "2027-01-31"))
    muniment("-w", acme, "collect", "--all")
    file.write_text("exceptions: []\n")
    controls = acme / "controls" / "controls.yaml"
    controls.write_text(controls.read_text().replace("owner: Ada", "owner: Bea"))
    muniment("-w", acme, "collect", "--all")

    assert kinds(muniment, acme, "--kind", "exception") == [
        "exception.granted",
        "exception.changed",
        "exception.withdrawn",
    ]
    assert kinds(muniment, acme, "--actor", "grace") == ["exception.granted", "exception.changed"]
    granted = muniment("-w", acme, "log", "--kind", "exception.granted").words
    assert "the text is being written; asked by Bo; approved by Grace; about EX-1, GOV-2" in granted
    assert muniment("-w", acme, "verify").code == 0


def test_who_wrote_a_control_is_told_where_git_knows(acme: Path, muniment: Any) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", acme, *words], check=True, capture_output=True)

    git("init", "-q")
    git("add", "controls")
    git("-c", "user.name=Bo Writer", "-c", "user.email=bo@example.org", "commit", "-qm", "Write the controls")
    muniment("-w", acme, "collect", "--all")
    (stored,) = muniment("-w", acme, "log", "--json", "--actor", "bo writer").json["decisions"]
    assert stored["decision"]["payload"]["authors"] == ["Bo Writer"]
    assert "bo@example.org" not in str(stored)


def test_a_reason_that_the_log_must_not_keep_stays_in_the_workspace(acme: Path, muniment: Any) -> None:
    text = EXCEPTION.replace("the text is being written", "ask jane.doe@example.org")
    (acme / "registers" / "exceptions.yaml").write_text(text)
    assert muniment("-w", acme, "collect", "--all").code == 1
    assert "the words hold data that the log must not keep" in muniment("-w", acme, "log", "--kind", "exception").words


def test_the_log_is_filtered(acme: Path, muniment: Any) -> None:
    muniment("-w", acme, "collect", "--all")
    muniment("-w", acme, "decide", "gap.explained", "--reason", "a power cut", "--about", "POL-9")
    log = muniment("-w", acme, "log", "--json").json
    assert (len(log["runs"]), len(log["decisions"])) == (1, 2)

    def counts(*words: str) -> tuple[int, int]:
        found = muniment("-w", acme, "log", "--json", *words).json
        return len(found["runs"]), len(found["decisions"])

    assert counts("--kind", "run") == (1, 0)
    assert counts("--kind", "gap") == (0, 1)
    assert counts("--kind", "run", "--kind", "gap.explained") == (1, 1)
    assert counts("--control", "GOV-2") == (1, 1)
    assert counts("--control", "POL-9") == (0, 1)
    assert counts("--since", "2000-01-01", "--until", "2000-12-31") == (0, 0)
    assert counts("--since", "2000-01-01") == (1, 2)
    assert counts("--actor", "nobody at all") == (0, 0)
    assert counts("--limit", "1") == (0, 1)
    assert "Nothing fits." in muniment("-w", acme, "log", "--control", "POL-77").words
    assert muniment("-w", acme, "log", "--kind", "excption").code == 2


def test_a_pack_that_is_built_and_handed_over_is_in_the_log(acme: Path, muniment: Any) -> None:
    muniment("-w", acme, "collect", "--all")
    words = ("pack", "iso-iec-27001-2022", "--formats", "xlsx", "--json")
    assert muniment("-w", acme, *words, "--to", "jane@example.org").code == 2
    assert kinds(muniment, acme, "--kind", "pack") == []

    built = muniment("-w", acme, *words, "--to", "Example Auditors").json
    told = muniment("-w", acme, "log", "--json", "--kind", "pack").json["decisions"]
    given, made = (each["decision"] for each in told)
    assert [each["id"] for each in told][::-1] == built["decisions"]
    assert (made["kind"], given["kind"], given["payload"]["to"]) == ("pack.built", "pack.given", "Example Auditors")
    assert built["sha256"] in made["refers_to"]
    assert muniment("-w", acme, *words, "--draft").json["decisions"] == []
    assert kinds(muniment, acme, "--kind", "pack") == ["pack.built", "pack.given"]
    assert muniment("-w", acme, "verify").code == 0


def test_a_run_that_was_missed_is_a_gap_with_a_reason_or_without_one(acme: Path, muniment: Any) -> None:
    """Daily looks: five days ago; begun and abandoned three days ago; now; and at once again."""
    now = datetime.now(UTC)

    def looked(days: float, *, ends: bool = True) -> None:
        desk = Desk(acme, clock=lambda: now - timedelta(days=days))
        tasks, populations = planned(desk, everything=True)
        if ends:
            run(desk, tasks, populations, actor=desk.actor("schedule"))
        else:
            plan = Plan(planned=desk.clock(), actor=desk.actor("schedule"), workspace="sha256:" + "0" * 64, tasks=tasks)
            desk.store.begin(plan, desk.signer, at=desk.clock())
        desk.close()

    looked(5)
    looked(3, ends=False)
    looked(0)
    muniment("-w", acme, "collect", "--all")

    log = muniment("-w", acme, "log", "--json").json
    (gap,) = log["gaps"]
    assert gap["id"].startswith("GAP-gov-2.policies-")
    assert (gap["after_run"], gap["missed"], gap["abandoned_runs"], gap["reason"]) == (1, 4, [2], None)
    assert [(each["start"]["run"], each["made_again"]) for each in log["runs"]] == [(4, 2), (3, 0), (2, 0), (1, 0)]
    told = muniment("-w", acme, "log").words
    assert "began and never ended" in told
    assert "2 looks made again before due" in told
    assert "run 2 began and never ended; no reason was given" in told
    assert "1 gap in the schedule of the period, 1 without a reason." in muniment("-w", acme, "status").words

    words = ("--about", gap["id"], "--reason", "the machine was being moved")
    assert muniment("-w", acme, "decide", "gap.explained", *words).code == 0
    (explained,) = muniment("-w", acme, "log", "--json", "--kind", "gap", "--control", "GOV-2").json["gaps"]
    assert (explained["reason"], explained["until"]) == ("the machine was being moved", gap["until"])
    assert "0 without a reason" in muniment("-w", acme, "status").words
