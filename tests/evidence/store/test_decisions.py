"""Decisions in the log: kept as records are, found again, verified, and never decided by who asks."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from muniment.evidence import Actor, Decision, DecisionKind, UsageError, canonical
from muniment.evidence.decision import chosen
from muniment.evidence.store import Store, includes
from muniment.evidence.store.failpoint import VARIABLE
from muniment.evidence.store.merkle import leaf_hash

ADA = Actor(name="Ada", host="desk-1")


def made(making: Any, minute: int = 0, **more: Any) -> Decision:
    """A decision of Ada's, so many minutes after noon."""
    given = {"kind": DecisionKind.CONTROL_CHANGED, "reason": "the wording was wrong", "refers_to": ("C-1",), **more}
    return Decision(at=making.NOON + timedelta(minutes=minute), actor=ADA, **given)


def test_a_decision_is_a_leaf_between_runs_and_everything_still_verifies(bench: Any, making: Any) -> None:
    bench.run(number=1)
    first = made(making, 90)
    (stored,) = bench.store.decide(first, signer=bench.signer, at=first.at)
    bench.run(number=2)

    assert stored.id == f"DE-2026-{stored.leaf:06d}"
    assert list(Store.open(bench.path).decisions()) == [stored]
    proof, checkpoint = bench.store.proof(stored.leaf), bench.store.checkpoint()
    assert proof.leaf_hash == leaf_hash(canonical(first))
    assert includes(proof, checkpoint.root_hash)

    report = bench.verify()
    assert (report.ok, report.runs, report.records, report.decisions, report.unknown) == (True, 2, 12, 1, ())
    assert [run.start.run for run in bench.store.runs()] == [1, 2]
    assert bench.git("log", "--format=%s").splitlines()[2] == "Decision: control changed, by Ada"
    bench.git("fsck", "--full", "--strict")


def test_the_same_decisions_again_are_acknowledged_and_change_nothing(bench: Any, making: Any) -> None:
    both = (made(making, 1), made(making, 1, kind=DecisionKind.SIGNED_OFF, approver="Grace"))
    stored = bench.store.decide(*both, signer=bench.signer, at=both[0].at)
    head = bench.store.commit
    assert bench.store.decide(*both, signer=bench.signer, at=both[0].at) == stored
    assert bench.store.commit == head
    assert [each.leaf for each in stored] == [2, 3]
    assert bench.store.decide(signer=bench.signer, at=making.NOON) == ()


@pytest.mark.parametrize("kind", [DecisionKind.EXCEPTION_GRANTED, DecisionKind.ERASED])
@pytest.mark.parametrize(
    ("asked_by", "approver", "sentence"),
    [
        ("Ada", "ADA ", "cannot approve what"),
        ("Zoë", "Zoe\u0308", "cannot approve what"),  # the same letters, spelled otherwise in Unicode
        (None, "Grace", "both have to be named"),
        ("Ada", None, "both have to be named"),
    ],
)
def test_who_approves_is_not_who_asks(
    kind: DecisionKind, asked_by: str | None, approver: str | None, sentence: str, making: Any
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        made(making, kind=kind, asked_by=asked_by, approver=approver)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"reason": "jane.doe@example.org asked for it"}, "decision.personal_data"),
        ({"refers_to": ("192.0.2.7",)}, "decision.personal_data"),
        ({"payload": {"key": "-----BEGIN PRIVATE KEY-----"}}, "decision.secret"),
        ({"approver": "+44 20 7946 0958"}, "decision.personal_data"),
        ({"payload": {"text": "x" * 70_000}}, "decision.too_large"),
        ({"payload": {"share": 0.5}}, "decision.not_canonical"),
    ],
)
def test_what_may_not_be_kept_is_refused(more: dict[str, Any], code: str, bench: Any, making: Any) -> None:
    head = bench.store.commit
    decision = made(making, **more)
    with pytest.raises(UsageError) as refused:
        bench.store.decide(decision, signer=bench.signer, at=decision.at)
    assert refused.value.code == code
    assert "jane" not in str(refused.value)
    assert bench.store.commit == head


