"""Reads JSON that another program wrote: whole, up to a size, as a model of the parts that we need.

The reader is Python's own: sslyze writes RSA moduli as numbers of six hundred digits, which orjson refuses.
"""

import json
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from muniment.evidence.errors import InputFault
from muniment.evidence.imports.report import Source, damaged, not_this

LARGEST = 64 * 1024 * 1024  # bytes; JSON is read whole and takes some twenty times its size
LONGEST_LINE = 4 * 1024 * 1024


class Outside(BaseModel):
    """A part of a published schema: what we do not need is passed over, what we need must be there."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


M = TypeVar("M", bound=Outside)


def read_json(source: Source, model: type[M], title: str) -> M:
    """The one JSON value of a file.

    Raises:
        InputFault: too large, not JSON (with line and column), or not of that form (with the path of the first fault).
    """
    return shaped(source, plain_json(source), model, title)


def plain_json(source: Source) -> Any:
    """The JSON value of a file as it is.

    Raises:
        InputFault: it is too large, or not JSON: with line and column.
    """
    size = source.path.stat().st_size
    if size > LARGEST:
        raise InputFault(
            "import.too_large",
            f"the file has {size:,} bytes; JSON is read up to {LARGEST:,}",
            where=source.name,
            mend="have the tool write one file per project or per host",
        )
    return _value(source, source.path.read_bytes())


def json_lines(source: Source, model: type[M], title: str) -> Iterator[M]:
    """The values of a file with one JSON value a line, one after the other.

    Raises:
        InputFault: with the line.
    """
    with source.path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise damaged(source, f"this line is longer than {LONGEST_LINE:,} bytes", line=number)
            if line.strip():
                yield shaped(source, _value(source, line, first_line=number), model, title, line=number)


def shaped(source: Source, value: Any, model: type[M], title: str, *, line: int | None = None) -> M:
    """A JSON value as a model.

    Raises:
        InputFault: it has another form: with the path of the first part that does not fit.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
        words = f"{path}: {first['msg']}" if path else first["msg"]
        raise not_this(source, f"this is not {title}: {words}", line=line) from error


def _value(source: Source, content: bytes, *, first_line: int = 1) -> Any:
    try:
        return json.loads(content.decode("utf-8-sig"), parse_int=_whole, parse_constant=_refuse)
    except UnicodeDecodeError as error:
        line = first_line + content.count(b"\n", 0, error.start)
        raise damaged(source, "a byte that is not UTF-8", line=line) from error
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        if error.pos == 0:
            raise not_this(source, "this is not JSON", line=line) from error
        raise damaged(source, f"not JSON: {error.msg}", line=line, column=error.colno) from error
    except RecursionError as error:
        raise damaged(source, "nested too deeply to be read") from error
    except ValueError as error:
        raise damaged(source, f"not JSON: {error}") from error


def _whole(digits: str) -> int | str:
    """A number; one that is longer than any count stays text, as turning it into a number takes long."""
    return int(digits) if len(digits) <= 20 else digits


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no number (RFC 8259 section 6)")
