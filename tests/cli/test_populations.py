"""How much of a population a run reached is told with the reasons, and what a run did not reach is due in the next."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from muniment.cli.collecting import planned, run
from muniment.cli.desk import Desk
from muniment.cli.populations import reached
from muniment.evidence import Actor, Exclusion, Plan, PlannedPopulation, Task

REGISTER = """
entries:
  - id: security policy
    path: policies/security.md
  - id: privacy policy
    path: policies/missing.md
  - id: old policy
    out_of_scope: withdrawn in 2025
"""


def test_each_population_is_told_with_the_reason_for_all_that_was_not_seen(acme: Path, muniment: Any) -> None:
    (acme / "registers" / "policies.yaml").write_text(REGISTER)
    answer = muniment("-w", acme, "collect")
    assert (
        "gov-2.policies: 1 of 3 documents, 2 with reason: old policy (withdrawn in 2025);"
        " privacy policy (collector.raised)" in answer.words
    )


def test_a_population_that_was_seen_whole_needs_no_words(acme: Path, muniment: Any) -> None:
    assert "gov-2.policies:" not in muniment("-w", acme, "collect").err


def test_json_tells_the_populations(acme: Path, muniment: Any) -> None:
    (acme / "registers" / "policies.yaml").write_text(REGISTER)
    [population] = muniment("-w", acme, "collect", "--json").json["populations"]
    assert (population["check"], population["total"], population["seen"]) == ("gov-2.policies", 3, 1)
    assert population["reasons"][0] == {"subject": "old policy", "reason": "withdrawn in 2025"}


def test_many_reasons_are_counted_and_the_first_are_spelled_out() -> None:
    def task(name: str) -> Task:
        return Task(id=name, check="c", controls=("A",), collector="x", subject=name, settings={})

    population = PlannedPopulation(
        check="c", expected=9, basis="r.yaml", exclusions=(Exclusion(subject="z", reason="old"),)
    )
    plan = Plan(
        planned=datetime(2026, 1, 1, tzinfo=UTC),
        actor=Actor(name="ada"),
        workspace="sha256:" + "0" * 64,
        tasks=tuple(task(f"s{n}") for n in range(6)),
        populations=(population,),
    )
    [told] = reached(plan, [])
    assert str(told) == (
        "c: 0 of 10 subjects, 7 with reason, 3 not due: z (old); s0 (the run ended before it);"
        " s1 (the run ended before it); s2 (the run ended before it); s3 (the run ended before it); and 2 more"
    )


def interrupt(done: int, total: int) -> None:
    """The person at the keyboard, after the first look."""
    raise KeyboardInterrupt


@pytest.fixture
def interrupted(acme: Path) -> str:
    """A run that was interrupted when one of two subjects had been seen: the subject that was not."""
    (acme / "policies" / "privacy.md").write_text("# Privacy\n\nWe do not pry.\n")
    desk = Desk(acme)
    tasks, populations = planned(desk)
    collected = run(desk, tasks, populations, actor=Actor(name="ada"), progress=interrupt)
    desk.close()
    [left] = {task.subject for task in tasks} - {record.subject for record in collected.records}
    return left


def test_after_an_interrupted_run_only_what_is_still_due_is_looked_at(
    acme: Path, muniment: Any, interrupted: str
) -> None:
    answer = muniment("-w", acme, "collect", "--json")
    assert [record["subject"] for record in answer.json["records"]] == [interrupted]
    assert answer.json["populations"][0]["not_due"] == 1
    assert "Nothing is due." in muniment("-w", acme, "collect").err


def test_two_runs_that_together_saw_all_subjects_are_as_good_as_one(
    acme: Path, muniment: Any, interrupted: str
) -> None:
    muniment("-w", acme, "collect")
    [finding] = muniment("-w", acme, "status", "--json").json["findings"]
    [check] = finding["checks"]
    assert (check["verdict"]["status"], check["seen"], check["population"]) == ("pass", 2, 2)
