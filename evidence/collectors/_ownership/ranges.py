"""Address ranges and who operates them, from a file that the organisation keeps: CSV with a header, or a JSON list.

    prefix,operator,date,asn
    198.51.100.0/24,Megacloud Hosting Inc.,2026-11-01,64500

`date` is the day on which the range was so, as whoever published it says; `asn`, the number of the autonomous system
that announces it, may be left out. A range says who operates machines in it. It says nothing of who owns a service.
"""

import csv
import datetime
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from muniment.evidence.bounded import MIB, read_at_most
from muniment.evidence.errors import InputFault
from muniment.evidence.model import Frozen, digest
from muniment.evidence.net import Address
from muniment.evidence.record import Tool

_LARGEST = 64 * MIB  # the lists of the large providers have 1 to 4 MB

_Block: TypeAlias = tuple[int, int]  # version of IP, length of the prefix


def _prefix(text: str) -> str:
    return str(ipaddress.ip_network(text))


def _absent_if_empty(cell: Any) -> Any:
    return None if cell == "" else cell  # CSV has no other way to leave a number out


_Asn: TypeAlias = Annotated[int, Field(ge=0, le=2**32 - 1)]  # RFC 6793


class Range(Frozen):
    """One row: a prefix in its shortest spelling, without host bits."""

    prefix: Annotated[str, AfterValidator(_prefix)]
    operator: str = Field(min_length=1, max_length=300)
    date: datetime.date
    asn: Annotated[_Asn | None, BeforeValidator(_absent_if_empty)] = None


@dataclass(frozen=True)
class Ranges:
    """All rows of a file: by version and length of the prefix, then by its first address."""

    blocks: Mapping[_Block, Mapping[int, Range]]
    tool: Tool

    def holding(self, address: Address) -> Range | None:
        """The narrowest range that holds the address."""
        width = address.max_prefixlen
        for version, length in sorted(self.blocks, key=lambda block: -block[1]):
            if version == address.version:
                first = int(address) >> (width - length) << (width - length)
                found = self.blocks[version, length].get(first)
                if found is not None:
                    return found
        return None


def load_ranges(file: Path) -> Ranges:
    """The ranges of a file; of two rows with one prefix the later date counts.

    Raises:
        InputFault: `ranges.malformed`, with the row, where the file is not what this module says.
    """
    body = _bytes(file)
    blocks: dict[_Block, dict[int, Range]] = {}
    latest = datetime.date.min
    for number, row in enumerate(_rows(file, body), start=1):
        try:
            each = Range.model_validate(row)
        except ValidationError as error:
            raise _malformed(f"{file.name}, row {number}", _reason(error)) from error
        network = ipaddress.ip_network(each.prefix)
        block = blocks.setdefault((network.version, network.prefixlen), {})
        first = int(network.network_address)
        if first not in block or block[first].date <= each.date:
            block[first] = each
        latest = max(latest, each.date)
    if not blocks:
        raise _malformed(file.name, "it holds no range")
    return Ranges(blocks, Tool(name=f"address ranges {file.name}", version=latest.isoformat(), digest=digest(body)))


def _bytes(file: Path) -> bytes:
    try:
        return read_at_most(file, _LARGEST)
    except OSError as error:
        raise _malformed(file.name, f"it cannot be read: {error.strerror}") from error


def _rows(file: Path, body: bytes) -> Sequence[Any]:
    try:
        if file.suffix.lower() == ".csv":
            return list(csv.DictReader(body.decode("utf-8-sig").splitlines(), strict=True))
        rows = orjson.loads(body)
    except (UnicodeDecodeError, orjson.JSONDecodeError, csv.Error) as error:
        raise _malformed(file.name, "it is neither JSON nor, with the ending .csv, CSV in UTF-8") from error
    if not isinstance(rows, list):
        raise _malformed(file.name, "a list of ranges is wanted")
    return rows


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the row'}: {first['msg'].removeprefix('Value error, ')}"


def _malformed(where: str, reason: str) -> InputFault:
    mend = "columns are prefix, operator, date (2026-11-01) and, if known, asn"
    return InputFault("ranges.malformed", f"no address ranges: {reason}", where=where, mend=mend)
