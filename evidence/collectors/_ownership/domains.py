"""Which part of a name somebody registered: the public suffix list, with its private section.

The *registrable domain* (`shop.example.co.uk` → `example.co.uk`) is the unit that one party controls. Where the list's
private section makes a suffix of a registered domain (`github.io`), the party that controls `acme.github.io` is known
to the operator of that domain only: RDAP knows `github.io`. Both are told apart here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import idna
from publicsuffixlist import PSLFILE, PublicSuffixList

from muniment.evidence.model import digest
from muniment.evidence.record import Tool

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


@dataclass(frozen=True)
class Registrable:
    """`domain` is what one party controls, `registered` what a registry knows: they differ under a private suffix."""

    domain: str
    registered: str


def registrable(name: str) -> Registrable | None:
    """The registrable domain of a name in A-labels; None where the name is a suffix that nobody registers (`co.uk`)."""
    registered = _list(only_icann=True).privatesuffix(name)
    return Registrable(_list(only_icann=False).privatesuffix(name) or name, registered) if registered else None


def host_name(text: str) -> str:
    """A host name in lower case and A-labels (IDNA 2008, UTS 46), without the root's full stop.

    Raises:
        ValueError: it is a URL, an address, carries a port, or is no host name (RFC 1123 section 2.1).
    """
    name = text.strip().rstrip(".")
    if "/" in name or ":" in name or "@" in name:
        raise ValueError(f"{text!r} is not a host name: leave out the scheme, the port, the path and the user")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise ValueError(f"{text!r} is not an internationalised host name: {error}") from error
    name = name.lower()
    if not is_host_name(name):
        raise ValueError(f"{text!r} is not a host name")
    if name.rpartition(".")[2].isdigit():
        raise ValueError(f"{text!r} is an address; ownership is that of a name")
    return name


def is_host_name(name: str) -> bool:
    """Whether the text, in lower case, can be a host name; underscores are let pass, as they are found in CNAMEs."""
    return len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split("."))


def is_domain(text: str) -> bool:
    """Whether a name that somebody wrote is meant as a domain: "megacloud-cdn.test", not "Megacloud, Inc."."""
    return "." in text and is_host_name(text.lower())


def lies_in(name: str, domains: Iterable[str]) -> bool:
    """Whether the name is one of the domains or beneath one, label by label."""
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


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
