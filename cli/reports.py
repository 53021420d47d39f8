"""Reports for other programs, written where `--junit` and `--sarif` say."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from muniment.exports.outcomes import Outcome

JunitFile = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Also write JUnit XML, for CI.")]
SarifFile = Annotated[Path | None, typer.Option("--sarif", metavar="FILE", help="Also write SARIF, for code scanning.")]


def write_reports(
    name: str, outcomes: "Iterable[Outcome]", at: datetime, *, junit_file: Path | None, sarif_file: Path | None
) -> None:
    """Write the files that were asked for, each in the place of an earlier one."""
    from importlib.metadata import version

    from muniment.exports.junit import junit
    from muniment.exports.sarif import sarif

    lines = list(outcomes)
    if junit_file is not None:
        junit_file.write_bytes(junit(name, lines, at))
    if sarif_file is not None:
        sarif_file.write_bytes(sarif(lines, version("muniment")))
