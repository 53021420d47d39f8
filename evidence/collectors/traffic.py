"""The traffic collector: what a capture of one session shows of where data go, when, and which.

Captures are read in `_traffic.capture` and `_traffic.packets`, payloads are taken apart in `_traffic.decode`, objects
are held against the allow-list in `_traffic.allow`; these are imported at the first look. Here are what one may set,
what is recorded, and what the sight means.

No value of a payload is recorded: counts, hosts, categories, and names of keys where these are plainly names. All else
is a pseudonym under a key that is made from the bytes of the capture and stored nowhere.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, JsonValue, PrivateAttr, field_validator

from muniment.evidence.collector import Collector, Facts, Settings
from muniment.evidence.collectors._traffic import codes
from muniment.evidence.collectors._traffic.discreet import host_or_pseudonym, looks_personal, name_or_pseudonym
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.hosts import host_or_address, lies_in
from muniment.evidence.model import Frozen, Instant
from muniment.evidence.record import Content, Origin, Population, Tool
from muniment.evidence.verdict import Verdict, failed, inconclusive, passed

if TYPE_CHECKING:
    from muniment.evidence.collectors._traffic.capture import Fingerprint, Reading, Request

_MOST_NAMES = 50  # of keys or hosts in one record
_FAULTS = frozenset(code.id for code in codes.FAULTS)


class Endpoint(Frozen):
    """A host that may be spoken to, and what may be said to it."""

    host: str = Field(description="Host name, or IP address")
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

    host: str = Field(description="Its host name")
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

    host: str
    requests: int
    declared: bool


class Difference(Frozen):
    """The hosts that the private and the normal run spoke to beyond what is strictly necessary."""

    normal_only: tuple[str, ...] = ()
    private_only: tuple[str, ...] = ()
    both: tuple[str, ...] = ()
    normal_requests: int = 0
    private_requests: int = 0


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


class Traffic(Collector[TrafficSettings, TrafficFacts]):
    """A capture of an app's traffic: only declared hosts, only with consent, only listed data."""

    id = "traffic"
    subject_kind = "session"
    seconds = 600.0
    codes = codes.CODES

    def observe(self, settings: TrafficSettings) -> TrafficFacts:
        """Read the capture, and count.

        Raises:
            InputFault: there is no capture, or it is not what it claims to be.
            CouldNotLook: it changed while it was read.
        """
        from muniment.evidence.collectors._traffic import capture

        files = [file for file in (settings.capture, settings.compare_with) if file is not None]
        before = [capture.fingerprint(file) for file in files]
        tally = _Tally(settings, before[0].key)
        reading = capture.Reading()
        for request in capture.requests(settings.capture, reading):
            tally.take(request)
        difference = _difference(settings, tally, before) if settings.compare_with else None
        for file, print_ in zip(files, before, strict=True):
            if capture.fingerprint(file) != print_:
                raise CouldNotLook(
                    "traffic.changed_while_reading",
                    "the capture changed while it was read",
                    where=str(file),
                    mend="point the check at a finished capture",
                )
        return tally.facts(files, before, reading, difference)

    def assess(self, settings: TrafficSettings, facts: TrafficFacts, at: datetime) -> Verdict:  # noqa: ARG002 - nothing ages
        """Fail on any fault; inconclusive where the capture cannot show what is asked; else pass, with notes."""
        faults = [code for code in facts.sightings if code.partition(":")[0] in _FAULTS]
        if facts.difference and facts.difference.private_only:
            faults.append("traffic.private_only")
        doubts = _doubts(settings, facts)
        notes = [code for code in facts.sightings if code.partition(":")[0] not in _FAULTS]
        if settings.session.capture_point == "page" and settings.about == "page":
            notes.append("traffic.page_level")
        if facts.layers:
            notes.append("traffic.encoded_payload")
        told = f"{_many(facts.requests, 'request')} to {_many(len(facts.destinations), 'host')}"
        told = f"{told}, {facts.optional:,} not strictly necessary"
        if faults:
            return failed(f"{told}: {_listed(faults)}.", *faults, *doubts, *notes)
        if doubts:
            return inconclusive(f"{told}; the capture does not decide: {_listed(doubts)}.", *doubts, *notes)
        return passed(
            f"{told}; all went where and when it may, with {_many(facts.objects, 'object')} as listed.", *notes
        )


