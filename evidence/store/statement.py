"""The statement that covers a commit: an in-toto Statement v1 in a DSSE envelope.

Its subjects are all files that the commit writes, each with its SHA-256, except the statement itself and the
checkpoint, which carry signatures of their own. Its predicate says which files hold leaves, in which order, where in
the log they stand, and which tree they lead to. Every kind of entry is covered in this one way, so that a kind that is
added later needs no new rule: a run's start, a run's end, an anchor, a decision, a tombstone, a rotation of keys.
"""

from functools import cached_property
from typing import Literal

from pydantic import Field, ValidationError

from muniment.evidence.errors import IntegrityError
from muniment.evidence.model import Digest, Frozen, Instant, canonical
from muniment.evidence.store import dsse
from muniment.evidence.store.keys import Signer, Trust, TrustedKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
SUFFIX = ".dsse.json"


class FileDigest(Frozen):
    """The in-toto DigestSet of a file."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Subject(Frozen):
    """One file of the commit (in-toto ResourceDescriptor); `name` is its path in the tree."""

    name: str
    digest: FileDigest


class Page(Frozen):
    """A file of JSON lines, each of which is a leaf."""

    path: str
    leaves: int = Field(ge=1)


class Entry(Frozen):
    """The predicate: what was appended to the log, and the tree before and after."""

    origin: str
    kind: str = Field(description="genesis, run.start, run.end; others may follow")
    at: Instant
    first_leaf: int = Field(ge=0)
    previous_root: Digest
    pages: tuple[Page, ...] = ()
    leaf_hashes: str | None = Field(None, description="The file that lists the leaf hashes, where there is one")
    size: int = Field(ge=0)
    root: Digest


class Statement(Frozen):
    """in-toto attestation framework, Statement v1."""

    type_: Literal["https://in-toto.io/Statement/v1"] = Field("https://in-toto.io/Statement/v1", alias="_type")
    subject: tuple[Subject, ...] = Field(min_length=1)
    predicate_type: Literal["urn:muniment:entry:1"] = Field("urn:muniment:entry:1", alias="predicateType")
    predicate: Entry

    @cached_property
    def digests(self) -> dict[str, str]:
        """Path → `sha256:…`."""
        return {subject.name: f"sha256:{subject.digest.sha256}" for subject in self.subject}


def sealed(statement: Statement, *signers: Signer) -> bytes:
    """The signed envelope, as it is stored."""
    return dsse.seal(PAYLOAD_TYPE, canonical(statement), *signers) + b"\n"


def opened(data: bytes, path: str, trust: Trust) -> Statement:
    """The statement of an envelope that a trusted key signed for this log; errors as `opened_by`."""
    return opened_by(data, path, trust)[0]


def opened_by(data: bytes, path: str, trust: Trust) -> tuple[Statement, tuple[TrustedKey, ...]]:
    """The statement of an envelope that a trusted key signed for this log, and the keys that did and were valid.

    Raises:
        IntegrityError: `statement.malformed`, `statement.unsigned`, `statement.unknown_key`, `statement.signature`,
            `statement.origin` or `statement.key_validity`; `where` is the path.
    """
    try:
        payload, keys = dsse.unseal(data, PAYLOAD_TYPE, trust)
        statement = Statement.model_validate_json(payload)
    except IntegrityError as error:
        raise IntegrityError(error.what, where=path, code=error.code) from error
    except ValidationError as error:
        raise IntegrityError("the statement is not one of ours", where=path, code="statement.malformed") from error
    if statement.predicate.origin != trust.origin:
        raise IntegrityError(
            f"the statement is about {statement.predicate.origin}, not {trust.origin}",
            where=path,
            code="statement.origin",
        )
    valid = tuple(key for key in keys if key.signs_entries and key.valid_at(statement.predicate.at))
    if not valid:
        raise IntegrityError(
            f"the key of {keys[0].name} was not valid at the time that the statement claims",
            where=path,
            code="statement.key_validity",
        )
    return statement, valid
