"""The period of a pack: what was asked for, and that some run falls to it."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.evidence import Period
    from muniment.exports.model import Pack


def pack_period(desk: "Desk", text: str | None, at: datetime) -> "Period":
    """The period that was asked for, the workspace's, or this year.

    Raises:
        UsageError: it has not begun: there is nothing to hand over.
    """
    from muniment.cli.reading import period_of
    from muniment.cli.words import day
    from muniment.evidence import UsageError

    period = period_of(desk, text, at)
    if period.start > at:
        raise UsageError(
            f"the period begins on {day(period.start, period.zone)}, which is still to come",
            mend="ask for a period that has begun, such as --period " + str(at.year),
        )
    return period


def has_runs(made: "Pack") -> bool:
    """Whether a run falls to the period of the pack, or none is needed: no control of its framework has a check."""
    period = made.identity.period
    looked_at = any(sheet.finding.checks for sheet in made.controls)
    return not looked_at or any(run.start.plan.planned in period for run in made.custody)


def no_runs(made: "Pack") -> str:
    """The sentence that says so, with the days of the period, the last one too, and its zone."""
    from muniment.cli.words import day

    period = made.identity.period
    last = period.end - timedelta(microseconds=1)
    days = f"{day(period.start, period.zone)} to {day(last, period.zone)} ({period.zone})"
    return f"No run falls to the period, {days}"


def refuse_without_runs(desk: "Desk", made: "Pack") -> None:
    """Hand over no pack of a period in which nothing was looked at: a slip in the period looks the same.

    Raises:
        UsageError: `pack.no_runs`, with the days on which the store has runs.
    """
    from muniment.cli.words import counted, day
    from muniment.evidence import UsageError

    if has_runs(made):
        return
    zone = made.identity.period.zone
    planned = sorted(run.start.plan.planned for run in desk.store.runs())
    if planned:
        first, last = (day(each, zone) for each in (planned[0], planned[-1]))
        days = f"on {first}" if first == last else f"from {first} to {last}"
        stored = f"the store has {counted(len(planned), 'run')}, {days}"
        mend = f"ask for their period, such as `--period {planned[-1].year}`, or"
    else:
        stored, mend = "the store has no run yet", "look first, with `muniment collect`, or"
    raise UsageError(
        f"{no_runs(made)}: {stored}",
        mend=f"{mend} have a pack that says that there is no evidence: `--allow-empty`",
        code="pack.no_runs",
    )
