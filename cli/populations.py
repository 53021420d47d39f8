"""How much of each population a run reached: "42 of 45 endpoints, 3 with reason", and the reasons."""

from collections.abc import Iterable, Iterator, Sequence

from muniment.cli.words import counted
from muniment.evidence import EvidenceRecord, Exclusion, Frozen, Plan, PlannedPopulation

_SPELLED_OUT = 5  # reasons in one line; the records have the rest


class Reached(Frozen):
    """One check: `seen` of all that the register names. `reasons` say why each of the others was not seen; those that
    were seen lately and are not due are only counted."""

    check: str
    kind: str
    total: int
    seen: int
    not_due: int
    reasons: tuple[Exclusion, ...]

    def __str__(self) -> str:
        parts = [f"{self.seen:,} of {counted(self.total, self.kind)}"]
        if self.reasons:
            parts.append(f"{len(self.reasons):,} with reason")
        if self.not_due:
            parts.append(f"{self.not_due:,} not due")
        told = "; ".join(f"{each.subject} ({each.reason})" for each in self.reasons[:_SPELLED_OUT])
        more = len(self.reasons) - _SPELLED_OUT
        return (
            f"{self.check}: {', '.join(parts)}{': ' if told else ''}{told}{f'; and {more:,} more' if more > 0 else ''}"
        )


def reached(plan: Plan, records: Sequence[EvidenceRecord]) -> tuple[Reached, ...]:
    """Each population of the plan, held against the records of its run."""
    return tuple(_reached(population, plan, records) for population in plan.populations)


def _reached(population: PlannedPopulation, plan: Plan, records: Iterable[EvidenceRecord]) -> Reached:
    mine = [record for record in records if record.check == population.check]
    planned = [task for task in plan.tasks if task.check == population.check]
    seen = sum(record.outcome.kind == "observed" for record in mine)
    return Reached(
        check=population.check,
        kind=next((record.subject_kind for record in mine), "subject"),
        total=population.expected + len(population.exclusions),
        seen=seen,
        not_due=population.expected - len(planned),
        reasons=(*population.exclusions, *_not_seen((task.subject for task in planned), mine)),
    )


def _not_seen(subjects: Iterable[str], records: Iterable[EvidenceRecord]) -> Iterator[Exclusion]:
    by_subject = {record.subject: record.outcome for record in records}
    for subject in subjects:
        outcome = by_subject.get(subject)
        if outcome is None:
            yield Exclusion(subject=subject, reason="the run ended before it")
        elif outcome.kind == "errored":
            yield Exclusion(subject=subject, reason=outcome.cause)
