"""`muniment collectors check`: whether a collector keeps every promise of the contract, on a subject that it can see.

The collector runs in this process, as it does under pytest. What it saw is printed, and goes nowhere.
"""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from muniment.cli.collectors import collectors_app, instant, registry_of
from muniment.cli.exits import FINDINGS

if TYPE_CHECKING:
    from datetime import datetime

    from rich.text import Text

    from muniment.evidence.registry import Registration
    from muniment.evidence.testing import Examination, Promise


def register(app: typer.Typer) -> None:  # noqa: ARG001 - as every group has it
    """Add the command."""
    collectors_app.command("check")(check)


def check(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID")],
    settings: Annotated[Path, typer.Option(help="The settings, a YAML or JSON file; `-` for standard input.")],
    at: Annotated[
        str | None, typer.Option(help="The instant to judge at, such as 2026-11-24T03:12:33Z; otherwise now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Try every promise of the contract of a collector, on one subject that it can see."""
    from muniment.cli.console import print_json, result, status_text, table, visible
    from muniment.cli.desk import known
    from muniment.evidence.testing import Promise

    registry = registry_of(context)
    examination = _examined(registry[known(id_, registry, "collector")], settings, instant(at))
    verdict, broken = examination.sight.verdict, examination.broken
    if as_json:
        rows = [{"promise": each.name.lower(), "means": each.value, "broken": broken.get(each)} for each in Promise]
        print_json("muniment.contract/1", collector=id_, kept=not broken, promises=rows, verdict=verdict.to_json())
        return FINDINGS if broken else 0
    console = result()
    console.print(table(["", "PROMISE"], [_row(promise, broken.get(promise)) for promise in Promise]))
    console.print("\nIt saw:", status_text(verdict.status), visible(verdict.message))
    return FINDINGS if broken else 0


def _row(promise: "Promise", how: str | None) -> "tuple[Text, str]":
    from muniment.cli.console import status_text
    from muniment.evidence import Status

    if how is None:
        return status_text(Status.PASS, "kept"), promise.value
    return status_text(Status.FAIL, "broken"), f"{promise.value}: {how}"


def _examined(registration: "Registration", settings: Path, at: "datetime") -> "Examination[Any]":
    """Try the promises on what a settings file points at.

    Raises:
        ConfigError: a setting is off, with its place in the file.
        CouldNotLook: the collector does not import, cannot see the subject, or breaks; with its file and line.
    """
    from muniment.cli.trying import STDIN
    from muniment.controls.yaml import read
    from muniment.evidence import CouldNotLook, MunimentError
    from muniment.evidence.registry import broken
    from muniment.evidence.testing import PromiseBroken, examine

    collector = registration.load()
    file = STDIN if str(settings) == "-" else settings
    base = Path.cwd() if file == STDIN else file.resolve().parent
    values = read(file, collector.settings_type).value.to_json()
    try:
        return examine(collector, values, at=at, base=base)
    except MunimentError:
        raise
    except PromiseBroken as error:
        how = "; ".join(f"{promise}: {how}" for promise, how in error.broken.items())
        raise CouldNotLook("collector.wrong_type", how, where=registration.origin) from error
    except Exception as error:
        raise broken(error, "looking", Path(inspect.getfile(collector))) from error
