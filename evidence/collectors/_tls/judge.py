"""What the facts mean under a policy at an instant. Pure: the same facts always give the same verdict.

The order: what does not come from the expected issuer is inconclusive, whatever else it shows; then anything forbidden
at any address is a fail; then anything unseen makes the whole inconclusive; only then is it a pass. What a policy only
advises is a note. Where the clocks of server and looker are more than five minutes apart, no date is judged.

The rules of the policy are in its file. Those that hold under every policy are here: dates, names, trust, purpose,
revocation and weak hashes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from muniment.evidence.collectors._tls.facts import Certificate, Chain, Name, Sight, TlsFacts
from muniment.evidence.collectors._tls.names import covers
from muniment.evidence.collectors._tls.policy import Policy
from muniment.evidence.collectors._tls.rules import breaches, listed, unrevoked
from muniment.evidence.collectors._tls.suites import SUITES_13, VERSIONS
from muniment.evidence.hosts import in_letters
from muniment.evidence.verdict import Status, Verdict

EXPIRY_WARNING = timedelta(days=14)
MOST_SKEW = 300  # seconds


@dataclass(frozen=True)
class Point:
    """One thing to say: a code, the words that follow "the server", and the clause of the policy, if it is a rule's."""

    code: str
    text: str
    clause: str | None = None

    def __str__(self) -> str:
        return f"{self.text} [{self.clause}]" if self.clause else self.text


@dataclass(frozen=True)
class _Said:
    """All that there is to say of one sight, or of all of them."""

    faults: tuple[Point, ...] = ()
    unseen: tuple[Point, ...] = ()
    notes: tuple[Point, ...] = ()


def judge(facts: TlsFacts, policy: Policy, expected_issuer: str | None, at: datetime) -> Verdict:
    """The verdict on all addresses together. What was found comes first, since lists cut long messages; then the policy
    with its version and the digest of its file; then the notes."""
    server = _server(facts)
    strangers = list(_intercepted(facts, expected_issuer)) if expected_issuer else []
    if strangers:
        return _verdict(
            Status.INCONCLUSIVE,
            f"What answered may not be the {server}: it",
            strangers,
            [],
            f"Looked at under {policy}",
        )
    skewed = facts.clock is not None and abs(facts.clock.skew) > MOST_SKEW
    said = [_placed(facts, sight, _of_sight(facts, sight, policy, None if skewed else at)) for sight in facts.sights]
    faults = [point for each in said for point in each.faults]
    unseen = [*_left_out(facts), *_clock(facts, skewed=skewed), *(point for each in said for point in each.unseen)]
    notes = [*(point for each in said for point in each.notes), *_notes(facts, None if skewed else at)]
    if faults:
        return _verdict(Status.FAIL, f"The {server}", faults, notes, f"It does not meet {policy}")
    if unseen:
        return _verdict(
            Status.INCONCLUSIVE, f"The {server} was not seen whole: it", unseen, notes, f"Looked at under {policy}"
        )
    return _verdict(Status.PASS, "", [], notes, f"The {server} meets {policy}")


def _server(facts: TlsFacts) -> str:
    """What follows "the": the name stands beside it where a reader needs it in letters and in A-labels."""
    shown = in_letters(facts.server_name)
    return "server" if shown == facts.server_name else f"server {shown}"


def _verdict(status: Status, head: str, points: Sequence[Point], notes: Sequence[Point], policy: str) -> Verdict:
    sentences = (
        f"{head} {'; '.join(map(str, points))}." if points else "",
        f"{policy}.",
        f"It {'; '.join(map(str, notes))}." if notes else "",
    )
    return Verdict(
        status=status,
        message=" ".join(filter(None, sentences)),
        codes=tuple(dict.fromkeys(point.code for point in (*points, *notes))),
    )


