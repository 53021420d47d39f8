"""How the terminal is spoken to: stdout is the result, stderr is the talk.

Colour and progress appear only on a terminal, and not with `NO_COLOR` or `TERM=dumb`. A status is always symbol, word
and colour. Text that came with evidence is never trusted: control characters are shown, not obeyed.
"""

import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import orjson
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from muniment.evidence.errors import MunimentError
from muniment.evidence.verdict import Status

_COLOUR = {Status.PASS: "green", Status.FAIL: "bold red", Status.INCONCLUSIVE: "yellow", Status.NOT_APPLICABLE: "dim"}


_PIPED = 240  # columns

# Controls, formats (bidirectional and zero-width), surrogates, line and paragraph separators.
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def result() -> Console:
    """Where the result goes."""
    return _console(stderr=False)


def talk() -> Console:
    """Where everything else goes."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    """Without a terminal and without `COLUMNS`, lines are as long as they are: a pipe has no width."""
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED
    return console


def print_json(schema: str, **fields: Any) -> None:
    """Exactly one JSON document on stdout, with its schema's name first."""
    document = orjson.dumps({"schema": schema, **fields}, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    sys.stdout.buffer.write(document + b"\n")
    sys.stdout.flush()


def tell_error(error: MunimentError, *, as_json: bool) -> None:
    """What went wrong, where, and what mends it."""
    if as_json:
        others = [_fields(each) for each in getattr(error, "others", ())]
        print_json("muniment.error/1", ok=False, error=_fields(error), **({"others": others} if others else {}))
        return
    console = talk()
    for each in (error, *getattr(error, "others", ())):
        lines = [Text("error: ", style="bold red") + Text(visible(each.what))]
        lines += [Text(f"   at: {visible(each.where)}")] if each.where else []
        lines += [Text(f" mend: {visible(each.mend)}")] if each.mend else []
        console.print(Text("\n").join(lines), soft_wrap=True)  # a path that is broken in two cannot be copied


def _fields(error: MunimentError) -> dict[str, str | None]:
    return {"code": error.code, "message": error.what, "where": error.where, "hint": error.mend}


def status_text(status: Status, word: str | None = None) -> Text:
    """Symbol, word and colour."""
    return Text(f"{status.symbol} {word or status.word}", style=_COLOUR[status])


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """A plain table without frame, whose last column takes what room there is."""
    made = Table(box=None, pad_edge=False, show_header=bool(columns), header_style="bold", padding=(0, 2, 0, 0))
    for place, column in enumerate(columns):
        last = place == len(columns) - 1
        made.add_column(column, overflow="fold", no_wrap=not last, ratio=1 if last else None)
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(visible(cell)) for cell in row))
    return made


def visible(text: str) -> str:
    """The text with every character that a terminal would obey or hide written as its code point, `⟨U+001B⟩`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"⟨U+{ord(each):04X}⟩" if unicodedata.category(each) in _OBEYED else each for each in text)


def visible_json(text: str) -> str:
    """Indented JSON, line by line, with nothing in it that a terminal would obey."""
    return "\n".join(visible(line) for line in text.splitlines())


class Bar:
    """A progress bar on stderr, or nothing where stderr is no terminal."""

    def __init__(self, progress: Progress, words: str) -> None:
        self._progress = progress
        self._task = progress.add_task(words, total=None)
        self._shown = 0

    def __call__(self, done: int, total: int, words: str | None = None) -> None:
        """Show how far it has come; a total of 0 is one that nobody knows yet."""
        if not total and self._progress.tasks[0].total is not None:  # a task cannot forget its total
            self._progress.remove_task(self._task)
            self._task = self._progress.add_task(words or "", total=None)
        self._progress.update(self._task, completed=done, total=total or None, description=words)
        hundredth = done * 100 // total if total else 0
        if not self._progress.live.auto_refresh and hundredth != self._shown:
            self._shown = hundredth
            self._progress.refresh()


class _Rate(ProgressColumn):
    """How many a second, and how long the rest will take at that rate."""

    def render(self, task: Task) -> Text:
        if not task.speed or task.remaining is None:
            return Text("")
        return Text(f"{task.speed:.3g}/s, {timedelta(seconds=round(task.remaining / task.speed))} left")


@contextmanager
def bar(words: str, *, rate: bool = False, alone: bool = False) -> Iterator[Bar]:
    """A bar for the length of a `with`; it clears away when done. `rate` is for steps that take about as long each.

    `alone` is for work that other processes are to share: then the bar has no thread, and moves by hundredths.
    """
    console = talk()
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TimeElapsedColumn(), *([_Rate()] if rate else [])]
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden, auto_refresh=not alone) as progress:
        yield Bar(progress, words)
