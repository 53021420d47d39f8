"""What must not enter the store: secrets, never; personal data, unless the collector's author declared the field.

    class Seen(Facts):
        addresses: Annotated[tuple[str, ...], Declared("ip")]

The kinds of personal data are `email`, `imei`, `ip`, `mac` and `phone`. A declaration holds for its field and what lies
under it. The sentences around the facts (subject, origin, verdict, error) may name what any field of the collector
declares. Shapes are looked for, never entropy, because a false alarm loses evidence: a secret has an unmistakable
beginning, an IMEI has a valid check digit (3GPP TS 23.003 annex B), a telephone number is written as ITU-T E.164.
Loopback and unspecified addresses and whole networks are nobody's. Base64 is looked into where its own beginning tells
it (`encoded`). What is found is named by field and kind, never by value.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

import re2
from pydantic import BaseModel, GetJsonSchemaHandler, JsonValue
from pydantic_core import CoreSchema

from muniment.evidence import encoded

Kind = Literal["email", "imei", "ip", "mac", "phone"]
Declarations: TypeAlias = Mapping[str, tuple[str, ...]]  # kind → dotted paths from `settings` or `facts`

WORDS = {
    "email": "an e-mail address",
    "imei": "an IMEI",
    "ip": "an IP address",
    "mac": "a MAC address",
    "phone": "a telephone number",
}

_SECRETS = {
    "a private key": ("PRIVATE KEY", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----"),
    "an age key": ("AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    "a bearer token": ("earer ", r"\b[Bb]earer [A-Za-z0-9._~+/-]{20,}"),
    "a JSON Web Token": ("eyJ", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "an AWS access key": ("AKIA", r"\bAKIA[0-9A-Z]{16}\b"),
    "an AWS session key": ("ASIA", r"\bASIA[0-9A-Z]{16}\b"),
    "a GitHub token": ("gh", r"\bgh[pousr]_[A-Za-z0-9]{36,}"),
    "a GitHub access token": ("github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{60,}"),
    "a GitLab token": ("glpat-", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    "a Google API key": ("AIza", r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "an npm token": ("npm_", r"\bnpm_[A-Za-z0-9]{36}\b"),
    "a PyPI token": ("pypi-", r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    "a Slack token": ("xox", r"\bxox[abeprs]-[0-9A-Za-z-]{20,}"),
    "a Slack webhook": ("hooks.slack.com", r"hooks\.slack\.com/services/T\w+/B\w+/\w{20,}"),
    "a Stripe key": ("k_live_", r"\b[rs]k_live_[0-9A-Za-z]{20,}"),
    "a token in a URL": (
        "=",
        (
            r"(?i)[?&;#](?:(?:access|auth|id|refresh)_token|token|api[_-]?key|client_secret|secret|passw(?:or)?d|pwd|sig"
            r"|signature|x-amz-(?:signature|security-token)|x-goog-signature|(?:j|php)?sess(?:ion)?_?id)"
            r"=(?=[A-Za-z%._~+/-]*[0-9])[A-Za-z0-9%._~+/=-]{8,}"
        ),
    ),
    "a password in a URL": ("@", r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@\"'<>]*:[^\s/@\"'<>*]+@"),
}
_PATTERNS = {what: (marker, re.compile(pattern)) for what, (marker, pattern) in _SECRETS.items()}
_OPEN, _SHUT = r"(?<![A-Za-z0-9_.+/=-])", r"(?![A-Za-z0-9_+/=-])"
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]*[A-Za-z0-9_](?:@|%40)(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
_IMEI = re.compile(r"(?<![A-Za-z0-9.])\d{2}([- /]?)\d{6}\1\d{6}\1\d(?![A-Za-z0-9])")
_PHONE = re.compile(_OPEN + r"\+[1-9](?:[ .()/-]{0,2}\d){7,14}" + _SHUT)
_MAC = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9A-Fa-f][:-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![:-]?[0-9A-Za-z])"
    r"|(?<![0-9A-Za-z.])(?=[0-9.]{0,13}[A-Fa-f])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?!\.?[0-9A-Za-z])"
)
_IP4 = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(/\d{1,2})?(?!\.?\w)")
_IP6 = re.compile(r"(?<![\w:.])([0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.\d{1,3}){0,3})(/\d{1,3})?(?![\w:])")

# The beginnings, or the unmistakable parts, of all that is looked for. RE2 finds them in one pass over the bytes, in a
# sixth of the time of Python's own expressions. It knows no look-behind, so that each says less than it could.
_HEX = "[0-9A-Fa-f]"
_MARKS = (
    "@",
    r"hooks\.slack\.com",
    r"A(?:[KS]IA|Iza|GE-S)",
    r"eyJ|LS0tLS1CRUdJ",
    r"gh[pousr]_|github_pat_|npm_|k_live_",
    r"glpat-|pypi-|xox[abeprs]-",
    r"earer |asic |PRIVATE KEY",
    r"[?&;#][A-Za-z_-]{2,24}=",
    r"%[0-9]{2}|\+[0-9]",
    rf"\.(?:[0-9]{{1,3}}\.[0-9]{{1,3}}\.[0-9]|{_HEX}{{4}}\.{_HEX}{{4}})",
    r"(?:^|[^0-9A-Za-z.])[0-9]{15}(?:[^0-9A-Za-z]|$)",  # what stands inside a digest is no IMEI
    r"[0-9]{2}[- /][0-9]{6}[- /][0-9]{6}[- /][0-9]",
    rf"::|:(?:{_HEX}{{0,4}}:){{3}}{_HEX}",
    rf"-(?:{_HEX}{{2}}-){{4}}{_HEX}",
)


def _quick(pattern: str) -> Callable[[bytes], object]:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # byte by byte
    return cast("Callable[[bytes], object]", re2.compile(pattern.encode(), options).search)


_marked = _quick("|".join(_MARKS))
_long = _quick("[0-9]{15}")
_VERSIONS = frozenset({"version", "package"})  # 1.2.3.4 is a version there
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,40}")


@dataclass(frozen=True)
class Declared:
    """Says on a field of Settings or Facts which kinds of personal data it may hold."""

    kind: Kind
    further: tuple[Kind, ...] = ()

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """All of them."""
        return (self.kind, *self.further)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The JSON Schema says it too, as `holds`."""
        return {**handler(schema), "holds": list(self.kinds)}


