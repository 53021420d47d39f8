"""`muniment collectors`: what can look, at what, and what a look at one subject gives."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from muniment.cli.exits import FailOn, exit_code

if TYPE_CHECKING:
    from muniment.evidence import InputFault
    from muniment.evidence.registry import Registry

collectors_app = typer.Typer(help="What can look, and at what.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(collectors_app, name="collectors")


@collectors_app.command("show")
def show_collector(
    context: typer.Context, id_: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False
) -> int:
    """Show what a collector looks at, its settings, and the codes that its findings carry."""
    from muniment.cli.console import print_json, result, table
    from muniment.cli.desk import known
    from muniment.evidence.process import describe

    registry = registry_of(context)
    registration = registry[known(id_, registry, "collector")]
    collector = describe(registration)
    if as_json:
        print_json(
            "muniment.collector/1",
            id=id_,
            version=collector.version,
            origin=registration.origin,
            subject_kind=collector.subject_kind,
            settings=collector.settings,
            facts=collector.facts,
            codes=[vars(code) for code in collector.codes],
        )
        return 0
    console = result()
    console.print(f"{id_} {collector.version}  ({registration.origin})\n{collector.first_line}\n")
    required = set(collector.settings.get("required", ()))
    rows = [
        (name, "required" if name in required else _default(field), field.get("description", ""))
        for name, field in collector.settings["properties"].items()
    ]
    console.print(table(["SETTING", "DEFAULT", "MEANING"], rows))
    if collector.codes:
        console.print()
        console.print(table(["CODE", "CLAUSE", "MEANING"], [(c.id, c.clause, c.meaning) for c in collector.codes]))
    return 0


@collectors_app.command("try")
def try_collector(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID")],
    settings: Annotated[Path, typer.Option(help="The settings, a YAML or JSON file; `-` for standard input.")],
    at: Annotated[
        str | None, typer.Option(help="The instant to judge at, such as 2026-11-24T03:12:33Z; otherwise now.")
    ] = None,
    fail_on: Annotated[
        FailOn, typer.Option(help="The lightest status that makes the exit code 1.")
    ] = FailOn.INCONCLUSIVE,
    as_json: Json = False,
) -> int:
    """Look at one subject without touching the store."""
    from muniment.cli.console import print_json, tell_error
    from muniment.cli.desk import known
    from muniment.cli.trying import look_once

    registry = registry_of(context)
    seen, record = look_once(registry[known(id_, registry, "collector")], settings, instant(at))
    facts = record.outcome.facts if record.outcome.kind == "observed" else None
    if as_json:
        print_json(
            "muniment.try/1",
            **_failure(seen.fault),
            verdict=record.verdict.to_json(),
            facts=facts,
            record=record.to_json(),
        )
    elif seen.fault:
        tell_error(seen.fault, as_json=False)
    else:
        _tell_look(record.verdict, facts)
    return seen.fault.exit_code if seen.fault else exit_code([record.verdict.status], fail_on)


def _failure(fault: "InputFault | None") -> dict[str, Any]:
    if fault is None:
        return {}
    return {"ok": False, "error": {"code": fault.cause, "message": str(fault), "hint": fault.mend}}


def _tell_look(verdict: Any, facts: dict[str, Any] | None) -> None:
    import orjson

    from muniment.cli.console import result, status_text, visible, visible_json

    console = result()
    console.print(status_text(verdict.status), visible(verdict.message))
    if verdict.codes:
        console.print(f"  codes: {', '.join(verdict.codes)}")
    if facts is not None:
        console.print(visible_json(orjson.dumps(facts, option=orjson.OPT_INDENT_2).decode()))


def instant(text: str | None) -> datetime:
    """The instant that `--at` names, in UTC; without one, now.

    Raises:
        UsageError: it is none, or has no offset.
    """
    from muniment.cli.clock import now
    from muniment.evidence import UsageError, utc

    if text is None:
        return now()
    try:
        return utc(datetime.fromisoformat(text))
    except ValueError as error:
        mend = "write it with an offset, such as 2026-11-24T03:12:33Z or 2026-11-24T04:12:33+01:00"
        raise UsageError(f"{text!r} is not an instant: {error}", mend=mend) from error


def registry_of(context: typer.Context) -> "Registry":
    """The collectors of the workspace, or of the installed packages alone outside any."""
    from muniment.cli.desk import desk_of
    from muniment.evidence.errors import UsageError
    from muniment.evidence.registry import discover

    try:
        desk = desk_of(context)
    except UsageError:
        return discover()
    return desk.registry


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    return "none" if value in (None, [], ()) else str(value)
