"""Policies for TLS servers: versioned data files with their sources, a list of rules each. Nothing here judges.

The level of a rule (RFC 2119) says what a breach does: MUST and MUST NOT make the verdict a fail, SHOULD and SHOULD NOT
a note beside it. A server is never simply "ok": the same server passes one policy and fails another. Policies come with
Muniment, or lie in a folder of the workspace as `<id>.json`.
"""

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, ValidationError, model_validator

from muniment.evidence.bounded import MIB, read_at_most
from muniment.evidence.collectors._tls.signatures import SIGNATURE_ALGORITHMS
from muniment.evidence.collectors._tls.suites import GROUPS, SUITES, VERSIONS
from muniment.evidence.model import Frozen, digest


class _Rule(Frozen):
    """What all rules have."""

    level: Literal["MUST", "MUST NOT", "SHOULD", "SHOULD NOT"]
    sentence: str = Field(min_length=1, description="What is asked of a server, in one sentence of our own")
    clause: str = Field(min_length=1, description="Where in the source it stands")

    @property
    def binding(self) -> bool:
        """Whether a breach is a fail; else it is a note."""
        return self.level in ("MUST", "MUST NOT")


class ListRule(_Rule):
    """What a server, or its certificate, may use: `allowed` names all of it, or `forbidden` names what it may not.

    A name in `forbidden` may be a pattern, in which `*` stands for any characters.
    """

    code: Literal[
        "tls.version.legacy",
        "tls.cipher.not_allowed",
        "tls.cipher.discouraged",
        "tls.group.not_allowed",
        "tls.cert.key_type",
        "tls.cert.curve",
        "tls.cert.signature",
    ]
    allowed: tuple[str, ...] | None = None
    forbidden: tuple[str, ...] | None = None

    def allows(self, name: str) -> bool:
        """Whether the rule lets a version, suite, group … be used."""
        if self.allowed is not None:
            return name in self.allowed
        return not any(fnmatchcase(name, pattern) for pattern in self.forbidden or ())

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        if (self.allowed is None) == (self.forbidden is None):
            raise ValueError("say either what is `allowed` or what is `forbidden`")
        _check(self.code, self.allowed or self.forbidden or (), patterns=self.forbidden is not None)
        return self


class NeedRule(_Rule):
    """What a server must agree to: one of `needed`."""

    code: Literal["tls.version.missing", "tls.version.advised", "tls.group.advised"]
    needed: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        _check(self.code, self.needed, patterns=False)
        return self


class LeastRule(_Rule):
    """The least size: bits of a prime or an RSA key, or seconds of an HSTS header's max-age."""

    code: Literal["tls.dh.weak", "tls.cert.weak_key", "tls.hsts.short"]
    least: int = Field(ge=1)


class MostRule(_Rule):
    """The longest time from a certificate's first to its last day, in days."""

    code: Literal["tls.cert.lifespan"]
    most: int = Field(ge=1)


class PresenceRule(_Rule):
    """That there is something: HSTS, a stapled OCSP response, a responder, an answer about revocation, timestamps of
    certificate transparency, CAA records."""

    code: Literal[
        "tls.hsts.missing",
        "tls.ocsp.missing",
        "tls.ocsp.no_responder",
        "tls.revocation.unknown",
        "tls.sct.missing",
        "tls.caa.missing",
    ]


Rule: TypeAlias = Annotated[ListRule | NeedRule | LeastRule | MostRule | PresenceRule, Field(discriminator="code")]


class Policy(Frozen):
    """One policy at one version."""

    id: str
    title: str
    version: str
    date: str | None = Field(None, description="When this version appeared, as far as its source says")
    source: str = Field(min_length=1)
    rules: tuple[Rule, ...]
    digest: str = Field("", description="SHA-256 of the policy's file")

    def allows(self, code: str, name: str) -> bool:
        """Whether every binding list of that code lets the name be used."""
        lists = (rule for rule in self.rules if isinstance(rule, ListRule) and rule.code == code and rule.binding)
        return all(rule.allows(name) for rule in lists)

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        """A policy that says nothing of versions or suites would pass every server."""
        for code in ("tls.version.legacy", "tls.cipher.not_allowed"):
            if not any(rule.code == code and rule.binding for rule in self.rules):
                raise ValueError(f"a policy needs a rule {code} at the level MUST or MUST NOT")
        return self

    def __str__(self) -> str:
        return f"{self.id} (version {self.version}, {self.digest[:15]})"


def load_policy(id: str, folder: Path | None = None) -> Policy:  # noqa: A002 - the noun's own word
    """The policy of that id, with the digest of its file; `folder` holds policies beside those of Muniment.

    Raises:
        ValueError: there is none, and the message suggests one; or its file is off, and the message says where.
    """
    if id in policy_ids():
        return _own(id)
    file = (folder or Path()) / f"{id}.json"
    if folder is None or "/" in id or not file.exists():
        known = policy_ids() + sorted(each.stem for each in folder.glob("*.json")) if folder else policy_ids()
        raise ValueError(f"there is no TLS policy {id!r}{_guess(id, known)}")
    try:
        policy = _read(read_at_most(file, MIB), file.name)
    except OSError as error:
        raise ValueError(f"{file.name}: the policy cannot be read: {error.strerror}") from error
    if policy.id != id:
        raise ValueError(f"{file.name}: its id is {policy.id!r}; a policy's file is named for its id")
    return policy


@lru_cache
def policy_ids() -> list[str]:
    """All policies that come with Muniment, by id."""
    names = (entry.name for entry in _folder.iterdir())
    return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))


_folder = files("muniment.evidence.collectors").joinpath("policies")

_KNOWN: dict[str, tuple[str, Iterable[str]]] = {
    "tls.version": ("version", VERSIONS),
    "tls.cipher": ("cipher suite", SUITES),
    "tls.group": ("group", GROUPS),
    "tls.cert.curve": ("curve", GROUPS),
    "tls.cert.key_type": ("kind of key", ("rsa", "ecdsa", "dsa", "ed25519", "ed448")),
    "tls.cert.signature": ("signature algorithm", SIGNATURE_ALGORITHMS.values()),
}


@lru_cache
def _own(id_: str) -> Policy:
    return _read(_folder.joinpath(f"{id_}.json").read_bytes(), f"{id_}.json")


def _read(data: bytes, name: str) -> Policy:
    try:
        return Policy.model_validate_json(data).model_copy(update={"digest": digest(data)})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{name}{f': {place}' if place else ''}: {first['msg']}") from error


def _check(code: str, names: Iterable[str], *, patterns: bool) -> None:
    kind, known = next(entry for start, entry in _KNOWN.items() if code.startswith(start))
    for name in names:
        if not (name in known or (patterns and any(fnmatchcase(each, name) for each in known))):
            raise ValueError(f"unknown {kind} {name!r}{_guess(name, list(known))}")


def _guess(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known[:12])}"
