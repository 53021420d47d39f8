"""`muniment claims`: each public sentence, where it stands, and the findings that say so."""

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.cli.exits import FailOn, exit_code

if TYPE_CHECKING:
    from rich.console import Console

    from muniment.controls.model import ClaimResult

_RECORDS = 3  # that are named of each finding; `--json` names all


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(claims)


def claims(
    context: typer.Context,
    as_of: Annotated[
        str | None, typer.Option(help="What was known at an instant or at the end of a day, such as 2026-06-30.")
    ] = None,
    period: Annotated[
        str | None, typer.Option(help="The period that is judged, such as 2026 or 2026-Q3; otherwise the year.")
    ] = None,
    fail_on: Annotated[
        FailOn, typer.Option(help="fail: contradicted; inconclusive: unsubstantiated too; never: exit code 0.")
    ] = FailOn.INCONCLUSIVE,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Each public sentence: substantiated, unsubstantiated or contradicted, by which findings."""
    from muniment.cli.console import print_json, result
    from muniment.cli.desk import desk_of
    from muniment.cli.reading import instant, period_of
    from muniment.controls.assess import assess
    from muniment.evidence.verdict import Status

    desk = desk_of(context)
    at = instant(as_of, desk)
    store = desk.store
    assessment = assess(desk.workspace, store.records(), store.runs(), period_of(desk, period, at), at)
    if as_json:
        print_json(
            "muniment.claims/1",
            at=assessment.at.isoformat(),
            period=assessment.period.to_json(),
            claims=[each.to_json() for each in assessment.claims],
        )
    else:
        _tell(result(), assessment.claims)
    status = {"substantiated": Status.PASS, "unsubstantiated": Status.INCONCLUSIVE, "contradicted": Status.FAIL}
    return exit_code((status[each.standing] for each in assessment.claims), fail_on)


def _tell(console: "Console", results: "tuple[ClaimResult, ...]") -> None:
    from muniment.cli.console import status_text, table, visible
    from muniment.evidence.verdict import Status

    status = {"substantiated": Status.PASS, "unsubstantiated": Status.INCONCLUSIVE, "contradicted": Status.FAIL}
    if not results:
        console.print("No public sentence stands in registers/claims.yaml.")
    for place, each in enumerate(results):
        claim = each.claim
        console.print("\n" * bool(place) + visible(f"{claim.id}  “{claim.text}”"), markup=False, highlight=False)
        if claim.url:
            console.print(visible(f"  {claim.url}"), markup=False, highlight=False)
        console.print(table([], [(status_text(status[each.standing], each.standing), each.reason)]))
        rows = [
            (
                f"  {found.control}",
                status_text(found.verdict.status),
                f"{found.verdict.message}{_records(found.evidence)}",
            )
            for found in each.findings
        ]
        console.print(table([], rows))


def _records(ids: tuple[str, ...]) -> str:
    """` [EV-2026-000001-0001, … 4 more]`."""
    if not ids:
        return ""
    left = len(ids) - _RECORDS
    return f" [{', '.join(ids[:_RECORDS])}{f', … {left} more' if left > 0 else ''}]"
