"""Judging controls over a period: verdict, worst, freshness, coverage with reasons, and what is never green."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from muniment.controls.assess import Assessment, assess
from muniment.controls.model import AcceptedException, Attestation, Finding, Workspace
from muniment.evidence import (
    Actor,
    End,
    Errored,
    EvidenceRecord,
    Life,
    Method,
    Observed,
    Origin,
    Period,
    Plan,
    PlannedPopulation,
    Span,
    Start,
    Status,
    StoredRecord,
    StoredRun,
    Task,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from muniment.evidence.record import record_id

PERIOD = Period(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))
A, B = "a.example:443", "b.example:443"
GOOD = passed("TLS 1.2 and 1.3 only")
BAD = failed("TLS 1.0 is accepted", "tls.version.legacy")


@dataclass
class History:
    """Runs and records as a store would hold them. A look is a verdict, or the cause of a failure to look."""

    runs: list[StoredRun] = field(default_factory=list)
    records: list[StoredRecord] = field(default_factory=list)

    def run(
        self,
        at: datetime,
        looks: Mapping[str, Verdict | str],
        *,
        check: str = "tls-endpoints",
        planned: Sequence[str] | None = None,
        controls: tuple[str, ...] = ("TLS-1", "TLS-2"),
        policy: str = "mozilla-intermediate-6.0",
        speaks_for: timedelta = timedelta(hours=36),
        stands_for: Period | None = None,
        ended: bool = True,
        expected: int | None = None,
    ) -> None:
        """One run of one check; every look is taken at the instant of the run."""
        number = len(self.runs) + 1
        subjects = list(planned if planned is not None else looks)
        tasks = tuple(
            Task(id=f"{check}:{each}", check=check, controls=controls, collector="tls", subject=each, settings={})
            for each in subjects
        )
        population = PlannedPopulation(
            check=check, expected=len(subjects) if expected is None else expected, basis="registers/endpoints.yaml"
        )
        actor = Actor(name="ada")
        plan = Plan(planned=at, actor=actor, workspace=f"sha256:{0:064}", tasks=tasks, populations=(population,))
        start = Start(
            run=number, run_id=plan.run_id, plan=plan, previous_size=0, previous_root=f"sha256:{0:064}", versions={}
        )
        end = End(
            run=number,
            run_id=plan.run_id,
            ended=at,
            planned=len(tasks),
            got=len(looks),
            by_status={},
            errored=0,
            milliseconds=0,
        )
        self.runs.append(StoredRun(start, end if ended else None, (), range(0)))
        for place, (subject, look) in enumerate(looks.items(), start=1):
            outcome = (
                Errored(cause=look, message=f"{subject} did not answer")
                if isinstance(look, str)
                else Observed(
                    origin=Origin(system=f"tls://{subject}", query="ClientHello", stands_for=stands_for),
                    facts={},
                    verdict=look,
                )
            )
            record = EvidenceRecord(
                id=record_id(at.year, number, place),
                task=f"{check}:{subject}",
                check=check,
                controls=controls,
                subject=subject,
                subject_kind="endpoint",
                collected=Span(start=at, end=at),
                recorded=at,
                method=Method(collector="tls", version="1", parameters={"policy": policy}),
                actor=actor,
                outcome=outcome,
                life=Life(valid_until=None if isinstance(look, str) else at + speaks_for),
            )
            leaf = len(self.records)
            self.records.append(StoredRecord(record, number, leaf, f"sha256:{leaf:064}"))


def day(number: int, hour: int = 0) -> datetime:
    """An instant in 2026: day 0 is the first of January."""
    return PERIOD.start + timedelta(days=number, hours=hour)


def judge(workspace: Workspace, history: History, at: datetime, period: Period = PERIOD) -> Assessment:
    return assess(workspace, history.records, history.runs, period, at)


def finding(workspace: Workspace, history: History, at: datetime, control: str = "TLS-1") -> Finding:
    return judge(workspace, history, at).findings[control]


def reasons(found: Finding, subject: str = A) -> list[tuple[datetime, datetime, str]]:
    holes = next(each.holes for each in found.checks[0].coverage if each.subject == subject)
    return [(hole.period.start, hole.period.end, hole.reason) for hole in holes]


@pytest.fixture
def history() -> History:
    """A history without runs."""
    return History()


# What counts as evidence


def test_an_empty_store_is_inconclusive_everywhere_and_green_nowhere(workspace: Workspace, history: History) -> None:
    assessment = judge(workspace, history, day(30))
    for found in assessment.findings.values():
        assert (found.verdict.status, found.verdict.codes) == (Status.INCONCLUSIVE, ("evidence.none",))
        assert (found.freshness, found.coverage_permille) == ("none", 0)
    statuses = {result.verdict.status for result in assessment.criteria["iso-iec-27001-2022"]}
    assert statuses == {Status.INCONCLUSIVE}
    assert len(assessment.criteria["iso-iec-27001-2022"]) == 123


def test_a_period_that_has_not_begun_says_so(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: GOOD, B: GOOD}, speaks_for=timedelta(days=1000))
    future = Period(start=day(365), end=day(730))
    found = judge(workspace, history, day(1), future).findings["TLS-1"]
    assert found.verdict.codes == ("period.future",)
    assert found.verdict.message == "the period begins only on 2027-01-01T00:00:00Z"
    assert (found.freshness, found.coverage_permille, found.evidence) == ("none", 0, ())
    assert found.checks[0].verdict.status is Status.INCONCLUSIVE


def test_all_subjects_pass(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: GOOD, B: GOOD})
    found = finding(workspace, history, day(0, 12))
    assert found.verdict.status is Status.PASS
    assert found.verdict.message == "2 of 2 subjects: pass. a.example:443: TLS 1.2 and 1.3 only"
    assert (found.freshness, found.coverage_permille) == ("fresh", 1000)
    assert (found.checks[0].population, found.checks[0].seen, found.checks[0].basis) == (
        2,
        2,
        "registers/endpoints.yaml",
    )
    assert found.checks[0].next_due == day(1)
    assert [(each.id, each.leaf) for each in found.evidence] == [("EV-2026-000001-0001", 0), ("EV-2026-000001-0002", 1)]


def test_one_failing_subject_fails_the_control_whatever_its_place(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: BAD, B: GOOD})
    found = finding(workspace, history, day(0, 12))
    assert found.verdict.status is Status.FAIL
    assert found.verdict.codes == ("tls.version.legacy",)
    assert found.verdict.message == "1 of 2 subjects: fail. a.example:443: TLS 1.0 is accepted"


def test_the_latest_evidence_counts_and_a_mended_failure_stays_in_sight(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: BAD, B: GOOD})
    history.run(day(1), {A: GOOD, B: GOOD})
    found = finding(workspace, history, day(1, 1))
    assert found.verdict.status is Status.PASS
    assert found.worst_in_period.status is Status.FAIL
    assert found.worst_in_period.message == "a.example:443, 2026-01-01T00:00:00Z: TLS 1.0 is accepted"


def test_evidence_that_no_longer_speaks_is_stale_and_no_pass(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: GOOD, B: GOOD})
    assert finding(workspace, history, day(1, 11)).freshness == "due"
    assert finding(workspace, history, day(1, 12)).verdict.status is Status.PASS
    found = finding(workspace, history, day(1, 13))
    assert (found.verdict.status, found.verdict.codes) == (Status.INCONCLUSIVE, ("evidence.stale",))
    assert "the last evidence, EV-2026-000001-0001, spoke until 2026-01-02T12:00:00Z" in found.verdict.message
    assert (found.freshness, found.checks[0].seen) == ("stale", 0)


def test_a_subject_that_was_planned_and_has_no_record_is_missing(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: GOOD}, planned=[A, B], ended=False)
    found = finding(workspace, history, day(0, 1))
    assert (found.verdict.status, found.verdict.codes) == (Status.INCONCLUSIVE, ("evidence.missing",))
    assert (
        found.verdict.message
        == "1 of 2 subjects: inconclusive. b.example:443: run 1 planned it and has no record of it"
    )
    assert (found.checks[0].population, found.checks[0].seen) == (2, 1)
    assert found.freshness == "stale"


def test_a_plan_that_left_subjects_out_cannot_pass_for_all(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: GOOD}, expected=50)
    found = finding(workspace, history, day(0, 1))
    assert (found.verdict.status, found.verdict.message) == (Status.INCONCLUSIVE, "run 1 planned 1 of 50 subjects")


def test_a_run_that_looked_at_what_was_due_goes_on_from_the_plan_before_it(
    workspace: Workspace, history: History
) -> None:
    history.run(day(0), {A: GOOD}, planned=[A, B])
    history.run(day(0, 2), {B: GOOD}, expected=2)
    found = finding(workspace, history, day(0, 3))
    assert (found.verdict.status, found.checks[0].seen, found.checks[0].population) == (Status.PASS, 2, 2)
    later = finding(workspace, history, day(1, 13))
    assert (later.verdict.codes, later.checks[0].seen) == (("evidence.stale",), 1)


def test_a_part_of_another_population_goes_on_from_nothing(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: GOOD, B: BAD})
    history.run(day(0, 2), {"c.example:443": GOOD}, expected=2)
    found = finding(workspace, history, day(0, 3))
    assert (found.verdict.status, found.verdict.message) == (Status.INCONCLUSIVE, "run 2 planned 1 of 2 subjects")


def test_an_empty_population_is_no_pass(workspace: Workspace, history: History) -> None:
    history.run(day(0), {}, planned=[])
    found = finding(workspace, history, day(0, 1))
    assert (found.verdict.status, found.checks[0].population) == (Status.INCONCLUSIVE, 0)


def test_a_failure_to_look_is_inconclusive_and_never_a_fail(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: "net.timeout", B: GOOD})
    found = finding(workspace, history, day(0, 1))
    assert (found.verdict.status, found.verdict.codes) == (Status.INCONCLUSIVE, ("net.timeout",))
    assert found.worst_in_period.status is Status.INCONCLUSIVE


def test_a_failure_to_look_does_not_hide_behind_yesterday_s_pass(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: GOOD, B: GOOD})
    history.run(day(1), {A: "net.timeout", B: GOOD})
    found = finding(workspace, history, day(1, 1))
    assert found.verdict.codes == ("net.timeout",)
    assert "before that, EV-2026-000001-0001 came to pass" in found.verdict.message


def test_a_failure_to_look_never_lightens_a_fail(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: BAD, B: GOOD})
    history.run(day(1), {A: "net.refused", B: GOOD})
    assert finding(workspace, history, day(1, 1)).verdict.status is Status.FAIL


def test_a_subject_that_left_the_register_is_not_judged_and_not_forgotten(
    workspace: Workspace, history: History
) -> None:
    history.run(day(0), {A: GOOD, B: BAD})
    history.run(day(1), {A: GOOD})
    found = finding(workspace, history, day(1, 1))
    assert found.verdict.status is Status.PASS
    assert found.worst_in_period.status is Status.FAIL
    assert [each.subject for each in found.checks[0].coverage] == [A, B]


def test_a_check_that_left_the_workspace_takes_no_failure_with_it(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: BAD}, check="tls-renamed")
    history.run(day(1), {A: GOOD, B: GOOD})
    found = finding(workspace, history, day(1, 1))
    assert found.verdict.status is Status.PASS
    assert found.worst_in_period.status is Status.FAIL
    assert [(each.check, each.verdict.codes) for each in found.checks[1:]] == [("tls-renamed", ("check.retired",))]


def test_of_subjects_to_which_the_question_does_not_apply_nothing_is_asked(
    workspace: Workspace, history: History
) -> None:
    history.run(day(0), {A: not_applicable("no TLS here"), B: not_applicable("no TLS here")})
    assert finding(workspace, history, day(0, 1)).verdict.status is Status.NOT_APPLICABLE


# Strictness


def test_a_laxer_look_cannot_satisfy(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: GOOD, B: GOOD}, policy="mozilla-old-5.7")
    found = finding(workspace, history, day(0, 1))
    assert (found.verdict.status, found.verdict.codes) == (Status.INCONCLUSIVE, ("evidence.lax",))
    assert found.evidence[0].lax == (
        "policy was mozilla-old-5.7, required is mozilla-intermediate-6.0 or mozilla-modern-6.0"
    )
    assert (found.coverage_permille, found.checks[0].seen) == (0, 0)
    assert reasons(found)[0][2].startswith("too lax: policy was mozilla-old-5.7")


def test_what_fails_even_a_laxer_look_fails(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: BAD, B: GOOD}, policy="mozilla-old-5.7")
    assert finding(workspace, history, day(0, 1)).verdict.status is Status.FAIL


def test_a_laxer_look_does_not_hide_a_failure_of_the_day_before(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: BAD, B: GOOD})
    history.run(day(1), {A: GOOD, B: GOOD}, policy="mozilla-old-5.7")
    found = finding(workspace, history, day(1, 1))
    assert (found.verdict.status, found.verdict.codes) == (Status.FAIL, ("tls.version.legacy",))


# Time


def test_what_was_not_recorded_yet_is_not_known(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: GOOD, B: GOOD})
    history.run(day(1), {A: BAD, B: GOOD})
    assert finding(workspace, history, day(0, 23)).verdict.status is Status.PASS
    assert finding(workspace, history, day(1)).verdict.status is Status.FAIL


def test_a_record_that_came_in_later_does_not_change_how_it_stood(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: GOOD, B: GOOD})
    late = history.records[0].record.model_copy(update={"recorded": day(5)})
    history.records[0] = replace(history.records[0], record=late)
    assert finding(workspace, history, day(0, 1)).verdict.codes == ("evidence.missing",)


def test_what_comes_after_the_period_does_not_count(workspace: Workspace, history: History) -> None:
    history.run(day(364), {A: GOOD, B: GOOD})
    history.run(day(366), {A: BAD, B: BAD})
    found = finding(workspace, history, day(400))
    assert found.verdict.status is Status.PASS
    assert found.worst_in_period.status is Status.PASS
    assert len(found.evidence) == 2


def test_evidence_from_before_the_period_counts_while_it_speaks(workspace: Workspace, history: History) -> None:
    history.run(day(-1), {A: GOOD, B: GOOD}, speaks_for=timedelta(days=3))
    assert finding(workspace, history, day(1)).verdict.status is Status.PASS
    assert finding(workspace, history, day(3)).verdict.codes == ("evidence.stale",)


def test_evidence_that_ended_before_the_period_is_none(workspace: Workspace, history: History) -> None:
    history.run(day(-10), {A: GOOD, B: GOOD})
    found = finding(workspace, history, day(1))
    assert (found.verdict.codes, found.evidence) == (("evidence.none",), ())


def test_evidence_that_stands_for_a_month_covers_that_month(workspace: Workspace, history: History) -> None:
    january = Period(start=day(0), end=day(31))
    history.run(day(32), {A: GOOD, B: GOOD}, stands_for=january, speaks_for=timedelta(hours=1))
    found = finding(workspace, history, day(33))
    assert reasons(found) == [(day(32, 1), day(33), "no run")]


# Coverage


def test_holes_are_named_for_what_happened(workspace: Workspace, history: History) -> None:
    history.run(day(2), {A: GOOD, B: GOOD})
    history.run(day(4), {A: "net.timeout", B: GOOD})
    history.run(day(6), {A: GOOD, B: GOOD})
    history.run(day(8), {B: GOOD}, planned=[A, B], ended=False)
    history.run(day(9), {A: GOOD, B: GOOD})
    history.run(day(11), {B: GOOD})
    history.run(day(13), {A: GOOD, B: GOOD})
    found = finding(workspace, history, day(16))
    assert reasons(found) == [
        (day(0), day(2), "before the first run"),
        (day(3, 12), day(6), "could not look: net.timeout"),
        (day(7, 12), day(9), "run 4 began and never ended"),
        (day(10, 12), day(13), "not in the register"),
        (day(14, 12), day(16), "no run"),
    ]
    one = next(each for each in found.checks[0].coverage if each.subject == A)
    assert (one.covered_seconds, one.period_seconds) == (6 * 86_400, 16 * 86_400)


def test_a_hole_with_several_causes_names_them_all(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: GOOD, B: GOOD})
    history.run(day(1), {A: "net.timeout", B: GOOD})
    history.run(day(2), {A: "net.timeout", B: GOOD})
    history.run(day(3), {B: GOOD}, planned=[A, B])
    found = finding(workspace, history, day(4))
    assert reasons(found) == [(day(1, 12), day(4), "could not look: net.timeout; run 4 has no record of it")]


def test_a_subject_that_joins_later_has_a_hole_before(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: GOOD})
    history.run(day(1), {A: GOOD, B: GOOD})
    assert reasons(finding(workspace, history, day(1, 12)), B) == [(day(0), day(1), "not in the register")]


def test_coverage_ends_at_the_end_of_the_period(workspace: Workspace, history: History) -> None:
    for number in range(365):
        history.run(day(number), {A: GOOD, B: GOOD})
    found = finding(workspace, history, day(500))
    assert found.coverage_permille == 1000
    assert found.checks[0].coverage[0].period_seconds == 365 * 86_400


# People


def attestation(on: date, until: date, control: str = "PHY-1") -> Attestation:
    return Attestation(id="AT-1", control=control, statement="Visitors are accompanied", by="Ada", on=on, until=until)


def test_an_attestation_is_shown_and_is_no_pass(workspace: Workspace, history: History) -> None:
    attested = replace(workspace, attestations=(attestation(date(2026, 1, 2), date(2026, 6, 30)),))
    found = finding(attested, history, day(30), "PHY-1")
    assert (found.verdict.status, found.verdict.codes) == (Status.INCONCLUSIVE, ("evidence.attested",))
    assert found.verdict.message == "attested by Ada on 2026-01-02, until 2026-06-30; nothing else shows it"
    assert (found.freshness, len(found.attestations)) == ("fresh", 1)


@pytest.mark.parametrize(("at", "freshness"), [(day(0, 12), "none"), (day(1, 1), "fresh"), (day(4), "stale")])
def test_an_attestation_holds_from_its_day_to_its_last(
    workspace: Workspace, history: History, at: datetime, freshness: str
) -> None:
    attested = replace(workspace, attestations=(attestation(date(2026, 1, 2), date(2026, 1, 3)),))
    found = finding(attested, history, at, "PHY-1")
    assert found.freshness == freshness
    assert ("evidence.attested" in found.verdict.codes) == (freshness == "fresh")


def test_a_control_that_is_partly_automatic_needs_machine_and_person(workspace: Workspace, history: History) -> None:
    history.run(day(0), {"warehouse": GOOD}, check="access-list", controls=("ACC-1",), speaks_for=timedelta(days=28))
    found = finding(workspace, history, day(1), "ACC-1")
    assert (found.verdict.status, found.verdict.codes) == (Status.INCONCLUSIVE, ("evidence.unattested",))
    attested = replace(workspace, attestations=(attestation(date(2026, 1, 1), date(2026, 12, 31), "ACC-1"),))
    found = finding(attested, history, day(1), "ACC-1")
    assert (found.verdict.status, found.verdict.codes) == (Status.PASS, ("evidence.attested",))


def test_an_exception_stands_beside_a_verdict_and_does_not_change_it(workspace: Workspace, history: History) -> None:
    accepted = AcceptedException(
        id="EX-1",
        control="TLS-1",
        subject=A,
        reason="an old device",
        requested_by="Ada",
        approver="Grace",
        start=day(0),
        end=day(90),
    )
    history.run(day(0), {A: BAD, B: GOOD})
    excepted = replace(workspace, exceptions=(accepted,))
    found = finding(excepted, history, day(0, 1))
    assert (found.verdict.status, found.exceptions) == (Status.FAIL, (accepted,))
    assert finding(excepted, history, day(0, 1), "TLS-2").exceptions == ()
    assert judge(excepted, history, day(120), Period(start=day(91), end=day(365))).findings["TLS-1"].exceptions == ()


# Size


def test_a_hundred_thousand_records_are_assessed_in_seconds(workspace: Workspace, history: History) -> None:
    history.run(day(0), {A: GOOD, B: GOOD})
    first, last = history.records
    count = 50_000
    step = timedelta(minutes=10)
    history.records = [
        StoredRecord(
            each.record.model_copy(
                update={
                    "collected": Span(start=day(0) + n * step, end=day(0) + n * step),
                    "recorded": day(0) + n * step,
                    "life": Life(valid_until=day(0) + (n + 1) * step),
                }
            ),
            1,
            2 * n + which,
            f"sha256:{2 * n + which:064}",
        )
        for n in range(count)
        for which, each in enumerate((first, last))
    ]
    began = time.process_time()
    found = finding(workspace, history, day(0) + count * step)
    spent = time.process_time() - began
    assert (len(found.evidence), found.coverage_permille) == (100_000, 1000)
    assert spent < 8, f"{spent:.1f} s of CPU; about 1.5 s is usual"
