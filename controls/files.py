"""The files that people write, as models: one class a file, one class a row. `schemas` gives their JSON Schemas.

These say what may stand in one file. What must hold between files is checked where the files meet: `catalog` for the
product's own data, `workspace` for a workspace.
"""

import re
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from muniment.controls.model import (
    Attestation,
    Claim,
    CollectorKind,
    Framework,
    Notify,
    Processor,
    Relationship,
    Review,
    Sample,
    Scope,
)
from muniment.controls.packs import PackSettings
from muniment.controls.period import midnight, parse_duration, parse_period
from muniment.controls.token_uri import TokenUri, token_uri
from muniment.evidence.errors import UsageError
from muniment.evidence.hosts import host_or_address
from muniment.evidence.model import Digest, Frozen
from muniment.evidence.protocol import ExecutableInput, ExecutableOutput, Protocol
from muniment.evidence.secret import Reference
from muniment.evidence.verdict import Status


def _a_zone(text: str) -> str:
    try:
        midnight(date(2000, 1, 1), text)
    except UsageError as error:
        raise ValueError(f"{error.what}; {error.mend}") from error
    return text


_DURATION = {"anyOf": [{"type": "string", "pattern": "^[0-9]+ ?[smhdw]$"}, {"type": "integer"}]}
Duration = Annotated[int, BeforeValidator(parse_duration), WithJsonSchema(_DURATION)]
Zone = Annotated[str, AfterValidator(_a_zone)]
FileReference = Annotated[str, Field(pattern=r"^file:.+", description="Where it lies, as `file:PATH`; never the thing")]
SigningReference = Annotated[
    str,
    Field(
        pattern=r"^(file:.+|ssh-agent:.*|program:.+)",
        description="Where the key is: `file:PATH`, `ssh-agent:SHA256:…`, or `program:PATH` that signs; never the key",
    ),
]
# One spelling for one host, so that a second entry for it is found; the schema is what editors can check.
Host = Annotated[
    str,
    AfterValidator(host_or_address),
    Field(
        description="A name or an address; no scheme, no path",
        json_schema_extra={"pattern": r"^[^\s/:@]+$|^[0-9a-fA-F:]+$"},
    ),
]
Automation = Literal["full", "partial", "manual"]


class Keys(Frozen):
    """Keys by reference: the signing key stays out of git, the pin belongs in it."""

    signing: SigningReference = "file:keys/signing"
    trust: FileReference = "file:trust.json"


AuthorityUrl = Annotated[
    str, Field(pattern=r"^https?://[^\s/@]+(/[^\s@]*)?$", description="The authority's URL, without a password")
]
AnchorKind = Literal["timestamp", "remote", "witness"]


class AuthorityRow(Frozen):
    """A further authority."""

    url: AuthorityUrl
    certificates: FileReference = Field(description="Its root certificate as PEM, got on another way")


class Anchors(Frozen):
    """Who outside holds the head of the store: an authority stamps it (RFC 3161), a second repository takes it."""

    authority: AuthorityUrl | None = None
    certificates: FileReference | None = Field(None, description="Its root certificate as PEM, got on another way")
    authorities: tuple[AuthorityRow, ...] = Field((), description="Further authorities, each of which stamps each head")
    remotes: tuple[str, ...] = Field(
        (), description="Git repositories that refuse rewriting: a URL, a path, or `env:NAME` where it has a secret"
    )
    require: tuple[AnchorKind, ...] = Field(
        (), description="The kinds of anchor without which a head that is older than max_age does not verify"
    )
    max_age: Duration = Field(86_400, description="How long a head may wait for its anchors")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if (self.authority is None) != (self.certificates is None):
            raise ValueError("an authority and its certificates go together: write both, or neither")
        stamped = self.authority is not None or self.authorities
        if not (stamped or self.remotes or self.require):
            raise ValueError("name an authority with its certificates, remotes, or what is required")
        for kind, named in (("timestamp", stamped), ("remote", self.remotes)):
            if kind in self.require and not named:
                raise ValueError(f"a {kind} is required, and none is named")
        return self

    @field_validator("remotes")
    @classmethod
    def _no_secret(cls, remotes: tuple[str, ...]) -> tuple[str, ...]:
        for each in remotes:
            if urlsplit(each).password:
                raise ValueError("a password does not belong in this file: write `env:NAME` and put the URL in NAME")
            if not re.fullmatch(r"[^\s\x00-\x1f-][^\x00-\x1f]*", each) or "::" in each:
                raise ValueError("this is neither the URL nor the path of a git repository")
        return remotes


