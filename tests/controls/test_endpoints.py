"""The register of endpoints held against the evidence: where each entry stands, and where both have come apart."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from muniment.controls.drift import Drift, ShownBy, drift
from muniment.controls.endpoints import EndpointState, endpoint_states
from muniment.controls.model import Register, Subject
from muniment.controls.sights import Sight, capture_of, sight_of
from muniment.evidence import (
    Actor,
    Errored,
    EvidenceRecord,
    Life,
    Method,
    Observed,
    Origin,
    Span,
    Verdict,
    failed,
    inconclusive,
    passed,
)
from muniment.evidence.collectors._ownership.answer import Holder, Naming
from muniment.evidence.collectors._ownership.chain import End
from muniment.evidence.collectors._ownership.facts import Hop, Network, OwnershipFacts, Registration
from muniment.evidence.collectors._ownership.ranges import Range
from muniment.evidence.collectors._tls.facts import Certificate, Chain, Name, TlsFacts
from muniment.evidence.collectors.traffic import Destination, TrafficFacts

AT = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)
DAY = timedelta(days=1)
ORIGIN = Origin(system="test:", query="look")
GOOD = passed("all is well")
OWNER = "Example Phone Co."


def register(*hosts: str, **out_of_scope: str) -> Register:
    """A register of hosts with port 443, and of some that nobody looks at."""
    entries = [Subject(id=f"{host}:443", values={"host": host, "port": 443}) for host in hosts]
    entries += [
        Subject(id=f"{name}.test:443", values={"host": f"{name}.test"}, out_of_scope=reason)
        for name, reason in out_of_scope.items()
    ]
    return Register(
        name="endpoints",
        path="registers/endpoints.yaml",
        defaults={"owner": OWNER, "port": 443},
        entries=tuple(entries),
    )


def sight(
    collector: str,
    host: str,
    outcome: Observed | Errored,
    *,
    at: datetime = AT,
    place: int = 1,
    valid_for: timedelta | None = None,
    **parameters: Any,
) -> Sight:
    """What a record of such a look shows."""
    subject = f"{host}:{parameters['port']}" if "port" in parameters else host
    record = EvidenceRecord(
        id=f"EV-2026-000001-{place:04}",
        task=f"check:{subject}",
        check="check",
        controls=("OWN-2",),
        subject=subject,
        subject_kind="endpoint",
        collected=Span(start=at, end=at),
        recorded=at,
        method=Method(collector=collector, version="1", parameters={"host": host, **parameters}),
        actor=Actor(name="ada"),
        outcome=outcome,
        life=Life(valid_until=at + valid_for if valid_for else None),
    )
    shown = sight_of(record)
    assert shown is not None
    return shown


def tls(*names: str, expires: datetime = AT + 40 * DAY, total: int | None = None, verdict: Verdict = GOOD) -> Observed:
    leaf = Certificate(
        sha256="sha256:" + "0" * 64,
        subject=Name(common_name="leaf"),
        issuer=Name(common_name="Careful CA"),
        names=names,
        names_total=len(names) if total is None else total,
        not_before=AT - DAY,
        not_after=expires,
        key_type="rsa",
        signature="sha256WithRSAEncryption",
    )
    issuer = leaf.model_copy(update={"names": (), "names_total": 0, "not_after": AT + 9999 * DAY})
    chain = Chain(certificates=(1, 0), trust="trusted")
    facts = TlsFacts(
        origin=ORIGIN, server_name="x", sights=(), certificates=(issuer, leaf), chains=(chain,), connects=1
    )
    return facts.observed(verdict)


def ownership(
    *chain: str,
    holder: Holder = Holder(naming=Naming.NAMED, name="EXAMPLE PHONE CO"),  # noqa: B008 - frozen
    networks: Iterable[Network] = (),
    verdict: Verdict = GOOD,
) -> Observed:
    registration = Registration(domain="own.test", registered="own.test", holder=holder, expires=AT + 90 * DAY)
    facts = OwnershipFacts(
        origin=ORIGIN,
        domain="own.test",
        chain=tuple(Hop(name=name, domain=None) for name in chain),
        end=End.ADDRESSES,
        registrations=(registration,),
        networks=tuple(networks),
    )
    return facts.observed(verdict)


def names(found: Drift) -> list[tuple[str, str]]:
    return [(each.name, each.shown_by) for each in found.unlisted]


def state(found: tuple[EndpointState, ...]) -> EndpointState:
    [only] = found
    return only


def test_a_name_that_a_certificate_covers_and_the_register_lacks_is_drift() -> None:
    shown = sight("tls", "a.test", tls("DNS:a.test", "DNS:B.test", "DNS:old.test", "IP:192.0.2.1"), port=443)
    found = drift(register("a.test", old="switched off"), [shown])
    assert names(found) == [("192.0.2.1", ShownBy.CERTIFICATE), ("b.test", ShownBy.CERTIFICATE)]
    assert (found.unlisted[1].subject, found.unlisted[1].record) == ("a.test:443", "EV-2026-000001-0001")
    assert found.found


@pytest.mark.parametrize(("host", "drifts"), [("a.own.test", False), ("a.b.own.test", True), ("own.test", True)])
def test_a_wildcard_is_listed_if_it_covers_a_listed_host(host: str, drifts: bool) -> None:
    found = drift(register(host), [sight("tls", host, tls("DNS:*.own.test"), port=443)])
    assert names(found) == ([("*.own.test", ShownBy.CERTIFICATE)] if drifts else [])


def test_a_target_of_a_cname_is_drift_unless_it_is_listed_or_a_processors() -> None:
    outcome = ownership("a.own.test", "b.own.test", "edge.cdn.test", "x.other-cdn.test", "t.tracker.test")
    shown = sight("endpoint-ownership", "a.own.test", outcome, processors=["Megacloud", "cdn.test"])
    found = drift(register("a.own.test", "b.own.test"), [shown], ["Other, Inc.", "other-cdn.test"])
    assert names(found) == [("t.tracker.test", ShownBy.CNAME)]


def test_a_host_of_a_capture_is_drift_unless_it_is_listed_a_processors_or_the_canary() -> None:
    hosts = ("a.test", "new.test", "cdn.partner.test", "edge.contract.test", "canary.test", "192.0.2.7")
    facts = TrafficFacts(
        origin=ORIGIN,
        requests=6,
        optional=6,
        unreadable=0,
        truncated=False,
        canary_seen=True,
        destinations=tuple(Destination(host=host, requests=1, declared=False) for host in hosts),
        sightings={},
        objects=0,
        layers={},
        opaque={},
    )
    record = EvidenceRecord(
        id="EV-2026-000001-0001",
        task="traffic:cold start",
        check="traffic",
        controls=("NET-1",),
        subject="cold start",
        subject_kind="session",
        collected=Span(start=AT, end=AT),
        recorded=AT,
        method=Method(
            collector="traffic",
            version="1",
            parameters={"session": {"canary": {"host": "canary.test"}}, "processors": ["contract.test"]},
        ),
        actor=Actor(name="ada"),
        outcome=facts.observed(GOOD),
        life=Life(),
    )
    assert sight_of(record) is None
    capture = capture_of(record)
    assert capture is not None
    found = drift(register("a.test"), [], ["partner.test"], [capture])
    assert names(found) == [("192.0.2.7", ShownBy.CAPTURE), ("new.test", ShownBy.CAPTURE)]
    assert (found.unlisted[0].subject, found.unlisted[0].record) == ("cold start", "EV-2026-000001-0001")


def test_an_endpoint_that_was_looked_at_and_left_the_register_without_a_word_is_drift() -> None:
    shown = [
        sight("tls", "a.test", tls("DNS:a.test"), port=8443),
        sight("endpoint-ownership", "a.test", ownership("a.test")),
        sight("tls", "gone.test", Errored(cause="net.timeout", message="no answer"), port=443),
        sight("tls", "kept.test", tls(), port=443),
    ]
    found = drift(register("a.test", kept="the name is kept"), shown)
    assert names(found) == [("a.test:8443", ShownBy.EARLIER_RUN), ("gone.test:443", ShownBy.EARLIER_RUN)]


@pytest.mark.parametrize(
    ("outcome", "codes"),
    [
        (ownership("a.test", verdict=inconclusive("does not exist", "dns.nxdomain")), ("dns.nxdomain",)),
        (ownership("a.test", verdict=failed("not registered", "rdap.not_found")), ("rdap.not_found",)),
        (Errored(cause="dns.no_address", message="the look-up failed"), ("dns.no_address",)),
        (Errored(cause="dns.timeout", message="no answer"), None),
        (ownership("a.test"), None),
    ],
)
def test_an_entry_whose_name_no_longer_exists_is_gone(outcome: Any, codes: tuple[str, ...] | None) -> None:
    found = drift(register("a.test"), [sight("endpoint-ownership", "a.test", outcome)])
    assert [each.codes for each in found.gone] == ([codes] if codes else [])


def test_an_entry_that_is_out_of_scope_may_be_gone() -> None:
    outcome = ownership("old.test", verdict=inconclusive("does not exist", "dns.nxdomain"))
    assert not drift(register(old="switched off"), [sight("endpoint-ownership", "old.test", outcome)]).found


def test_the_look_at_the_ownership_tells_whether_a_name_exists() -> None:
    gone = sight("tls", "a.test", Errored(cause="dns.no_address", message="the look-up failed"), port=443, at=AT + DAY)
    there = sight("endpoint-ownership", "a.test", ownership("a.test"))
    assert drift(register("a.test"), [gone]).gone
    assert not drift(register("a.test"), [gone, there]).gone


def test_a_certificate_of_which_the_record_keeps_only_some_names_is_told() -> None:
    found = drift(register("a.test"), [sight("tls", "a.test", tls("DNS:a.test", total=41), port=443)])
    assert [(each.subject, each.names_left_out) for each in found.clipped] == [("a.test:443", 40)]
    assert not found.found


def test_a_state_is_made_of_the_latest_sight_that_tells() -> None:
    network = Network(address="192.0.2.1", holder=Holder(naming=Naming.NAMED, name="Megacloud"))
    by_range = Network(
        address="192.0.2.2", published=Range(prefix="192.0.2.0/24", operator="Rangecloud", date=AT.date())
    )
    shown = [
        sight("endpoint-ownership", "a.test", ownership("a.test", networks=[network, network, by_range])),
        sight("tls", "a.test", tls(expires=AT + 9 * DAY), port=443),
        sight("tls", "a.test", tls(expires=AT + 5 * DAY), port=443, at=AT - DAY),
        sight("tls", "a.test", Errored(cause="net.timeout", message="no answer"), port=443, at=AT + DAY),
    ]
    found = state(endpoint_states(register("a.test"), shown, AT + DAY))
    assert (found.owner_declared, found.owner_found) == (OWNER, "EXAMPLE PHONE CO")
    assert found.operators == ("Megacloud", "Rangecloud")
    assert (found.certificate_expires, found.domain_expires) == (AT + 9 * DAY, AT + 90 * DAY)
    assert found.last_seen == AT
    assert (found.verdict.status, found.verdict.codes) == ("inconclusive", ("net.timeout",))


@pytest.mark.parametrize(
    ("naming", "words"),
    [(Naming.REDACTED, "redacted"), (Naming.PERSON, "a name that is not kept"), (Naming.ABSENT, "absent")],
)
def test_an_owner_who_is_not_named_is_told_as_such(naming: Naming, words: str) -> None:
    shown = sight("endpoint-ownership", "a.test", ownership("a.test", holder=Holder(naming=naming)))
    assert state(endpoint_states(register("a.test"), [shown], AT)).owner_found == words


def test_what_nobody_looked_at_is_no_pass_and_what_is_out_of_scope_says_why() -> None:
    never, old = endpoint_states(register("a.test", old="switched off"), [], AT)
    assert (never.verdict.codes, never.last_seen) == (("evidence.none",), None)
    assert (old.verdict.status, old.verdict.message) == ("not_applicable", "switched off")


def test_evidence_that_no_longer_speaks_is_no_pass() -> None:
    shown = sight("tls", "a.test", tls(), port=443, valid_for=DAY)
    assert state(endpoint_states(register("a.test"), [shown], AT + DAY)).verdict == GOOD
    assert state(endpoint_states(register("a.test"), [shown], AT + 2 * DAY)).verdict.codes == ("evidence.stale",)


def test_facts_of_another_version_are_not_guessed_at() -> None:
    odd = Observed(origin=ORIGIN, facts={"certificates": "none"}, verdict=GOOD)
    found = state(endpoint_states(register("a.test"), [sight("tls", "a.test", odd, port=443)], AT))
    assert (found.certificate_expires, found.last_seen, found.verdict) == (None, AT, GOOD)
