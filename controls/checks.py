"""One check over a period: where each of its subjects stands, what it rests on, and how much of the time is covered."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from muniment.controls.coverage import Look, Planned, coverage, look_of
from muniment.controls.model import Check, CheckResult, Evidence, Freshness, Workspace
from muniment.evidence.model import Period, rfc3339
from muniment.evidence.record import StoredRecord, StoredRun
from muniment.evidence.verdict import NOTHING, Status, Verdict, gravest, inconclusive

Series: TypeAlias = Mapping[str, Sequence[Look]]  # by subject, each in the order of time

IMPORTED = "import."  # how the collectors' ids of imported reports begin

FRESHNESS: tuple[Freshness, ...] = ("fresh", "due", "stale", "none")  # from the best to the worst


@dataclass(frozen=True)
class Elapsed:
    """The part of a period that is over at the instant `at`: `[period.start, horizon)`; empty if it has not begun."""

    period: Period
    at: datetime

    @property
    def horizon(self) -> datetime:
        """The earlier of `at` and the end of the period."""
        return min(self.at, self.period.end)

    @property
    def begun(self) -> bool:
        """Whether any of the period is over."""
        return self.horizon > self.period.start

    def reached(self, instant: datetime) -> bool:
        """Whether an instant lies neither after `at` nor after the period."""
        return instant <= self.at and instant < self.period.end

    def holds(self, look: Look) -> bool:
        """Whether a look, which was reached, begins in the period or still speaks when the period begins."""
        return self.begun and (look.start >= self.period.start or look.until > self.period.start)


@dataclass(frozen=True)
class Standing:
    """Where one subject stands at the horizon. `seen`: evidence still speaks; `due`: when to look again."""

    verdict: Verdict
    freshness: Freshness
    due: datetime | None
    seen: bool


def series_of(records: Iterable[StoredRecord], checks: Mapping[str, Check], elapsed: Elapsed) -> dict[str, Series]:
    """The looks of each check that begin before the period ends and were recorded by `at`."""
    grouped: dict[str, dict[str, list[Look]]] = defaultdict(lambda: defaultdict(list))
    for stored in records:
        if stored.record.recorded <= elapsed.at:
            check = checks.get(stored.record.check)
            look = look_of(stored, check.requires if check else {})
            if elapsed.reached(look.start):
                grouped[stored.record.check][stored.record.subject].append(look)
    for subjects in grouped.values():
        for looks in subjects.values():
            looks.sort(key=lambda look: (look.start, look.stored.leaf))
    return {check: dict(subjects) for check, subjects in grouped.items()}


def plans_of(runs: Iterable[StoredRun], elapsed: Elapsed) -> dict[str, list[Planned]]:
    """What each run that the elapsed time has reached planned for each check, in the order of time."""
    by_check: dict[str, list[Planned]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (run.start.plan.planned, run.start.run)):
        plan = run.start.plan
        if not elapsed.reached(plan.planned):
            break
        subjects: dict[str, list[str]] = defaultdict(list)
        for task in plan.tasks:
            subjects[task.check].append(task.subject)
        populations = {each.check: each for each in plan.populations}
        for check in dict.fromkeys((*populations, *subjects)):
            population = populations.get(check)
            planned = frozenset(subjects[check])
            expected = population.expected if population else len(planned)
            by_check[check].append(
                Planned(
                    at=plan.planned,
                    run=run.start.run,
                    ended=run.end is not None and run.end.ended <= elapsed.at,
                    subjects=planned,
                    population=_whole(planned, by_check[check], expected),
                    expected=expected,
                    basis=population.basis if population else "the tasks of the run",
                    exclusions=population.exclusions if population else (),
                )
            )
    return by_check


def check_result(
    workspace: Workspace, check: Check, series: Series, plans: Sequence[Planned], elapsed: Elapsed
) -> CheckResult:
    """The check over the elapsed time. Its population is that of the last plan; without one, that of the register."""
    last = plans[-1] if plans else None
    population = sorted(last.population) if last else _registered(workspace, check)
    standings = {subject: _standing(series.get(subject, ()), check, last, elapsed) for subject in population}
    held = {subject: [look for look in looks if elapsed.holds(look)] for subject, looks in series.items()}
    gone = sorted(subject for subject, looks in held.items() if looks and subject not in standings)
    period = elapsed.period
    return CheckResult(
        check=check.id,
        collector=check.collector,
        verdict=gravest([*_unplanned(last), _together({subject: each.verdict for subject, each in standings.items()})]),
        population=last.expected if last else len(population),
        seen=sum(standing.seen for standing in standings.values()),
        basis=last.basis if last else _basis(workspace, check),
        exclusions=last.exclusions if last else (),
        evidence=_evidence(held),
        coverage=tuple(
            coverage(check.id, subject, series.get(subject, ()), plans, period.start, elapsed.horizon, period.zone)
            for subject in (*population, *gone)
            if elapsed.begun
        ),
        next_due=min((each.due for each in standings.values() if each.due is not None), default=None),
        freshness=_freshness([each.freshness for each in standings.values()]),
        worst_in_period=worst(held),
    )


def imported_checks(series: Mapping[str, Series], elapsed: Elapsed) -> tuple[Check, ...]:
    """The series of imported reports that say something of the elapsed time, each as a check of its control."""
    checks = []
    for name, subjects in sorted(series.items()):
        looks = [look for each in subjects.values() for look in each if elapsed.holds(look)]
        last = max(looks, key=lambda look: look.stored.leaf, default=None)
        if last is not None and last.stored.record.method.collector.startswith(IMPORTED):
            record = last.stored.record
            cadence = record.method.parameters.get("cadence")
            checks += [
                Check(
                    id=name,
                    control=control,
                    collector=record.method.collector,
                    subject=record.subject,
                    cadence=cadence if isinstance(cadence, int) else 1,
                )
                for control in record.controls
            ]
    return tuple(checks)


def retired_result(name: str, series: Series, elapsed: Elapsed) -> CheckResult:
    """A check that the workspace no longer has: its records stay in sight, so that no renaming hides a failure."""
    held = {subject: [look for look in looks if elapsed.holds(look)] for subject, looks in series.items()}
    collector = next((look.stored.record.method.collector for looks in held.values() for look in looks), name)
    return CheckResult(
        check=name,
        collector=collector,
        verdict=inconclusive(f"the workspace no longer has the check {name}", "check.retired"),
        population=0,
        seen=0,
        basis="no check of this name is in the workspace",
        evidence=_evidence(held),
        worst_in_period=worst(held),
    )


def judged(look: Look) -> Verdict:
    """The verdict of a record, measured against what the control requires: only a failure survives being lax."""
    record = look.stored.record
    if look.lax is None or record.verdict.status is Status.FAIL:
        return record.verdict
    return inconclusive(f"{record.id} was laxer than the control requires: {look.lax}", "evidence.lax")


def worst(held: Mapping[str, Iterable[Look]]) -> Verdict:
    """The gravest verdict that any of the looks came to, the earliest where several are as grave."""
    looks = [(judged(look), look) for each in held.values() for look in each]
    if not looks:
        return NOTHING
    verdict, look = min(looks, key=lambda pair: (-pair[0].status.gravity, pair[1].start))
    words = f"{look.stored.record.subject}, {rfc3339(look.stored.record.collected.start)}: {verdict.message}"
    return Verdict(status=verdict.status, message=words, codes=verdict.codes)


def _standing(looks: Sequence[Look], check: Check, last: Planned | None, elapsed: Elapsed) -> Standing:
    """One subject at the horizon: the latest evidence while it speaks, and a later look that decides nothing."""
    held = [look for look in looks if elapsed.holds(look)]
    evidence = next((look for look in reversed(held) if _decides(look)), None)
    attempt = next((look for look in reversed(held) if not _decides(look)), None)
    if evidence is None:
        verdict = _undecided(attempt, None) if attempt else _missing(last, elapsed)
        return Standing(verdict, "none", None, seen=False)
    collected = evidence.stored.record.collected.start
    speaks, due = evidence.until >= elapsed.horizon, collected + timedelta(seconds=check.cadence)
    verdicts = [judged(evidence) if speaks else _stale(evidence)]
    if attempt is not None and attempt.stored.record.collected.start > collected:
        verdicts.insert(0, _undecided(attempt, evidence))
    fresh: Freshness = "due" if elapsed.horizon >= due else "fresh"
    return Standing(gravest(verdicts), fresh if speaks else "stale", due, seen=speaks)


def _decides(look: Look) -> bool:
    """Whether a look says something of its subject: it was a sight, and strict enough or a failure all the same."""
    return look.speaks or (not look.failed and judged(look).status is Status.FAIL)


def _missing(last: Planned | None, elapsed: Elapsed) -> Verdict:
    if last is None or last.at < elapsed.period.start or not elapsed.begun:
        return NOTHING
    return inconclusive(f"run {last.run} planned it and has no record of it", "evidence.missing")


def _whole(planned: frozenset[str], earlier: Sequence[Planned], expected: int) -> frozenset[str]:
    """A plan of a part of the population goes on from the plan before it, if both together are the whole."""
    known = planned | earlier[-1].population if earlier else planned
    return known if len(planned) < expected == len(known) else planned


def _unplanned(last: Planned | None) -> list[Verdict]:
    """A plan that left out subjects of its own population, and goes on from no other, cannot speak for the whole."""
    if last is None or len(last.population) >= last.expected:
        return []
    words = f"run {last.run} planned {len(last.population)} of {last.expected} subjects"
    return [inconclusive(words, "evidence.missing")]


def _stale(look: Look) -> Verdict:
    return inconclusive(
        f"the last evidence, {look.stored.record.id}, spoke until {rfc3339(look.until)}", "evidence.stale"
    )


def _undecided(attempt: Look, evidence: Look | None) -> Verdict:
    """A failure to look, or a look that was too lax; it hides nothing that was seen before."""
    verdict = judged(attempt)
    words = f"could not look: {verdict.message}" if attempt.failed else verdict.message
    seen = f"; before that, {evidence.stored.record.id} came to {judged(evidence).status.word}" if evidence else ""
    return inconclusive(f"{words}{seen}", *verdict.codes)


def _together(verdicts: Mapping[str, Verdict]) -> Verdict:
    """The gravest verdict of all subjects, with how many share it, and the codes of those."""
    grave = gravest(verdicts.values()).status
    same = {subject: verdict for subject, verdict in verdicts.items() if verdict.status is grave}
    if not same:
        return NOTHING
    subject, verdict = next(iter(same.items()))
    codes = tuple(sorted({code for each in same.values() for code in each.codes}))
    count = f"{len(same)} of {len(verdicts)} subjects: {grave.word}. " if len(verdicts) > 1 else ""
    return Verdict(status=grave, message=f"{count}{subject}: {verdict.message}", codes=codes)


def _evidence(held: Mapping[str, Iterable[Look]]) -> tuple[Evidence, ...]:
    """What is shown of each record, in the order of the store."""
    looks = sorted((look for each in held.values() for look in each), key=lambda look: look.stored.leaf)
    return tuple(_shown(look) for look in looks)


def _shown(look: Look) -> Evidence:
    record, verdict = look.stored.record, look.stored.record.verdict
    return Evidence(
        id=record.id,
        digest=look.stored.digest,
        leaf=look.stored.leaf,
        check=record.check,
        subject=record.subject,
        status=verdict.status,
        at=record.collected.start,
        message=verdict.message,
        codes=verdict.codes,
        lax=look.lax,
    )


def _registered(workspace: Workspace, check: Check) -> list[str]:
    if check.register_name is None:
        return [check.subject or check.id]
    return [each.id for each in workspace.registers[check.register_name].entries if each.out_of_scope is None]


def _basis(workspace: Workspace, check: Check) -> str:
    return workspace.registers[check.register_name].path if check.register_name else "the check's own settings"


def _freshness(of_subjects: Sequence[Freshness]) -> Freshness:
    """The worst of the subjects; `none` only where no subject has evidence, since some of it stands otherwise."""
    if "none" in of_subjects and any(each != "none" for each in of_subjects):
        return "stale"
    return max(of_subjects, key=FRESHNESS.index, default="none")
