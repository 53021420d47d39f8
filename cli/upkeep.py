"""`muniment index` and `muniment config`: upkeep."""

from typing import Annotated

import typer

index_app = typer.Typer(help="The index, which can be rebuilt from the store at any time.", no_args_is_help=True)
config_app = typer.Typer(help="What the files of a workspace may say.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the groups."""
    app.add_typer(index_app, name="index")
    app.add_typer(config_app, name="config")


@index_app.command()
def rebuild(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False
) -> int:
    """Drop the index and build it again from the store."""
    from muniment.cli.console import bar, print_json, result
    from muniment.cli.desk import desk_of
    from muniment.cli.words import counted

    desk = desk_of(context)
    with bar("Indexing") as shown:
        rows = desk.index.rebuild(desk.store, progress=shown)
    if as_json:
        print_json("muniment.index/1", rows=rows)
    else:
        result().print(f"The index holds {counted(rows, 'record')}.")
    return 0


@config_app.command()
def schema(
    kind: Annotated[str | None, typer.Argument(help="The kind of file; without one, the kinds are listed.")] = None,
) -> int:
    """Print the JSON Schema of a kind of file, so that editors complete it."""
    import orjson

    from muniment.cli.console import result
    from muniment.cli.desk import known
    from muniment.controls.files import schemas

    made = schemas()
    if kind is None:
        result().print("\n".join(sorted(made)))
    else:
        chosen = made[known(kind, made, "kind of file")]
        typer.echo(orjson.dumps(chosen, option=orjson.OPT_INDENT_2).decode())
    return 0
