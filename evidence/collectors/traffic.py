"""The traffic collector: what a capture of one session shows of where data go, when, and which.

`_traffic.model` has the settings and facts. `_traffic.capture` and `_traffic.packets` read captures, `_traffic.decode`
takes payloads apart, `_traffic.allow` holds objects against the allow-list, `_traffic.tally` counts; these are imported
at the first look. Here is what the sight means.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from muniment.evidence.collector import Collector
from muniment.evidence.collectors._traffic import codes
from muniment.evidence.collectors._traffic.model import (
    Act,
    Canary,
    Destination,
    Difference,
    Endpoint,
    Session,
    TrafficFacts,
    TrafficSettings,
)
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.model import digest
from muniment.evidence.pseudonym import monthly_key
from muniment.evidence.verdict import Verdict, failed, inconclusive, passed

if TYPE_CHECKING:
    from muniment.evidence.collectors._traffic.capture import Fingerprint

__all__ = [
    "Act",
    "Canary",
    "Destination",
    "Difference",
    "Endpoint",
    "Session",
    "Traffic",
    "TrafficFacts",
    "TrafficSettings",
]

_FAULTS = frozenset(code.id for code in codes.FAULTS)


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
            CouldNotLook: it changed while it was read, or a secret is not where it should be.
        """
        from muniment.evidence.collectors._traffic import capture
        from muniment.evidence.collectors._traffic.tally import Tally, difference_of

        files = [file for file in (settings.capture, settings.compare_with) if file is not None]
        before = [capture.fingerprint(file) for file in files]
        keyed = monthly_key(settings.pseudonyms, self.id, self.at, self.base) if settings.pseudonyms else None
        key, month = keyed or (before[0].key, None)
        tally = Tally(settings, key)
        reading = capture.Reading()
        for request in capture.requests(settings.capture, reading):
            tally.take(request)
        difference = difference_of(settings, tally) if settings.compare_with else None
        for file, print_ in zip(files, before, strict=True):
            if capture.fingerprint(file) != print_:
                raise _changed(file)
        facts = tally.facts(files, before, reading, difference, month)
        if not settings.keep:
            return facts
        sealed = tuple(
            self.seal(_unchanged(file, print_), media_type=capture.MEDIA_TYPES[file.suffix.lower()], name=file.name)
            for file, print_ in zip(files, before, strict=True)
        )
        return facts.model_copy(update={"origin": facts.origin.model_copy(update={"sealed": sealed})})

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


def _unchanged(file: Path, print_: "Fingerprint") -> bytes:
    """The bytes of a capture, if they are those that were judged."""
    data = file.read_bytes()
    if digest(data) != print_.sha256:
        raise _changed(file)
    return data


def _changed(file: Path) -> CouldNotLook:
    return CouldNotLook(
        "traffic.changed_while_reading",
        "the capture changed while it was read",
        where=str(file),
        mend="point the check at a finished capture",
    )


def _doubts(settings: TrafficSettings, facts: TrafficFacts) -> list[str]:
    told = (
        ("traffic.no_canary", not facts.canary_seen),
        ("traffic.truncated", facts.truncated or (facts.difference is not None and facts.difference.normal_cut)),
        ("traffic.entry_unreadable", facts.unreadable > 0),
        ("traffic.page_level", settings.session.capture_point == "page" and settings.about == "app"),
        ("traffic.not_inspected", bool(facts.opaque) or facts.quic > 0),
        ("traffic.comparison_empty", facts.difference is not None and not facts.difference.normal_requests),
    )
    return [code for code, holds in told if holds]


def _listed(found: list[str]) -> str:
    return ", ".join(found[:8]) + (f" and {len(found) - 8} more" if len(found) > 8 else "")


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
