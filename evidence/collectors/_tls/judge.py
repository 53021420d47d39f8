"""What the facts mean under a policy at an instant. Pure: the same facts always give the same verdict.

The order: what does not come from the expected issuer is inconclusive, whatever else it shows; then anything forbidden
at any address is a fail; then anything unseen makes the whole inconclusive; only then is it a pass.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from muniment.evidence.collectors._tls.facts import Certificate, Chain, Name, Sight, TlsFacts
from muniment.evidence.collectors._tls.names import covers
from muniment.evidence.collectors._tls.policy import Policy
from muniment.evidence.collectors._tls.suites import SUITES_13
from muniment.evidence.verdict import Status, Verdict

EXPIRY_WARNING = timedelta(days=14)
_WEAK_HASHES = ("md5", "sha1")


@dataclass(frozen=True)
class Point:
    """One thing to say: a code, and the words that follow "the server"."""

    code: str
    text: str


def judge(facts: TlsFacts, policy: Policy, expected_issuer: str | None, at: datetime) -> Verdict:
    """The verdict on all addresses together; its message names the policy, its version and the digest of its file."""
    strangers = list(_intercepted(facts, expected_issuer)) if expected_issuer else []
    if strangers:
        return _verdict(
            Status.INCONCLUSIVE, "What answered may not be the server; it was looked at under", strangers, [], policy
        )
    faults = [point for sight in facts.sights for point in _placed(facts, sight, _faults(facts, sight, policy, at))]
    unseen = [point for sight in facts.sights for point in _placed(facts, sight, _unseen(sight))]
    notes = list(_notes(facts, at))
    if faults:
        return _verdict(Status.FAIL, "The server does not meet", faults, notes, policy)
    if unseen:
        return _verdict(
            Status.INCONCLUSIVE, "The server was not seen whole; it was looked at under", unseen, notes, policy
        )
    return _verdict(Status.PASS, "The server meets", [], notes, policy)


def _verdict(status: Status, head: str, points: list[Point], notes: list[Point], policy: Policy) -> Verdict:
    said = "; ".join(point.text for point in points)
    noted = "; ".join(point.text for point in notes)
    return Verdict(
        status=status,
        message=f"{head} {policy}" + (f": it {said}" if said else "") + (f". It {noted}." if noted else "."),
        codes=tuple(dict.fromkeys(point.code for point in points + notes)),
    )


def _faults(facts: TlsFacts, sight: Sight, policy: Policy, at: datetime) -> Iterator[Point]:
    """What the policy forbids in one sight."""
    if sight.failure is not None:
        if sight.failure.cause == "tls.absent":
            yield Point("tls.absent", sight.failure.message)
        return
    if not sight.versions:
        return
    yield from _protocol_faults(sight, policy)
    for place in sight.chains:
        chain = facts.chains[place]
        yield from _trust_faults(facts, chain)
        if chain.certificates:
            leaf, *issuers = (facts.certificates[number] for number in chain.certificates)
            yield from _leaf_faults(leaf, facts.server_name, policy)
            yield from _chain_faults([leaf, *issuers], policy, at)


def _protocol_faults(sight: Sight, policy: Policy) -> Iterator[Point]:
    legacy = [name for name in sight.versions if name not in policy.versions]
    if legacy:
        yield Point("tls.version.legacy", f"accepts {_listed(legacy)}")
    suites_13 = set(policy.suites) & set(SUITES_13) & set(sight.suites)
    suites_12 = (set(policy.suites) - set(SUITES_13)) & set(sight.suites)
    usable = [name for name in policy.versions if name in sight.versions]
    if not any(suites_13 if name == "TLSv1.3" else suites_12 for name in usable):
        yield Point("tls.version.no_modern", f"agrees to none of {_listed(policy.versions)} with an allowed suite")
    missing = [name for name in policy.required_versions if name not in sight.versions]
    if missing:
        yield Point("tls.version.missing", f"does not accept {_listed(missing)}")
    suites = [name for name in sight.suites if name not in policy.suites]
    if suites:
        yield Point("tls.cipher.not_allowed", f"accepts {_listed(suites)}")
    groups = [name for name in sight.groups if name not in policy.groups]
    if groups:
        yield Point("tls.group.not_allowed", f"accepts the group {_listed(groups)}")
    if sight.dh_bits is not None and sight.dh_bits < policy.dh_bits:
        yield Point("tls.dh.weak", f"uses a Diffie-Hellman prime of {sight.dh_bits} bits (least: {policy.dh_bits})")


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


def _leaf_faults(leaf: Certificate, host: str, policy: Policy) -> Iterator[Point]:
    """The rules for the server's own certificate, dates apart."""
    rules = policy.certificate
    if not any(covers(name, host) for name in leaf.names):
        more = f" and {leaf.names_total - 3} more" if leaf.names_total > 3 else ""
        names = f"names {_listed(leaf.names[:3])}{more}" if leaf.names else "has no subject alternative name"
        yield Point("tls.cert.hostname", f"presents a certificate that {names}, not {host}")
    if leaf.key_type not in rules.key_types:
        yield Point("tls.cert.key_type", f"has a key of type {leaf.key_type} (allowed: {_listed(rules.key_types)})")
    elif leaf.key_type == "ecdsa" and leaf.curve not in rules.curves:
        yield Point("tls.cert.curve", f"has a key on {leaf.curve} (allowed: {_listed(rules.curves)})")
    if leaf.signature not in rules.signatures and not _is_weak(leaf):
        yield Point("tls.cert.signature", f"has a certificate signed with {leaf.signature}")
    lifespan = leaf.not_after - leaf.not_before
    if rules.days is not None and lifespan > timedelta(days=rules.days):
        yield Point("tls.cert.lifespan", f"has a certificate for {lifespan.days} days (most: {rules.days})")
    if not leaf.server_auth:
        yield Point("tls.cert.purpose", "has a certificate that is not meant for servers")


