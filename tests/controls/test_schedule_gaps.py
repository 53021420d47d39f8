"""Runs that were planned and not made: a gap, with a reason or without one, that does not go away."""

from datetime import UTC, datetime, timedelta

from muniment.controls.model import Check
from muniment.controls.schedule_gaps import made_again, schedule_gaps
from muniment.evidence import Actor, Decision, End, Plan, Start, StoredDecision, StoredRun, Task

MONDAY = datetime(2026, 11, 2, 3, tzinfo=UTC)
DAY = timedelta(days=1)
DAILY = Check(id="daily", control="C-1", collector="tls", subject="a", cadence=86_400, grace=43_200)
ADA = Actor(name="Ada")


def run(
    number: int, at: datetime, *, ended: bool = True, missing: tuple[str, ...] = (), check: str = "daily"
) -> StoredRun:
    """A run of one look of a daily check."""
    task = Task(
        id=f"{check}:a", check=check, controls=("C-1",), collector="tls", subject="a", settings={}, valid_for=129_600
    )
    plan = Plan(planned=at, actor=ADA, workspace="sha256:" + "0" * 64, tasks=(task,))
    zero = "sha256:" + "0" * 64
    start = Start(run=number, run_id=plan.run_id, plan=plan, previous_size=number, previous_root=zero, versions={})
    end = End(
        run=number,
        run_id=plan.run_id,
        ended=at + timedelta(minutes=1),
        planned=1,
        got=1 - len(missing),
        missing=missing,
        by_status={},
        errored=0,
        milliseconds=1,
    )
    return StoredRun(start, end if ended else None, ("c",), range(number, number + 1))


def days(*numbers: float) -> list[StoredRun]:
    """Runs on these days after Monday."""
    return [run(place, MONDAY + number * DAY) for place, number in enumerate(numbers, start=1)]


def explained(*about: str) -> StoredDecision:
    """Somebody's word on gaps."""
    decision = Decision(kind="gap.explained", at=MONDAY, actor=ADA, reason="the machine was moved", refers_to=about)
    return StoredDecision(decision, 99, "sha256:" + "0" * 64)


def test_looks_in_time_leave_no_gap_even_where_the_timer_is_late_by_minutes() -> None:
    assert schedule_gaps(days(0, 1, 2.01, 3, 4.5), [DAILY], [], MONDAY, MONDAY + 6 * DAY) == ()


def test_a_day_without_a_run_is_a_gap_that_stays_after_the_next_look() -> None:
    (gap,) = schedule_gaps(days(0, 1, 4, 5), [DAILY], [], MONDAY, MONDAY + 6 * DAY)
    assert gap.id == "GAP-daily-20261104T1500Z"
    assert (gap.after, gap.due, gap.until) == (2, MONDAY + 2.5 * DAY, MONDAY + 4 * DAY)
    assert (gap.missed, gap.controls, gap.reason) == (2, ("C-1",), None)


def test_a_gap_that_lasts_has_no_end_and_counts_what_was_missed_until_now() -> None:
    (gap,) = schedule_gaps(days(0), [DAILY], [], MONDAY, MONDAY + 4.5 * DAY)
    assert (gap.until, gap.missed) == (None, 3)


def test_a_reason_closes_the_question_and_not_the_gap() -> None:
    runs = days(0, 4)
    (gap,) = schedule_gaps(runs, [DAILY], [explained("GAP-daily-20261103T1500Z")], MONDAY, MONDAY + 5 * DAY)
    assert (gap.reason, gap.to_json()["explained_by"]) == ("the machine was moved", "DE-2026-000099")
    (other,) = schedule_gaps(runs, [DAILY], [explained("GAP-daily-20261110T1500Z")], MONDAY, MONDAY + 5 * DAY)
    assert other.reason is None


def test_runs_that_never_ended_or_missed_the_check_are_no_looks() -> None:
    runs = [
        *days(0),
        run(2, MONDAY + DAY, ended=False),
        run(3, MONDAY + 2 * DAY, missing=("daily:a",)),
        run(4, MONDAY + 3 * DAY),
    ]
    (gap,) = schedule_gaps(runs, [DAILY], [], MONDAY, MONDAY + 4 * DAY)
    assert (gap.after, gap.until, gap.abandoned) == (1, MONDAY + 3 * DAY, (2,))


def test_a_cadence_that_was_made_longer_afterwards_hides_no_gap() -> None:
    weekly = DAILY.model_copy(update={"cadence": 7 * 86_400})
    assert len(schedule_gaps(days(0, 4), [weekly], [], MONDAY, MONDAY + 5 * DAY)) == 1


def test_only_gaps_of_the_period_and_of_what_was_known_then_are_told() -> None:
    runs = days(0, 4, 5, 9)
    assert len(schedule_gaps(runs, [DAILY], [], MONDAY, MONDAY + 10 * DAY)) == 2
    assert len(schedule_gaps(runs, [DAILY], [], MONDAY + 5 * DAY, MONDAY + 10 * DAY)) == 1
    (lasting,) = schedule_gaps(runs, [DAILY], [], MONDAY + 5 * DAY, MONDAY + 8 * DAY)
    assert lasting.until is None


def test_a_check_that_the_workspace_dropped_has_its_old_gaps_and_no_lasting_one() -> None:
    (gap,) = schedule_gaps(days(0, 4), [], [], MONDAY, MONDAY + 30 * DAY)
    assert gap.until == MONDAY + 4 * DAY


def test_what_was_looked_at_again_before_it_was_due_is_counted_by_run() -> None:
    assert made_again(days(0, 0.1, 1.08, 2.06, 2.07), [DAILY]) == {2: 1, 5: 1}
    assert made_again([*days(0), run(2, MONDAY + 0.1 * DAY, check="other")], [DAILY]) == {}