class CardRow(Frozen):
    """A certificate with its key on a card or in a hardware module (PKCS#11)."""

    uri: str | None = Field(None, description="RFC 7512, such as pkcs11:token=LABEL;object=NAME; never with a PIN")
    module: str | None = Field(None, min_length=1, description="The library, such as /usr/lib/softhsm/libsofthsm2.so")
    token: str | None = Field(None, min_length=1, description="The token's label")
    label: str | None = Field(None, min_length=1, description="The label of the certificate, and of its key")
    pin: Reference | Literal["ask"] | None = Field(None, description="`env:NAME`, `file:PATH`, or `ask`: in a terminal")

    @model_validator(mode="after")
    def _one_certificate(self) -> Self:
        if self.uri and (self.token or self.label):
            raise ValueError("`token` and `label` stand in the `uri`: name them once")
        named = token_uri(self.uri) if self.uri else TokenUri(self.token, self.label)
        if not named.token or not (named.label or named.key_id):
            raise ValueError(
                "name the `token` and the `label` of the certificate, or a `uri` with `token` and `object`"
            )
        if (self.module is None) == (named.module is None):
            raise ValueError("name the `module` once: here, or as `module-path` of the `uri`")
        if self.pin and named.pin:
            raise ValueError("name the PIN once: here, or as `pin-source` of the `uri`")
        return self


class SignatureRow(Frozen):
    """How the PDF of a pack is signed, so that a stock PDF reader tells by whom and when (PAdES)."""

    level: Literal["B", "T", "LT", "LTA"] = Field(
        "B", description="B; T: and a timestamp; LT: and what shows that nothing was revoked; LTA: and it is stamped"
    )
    certificate: FileReference | None = Field(None, description="PKCS#12; or PEM, then with `key`, its chain behind it")
    key: FileReference | None = Field(None, description="The private key, as PEM; keep this file out of git")
    passphrase: Reference | None = Field(None, description="That of the PKCS#12 file, or of the key")
    card: CardRow | None = None
    roots: FileReference | None = Field(None, description="What the certificate leads to, as PEM; LT and LTA need it")
    authority: AuthorityUrl | None = Field(None, description="Which of the anchors' authorities stamps; else the first")

    @model_validator(mode="after")
    def _one_certificate(self) -> Self:
        if (self.certificate is None) == (self.card is None):
            raise ValueError("name a `certificate` or a `card`")
        if self.card is not None and (self.key or self.passphrase):
            raise ValueError("`key` and `passphrase` stand beside `certificate`; a card has a `pin`")
        if self.level in ("LT", "LTA") and self.roots is None:
            raise ValueError(f"level {self.level} needs `roots`: what the certificate leads to")
        return self


class NotifyRow(Notify):
    """`notify` of `muniment.yaml`."""

    ahead: Duration = Field(1_209_600, gt=0, description="How long before its end a thing is announced")


class Manifest(Frozen):
    """`muniment.yaml`: who the organisation is, and where its things lie."""

    organisation: str = Field(min_length=1)
    scope: Scope
    language: Literal["en", "fr", "zh"] = "en"
    time_zone: Zone = "UTC"
    classification: str = "Confidential"
    frameworks: tuple[str, ...] = Field(min_length=1)
    period: str | int | None = Field(None, description="The period that is meant where none is given, such as 2026-Q3")
    store: str = "evidence.git"
    index: str = Field(
        "sqlite:///.muniment/index.db", description="A database URL, or `env:NAME` where it has a secret"
    )
    keys: Keys = Keys()
    anchors: Anchors | None = None
    notify: NotifyRow | None = Field(None, description="Who is told of what fails, has gone stale or is about to end")
    packs: PackSettings = PackSettings()
    signature: SignatureRow | None = None

    @model_validator(mode="after")
    def _who_stamps(self) -> Self:
        signature, anchors = self.signature, self.anchors
        if signature is None:
            return self
        first = [anchors.authority] if anchors and anchors.authority else []
        urls = [*first, *(row.url for row in anchors.authorities)] if anchors else []
        if signature.authority is not None and signature.authority not in urls:
            raise ValueError("the signature's authority is none of those under `anchors`")
        if signature.level != "B" and not urls:
            raise ValueError(f"a signature of level {signature.level} needs an authority under `anchors`")
        return self

    @field_validator("period")
    @classmethod
    def _a_period(cls, text: str | int | None) -> str | None:
        if text is None:
            return None
        try:
            parse_period(str(text), "UTC")
        except UsageError as error:
            raise ValueError(f"{error.what}; {error.mend}") from error
        return str(text)

    @field_validator("index")
    @classmethod
    def _no_secret(cls, url: str) -> str:
        if urlsplit(url).password:
            raise ValueError("a password does not belong in this file: write `env:NAME` and put the URL in NAME")
        return url


class MappingRow(Frozen):
    """How a control relates to the criterion that it stands under."""

    relationship: Relationship
    rationale: str = Field(min_length=1)
    derived_from: str | None = None
    note: str | None = None
    review: Review | None = None