def _of_sight(facts: TlsFacts, sight: Sight, policy: Policy, at: datetime | None) -> _Said:
    """Without `at` nothing is said of dates."""
    if sight.failure is not None:
        absent = sight.failure.cause == "tls.absent"
        words = sight.failure.message if absent else f"could not be looked at: {sight.failure.message}"
        point = Point(sight.failure.cause, words)
        return _Said(faults=(point,)) if absent else _Said(unseen=(point,))
    if not sight.versions:
        return _Said(unseen=(Point("tls.no_agreement", "speaks TLS but agreed to no offer"),))
    faults, unseen, notes = list[Point](), list[Point](), list[Point]()
    for rule in policy.rules:
        for breach in breaches(rule, facts, sight):
            point = Point(rule.code, breach.text, rule.clause)
            if not breach.known:
                unseen += [point] if rule.binding else []
            else:
                (faults if rule.binding else notes).append(point)
    faults += _without_modern(sight, policy)
    for place in sight.chains:
        chain = facts.chains[place]
        faults += _trust_faults(facts, chain)
        if chain.certificates:
            leaf, *issuers = (facts.certificates[number] for number in chain.certificates)
            faults += _leaf_faults(leaf, chain, facts.server_name)
            faults += _chain_faults([leaf, *issuers], at)
            notes += _staple_notes(chain, at)
            if not any(rule.code == "tls.revocation.unknown" and rule.binding for rule in policy.rules):
                notes += _asked_notes(chain, at)
    return _Said(tuple(faults), (*unseen, *_unseen(sight)), tuple(notes))


def _without_modern(sight: Sight, policy: Policy) -> Iterator[Point]:
    """A client that follows the policy must be able to get in."""
    wanted = [name for name in VERSIONS if policy.allows("tls.version.legacy", name)]
    suites = {name for name in sight.suites if policy.allows("tls.cipher.not_allowed", name)}
    suites_13 = suites & set(SUITES_13)
    usable = [name for name in wanted if name in sight.versions]
    if not any(suites_13 if name == "TLSv1.3" else suites - suites_13 for name in usable):
        yield Point("tls.version.no_modern", f"agrees to none of {listed(wanted)} with an allowed suite")


def _trust_faults(facts: TlsFacts, chain: Chain) -> Iterator[Point]:
    match chain.trust:
        case "trusted":
            return
        case "malformed":
            yield Point("tls.cert.malformed", "presents a certificate that cannot be read")
        case "self_signed":
            yield Point("tls.cert.untrusted", "presents a self-signed certificate that is not in the trust store")
        case "unknown_root":
            issuer = facts.certificates[chain.certificates[-1]].issuer
            yield Point("tls.cert.untrusted", f"presents a chain that ends in {issuer}, not in the trust store")
        case "incomplete":
            issuer = facts.certificates[chain.certificates[-1]].issuer
            yield Point("tls.cert.chain_incomplete", f"does not send the certificate of the issuer, {issuer}")


def _leaf_faults(leaf: Certificate, chain: Chain, host: str) -> Iterator[Point]:
    """What holds for the server's own certificate, dates apart."""
    if not any(covers(name, host) for name in leaf.names):
        more = f" and {leaf.names_total - 3} more" if leaf.names_total > 3 else ""
        names = f"names {listed(leaf.names[:3])}{more}" if leaf.names else "has no subject alternative name"
        yield Point("tls.cert.hostname", f"presents a certificate that {names}, not {host}")
    if not leaf.server_auth:
        yield Point("tls.cert.purpose", "has a certificate that is not meant for servers")
    if chain.staple and chain.staple.status == "revoked" and chain.staple.signed:
        yield Point("tls.cert.revoked", "staples an OCSP response that says that its certificate is revoked")
    if chain.asked and chain.asked.status == "revoked" and chain.asked.signed:
        yield Point("tls.cert.revoked", f"has a certificate that is revoked: {chain.asked.by} at {chain.asked.url}")


def _chain_faults(chain: Iterable[Certificate], at: datetime | None) -> Iterator[Point]:
    """What holds for every certificate below the root."""
    for certificate in chain:
        who = f"the certificate of {certificate.subject}"
        if at is not None and at > certificate.not_after:
            yield Point("tls.cert.expired", f"presents {who}, which ended on {certificate.not_after:%Y-%m-%d}")
        if at is not None and at < certificate.not_before:
            yield Point("tls.cert.not_yet_valid", f"presents {who}, which begins on {certificate.not_before:%Y-%m-%d}")
        if certificate.weakly_signed:
            yield Point("tls.cert.weak_signature", f"presents {who}, signed with {certificate.signature}")


