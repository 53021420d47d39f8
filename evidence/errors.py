"""Every error that Muniment raises on purpose, and the exit code that each one ends a command with.

    MunimentError                  3   it could not be done
    ├── UsageError                 2   the words of a command, or a file that a person writes, are off
    │   ├── ConfigError            2   … and the place is known: file:line:column
    │   └── InputFault             2   … the data that a collector was pointed at cannot be read as what it claims to be
    ├── CouldNotLook               3   one subject could not be looked at; becomes an `Errored` record, never a verdict
    ├── StoreFault                 3   the store cannot be read or written now (busy, full, read-only, missing)
    ├── RecordRefused              3   the store will not take a record: a secret, too large, of another run or task
    └── IntegrityError             4   what is stored is not what was signed

Exit code 0 means that all passed, 1 that there are findings, 130 that the user interrupted. Findings and
breakage never share a code. A message says what is wrong, where, and what mends it: `what`, `where`, `mend`.
"""

from pathlib import Path
from typing import ClassVar


class MunimentError(Exception):
    """Base of the tree. `code` is stable and goes into JSON; `what` is the sentence for a person."""

    exit_code: ClassVar[int] = 3
    code: str = "error"

    def __init__(
        self, what: str, *, where: str | None = None, mend: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.mend = mend
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class UsageError(MunimentError):
    """A command or a file that a person wrote asks for something that cannot be."""

    exit_code = 2
    code = "usage"


class ConfigError(UsageError):
    """A fault in a file, with its place: `line` and `column` count from 1. `others` were found together with it."""

    code = "config"

    def __init__(
        self,
        what: str,
        *,
        file: Path | str,
        line: int | None = None,
        column: int | None = None,
        mend: str | None = None,
        code: str | None = None,
        others: tuple["ConfigError", ...] = (),
    ) -> None:
        place = ":".join(str(part) for part in (file, line, column) if part is not None)
        super().__init__(what, where=place, mend=mend, code=code)
        self.file = Path(file)
        self.line = line
        self.column = column
        self.others = others


class InputFault(UsageError):
    """The input of a collector is not what it claims to be: nothing is guessed. `cause` is a stable finding code."""

    code = "input"

    def __init__(self, cause: str, what: str, *, where: str | None = None, mend: str | None = None) -> None:
        super().__init__(what, where=where, mend=mend, code=cause)
        self.cause = cause


class CouldNotLook(MunimentError):
    """A subject could not be looked at. `cause` is a stable code such as `net.timeout`."""

    code = "could_not_look"

    def __init__(self, cause: str, what: str, *, where: str | None = None, mend: str | None = None) -> None:
        super().__init__(what, where=where, mend=mend, code=cause)
        self.cause = cause


class StoreFault(MunimentError):
    """The store cannot be used at this moment; nothing that was acknowledged is lost."""

    code = "store"


class RecordRefused(MunimentError):
    """The store will not take a record, nor its run without it. `where` is the id of the record."""

    code = "record"


class IntegrityError(MunimentError):
    """What is stored is not what was signed."""

    exit_code = 4
    code = "integrity"
