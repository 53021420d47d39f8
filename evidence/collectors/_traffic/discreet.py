"""What may be written down of a capture: names that are plainly names, and pseudonyms for all else."""

import re

from muniment.evidence.pseudonym import pseudonym

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,39}")
# Bounded, as the text may be megabytes: an e-mail address is sought around each @ only.
_EMAIL = re.compile(r"[^@\s]@[^@\s]{1,64}?\.[^@\s]")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")  # whose digits may look like a number's
_PERSONAL = re.compile(
    r"(?<!\d)\d{15}(?!\d)"  # an IMEI, or an IMSI
    r"|(?:\+|(?<!\d)00)[1-9][\d ().\-]{6,18}\d|(?<!\d)0?\d{9,11}(?!\d)"  # a telephone number
    r"|(?:[0-9A-Fa-f]{2}[:\-]){5}[0-9A-Fa-f]{2}"  # a MAC address
)


def looks_personal(text: str) -> bool:
    """Whether a text holds what has the shape of an e-mail address, IMEI, telephone number or MAC address."""
    return ("@" in text and bool(_EMAIL.search(text))) or bool(_PERSONAL.search(_UUID.sub("", text)))


def name_or_pseudonym(key: bytes, text: str) -> str:
    """The text itself where it is plainly the name of a field; else its pseudonym, for a key may hold a value."""
    plain = _PLAIN.fullmatch(text) and sum(map(str.isdigit, text)) <= 4
    return text if plain and not looks_personal(text) else f"~{pseudonym(key, text)}"


def host_or_pseudonym(key: bytes, host: str) -> str:
    """The host, with every label that may carry an identifier (personal shape, or six digits) as a pseudonym."""
    if re.fullmatch(r"[0-9.]+|[0-9a-f:]+", host):
        return host
    shown = [
        f"~{pseudonym(key, label)}"
        if looks_personal(label) or len(label) > 40 or sum(map(str.isdigit, label)) >= 6
        else label
        for label in host.split(".")
    ]
    return ".".join(shown)