class _Tally:
    """What has been counted so far; one for each capture."""

    def __init__(self, settings: TrafficSettings, key: bytes) -> None:
        self.settings, self.key = settings, key
        self.hosts: Counter[tuple[str, bool]] = Counter()
        self.optional_hosts: Counter[str] = Counter()
        self.sightings: Counter[str] = Counter()
        self.layers: Counter[str] = Counter()
        self.opaque: Counter[str] = Counter()
        self.requests = self.objects = 0
        self.canary_seen = False

    def take(self, request: "Request") -> None:
        """Count one request."""
        settings = self.settings
        self.requests += 1
        canary = settings.session.canary
        if canary and request.host == canary.host and canary.path in (None, request.path):
            self.canary_seen = True
        numbers = [n for n, each in enumerate(settings.endpoints) if each.host == request.host]
        owned = bool(numbers) and not _cloaked(settings, request.host)
        host = host_or_pseudonym(self.key, request.host)
        self.hosts[host, owned] += 1
        if not owned:
            self.sightings["traffic.endpoint_not_owned"] += 1
        at = [n for n in numbers if _fits(settings.endpoints[n], request)] if owned else []
        if any(settings.endpoints[n].necessary for n in at):
            self._content(request, at)
            return
        self.optional_hosts[host] += 1
        for code in _untimely(settings.session, request.at):
            self.sightings[code] += 1
        if owned:
            self._content(request, at)

    def _content(self, request: "Request", numbers: list[int]) -> None:
        from muniment.evidence.collectors._traffic.decode import hides, unpack

        if request.body is None or request.missing:
            self.opaque["encrypted" if request.body is None else "missing"] += 1
            return
        found = unpack(request.body, request.media_type, request.encodings, request.query)
        self.layers.update(hides(found.layers))
        self.opaque.update(found.opaque)
        for each in found.objects:
            self.objects += 1
            for code in self._breaches(each, numbers):
                self.sightings[code] += 1

    def _breaches(self, each: dict[str, Any], numbers: list[int]) -> Iterator[str]:
        """The codes of one object. A field of a known category is named by it, any other unlisted one by its key."""
        from muniment.evidence.collectors._traffic.allow import breaches

        event = each.get(self.settings.event_key, "*")
        schema = next((s for n in numbers if (s := self.settings.schema_for(n, str(event))) is not None), None)
        if any(looks_personal(text) for text in _texts(each)):
            yield "evidence.must_redact"
        unlisted, wrong = breaches(schema, each) if schema is not None else (tuple(each), 0)
        if schema is None:
            yield "payload.event_not_allowed"
            unlisted = tuple(key for key in unlisted if key in self.settings.categories)
        for key in unlisted:
            category = self.settings.categories.get(key)
            if category is None:
                yield self._bounded(f"payload.key_not_allowed:{name_or_pseudonym(self.key, key)}")
            elif category not in self.settings.allowed_categories:
                yield f"traffic.category:{category}"
            else:
                yield self._bounded(f"payload.key_not_allowed:{name_or_pseudonym(self.key, key)}")
        for key in set(_keys(each)) - set(unlisted):
            category = self.settings.categories.get(key)
            if category is not None and category not in self.settings.allowed_categories:
                yield f"traffic.category:{category}"
        if wrong:
            yield "payload.value_not_allowed"

    def _bounded(self, code: str) -> str:
        return code if code in self.sightings or len(self.sightings) < _MOST_NAMES else code.partition(":")[0]

    def facts(
        self, files: list[Path], prints: "list[Fingerprint]", reading: "Reading", difference: Difference | None
    ) -> TrafficFacts:
        """The record of what was counted."""
        from muniment.evidence.collectors._traffic.capture import MEDIA_TYPES

        return TrafficFacts(
            origin=Origin(
                system=f"file:{files[0].name}",
                query="every request of the capture, decoded in depth",
                population=Population(
                    expected=self.requests + reading.unreadable,
                    collected=self.requests,
                    basis="the entries of the capture, read to its end",
                    complete=not (reading.truncated or reading.unreadable),
                ),
                tools=tuple(Tool(name=each, version=version(each)) for each in ("ijson", "dpkt", "jsonschema-rs")),
                contents=tuple(
                    Content(name=file.name, media_type=MEDIA_TYPES[file.suffix.lower()], size=p.size, sha256=p.sha256)
                    for file, p in zip(files, prints, strict=True)
                ),
                redactions=("payloads: counted, never recorded; names that may hold a value are pseudonyms",),
            ),
            requests=self.requests,
            optional=sum(self.optional_hosts.values()),
            unreadable=reading.unreadable,
            truncated=reading.truncated,
            canary_seen=self.canary_seen,
            destinations=tuple(
                Destination(host=host, requests=count, declared=declared)
                for (host, declared), count in sorted(self.hosts.items(), key=lambda row: (row[0][1], -row[1], row[0]))
            )[:1000],
            sightings=dict(sorted(self.sightings.items())),
            objects=self.objects,
            layers=dict(sorted(self.layers.items())),
            opaque=dict(sorted(self.opaque.items())),
            tls_versions=dict(sorted(reading.tls.items())),
            quic=reading.quic,
            difference=difference,
        )


