"""Which part of a name somebody registered: the public suffix list, with its private section.

The *registrable domain* (`shop.example.co.uk` → `example.co.uk`) is the unit that one party controls. Where the list's
private section makes a suffix of a registered domain (`github.io`), the party that controls `acme.github.io` is known
to the operator of that domain only: RDAP knows `github.io`. Both are told apart here.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from publicsuffixlist import PSLFILE, PublicSuffixList

from muniment.evidence.model import digest
from muniment.evidence.record import Tool


@dataclass(frozen=True)
class Registrable:
    """`domain` is what one party controls, `registered` what a registry knows: they differ under a private suffix."""

    domain: str
    registered: str


def registrable(name: str) -> Registrable | None:
    """The registrable domain of a name in A-labels; None where the name is a suffix that nobody registers (`co.uk`)."""
    registered = _list(only_icann=True).privatesuffix(name)
    return Registrable(_list(only_icann=False).privatesuffix(name) or name, registered) if registered else None


@cache
def list_used() -> Tool:
    """The public suffix list in force: its own version line, the package that carries it, and its digest."""
    text = Path(PSLFILE).read_bytes()
    stated = re.search(rb"^// VERSION: (\S+)", text, re.MULTILINE)
    of_list = stated[1].decode("ascii") if stated else "undated"
    package = f"publicsuffixlist {version('publicsuffixlist')}"
    return Tool(name="public suffix list", version=f"{of_list} ({package})", digest=digest(text))


@cache
def _list(*, only_icann: bool) -> PublicSuffixList:
    return PublicSuffixList(only_icann=only_icann)
