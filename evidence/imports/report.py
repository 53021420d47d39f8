"""What another tool reports: the units that it looked at or found, and the report around them.

A reader hands each unit on as it is read, so that a million rows need no more room than one, and returns the report
when the file is through. What a unit means is the tool's own word; our status beside it is the usual reading of that
word, which a rule file may overrule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from muniment.evidence.errors import InputFault
from muniment.evidence.record import Tool
from muniment.evidence.verdict import Status

LONGEST_TITLE = 200  # characters; a report is no place to keep what it reports on


@dataclass(frozen=True)
class Source:
    """A file to be read: where its bytes lie, and what the person who has it calls it."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Unit:
    """One test, rule, finding or row. `id` is the same in the next report; rules match on `fields`."""

    id: str
    word: str
    status: Status
    title: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Report:
    """All that a file says beside its units.

    `began` and `ended` are the tool's own times, as it wrote them. `stated` are totals that the tool gives, `counted`
    the same totals as the units add up to. `incomplete` says why the tool did not come to its end, if it did not.
    """

    tools: tuple[Tool, ...]
    system: str
    query: str
    began: str | None = None
    ended: str | None = None
    stated: Mapping[str, int] = field(default_factory=dict)
    counted: Mapping[str, int] = field(default_factory=dict)
    incomplete: str | None = None


Take: TypeAlias = Callable[[Unit], None]
Reader: TypeAlias = Callable[[Source, Take], Report]


def unit(
    id_: str, word: str, meanings: Mapping[str, Status], title: str, fields: Mapping[str, str | int | None]
) -> Unit:
    """A unit whose word is read by a table; a word that is not in the table decides nothing."""
    return Unit(
        id=clipped(id_),
        word=clipped(word, 60),
        status=meanings.get(word, Status.INCONCLUSIVE),
        title=clipped(title),
        fields={key: str(value) for key, value in fields.items() if value is not None},
    )


def clipped(text: str, longest: int = LONGEST_TITLE) -> str:
    """The text on one line, cut to a length; lone surrogates, which have no UTF-8, are replaced."""
    line = " ".join(text[: 4 * longest].split()).encode("utf-8", "replace").decode()
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def not_this(source: Source, what: str, *, line: int | None = None, column: int | None = None) -> InputFault:
    """The file is not what it was said to be, with its place."""
    place = ":".join(str(part) for part in (source.name, line, column) if part is not None)
    return InputFault("import.format", what, where=place, mend="look at `--as`: is this the format of the file?")


def damaged(source: Source, what: str, *, line: int | None = None, column: int | None = None) -> InputFault:
    """The file breaks off, or breaks the rules of its language."""
    place = ":".join(str(part) for part in (source.name, line, column) if part is not None)
    return InputFault("import.damaged", what, where=place, mend="have the tool write the file again")
