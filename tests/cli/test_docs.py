"""The page on the command line cannot fall behind: every command and every exit code stands on it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from muniment.cli.main import app

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")


def commands(group: Any, *words: str) -> Iterator[str]:
    """`muniment collect`, `muniment controls list` and so on."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *words, name)
        else:
            yield " ".join((*words, name))


ALL = sorted(commands(typer.main.get_command(app), "muniment"))


@pytest.mark.parametrize("command", ALL)
def test_every_command_is_on_the_page(command: str) -> None:
    assert f"`{command}" in PAGE


@pytest.mark.parametrize("command", ALL)
def test_every_command_says_what_it_does(command: str, muniment: Any) -> None:
    answer = muniment(*command.split()[1:], "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: {command}")


def test_every_exit_code_is_on_the_page() -> None:
    for code in (0, 1, 2, 3, 4, 130):
        assert f"| {code} | " in PAGE
