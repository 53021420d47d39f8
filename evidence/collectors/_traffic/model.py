"""What one may set of a look at traffic, and what is recorded of it."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, PrivateAttr, field_validator

from muniment.evidence.collector import Facts, Settings
from muniment.evidence.collectors._traffic.discreet import looks_personal
from muniment.evidence.hosts import host_or_address
from muniment.evidence.model import Frozen, Instant
from muniment.evidence.pseudonym import KEYS_FROM, PERIOD
from muniment.evidence.secret import Reference
from muniment.evidence.sensitive import Declared

Host = Annotated[str, Declared("ip")]  # of a server; a packet capture knows some by their address only
MOST_NAMES = 50  # of keys or hosts in one record


class Endpoint(Frozen):
    """A host that may be spoken to, and what may be said to it."""

    host: Host = Field(description="Host name, or IP address")
    paths: tuple[str, ...] = Field(("/*",), min_length=1, description="Patterns of paths, with * and ?")
    necessary: bool = Field(False, description="Whether requests here are strictly necessary, consent or not")
    events: dict[str, dict[str, JsonValue]] = Field(
        default_factory=dict, description="Closed JSON Schema of each event; * for objects that name no event"
    )

    @field_validator("host")
    @classmethod
    def _one_spelling(cls, host: str) -> str:
        return host_or_address(host)


class Act(Frozen):
    """Consent as it changed during or before the session."""

    state: Literal["given", "withdrawn"] = Field(description="What the person did")
    at: Instant = Field(description="When, with an offset")


class Canary(Frozen):
    """A request that was sent on purpose, to show that the capture sees requests."""

    host: Host = Field(description="Its host name")
    path: str | None = Field(None, description="Exact path; a pcap has none")


class Session(Frozen):
    """What was done while the capture ran, as the person who did it wrote it down."""

    app_build: str = Field(min_length=1, description="Version and build of the app")
    device: str = Field(min_length=1, description="Model of the device; never a serial number or IMEI")
    mode: Literal["normal", "private"] = Field("normal", description="The mode that the app ran in")
    consent: tuple[Act, ...] = Field((), description="Acts of consent in force or made during the session")
    capture_point: Literal["page", "proxy", "network"] = Field(description="Where the capture was made")
    canary: Canary | None = Field(None, description="The positive control")

    @field_validator("app_build", "device")
    @classmethod
    def _names_nobody(cls, text: str) -> str:
        if looks_personal(text):
            raise ValueError("it looks like the identifier of one device or person: write the model or build only")
        return text


class TrafficSettings(Settings):
    """A capture of one session, and what it is held to."""

    capture: Path = Field(description="HAR, JSONL of requests, or pcap")
    session: Session = Field(description="What was done while the capture ran")
    endpoints: tuple[Endpoint, ...] = Field(min_length=1, description="The hosts that may be spoken to")
    event_key: str = Field("event", description="The key by which an object names its event")
    about: Literal["app", "page"] = Field("app", description="What the claim is about; a HAR can speak for a page only")
    cnames: dict[str, str] = Field(default_factory=dict, description="Where host names led when the capture was made")
    processors: tuple[str, ...] = Field((), description="Domains that a name may lead to, by contract")
    categories: dict[str, str] = Field(default_factory=dict, description="The category of data of each key")
    allowed_categories: tuple[str, ...] = Field((), description="The categories that may be sent")
    compare_with: Path | None = Field(None, description="Capture of the same script in normal mode")
    keep: bool = Field(False, description="Seal the captures, so that they can be shown later, and erased")
    pseudonyms: Reference | None = Field(None, description=KEYS_FROM)

    _allow: dict[tuple[int, str], dict[str, Any]] = PrivateAttr(default_factory=dict)

    def model_post_init(self, _: object) -> None:
        """Schemas are closed with the settings, so that a lax one is refused before anything is read."""
        from muniment.evidence.collectors._traffic.allow import closed

        for number, endpoint in enumerate(self.endpoints):
            for event, schema in endpoint.events.items():
                self._allow[number, event] = closed(schema, f"endpoints[{number}].events.{event}")

    def schema_for(self, number: int, event: str) -> dict[str, Any] | None:
        """The closed schema of an event at an endpoint; None where there is none."""
        return self._allow.get((number, event))


class Destination(Frozen):
    """How many requests went to one host."""

    host: Host
    requests: int
    declared: bool


class Difference(Frozen):
    """The hosts that the private and the normal run spoke to beyond what is strictly necessary."""

    normal_only: tuple[Host, ...] = ()
    private_only: tuple[Host, ...] = ()
    both: tuple[Host, ...] = ()
    normal_requests: int = 0
    private_requests: int = 0
    normal_cut: bool = Field(False, description="Whether the normal run could not be read whole")


class TrafficFacts(Facts):
    """What a capture shows."""

    requests: int = Field(description="Requests, or connections of a pcap")
    optional: int = Field(description="Requests that are not strictly necessary")
    unreadable: int = Field(description="Entries that cannot be read")
    truncated: bool
    canary_seen: bool
    destinations: tuple[Destination, ...]
    sightings: dict[str, int] = Field(description="How many requests or fields show each finding, by its code")
    objects: int = Field(description="Objects that were taken from payloads and held against the allow-list")
    layers: dict[str, int] = Field(description="How many payloads hide under each encoding")
    opaque: dict[str, int] = Field(description="How many payloads could not be read, by the reason")
    tls_versions: dict[str, int] = Field(default_factory=dict)
    quic: int = 0
    difference: Difference | None = None
    key_period: str | None = Field(None, description=PERIOD)