def _difference(settings: TrafficSettings, private: _Tally, prints: "list[Fingerprint]") -> Difference:
    """The normal run is read for its hosts only; pseudonyms are made with one key, so that they can be compared."""
    from muniment.evidence.collectors._traffic import capture

    normal = _Tally(settings, prints[0].key)
    assert settings.compare_with is not None  # noqa: S101 - the caller asked
    for request in capture.requests(settings.compare_with, capture.Reading()):
        normal.take(request)
    ours, theirs = set(private.optional_hosts), set(normal.optional_hosts)
    return Difference(
        normal_only=tuple(sorted(theirs - ours)[:_MOST_NAMES]),
        private_only=tuple(sorted(ours - theirs)[:_MOST_NAMES]),
        both=tuple(sorted(ours & theirs)[:_MOST_NAMES]),
        normal_requests=sum(normal.optional_hosts.values()),
        private_requests=sum(private.optional_hosts.values()),
    )


def _doubts(settings: TrafficSettings, facts: TrafficFacts) -> list[str]:
    told = (
        ("traffic.no_canary", not facts.canary_seen),
        ("traffic.truncated", facts.truncated),
        ("traffic.entry_unreadable", facts.unreadable > 0),
        ("traffic.page_level", settings.session.capture_point == "page" and settings.about == "app"),
        ("traffic.not_inspected", bool(facts.opaque) or facts.quic > 0),
        ("traffic.comparison_empty", facts.difference is not None and not facts.difference.normal_requests),
    )
    return [code for code, holds in told if holds]


def _cloaked(settings: TrafficSettings, host: str) -> bool:
    """Whether a CNAME leads, in at most eight hops, to where neither an endpoint nor a processor is."""
    allowed = [*(each.host for each in settings.endpoints), *settings.processors]
    seen = [host]
    while (target := settings.cnames.get(seen[-1])) is not None:
        if target in seen or len(seen) > 8 or not lies_in(target, allowed):
            return True
        seen.append(target)
    return False


def _fits(endpoint: Endpoint, request: "Request") -> bool:
    # A pcap shows no path: an endpoint is then meant as a whole only where it says so.
    return any(fnmatchcase(request.path or "/", pattern) for pattern in endpoint.paths) and (
        bool(request.path) or "/*" in endpoint.paths
    )


def _untimely(session: Session, at: datetime) -> Iterator[str]:
    if session.mode == "private":
        yield "traffic.incognito"
    # At one instant a withdrawal beats a consent.
    acts = sorted(session.consent, key=lambda act: (act.at, act.state == "withdrawn"))
    last = next((act for act in reversed(acts) if act.at <= at), None)
    if last is None:
        yield "traffic.before_consent" if any(act.state == "given" for act in acts) else "traffic.no_consent"
    elif last.state == "withdrawn":
        yield "traffic.after_withdrawal"


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from _keys(each)
    elif isinstance(value, list):
        for each in value:
            yield from _keys(each)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str | int):
        yield str(value)


def _listed(found: list[str]) -> str:
    return ", ".join(found[:8]) + (f" and {len(found) - 8} more" if len(found) > 8 else "")


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