def _chain_faults(chain: Iterable[Certificate], policy: Policy, at: datetime) -> Iterator[Point]:
    """The rules for every certificate below the root."""
    least = policy.certificate.rsa_bits
    for certificate in chain:
        who = f"the certificate of {certificate.subject}"
        if at > certificate.not_after:
            yield Point("tls.cert.expired", f"presents {who}, which ended on {certificate.not_after:%Y-%m-%d}")
        if at < certificate.not_before:
            yield Point("tls.cert.not_yet_valid", f"presents {who}, which begins on {certificate.not_before:%Y-%m-%d}")
        if certificate.key_type == "rsa" and least is not None and (certificate.key_bits or 0) < least:
            yield Point("tls.cert.weak_key", f"presents {who}, an RSA key of {certificate.key_bits} bits")
        if _is_weak(certificate):
            yield Point("tls.cert.weak_signature", f"presents {who}, signed with {certificate.signature}")


def _unseen(sight: Sight) -> Iterator[Point]:
    """What is not known of one sight, so that it cannot be called good."""
    if sight.failure is not None:
        if sight.failure.cause != "tls.absent":
            yield Point(sight.failure.cause, f"could not be looked at: {sight.failure.message}")
        return
    if not sight.versions:
        yield Point("tls.no_agreement", "speaks TLS but agreed to no offer")
        return
    if sight.unanswered:
        yield Point("net.timeout", f"left unanswered: {_listed(sight.unanswered)}")
    if sight.cut_short:
        yield Point("tls.cut_short", f"accepts more than was listed of {_listed(sight.cut_short)}")
    if sight.handshake is None:
        yield Point("tls.handshake", "did not complete a handshake")
    elif not sight.chains:
        yield Point("tls.handshake", "presented no certificate that could be read")


def _notes(facts: TlsFacts, at: datetime) -> Iterator[Point]:
    """What a reader should know and what decides nothing."""
    leaves = {chain.certificates[0] for chain in facts.chains if chain.certificates}
    ends = min((facts.certificates[number].not_after for number in leaves), default=None)
    if ends is not None and timedelta(0) <= ends - at < EXPIRY_WARNING:
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


def _is_weak(certificate: Certificate) -> bool:
    return any(word in certificate.signature.lower() for word in _WEAK_HASHES)


def _placed(facts: TlsFacts, sight: Sight, points: Iterable[Point]) -> Iterator[Point]:
    """Each point once, with its addresses where not all addresses showed the same."""
    where = f" (at {_listed(sight.addresses)})" if len(facts.sights) > 1 else ""
    return (replace(point, text=point.text + where) for point in dict.fromkeys(points))


def _listed(words: Iterable[str]) -> str:
    names = list(words)
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
