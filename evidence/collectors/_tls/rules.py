"""Whether what was seen at one sight keeps one rule of a policy. Pure; what a breach means is not said here."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from muniment.evidence.collectors._tls.facts import Certificate, Chain, Sight, TlsFacts
from muniment.evidence.collectors._tls.hello import is_literal
from muniment.evidence.collectors._tls.policy import LeastRule, ListRule, MostRule, NeedRule, PresenceRule, Rule


@dataclass(frozen=True)
class Breach:
    """How a rule was broken, in the words that follow "the server". `known` is False where that was not looked at."""

    text: str
    known: bool = True


def breaches(rule: Rule, facts: TlsFacts, sight: Sight) -> Iterator[Breach]:
    """Every breach of the rule at one sight."""
    chains = [facts.chains[place] for place in sight.chains if facts.chains[place].certificates]
    paths = [[facts.certificates[number] for number in chain.certificates] for chain in chains]
    leaves = [path[0] for path in paths]
    match rule:
        case ListRule():
            yield from _lists(rule, sight, leaves)
        case NeedRule():
            yield from _needs(rule, sight)
        case LeastRule(code="tls.dh.weak", least=least):
            if sight.dh_bits is not None and sight.dh_bits < least:
                yield Breach(f"uses a Diffie-Hellman prime of {sight.dh_bits} bits (least: {least})")
        case LeastRule(code="tls.cert.weak_key", least=least):
            yield from _weak_keys((each for path in paths for each in path), least)
        case LeastRule(code="tls.hsts.short", least=least):
            if sight.hsts is not None and sight.hsts < least and not is_literal(facts.server_name):
                yield Breach(f"sends HSTS for {sight.hsts} seconds (least: {least})")
        case MostRule(most=most):
            for leaf in leaves:
                lifespan = leaf.not_after - leaf.not_before
                if lifespan > timedelta(days=most):
                    yield Breach(f"has a certificate for {lifespan.days} days (most: {most})")
        case PresenceRule():
            yield from _absences(rule, facts, sight, chains)


def unrevoked(chain: Chain) -> str | None:
    """Why nothing shows that the leaf was not revoked, in the words that follow "the server"; None where something says
    that it was, or that it was not."""
    staple, asked = chain.staple, chain.asked
    if (staple and staple.signed and staple.status in ("good", "revoked")) or (asked and asked.tells):
        return None
    if chain.responder is False and chain.crl is False:
        return "presents a certificate that names nobody who could say that it was revoked"
    if asked is None:
        return "presents a certificate whose issuer was not asked whether it revoked it"
    where = f"{asked.by} at {asked.url}"
    match asked.status:
        case "unreachable":
            said = f"gave no answer: {asked.reason}"
        case "unreadable":
            said = "gave an answer that cannot be read or is about something else"
        case "unknown":
            said = "does not know the certificate"
        case "good" | "revoked":
            said = "gave an answer that its issuer did not sign"
    return f"presents a certificate of which nobody knows whether it was revoked: {where} {said}"


def listed(words: Iterable[str]) -> str:
    """The first six, and how many more."""
    names = list(words)
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _lists(rule: ListRule, sight: Sight, leaves: Sequence[Certificate]) -> Iterator[Breach]:
    def outside(names: Iterable[str | None]) -> list[str]:
        return list(dict.fromkeys(name for name in names if name is not None and not rule.allows(name)))

    allowed = f" (allowed: {listed(rule.allowed)})" if rule.allowed else ""
    match rule.code:
        case "tls.version.legacy":
            found, words = outside(sight.versions), "accepts {}"
        case "tls.cipher.not_allowed" | "tls.cipher.discouraged":
            found, words = outside(sight.suites), "accepts {}"
        case "tls.group.not_allowed":
            found, words = outside(sight.groups), "accepts the group {}"
        case "tls.cert.key_type":
            found, words = outside(leaf.key_type for leaf in leaves), f"has a key of type {{}}{allowed}"
        case "tls.cert.curve":
            found = outside(leaf.curve for leaf in leaves if leaf.key_type == "ecdsa")
            words = f"has a key on {{}}{allowed}"
        case "tls.cert.signature":
            found = outside(leaf.signature for leaf in leaves if not leaf.weakly_signed)
            words = "has a certificate signed with {}"
    if found:
        yield Breach(words.format(listed(found)))


def _needs(rule: NeedRule, sight: Sight) -> Iterator[Breach]:
    kind, seen = ("group ", sight.groups) if rule.code == "tls.group.advised" else ("", sight.versions)
    if not any(name in seen for name in rule.needed):
        yield Breach(f"does not accept {kind}{' or '.join(rule.needed)}")


def _weak_keys(certificates: Iterable[Certificate], least: int) -> Iterator[Breach]:
    for each in certificates:
        if each.key_type == "rsa" and (each.key_bits or 0) < least:
            yield Breach(f"presents the certificate of {each.subject}, an RSA key of {each.key_bits} bits")


def _without_caa(facts: TlsFacts) -> Iterator[Breach]:
    caa = facts.caa
    if is_literal(facts.server_name):
        return  # RFC 8659 section 3: records are found by name
    if caa is None:
        yield Breach("has a name whose CAA records were not asked for", known=False)
    elif caa.failure is not None:
        yield Breach(f"has a name whose CAA records could not be seen: {caa.failure.message}", known=False)
    elif not caa.restricts:
        yield Breach("has a name without CAA records that say who may issue certificates")


def _absences(rule: PresenceRule, facts: TlsFacts, sight: Sight, chains: Sequence[Chain]) -> Iterator[Breach]:
    match rule.code:
        case "tls.hsts.missing":
            if is_literal(facts.server_name):
                return  # RFC 6797 section 8.1.1: an IP address is never an HSTS host
            if sight.http is None:
                yield Breach("gave no answer over HTTP, so that nothing is known of HSTS", known=False)
            elif not sight.hsts:
                yield Breach("sends no Strict-Transport-Security")
        case "tls.ocsp.missing":
            if any(chain.responder and chain.staple is None for chain in chains):
                yield Breach("staples no OCSP response, although the certificate names a responder")
            elif any(chain.responder is None for chain in chains):
                yield Breach("was not asked for an OCSP response", known=False)
        case "tls.ocsp.no_responder":
            if any(chain.responder is False for chain in chains):
                yield Breach("presents a certificate that names no OCSP responder")
            elif any(chain.responder is None for chain in chains):
                yield Breach(
                    "presents a certificate of which it is not known whether it names a responder", known=False
                )
        case "tls.revocation.unknown":
            for chain in chains:
                if why := unrevoked(chain):
                    yield Breach(why, known=chain.responder is False and chain.crl is False)
        case "tls.caa.missing":
            yield from _without_caa(facts)
        case "tls.sct.missing":
            if any(chain.scts == 0 for chain in chains):
                yield Breach("presents a certificate without timestamps of certificate transparency")
            elif any(chain.scts is None for chain in chains):
                yield Breach("was not asked for timestamps of certificate transparency", known=False)