def _asked_notes(chain: Chain, at: datetime | None) -> Iterator[Point]:
    """That the issuer was asked and nothing is known of the revocation, or no longer (RFC 6960 section 3.2)."""
    asked = chain.asked
    if asked is None:
        return
    if why := unrevoked(chain):
        yield Point("tls.revocation.unknown", why)
    elif at is not None and asked.next_update is not None and at > asked.next_update:
        ended = f"{asked.next_update:%Y-%m-%d}"
        yield Point("tls.revocation.unknown", f"was judged by an answer about revocation that ended on {ended}")


def _staple_notes(chain: Chain, at: datetime | None) -> Iterator[Point]:
    """A stapled response that a client would not accept (RFC 6960 section 3.2)."""
    staple = chain.staple
    if staple is None:
        return
    if staple.status in ("unreadable", "unknown") or not staple.signed:
        why = "cannot be read" if staple.status == "unreadable" else "says nothing that its issuer signed"
        yield Point("tls.ocsp.invalid", f"staples an OCSP response that {why}")
    elif at is not None and staple.next_update is not None and at > staple.next_update:
        yield Point("tls.ocsp.invalid", f"staples an OCSP response that ended on {staple.next_update:%Y-%m-%d}")


def _unseen(sight: Sight) -> Iterator[Point]:
    """What is not known of a sight of somebody who speaks TLS, so that it cannot be called good."""
    if sight.unanswered:
        yield Point("net.timeout", f"left unanswered: {listed(sight.unanswered)}")
    if sight.cut_short:
        yield Point("tls.cut_short", f"accepts more than was listed of {listed(sight.cut_short)}")
    if sight.handshake is None:
        yield Point("tls.handshake", "did not complete a handshake")
    elif not sight.chains:
        yield Point("tls.handshake", "presented no certificate that could be read")


def _left_out(facts: TlsFacts) -> Iterator[Point]:
    if facts.addresses_left_out:
        yield Point("dns.too_many_addresses", f"has {facts.addresses_left_out} more addresses, not looked at")


def _clock(facts: TlsFacts, *, skewed: bool) -> Iterator[Point]:
    if skewed and facts.clock is not None:
        way = "ahead of" if facts.clock.skew > 0 else "behind"
        seconds = abs(facts.clock.skew)
        yield Point("tls.clock", f"has a clock {seconds} seconds {way} the one here, so that no date can be judged")


def _notes(facts: TlsFacts, at: datetime | None) -> Iterator[Point]:
    """What a reader should know under every policy and what decides nothing."""
    leaves = {chain.certificates[0] for chain in facts.chains if chain.certificates}
    ends = min((facts.certificates[number].not_after for number in leaves), default=None)
    if at is not None and ends is not None and timedelta(0) <= ends - at < EXPIRY_WARNING:
        yield Point("tls.cert.expiring", f"has a certificate that ends in {(ends - at).days} days")
    if facts.resets:
        yield Point("net.flaky", f"reset {facts.resets} connections before it answered")


def _intercepted(facts: TlsFacts, expected: str) -> Iterator[Point]:
    """Chains in which no issuer has the expected name or fingerprint."""
    for chain in facts.chains:
        certificates = [facts.certificates[number] for number in chain.certificates]
        names = [each.issuer for each in certificates] + ([chain.anchor] if chain.anchor else [])
        fingerprints = [each.sha256 for each in certificates[1:]] + [chain.anchor_sha256 or ""]
        if not any(_is_named(name, expected) for name in names) and _fingerprint(expected) not in fingerprints:
            issuer = names[0] if names else "nobody that could be read"
            yield Point("tls.intercepted", f"shows a certificate issued by {issuer}, not by the expected {expected}")


def _is_named(name: Name, expected: str) -> bool:
    return expected.casefold() in (str(word).casefold() for word in (name.common_name, name.organisation) if word)


def _fingerprint(text: str) -> str:
    """`sha256:` and hexadecimal digits, however the fingerprint was written."""
    return "sha256:" + text.lower().removeprefix("sha256:").replace(":", "").replace(" ", "")


def _placed(facts: TlsFacts, sight: Sight, said: _Said) -> _Said:
    """Each point once, with its addresses where not all addresses showed the same."""
    where = f" (at {listed(sight.addresses)})" if len(facts.sights) > 1 else ""

    def placed(points: Iterable[Point]) -> tuple[Point, ...]:
        return tuple(replace(point, text=point.text + where) for point in dict.fromkeys(points))

    return _Said(placed(said.faults), placed(said.unseen), placed(said.notes))