@dataclass(frozen=True)
class Sighting:
    """Where something was found, and what; never the thing itself."""

    where: str
    what: str
    secret: bool

    @property
    def sentence(self) -> str:
        """`outcome.facts.contact holds what looks like an e-mail address`."""
        return f"{self.where} holds what looks like {self.what}"


def declared_by(settings: type[BaseModel], facts: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """What the fields of a collector's settings and facts declare: kind → dotted paths."""
    found: dict[str, set[str]] = {}
    for root, model in (("settings", settings), ("facts", facts)):
        for kind, path in _declarations(model, root, ()):
            found.setdefault(kind, set()).add(path)
    return {kind: tuple(sorted(paths)) for kind, paths in sorted(found.items())}


def may_hold_any(lines: bytes) -> bool:
    """Whether canonical bytes could hold anything of the kind. Quick; True proves nothing, False is certain.

    Many lines at once, with newlines between them, are quicker than one after another.
    """
    if _marked(lines):
        return True
    return b"\\" in lines and _long(lines) is not None  # the letter of an escape is not beside the number


def sightings(value: JsonValue, declared: Declarations, root: str = "") -> Iterator[Sighting]:
    """Everything in a JSON value that may not be stored, keys included.

    `declared` is what the collector declares; `root` is where the value stands, such as `tasks`.
    """
    for names, shown, text in _texts(value, (root,) if root else (), root):
        yield from _in_text(names, shown, text, declared)
        for inner in encoded.unwrapped(text):
            for each in _in_text(names, shown, inner, declared):
                yield Sighting(each.where, f"{each.what}, in base64", each.secret)


def _in_text(names: tuple[str, ...], shown: str, text: str, declared: Declarations) -> Iterator[Sighting]:
    for what in secrets_in(text):
        yield Sighting(shown, what, secret=True)
    for kind in personal_in(text):
        if not _let_through(kind, names, declared):
            yield Sighting(shown, WORDS[kind], secret=False)


def secrets_in(text: str) -> Iterator[str]:
    """What kinds of secret a text holds, in words."""
    for what, (marker, pattern) in _PATTERNS.items():
        if marker in text and pattern.search(text):
            yield what
    if encoded.holds_credentials(text):
        yield "credentials of HTTP Basic"


def personal_in(text: str) -> Iterator[Kind]:
    """What kinds of personal data a text holds."""
    if ("@" in text or "%40" in text) and any(not each[0].startswith("git@") for each in _EMAIL.finditer(text)):
        yield "email"
    if any(_has_check_digit(each[0]) for each in _IMEI.finditer(text)):
        yield "imei"
    if "+" in text and _PHONE.search(text):
        yield "phone"
    if any(set(each[0].lower()) - set("0:-.") not in (set(), {"f"}) for each in _MAC.finditer(text)):
        yield "mac"
    if any(_is_somebodys(each[1], each[2]) for pattern in (_IP4, _IP6) for each in pattern.finditer(text)):
        yield "ip"


def _let_through(kind: Kind, names: tuple[str, ...], declared: Declarations) -> bool:
    """Whether a field may hold a kind: it was declared, or the field names who acted, or it holds a version."""
    if "actor" in names[:2] and kind in ("email", "ip"):  # who ran it has to be known
        return True
    if kind == "ip" and names and names[-1] in _VERSIONS:
        return True
    paths = declared.get(kind, ())
    inner = _from_collector(names)
    if inner is None:
        return bool(paths)
    return any(_covers(tuple(path.split(".")), inner) for path in paths)


def _from_collector(names: tuple[str, ...]) -> tuple[str, ...] | None:
    """The path as the collector's author knows it; None for the sentences around his facts."""
    match names:
        case ("method", "parameters", *rest):
            return ("settings", *rest)
        case ("outcome", "facts", *rest):
            return ("facts", *rest)
        case ("settings", *rest):
            return ("settings", *rest)
    return None


def _covers(path: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return len(path) <= len(names) and all(a in ("*", b) for a, b in zip(path, names, strict=False))


def _texts(value: JsonValue, names: tuple[str, ...], shown: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Every text and number, with its path for the rules and its path for people. A key is a text too."""
    if isinstance(value, str):
        yield names, shown, value
    elif isinstance(value, dict):
        for place, (key, item) in enumerate(value.items()):
            plain = _NAME.fullmatch(key) and not any(secrets_in(key)) and not any(personal_in(key))
            below = f"{shown}.{key}" if plain and shown else key if plain else f"{shown}[key {place}]"
            yield names, below, key
            yield from _texts(item, (*names, key), below)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _texts(item, names, f"{shown}[{place}]")
    elif isinstance(value, int) and not isinstance(value, bool):
        yield names, shown, str(value)


def _declarations(model: type[BaseModel], path: str, seen: tuple[type, ...]) -> Iterator[tuple[str, str]]:
    if model in seen:
        return
    for name, field in model.model_fields.items():
        here = f"{path}.{field.alias or name}"
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        held = extra.get("holds", ())
        yield from ((str(kind), here) for kind in (held if isinstance(held, list | tuple) else ()))
        yield from ((kind, here) for mark in field.metadata if isinstance(mark, Declared) for kind in mark.kinds)
        yield from _within(field.annotation, here, (*seen, model))


def _within(annotation: Any, path: str, seen: tuple[type, ...]) -> Iterator[tuple[str, str]]:
    """The declarations inside a type: in a model, in what a tuple or a union holds, in the values of a mapping."""
    if isinstance(annotation, type) and not get_args(annotation):
        if issubclass(annotation, BaseModel):
            yield from _declarations(annotation, path, seen)
        return
    below = f"{path}.*" if getattr(annotation, "__origin__", None) in (dict, Mapping) else path
    for part in get_args(annotation):
        if isinstance(part, Declared):
            yield from ((kind, path) for kind in part.kinds)
        else:
            yield from _within(part, below, seen)


def _has_check_digit(text: str) -> bool:
    """Luhn's sum over the 15 digits of an IMEI (ISO/IEC 7812-1 annex B)."""
    digits = [int(each) for each in text if each.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return len(set(digits)) > 1 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _is_somebodys(text: str, prefix: str | None) -> bool:
    """Whether it is an address that could lead to somebody; loopback, unspecified, masks and networks do not."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if ":" in text and not any(each.isdigit() for each in text):
        return False  # `face::add` is a word of a programming language
    if prefix is not None and prefix not in ("/32", "/128"):
        try:
            ipaddress.ip_network(text + prefix)
        except ValueError:
            return True
        return False
    return not (address.is_loopback or address.is_unspecified or text == "255.255.255.255")
