"""What is counted of a capture, request by request.

No value of a payload is kept: counts, hosts, categories, and names of keys where these are plainly names. All else is a
pseudonym under a key that is stored nowhere.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from typing import Any

from muniment.evidence.collectors._traffic import capture
from muniment.evidence.collectors._traffic.allow import Allowed
from muniment.evidence.collectors._traffic.capture import MEDIA_TYPES, Fingerprint, Reading, Request
from muniment.evidence.collectors._traffic.decode import hides, keys_in, texts_in, unpack
from muniment.evidence.collectors._traffic.discreet import host_or_pseudonym, looks_personal, name_or_pseudonym
from muniment.evidence.collectors._traffic.model import (
    MOST_NAMES,
    Destination,
    Difference,
    Endpoint,
    Session,
    TrafficFacts,
    TrafficSettings,
)
from muniment.evidence.hosts import lies_in
from muniment.evidence.record import Content, Origin, Population, Tool


class Tally:
    """What has been counted so far; one for each capture."""

    def __init__(self, settings: TrafficSettings, key: bytes) -> None:
        self.settings, self.key = settings, key
        self.hosts: Counter[tuple[str, bool]] = Counter()
        self.optional_hosts: Counter[str] = Counter()
        self.sightings: Counter[str] = Counter()
        self.layers: Counter[str] = Counter()
        self.opaque: Counter[str] = Counter()
        self.allowed: dict[tuple[int, str], Allowed] = {}
        self.requests = self.objects = 0
        self.canary_seen = False

    def take(self, request: Request) -> None:
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

    def _content(self, request: Request, numbers: list[int]) -> None:
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
        event = each.get(self.settings.event_key, "*")
        allowed = next((a for n in numbers if (a := self._allowed(n, str(event))) is not None), None)
        if any(looks_personal(text) for text in texts_in(each)):
            yield "evidence.must_redact"
        unlisted, wrong = allowed.breaches(each) if allowed is not None else (tuple(each), 0)
        if allowed is None:
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
        for key in set(keys_in(each)) - set(unlisted):
            category = self.settings.categories.get(key)
            if category is not None and category not in self.settings.allowed_categories:
                yield f"traffic.category:{category}"
        if wrong:
            yield "payload.value_not_allowed"

    def _allowed(self, number: int, event: str) -> Allowed | None:
        if (number, event) not in self.allowed:
            schema = self.settings.schema_for(number, event)
            if schema is None:  # the names of events are the app's, and without end
                return None
            self.allowed[number, event] = Allowed(schema)
        return self.allowed[number, event]

    def _bounded(self, code: str) -> str:
        return code if code in self.sightings or len(self.sightings) < MOST_NAMES else code.partition(":")[0]

    def facts(
        self,
        files: list[Path],
        prints: list[Fingerprint],
        reading: Reading,
        difference: Difference | None,
        key_period: str | None,
    ) -> TrafficFacts:
        """The record of what was counted."""
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
            key_period=key_period,
        )


def difference_of(settings: TrafficSettings, private: Tally) -> Difference:
    """The normal run is read for its hosts only; pseudonyms are made with one key, so that they can be compared."""
    normal = Tally(settings, private.key)
    reading = Reading()
    assert settings.compare_with is not None  # noqa: S101 - the caller asked
    for request in capture.requests(settings.compare_with, reading):
        normal.take(request)
    ours, theirs = set(private.optional_hosts), set(normal.optional_hosts)
    return Difference(
        normal_only=tuple(sorted(theirs - ours)[:MOST_NAMES]),
        private_only=tuple(sorted(ours - theirs)[:MOST_NAMES]),
        both=tuple(sorted(ours & theirs)[:MOST_NAMES]),
        normal_requests=sum(normal.optional_hosts.values()),
        private_requests=sum(private.optional_hosts.values()),
        normal_cut=reading.truncated or reading.unreadable > 0,
    )


def _cloaked(settings: TrafficSettings, host: str) -> bool:
    """Whether a CNAME leads, in at most eight hops, to where neither an endpoint nor a processor is."""
    allowed = [*(each.host for each in settings.endpoints), *settings.processors]
    seen = [host]
    while (target := settings.cnames.get(seen[-1])) is not None:
        if target in seen or len(seen) > 8 or not lies_in(target, allowed):
            return True
        seen.append(target)
    return False


def _fits(endpoint: Endpoint, request: Request) -> bool:
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
