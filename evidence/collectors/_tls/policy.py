"""Policies for TLS servers: versioned data files of this package, each with its source. Nothing here judges.

A policy says which versions, suites and groups a server may agree to and what its certificate must be. A server is
never simply "ok": the same server passes one policy and fails another.
"""

import difflib
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from muniment.evidence.collectors._tls.suites import GROUPS, SUITES, VERSIONS
from muniment.evidence.model import Frozen, digest


class CertificateRules(Frozen):
    """What a policy asks of the server's own certificate."""

    key_types: tuple[str, ...]
    rsa_bits: int | None = Field(None, description="Least size of an RSA key in bits")
    curves: tuple[str, ...] = Field((), description="Curves that an ECDSA key may be on; empty where none may")
    signatures: tuple[str, ...] = Field(description="Algorithms that it may be signed with")
    days: int | None = Field(None, description="Longest time from first to last day of validity, in days")


class Policy(Frozen):
    """One policy at one version. All lists hold what is allowed; what they lack is not."""

    id: str
    title: str
    version: str
    date: str | None = Field(None, description="When this version appeared, as far as its source says")
    source: str
    clauses: str = Field(description="Where in the source the rules stand")
    versions: tuple[str, ...]
    required_versions: tuple[str, ...] = Field((), description="Those that a server must agree to; else one is enough")
    suites: tuple[str, ...]
    groups: tuple[str, ...]
    dh_bits: int = Field(description="Least size of a finite-field Diffie-Hellman prime, in bits")
    certificate: CertificateRules
    digest: str = Field("", description="SHA-256 of the policy's file")

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for kind, names, known in (
            ("version", self.versions + self.required_versions, VERSIONS),
            ("cipher suite", self.suites, SUITES),
            ("group", self.groups, GROUPS),
        ):
            for name in names:
                if name not in known:
                    raise ValueError(f"unknown {kind} {name!r}{_guess(name, list(known))}")
        return self

    def __str__(self) -> str:
        return f"{self.id} (version {self.version}, {self.digest[:15]})"


@lru_cache
def load_policy(id: str) -> Policy:  # noqa: A002 - the noun's own word
    """The policy of that id, with the digest of its file.

    Raises:
        ValueError: there is none; the message suggests one.
    """
    if id not in policy_ids():
        raise ValueError(f"there is no TLS policy {id!r}{_guess(id, policy_ids())}")
    data = _folder.joinpath(f"{id}.json").read_bytes()
    return Policy.model_validate_json(data).model_copy(update={"digest": digest(data)})


@lru_cache
def policy_ids() -> list[str]:
    """All policies that come with Muniment, by id."""
    names = (entry.name for entry in _folder.iterdir())
    return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))


PolicyId = Annotated[str, AfterValidator(lambda id: load_policy(id).id)]  # noqa: A006 - the noun's own word

_folder = files("muniment.evidence.collectors").joinpath("policies")


def _guess(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known[:12])}"