MappingRows = dict[str, dict[str, MappingRow]]  # by framework, then by criterion


class LibraryControl(Frozen):
    """A control of the library: no owner, no checks."""

    id: str
    title: str
    objective: str
    domain: str
    automation: Automation
    collectors: tuple[str, ...]
    attested: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    mappings: MappingRows


class LibraryCounts(Frozen):
    """What the library file says that it holds."""

    controls: int
    claims: int
    mappings: int
    by_automation: dict[str, int]
    by_framework: dict[str, int]


class LibraryFile(Frozen):
    """`library/controls.yaml` of the product."""

    status: str
    method: str
    confidence: str
    rules: tuple[str, ...]
    counts: LibraryCounts
    kinds: dict[str, CollectorKind]
    claims: tuple[Claim, ...]
    controls: tuple[LibraryControl, ...]


class CheckRow(Frozen):
    """A control's use of a collector, or of a program."""

    ABOUT_A_PROGRAM: ClassVar[tuple[str, ...]] = ("run", "protocol", "source", "env", "timeout", "memory")

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    collector: str = Field("", description="The id of the collector; a check with `run` has none")
    run: tuple[str, ...] = Field((), description="A program that looks, and its arguments; there is no shell")
    protocol: Protocol | None = Field(None, description="How the program is asked, and what its answer means")
    source: str | None = Field(None, description="The system that the program looks at, as a URI")
    env: dict[str, Reference] = Field(default_factory=dict, description="Secrets in the program's environment")
    timeout: int | None = Field(None, ge=1, le=3600, description="Seconds that the program may take")
    memory: int | None = Field(None, ge=16, description="MiB of address space that the program may take")
    register_name: str | None = Field(None, alias="register", description="The register that names the subjects")
    subject: str | None = Field(None, description="The name of the one subject, where there is no register")
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    cadence: Duration = Field(86_400, gt=0)
    grace: Duration = Field(0, ge=0)
    requires: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_who_looks(self) -> Self:
        if bool(self.collector) == bool(self.run):
            raise ValueError("a check has either a `collector`, or `run` and the program that looks")
        asked = [key for key in self.ABOUT_A_PROGRAM if getattr(self, key)]
        if self.collector and asked:
            raise ValueError(f"`{asked[0]}` says something of a program: it stands beside `run` only")
        return self

    @model_validator(mode="after")
    def _one_source_of_subjects(self) -> Self:
        if self.register_name is not None and self.subject is not None:
            raise ValueError("a check has a `register` or a `subject`, not both")
        return self


class ControlRow(Frozen):
    """A control of the organisation: one of the library's, adapted, or one of its own."""

    adapt: str | None = Field(None, description="The id of the library's control that this one starts from")
    id: str | None = None
    title: str | None = None
    objective: str | None = None
    domain: str | None = None
    owner: str = Field(min_length=1, description="The person or role that answers for it")
    automation: Automation | None = None
    collectors: tuple[str, ...] | None = None
    attested: tuple[str, ...] | None = None
    mappings: MappingRows = Field(default_factory=dict, description="Added to the library's, or in its place")
    checks: tuple[CheckRow, ...] = ()
    uses: tuple[str, ...] = Field((), description="Checks of other controls that serve this one too")

    @model_validator(mode="after")
    def _adapted_or_whole(self) -> Self:
        if self.adapt is None and not (self.id and self.title and self.objective and self.domain):
            raise ValueError("your own control needs `id`, `title`, `objective` and `domain`; else say `adapt: ID`")
        if self.adapt is not None and self.id is not None:
            raise ValueError("an adapted control keeps its id: leave out `id` or `adapt`")
        return self


class ControlsFile(Frozen):
    """`controls/*.yaml`: the organisation's controls, one or more a file."""

    controls: tuple[ControlRow, ...]


class DecisionRow(Frozen):
    """One line of the Statement of Applicability."""

    applicable: bool
    reason: str = Field(min_length=1)
    implemented: Literal["yes", "partly", "no"] = "no"
    complete: Review | None = Field(None, description="Who signed that the subset mappings together are complete")


class SoaFile(Frozen):
    """`soa.yaml`: decisions by framework, then by criterion."""

    decisions: dict[str, dict[str, DecisionRow]]


class EndpointRow(Frozen):
    """One endpoint. Further keys are settings for the collectors that know them."""

    model_config = ConfigDict(extra="allow")

    host: Host
    port: int | None = Field(None, ge=1, le=65_535)
    out_of_scope: str | None = Field(None, min_length=1, description="Why no check looks at it")


class EndpointsFile(Frozen):
    """`registers/endpoints.yaml`."""

    defaults: dict[str, JsonValue] = Field(default_factory=dict, description="What holds where an entry is silent")
    endpoints: tuple[EndpointRow, ...]


