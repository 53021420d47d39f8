"""How the name of a host is spelled, so that one host has one spelling wherever it is written.

Lower case, A-labels (IDNA 2008 with the mapping of UTS 46, RFC 5891), no full stop of the root. What is no host name is
refused with the reason: a URL, a port, an address.
"""

import ipaddress
import re
from collections.abc import Iterable

import idna

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


def host_name(text: str) -> str:
    """A host name in lower case and A-labels, without the root's full stop.

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
        raise ValueError(f"{text!r} is an address and not a name")
    return name


def in_letters(name: str) -> str:
    """`bücher.example (xn--bcher-kva.example)` for a name that A-labels make unreadable, any other name as it is.

    Never the letters alone: two scripts may have letters that look the same (UTS 39). A port may follow the name.
    """
    host, colon, port = name.partition(":")
    if "xn--" not in host:
        return name
    try:
        return f"{idna.decode(host)}{colon}{port} ({name})"
    except (idna.IDNAError, UnicodeError):  # it says that it is one, and is none
        return name


def host_or_address(text: str) -> str:
    """A host name as `host_name` spells it, or an IP address in its shortest form (RFC 5952).

    Raises:
        ValueError: as `host_name`, for what is no address either.
    """
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return host_name(text)


def is_host_name(name: str) -> bool:
    """Whether the text, in lower case, can be a host name; underscores are let pass, as they are found in CNAMEs."""
    return len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split("."))


def is_domain(text: str) -> bool:
    """Whether a name that somebody wrote is meant as a domain: "megacloud-cdn.test", not "Megacloud, Inc."."""
    return "." in text and is_host_name(text.lower())


def lies_in(name: str, domains: Iterable[str]) -> bool:
    """Whether the name is one of the domains or beneath one, label by label."""
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)
