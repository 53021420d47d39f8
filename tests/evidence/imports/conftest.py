"""Reads a file as a format, with the units counted and in a list."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from muniment.evidence.imports import FORMATS, Columns, Report, Source, Tally, Unit, reader_of

SAMPLES = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class Read:
    """What a reader gave."""

    report: Report
    units: list[Unit]
    tally: Tally


@pytest.fixture
def samples() -> Path:
    """The folder of files that the tools themselves made."""
    return SAMPLES


@pytest.fixture
def read() -> Callable[..., Read]:
    """Read a file, or a sample by its name, as a format."""

    def read(file: Path | str, format_: str, columns: Columns | None = None) -> Read:
        path = SAMPLES / file if isinstance(file, str) else file
        units: list[Unit] = []
        tally = Tally()

        def take(unit: Unit) -> None:
            units.append(unit)
            tally.add(unit, unit.status)

        return Read(reader_of(FORMATS[format_], columns or Columns())(Source(path, path.name), take), units, tally)

    return read


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Write a text or some bytes to a file of that name."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