class EntryRow(Frozen):
    """One entry of a register of the organisation's own. Further keys are settings."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(min_length=1)
    out_of_scope: str | None = Field(None, min_length=1, description="Why no check looks at it")


class RegisterFile(Frozen):
    """Any other `registers/NAME.yaml`: subjects of the organisation's own kind."""

    defaults: dict[str, JsonValue] = Field(default_factory=dict, description="What holds where an entry is silent")
    entries: tuple[EntryRow, ...]


class ProcessorsFile(Frozen):
    """`registers/processors.yaml`."""

    processors: tuple[Processor, ...]


class ClaimRow(Frozen):
    """A public sentence: one of the library's, adapted, or one of the organisation's own."""

    adapt: str | None = None
    id: str | None = None
    text: str | None = None
    controls: tuple[str, ...] | None = Field(None, min_length=1)
    url: str | None = None
    said_on: date | None = None
    page: str | None = Field(None, description="The page as a file of the workspace, read in place of `url`")
    saved: str | None = Field(None, description="A copy of the page as it was, a file of the workspace")
    digest: Digest | None = Field(None, description="The digest of that copy, as sha256:…")

    @model_validator(mode="after")
    def _adapted_or_whole(self) -> Self:
        if self.adapt is None and not (self.id and self.text and self.controls):
            raise ValueError("your own claim needs `id`, `text` and `controls`; else say `adapt: ID`")
        if self.adapt is not None and self.id is not None:
            raise ValueError("an adapted claim keeps its id: leave out `id` or `adapt`")
        return self


class ClaimsFile(Frozen):
    """`registers/claims.yaml`."""

    claims: tuple[ClaimRow, ...]


class ExceptionRow(Frozen):
    """An accepted deviation. `end` is the last day on which it holds."""

    id: str
    control: str
    subject: str | None = None
    reason: str = Field(min_length=1)
    compensating: str | None = None
    requested_by: str = Field(min_length=1)
    approver: str = Field(min_length=1)
    start: date
    end: date

    @model_validator(mode="after")
    def _four_eyes_and_an_end(self) -> Self:
        if self.requested_by.strip().casefold() == self.approver.strip().casefold():
            raise ValueError(f"{self.approver} cannot approve an exception of their own: name another approver")
        if self.end < self.start:
            raise ValueError(f"it ends on {self.end}, before it starts on {self.start}")
        return self


class ExceptionsFile(Frozen):
    """`registers/exceptions.yaml`."""

    exceptions: tuple[ExceptionRow, ...]


class AttestationRow(Attestation):
    """A named person's statement. `until` is the last day on which it holds."""

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.until < self.on:
            raise ValueError(f"it ends on {self.until}, before it is made on {self.on}")
        return self


class AttestationsFile(Frozen):
    """`registers/attestations.yaml`."""

    attestations: tuple[AttestationRow, ...]


class SamplesFile(Frozen):
    """`registers/samples.yaml`: what auditors had drawn, as `muniment sample --keep` writes it."""

    samples: tuple[Sample, ...]


Patterns = str | int | tuple[str | int, ...]  # one value, or several of which one must match


class RuleRow(Frozen):
    """One mapping. Without `match`, every unit serves the control."""

    control: str
    match: dict[str, Patterns] = Field(default_factory=dict)


class ListingRow(Frozen):
    """Which columns of a listing name a row and say how it stands. The id is kept: choose one that names no person."""

    id: str | None = None
    status: str | None = None


class RulesFile(Frozen):
    """A rule file of `muniment import`, best kept as `imports/NAME.yaml` in the workspace."""

    name: str = Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]*[A-Za-z0-9][^\x00-\x1f]*$")
    cadence: Duration = Field(gt=0)
    grace: Duration = Field(0, ge=0)
    zone: Zone | None = None
    listing: ListingRow = ListingRow()
    statuses: dict[str, Status] = Field(default_factory=dict, description="What the tool's words mean, in our statuses")
    rules: tuple[RuleRow, ...] = Field(min_length=1)


FILES: dict[str, type[Frozen]] = {
    "muniment": Manifest,
    "controls": ControlsFile,
    "soa": SoaFile,
    "endpoints": EndpointsFile,
    "processors": ProcessorsFile,
    "claims": ClaimsFile,
    "exceptions": ExceptionsFile,
    "attestations": AttestationsFile,
    "samples": SamplesFile,
    "register": RegisterFile,
    "rules": RulesFile,
    "framework": Framework,
    "executable-input": ExecutableInput,
    "executable-output": ExecutableOutput,
}


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema (2020-12) of every kind of file, and of what programs are asked and answer, by kind."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {kind: {"$schema": dialect, **model.model_json_schema()} for kind, model in FILES.items()}
