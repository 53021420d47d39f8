"""`muniment demo`: from an empty folder to a verified pack, offline, in a minute or two."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where the workspace is made; DIR-2 … where something is already.")
    ] = Path("muniment-demo"),
) -> int:
    """Make a workspace, collect from loopback services, build a pack, verify it, and find one altered byte."""
    from muniment.cli.demo.show import show

    return show(free_folder(folder))


def free_folder(wanted: Path) -> Path:
    """The folder, or the first `folder-2`, `folder-3` … that holds nothing: what is there is left as it is."""
    number = 1
    folder = wanted
    while folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder
