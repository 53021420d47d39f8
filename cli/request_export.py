"""`muniment requests export`: a list goes back in the auditor's own columns, with our answers beside them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.cli.requests import Json, requests_app, requests_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muniment.controls.requests import AuditRequest

FORMS = (".xlsx", ".csv")


def register(app: typer.Typer) -> None:  # noqa: ARG001 - as every group has it
    """Add the command."""
    requests_app.command("export")(export)


def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write, .xlsx or .csv; it may not be there yet.")],
    list_: Annotated[
        str | None, typer.Option("--list", metavar="NAME", help="Which list, where there is more than one.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Write a list as it goes back to its auditor: their columns in their order, then ours."""
    from muniment.cli.console import print_json, result
    from muniment.cli.desk import desk_of
    from muniment.cli.words import counted
    from muniment.evidence import UsageError, digest
    from muniment.exports.languages import language
    from muniment.exports.request_list import as_csv, as_xlsx, rows_of
    from muniment.exports.words import Words
    from muniment.exports.write import write_whole

    desk = desk_of(context)
    if file.suffix.lower() not in FORMS:
        raise UsageError("the name of the file says neither .xlsx nor .csv", where=str(file), mend="name it so")
    if file.exists():
        raise UsageError("the file is there already", where=str(file), mend="name another; nothing is written over")
    name, chosen = _chosen(requests_of(desk), list_)
    rows = rows_of(chosen, Words(language(desk.workspace.language)))
    data = as_csv(rows) if file.suffix.lower() == ".csv" else as_xlsx(rows, name, desk.clock())
    write_whole(file, data)
    if as_json:
        sha256 = digest(data)
        print_json("muniment.requests-exported/1", list=name, path=str(file), sha256=sha256, requests=len(chosen))
    else:
        result().print(f"{file}: {counted(len(chosen), 'request')} of {name}.", markup=False, highlight=False)
    return 0


def _chosen(requests: "Sequence[AuditRequest]", said: str | None) -> "tuple[str, list[AuditRequest]]":
    """The list that is meant, and its requests.

    Raises:
        UsageError: there is no such list, none at all, or more than one and nobody said which.
    """
    from muniment.cli.desk import known
    from muniment.evidence import UsageError

    lists = tuple(dict.fromkeys(each.asked.list_ for each in requests))
    if not lists:
        raise UsageError("the log knows of no request", mend="`muniment requests import` takes them in")
    if said is None and len(lists) > 1:
        raise UsageError("there is more than one list", mend=f"`--list NAME`: {', '.join(lists)}")
    name = known(said, lists, "list") if said else lists[0]
    return name, [each for each in requests if each.asked.list_ == name]
