"""What the TLS collector saw, without opinion. A record of one endpoint stays within 4 KiB of canonical JSON.

Certificates are listed once and pointed at by their place; addresses that showed the same are one sight.
"""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from muniment.evidence.collector import Facts
from muniment.evidence.model import Digest, Frozen, Instant
from muniment.evidence.sensitive import Declared

Trust = Literal["trusted", "incomplete", "self_signed", "unknown_root", "malformed"]


class Name(Frozen):
    """The parts of a distinguished name that people know a certificate by."""

    common_name: str | None = None
    organisation: str | None = None

    def __str__(self) -> str:
        return self.common_name or self.organisation or "a certificate without a name"


class Certificate(Frozen):
    """One X.509 certificate. Names are written `DNS:www.example.org` or `IP:192.0.2.1`."""

    sha256: Digest
    subject: Name
    issuer: Name
    names: tuple[str, ...] = Field((), description="Those that cover the host first; at most 12, of the leaf only")
    names_total: int = 0
    not_before: Instant
    not_after: Instant
    key_type: str = Field(description="`rsa`, `ecdsa`, `dsa`, `ed25519`, `ed448` or `unknown`")
    key_bits: int | None = None
    curve: str | None = None
    signature: str = Field(description="Signature algorithm that its issuer used, in the spelling of RFC 3279 to 5758")
    server_auth: bool = Field(True, description="Whether extended key usage, where there is any, names TLS servers")

    @property
    def weakly_signed(self) -> bool:
        """Whether it is signed over MD5 or SHA-1."""
        return any(word in self.signature.lower() for word in ("md5", "sha1"))


class Staple(Frozen):
    """An OCSP response that the server sent with its certificate (RFC 6960, RFC 6066 section 8)."""

    status: Literal["good", "revoked", "unknown", "unreadable"]
    signed: bool = Field(description="Whether the issuer, or a responder that it appointed, signed it")
    this_update: Instant | None = None
    next_update: Instant | None = None


class Asked(Frozen):
    """What an issuer said when it was asked whether it revoked a certificate (RFC 6960, RFC 5280 section 5)."""

    by: Literal["OCSP", "CRL"]
    url: str
    status: Literal["good", "revoked", "unknown", "unreadable", "unreachable"]
    signed: bool = Field(description="Whether the issuer, or a responder that it appointed, signed it")
    this_update: Instant | None = None
    next_update: Instant | None = None
    reason: str | None = Field(None, description="Why nothing was heard, if nothing was")

    @property
    def tells(self) -> bool:
        """Whether it says, over the issuer's signature, that the certificate is good or revoked."""
        return self.signed and self.status in ("good", "revoked")


class Chain(Frozen):
    """The certificates of one handshake, and what our trust store makes of them. Dates play no part here."""

    certificates: tuple[int, ...] = Field(description="Places in `certificates`, leaf first: the path, if there is one")
    trust: Trust
    anchor: Name | None = Field(None, description="The root of the trust store that the path ends in")
    anchor_sha256: Digest | None = None
    responder: bool | None = Field(None, description="Whether the leaf names an OCSP responder; None: not looked at")
    staple: Staple | None = None
    scts: int | None = Field(
        None, description="Timestamps of certificate transparency in the leaf and beside it; None: not looked at"
    )
    sct_logs: tuple[str, ...] | None = Field(
        None, description="The logs that they come from: up to 6 ids in base64 (RFC 6962 section 3.2)"
    )
    crl: bool | None = Field(None, description="Whether the leaf names a list of revoked certificates")
    asked: Asked | None = Field(None, description="What the issuer said when it was asked; None: it was not")


class Failure(Frozen):
    """Why an address showed nothing: a stable code and a sentence."""

    cause: str
    message: str


class Caa(Frozen):
    """The CAA records that hold for the name (RFC 8659), where it is one."""

    name: str | None = Field(None, description="Where they stand; None where there are none up to the top")
    restricts: bool = Field(False, description="Whether they say who may issue certificates")
    issue: tuple[str, ...] = Field((), description="Domains of the authorities that may; nobody may where it is empty")
    issue_wild: tuple[str, ...] | None = Field(None, description="The same for wildcards, where that is said apart")
    failure: Failure | None = None


class Sight(Frozen):
    """What one or more addresses showed."""

    addresses: tuple[str, ...]
    failure: Failure | None = None
    versions: tuple[str, ...] = Field((), description="Protocol versions that the server agreed to, oldest first")
    suites: tuple[str, ...] = Field((), description="Cipher suites that it agreed to, by IANA's names")
    groups: tuple[str, ...] = Field((), description="Key exchange groups that it agreed to, by IANA's names")
    dh_bits: int | None = Field(None, description="Smallest finite-field Diffie-Hellman prime that it used, in bits")
    unanswered: tuple[str, ...] = Field((), description="Offers that got no answer, so that nothing is known of them")
    cut_short: tuple[str, ...] = Field((), description="Lists that were not read to their end because they are long")
    wants_client_certificate: bool = False
    handshake: str | None = Field(None, description="Version of the full handshake that was made, None if it failed")
    chains: tuple[int, ...] = Field((), description="Places in `chains`: one for each certificate that it presented")
    http: int | None = Field(
        None, description="Status of the answer to HEAD /; None where none came, or none was asked"
    )
    hsts: int | None = Field(None, description="Seconds of max-age in the Strict-Transport-Security header (RFC 6797)")


class Clock(Frozen):
    """How far the server's clock is from that of the machine that looked, as its HTTP Date tells."""

    address: str
    date: Instant
    skew: int = Field(description="Seconds; positive where the server is ahead")


class TlsFacts(Facts):
    """All addresses of one endpoint."""

    server_name: Annotated[str, Declared("ip")] = Field(
        description="The name or address that the certificates must cover"
    )
    sights: Annotated[tuple[Sight, ...], Declared("ip")]
    chains: Annotated[tuple[Chain, ...], Declared("ip")] = ()
    certificates: Annotated[tuple[Certificate, ...], Declared("ip")] = ()
    caa: Annotated[Caa | None, Declared("ip")] = Field(None, description="CAA records; None: not looked at")
    addresses_left_out: int = Field(0, ge=0, description="Addresses of the name beyond the first 32, not looked at")
    connects: int = Field(ge=0, description="Connections that were made, all addresses together")
    resets: int = Field(0, ge=0, description="Connections that were reset before a later one got an answer")
    clock: Annotated[Clock | None, Declared("ip")] = Field(
        None, description="The clock that is furthest off, of all addresses that told theirs"
    )

    def to_json(self) -> dict[str, JsonValue]:
        """Without what is None, so that the record stays small; it is read back as None."""
        dumped: dict[str, JsonValue] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return dumped
