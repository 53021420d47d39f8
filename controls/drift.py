"""Drift: where the register and the world have come apart.

A name is *unlisted* if the latest evidence shows it and the register lacks it: a certificate covers it, a CNAME leads
to it, a capture of traffic holds it, or an earlier run looked at it. A name in a declared processor's domain is the
processor's affair. An entry is *gone* if the latest look says that its name, its address or its domain no longer
exists. Whoever knows a name and wants no look at it lists it as out of scope, with the reason.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from muniment.controls.model import Register, Subject
from muniment.controls.sights import Capture, Listing, Place, Sight
from muniment.evidence.hosts import is_domain, lies_in
from muniment.evidence.model import Frozen, Instant

_GONE = frozenset({"dns.nxdomain", "dns.no_address", "dns.dangling_cname", "rdap.not_found"})


class ShownBy(StrEnum):
    """What shows a name."""

    CERTIFICATE = "certificate"
    CNAME = "CNAME"
    CAPTURE = "capture"
    EARLIER_RUN = "earlier run"


class Unlisted(Frozen):
    """A name that the register lacks; `subject` is the endpoint at which it was seen, `record` the evidence."""

    name: str
    shown_by: ShownBy
    subject: str
    record: str
    seen: Instant


class Gone(Frozen):
    """An entry of the register that no longer exists."""

    subject: str
    codes: tuple[str, ...]
    message: str
    record: str
    seen: Instant


class Clipped(Frozen):
    """A certificate of which the record keeps only some names."""

    subject: str
    names_left_out: int
    record: str


class Drift(Frozen):
    """All drift, by name. `clipped` says how far the names of certificates are known."""

    unlisted: tuple[Unlisted, ...] = ()
    gone: tuple[Gone, ...] = ()
    clipped: tuple[Clipped, ...] = ()

    @property
    def found(self) -> bool:
        """Whether register and world have come apart."""
        return bool(self.unlisted or self.gone)


def drift(
    register: Register, sights: Iterable[Sight], processors: Sequence[str] = (), captures: Iterable[Capture] = ()
) -> Drift:
    """Hold the register against the latest sight, and the latest capture, of each check and subject. `processors` are
    names or domains."""
    listing = Listing(register)
    latest = sorted(sights, key=lambda each: each.at, reverse=True)
    unlisted: dict[tuple[str, ShownBy], Unlisted] = {}
    for sight in latest:
        for name, shown_by in _names_beside(sight, listing, processors):
            told = Unlisted(name=name, shown_by=shown_by, subject=sight.subject, record=sight.record, seen=sight.at)
            unlisted.setdefault((name, shown_by), told)
    for capture in sorted(captures, key=lambda each: each.at, reverse=True):
        for name in _names_in(capture, listing, processors):
            key = (name, ShownBy.CAPTURE)
            told = Unlisted(name=name, shown_by=key[1], subject=capture.subject, record=capture.record, seen=capture.at)
            unlisted.setdefault(key, told)
    return Drift(
        unlisted=tuple(unlisted[key] for key in sorted(unlisted)),
        gone=tuple(_gone(register.entries, latest, listing)),
        clipped=tuple(
            Clipped(subject=each.subject, names_left_out=each.names_left_out, record=each.record)
            for each in latest
            if each.names_left_out
        ),
    )


def _names_beside(sight: Sight, listing: Listing, processors: Sequence[str]) -> Iterator[tuple[str, ShownBy]]:
    """The names that a sight shows, less those that are listed or a processor's."""
    domains = [each.lower() for each in (*processors, *sight.processors) if is_domain(each)]
    if not listing.entries_at(sight.place):
        yield sight.subject, ShownBy.EARLIER_RUN
    for name in sight.certificate_names:
        bare = name.partition(":")[2].lower()
        if not _is_listed(bare, listing) and not lies_in(bare.removeprefix("*."), domains):
            yield bare, ShownBy.CERTIFICATE
    for name in sight.targets:
        if not _is_listed(name, listing) and not lies_in(name, domains):
            yield name, ShownBy.CNAME


def _names_in(capture: Capture, listing: Listing, processors: Sequence[str]) -> Iterator[str]:
    domains = [each.lower() for each in (*processors, *capture.processors) if is_domain(each)]
    for host in capture.hosts:
        if not _is_listed(host, listing) and not lies_in(host, domains):
            yield host


def _is_listed(name: str, listing: Listing) -> bool:
    """A wildcard is no endpoint of its own: it is listed if it covers a host that is (RFC 9525 section 6.3)."""
    if name.startswith("*."):
        return listing.has_beneath(name[2:])
    return bool(listing.entries_at(Place(name, None)))


def _gone(entries: Iterable[Subject], latest: Sequence[Sight], listing: Listing) -> Iterator[Gone]:
    """By the latest look at the ownership of an entry, which asks for its name; else by the latest of all."""
    telling: dict[str, Sight] = {}
    for sight in sorted(latest, key=lambda each: each.collector != "endpoint-ownership"):
        for entry in listing.entries_at(sight.place):
            telling.setdefault(entry.id, sight)
    for entry in entries:
        told = telling.get(entry.id)
        if told and entry.out_of_scope is None and _GONE.intersection(told.verdict.codes):
            yield Gone(
                subject=entry.id,
                codes=told.verdict.codes,
                message=told.verdict.message,
                record=told.record,
                seen=told.at,
            )