def test_who_acted_may_be_named_by_an_address(bench: Any, making: Any) -> None:
    decision = made(
        making, kind=DecisionKind.EXCEPTION_GRANTED, asked_by="ada@example.org", approver="grace@example.org"
    )
    assert bench.store.decide(decision, signer=bench.signer, at=decision.at)


def test_decisions_are_chosen_by_kind_person_subject_and_time(bench: Any, making: Any) -> None:
    exception = made(making, 2, kind=DecisionKind.EXCEPTION_GRANTED, asked_by="Bo", approver="Grace")
    for each in (made(making, 1), exception, made(making, 3, refers_to=("C-2",))):
        bench.store.decide(each, signer=bench.signer, at=each.at)
    everything = list(bench.store.decisions())

    def leaves(**conditions: Any) -> list[int]:
        return [each.leaf for each in chosen(everything, **conditions)]

    assert leaves() == [2, 3, 4]
    assert leaves(kinds=("exception",)) == leaves(kinds=("exception.granted",)) == leaves(actor="grace") == [3]
    assert leaves(actor="ada") == [2, 3, 4]
    assert leaves(refers_to="C-2") == [4]
    assert leaves(since=exception.at) == [3, 4]
    assert leaves(until=exception.at) == [2]


def test_an_altered_decision_is_named(bench: Any, making: Any) -> None:
    decision = made(making, 1)
    bench.store.decide(decision, signer=bench.signer, at=decision.at)
    path = next(line for line in bench.git("ls-tree", "-r", "--name-only", "HEAD").splitlines() if "decisions/" in line)
    victim = making.Victim(bench.path, bench.signer, bench.trust)
    victim.rewrite("Decision", {path: canonical(made(making, 1, reason="nothing to see")) + b"\n"})
    faults = victim.verify().faults
    assert ("file.altered", path) in [(fault.code, fault.where) for fault in faults]


def test_a_forged_decision_of_who_approves_their_own_is_found(bench: Any, making: Any) -> None:
    leaf = {**made(making, approver="Grace", asked_by="Bo").to_json(), "approver": "bo"}
    bench.forge("decisions/2026/11/24/000002-0123456789ab/own.dsse.json", {"decisions/own.jsonl": [canonical(leaf)]})
    (fault,) = bench.verify().faults
    assert (fault.code, "cannot approve what" in fault.message) == ("leaf.malformed", True)


@pytest.mark.parametrize("step", ["indexed", "moved"])
def test_a_writer_killed_while_deciding_leaves_all_or_nothing(step: str, bench: Any, making: Any) -> None:
    decision = made(making, 1)
    program = (
        "import sys; from pathlib import Path; from muniment.evidence import Decision\n"
        "from muniment.evidence.store import Signer, Store\n"
        "decision = Decision.model_validate_json(sys.argv[3])\n"
        "store, signer = Store.open(Path(sys.argv[1])), Signer.load(Path(sys.argv[2]))\n"
        "store.decide(decision, signer=signer, at=decision.at)\n"
    )
    words = [sys.executable, "-c", program, bench.path, bench.key_path, canonical(decision).decode()]
    killed = subprocess.run(words, check=False, env={**os.environ, VARIABLE: f"decide.{step}"})
    assert killed.returncode == -signal.SIGKILL
    report = bench.verify()
    assert (report.ok, report.decisions) == (True, 1 if step == "moved" else 0)
    assert subprocess.run(words, check=False).returncode == 0
    assert (bench.verify().decisions, bench.verify().ok) == (1, True)


def test_a_decision_of_a_later_version_is_still_read_and_chosen(bench: Any, making: Any) -> None:
    decision = made(making, kind="moon.landed")
    bench.store.decide(decision, signer=bench.signer, at=decision.at)
    assert chosen(bench.store.decisions(), kinds=("moon",))[0].decision == decision
    assert bench.verify().ok
