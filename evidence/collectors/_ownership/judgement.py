"""What the facts about an endpoint mean. Pure: the same facts, parties and instant always give the same verdict.

Each rule gives verdicts of its own; the gravest status wins, and the codes of all rules that speak are kept. Who owns
the domain and who operates the machines are separate questions, asked one after the other:

1. The registrant of the host's registrable domain must be the declared owner. Where the registry leaves open who that
   is, another proof may answer: the token in the DNS or on the web server, or a validated certificate. No proof lifts
   what it does say.
2. Each other registrable domain on the way must belong to the owner or to a declared processor.
3. The way must have an end.
4. No address may be inside (loopback, private, link-local …), unless that is meant.
5. Where the last name is the owner's own, the holder of each address is told: it is a note if it is someone else, and
   a failure if organisations are declared as processors and it is none of them. Behind a name of a processor the
   address is the processor's affair.
"""

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from muniment.evidence.collectors._ownership import names
from muniment.evidence.collectors._ownership.answer import Holder, Naming
from muniment.evidence.collectors._ownership.chain import MOST_HOPS, End
from muniment.evidence.collectors._ownership.facts import Failure, Hop, Network, OwnershipFacts, Registration
from muniment.evidence.hosts import in_letters, is_domain, lies_in
from muniment.evidence.net import Address, is_public
from muniment.evidence.verdict import Status, Verdict, failed, inconclusive, passed

# EPP's redemptionPeriod, pendingDelete and pendingRestore as RDAP spells them (RFC 8056 section 2).
_LAPSING = {"redemption period", "pending delete", "pending restore"}
_SOON = timedelta(days=30)
# RFC 5737 and RFC 3849: nobody's addresses. They are not routed, and lead neither inside nor to a stranger.
_DOCUMENTATION = [
    ipaddress.ip_network(each) for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]
_UNNAMED = {
    Naming.REDACTED: ("rdap.redacted", "the registrant is redacted"),
    Naming.PROXY: ("rdap.privacy_proxy", "a privacy service stands in for the registrant"),
    Naming.ABSENT: ("rdap.no_registrant", "the answer names no registrant"),
}


@dataclass(frozen=True)
class Parties:
    """Who is declared: the owner with its aliases, and the processors, which are organisations or domains."""

    owner: str
    aliases: tuple[str, ...]
    processors: tuple[str, ...]
    allow_private: bool

    @property
    def declared(self) -> tuple[str, ...]:
        """All names that may be kept where an answer bears them."""
        return (self.owner, *self.aliases, *self.processors)

    @property
    def names_operators(self) -> bool:
        """Whether the list of processors says who operates machines: it does once it names an organisation."""
        return any(not is_domain(each) for each in self.processors)

    def own(self, holder: Holder | None) -> bool:
        """Whether the holder is the declared owner."""
        return _is_one_of(holder, (self.owner, *self.aliases))

    def process(self, holder: Holder | None) -> bool:
        """Whether the holder is a declared processor."""
        return _is_one_of(holder, self.processors)

    def process_in(self, domain: str) -> bool:
        """Whether the domain is, or lies in, one that is declared as a processor's."""
        return lies_in(domain, (each.lower() for each in self.processors if is_domain(each)))


def judged(facts: OwnershipFacts, parties: Parties, at: datetime) -> Verdict:
    """The verdict on one endpoint at the instant `at`."""
    owner = tuple(_of_owner(facts, parties, at))
    return _sum(
        facts.chain[0].name,
        (
            *_of_lapse(facts.registration_of(facts.domain), at),
            *owner,
            *(point for hop in facts.hops_elsewhere for point in _of_hop(hop, facts, parties, at)),
            *_of_end(facts),
            *_of_blocked(facts, parties),
            *_of_operators(facts, parties, shown=any(each.status is Status.PASS for each in owner)),
        ),
    )


def leads_inside(address: Address) -> bool:
    """Whether the address is one at which only the inside of some network can be found."""
    return not is_public(address) and not any(address in network for network in _DOCUMENTATION)


def _sum(host: str, points: Sequence[Verdict]) -> Verdict:
    """The gravest status with its sentences; the codes of all points, gravest first and each once.

    A host that A-labels make unreadable comes first, in both spellings.
    """
    ordered = sorted(points, key=lambda point: -point.status.gravity)
    status = ordered[0].status
    spelled = [f"{in_letters(host)}:"] if in_letters(host) != host else []
    return Verdict(
        status=status,
        message=" ".join((*spelled, *dict.fromkeys(point.message for point in ordered if point.status is status))),
        codes=tuple(dict.fromkeys(code for point in ordered for code in point.codes)),
    )


def _of_owner(facts: OwnershipFacts, parties: Parties, at: datetime) -> Iterator[Verdict]:
    registration = facts.registration_of(facts.domain)
    if left_open := _left_open(registration):
        proofs = list(_of_proofs(facts, parties, at))
        shown = [proof for proof in proofs if proof.status is Status.PASS]
        yield from shown or (left_open, *proofs)
    elif registration.failure:
        yield _of_failure(registration.registered, registration.failure)
    elif parties.own(registration.holder):
        yield passed(f"{facts.domain} is registered to {_called(registration.holder)}.")
    else:
        yield failed(
            f"{facts.domain} is registered to {_called(registration.holder)}, and the declared owner is "
            f'"{parties.owner}".',
            "rdap.owner_mismatch",
        )


def _of_proofs(facts: OwnershipFacts, parties: Parties, at: datetime) -> Iterator[Verdict]:
    """What the proofs of the settings show: a pass for each that shows the owner, else inconclusive with the reason."""
    host, challenge, certified = facts.chain[0].name, facts.challenge, facts.certified
    if challenge and challenge.found:
        message = f"Who controls {host} published the organisation's token in the DNS; the registry names nobody."
        yield passed(message, "proof.dns_txt")
    elif challenge and challenge.failure:
        yield inconclusive(f"{challenge.failure.message}.", challenge.failure.code)
    elif challenge:
        yield inconclusive(f"{challenge.name} does not hold the token of the settings.", "proof.dns_txt_absent")
    yield from _of_file(facts)
    if certified is None:
        return
    told = f'{certified.issuer} validated "{certified.organisation}" for a certificate of {host}'
    if not names.same(certified.organisation, (parties.owner, *parties.aliases)):
        yield inconclusive(f"{told}, which is not the declared owner.", "proof.certificate_unsuited")
    elif not certified.not_before <= at < certified.not_after:
        yield inconclusive(f"{told}, which ended on {certified.not_after:%Y-%m-%d}.", "proof.certificate_unsuited")
    else:
        yield passed(f"{told}; the registry names nobody.", "proof.certificate")


def _of_file(facts: OwnershipFacts) -> Iterator[Verdict]:
    """A file shows who runs the server. Where the name leads into another domain, that is whoever is there."""
    file = facts.well_known
    if file is None:
        return
    if file.failure:
        yield inconclusive(f"{file.failure.message}.", file.failure.code)
    elif not file.found:
        yield inconclusive(f"{file.name} does not hold the token of the settings.", "proof.well_known_absent")
    elif elsewhere := facts.hops_elsewhere:
        words = f"{file.name} holds the token, but the name leads to {elsewhere[-1].name}, whose server that is."
        yield inconclusive(words, "proof.well_known_elsewhere")
    else:
        yield passed(f"{file.name} holds the organisation's token; the registry names nobody.", "proof.well_known")


def _of_hop(hop: Hop, facts: OwnershipFacts, parties: Parties, at: datetime) -> Iterator[Verdict]:
    led = f"The CNAME leads to {hop.name}"
    registration = facts.registration_of(hop.domain) if hop.domain else None
    if parties.process_in(hop.name) or (registration and parties.process(registration.holder)):
        yield passed(f"{led}, which is a declared processor's.", "dns.cname_declared_processor")
    elif registration is None:
        yield inconclusive(f"{led}, which nobody can register by itself.", "psl.no_registrable_domain")
    else:
        yield from _of_lapse(registration, at)
        if registration.failure:
            yield _of_failure(registration.registered, registration.failure)
        else:
            yield _of_hop_holder(led, registration, parties)


def _of_hop_holder(led: str, registration: Registration, parties: Parties) -> Verdict:
    holder = registration.holder
    if _owns(registration, parties):
        return passed(f"{led}, and {registration.domain} is registered to {_called(holder)}.")
    if parties.own(holder):
        return _private_suffix(registration)
    return _unnamed(registration) or failed(
        f"{led}; {registration.registered} is registered to {_called(holder)}, "
        "which is neither the owner nor a declared processor.",
        "dns.cname_cloaking",
    )


def _of_failure(domain: str, failure: Failure) -> Verdict:
    """Why nothing is known of a domain; only that it is not registered is a failure of its own."""
    judge = failed if failure.code == "rdap.not_found" else inconclusive
    return judge(f"{domain}: {failure.message}.", failure.code)


def _of_lapse(registration: Registration, at: datetime) -> Iterator[Verdict]:
    """What holds of any domain that is relied on: that it will stay registered."""
    domain, expires = registration.registered, registration.expires
    lapsing = sorted(_LAPSING.intersection(registration.status))
    if lapsing or (expires and expires <= at):
        reason = f"its status is {' and '.join(lapsing)}" if lapsing else f"it expired on {expires:%Y-%m-%d}"
        yield failed(f"The registration of {domain} is lapsing: {reason}.", "rdap.domain_lapsing")
    elif expires and expires - at <= _SOON:
        yield passed(f"The registration of {domain} ends on {expires:%Y-%m-%d}.", "rdap.domain_expiring")


def _of_end(facts: OwnershipFacts) -> Iterator[Verdict]:
    """An absent name is a finding of its own only if its domain could be seen: else it follows from that."""
    first, last = facts.chain[0].name, facts.chain[-1].name
    seen = not facts.registration_of(facts.domain).failure
    match facts.end:
        case End.ADDRESSES:
            return
        case End.NO_NAME if last != first:
            yield failed(
                f"The CNAME leads to {last}, which does not exist: who obtains it takes over {first}.",
                "dns.dangling_cname",
            )
        case End.NO_NAME:
            if seen:
                yield inconclusive(f"{first} does not exist in the DNS.", "dns.nxdomain")
        case End.NO_ADDRESS:
            if seen:
                yield inconclusive(f"{last} has no address.", "dns.no_address")
        case End.LOOP:
            yield inconclusive(f"The CNAMEs of {first} come back to {last}.", "dns.cname_loop")
        case End.TOO_LONG:
            yield inconclusive(f"The CNAMEs of {first} go on beyond {MOST_HOPS} hops.", "dns.cname_loop")
        case End.UNSEEN:
            failure = facts.dns_failure
            if failure:
                yield inconclusive(f"{failure.message}.", failure.code)


def _of_blocked(facts: OwnershipFacts, parties: Parties) -> Iterator[Verdict]:
    for network in facts.networks:
        if leads_inside(ipaddress.ip_address(network.address)):
            where = f"{facts.chain[-1].name} leads to {network.address}, which is not a public address"
            if parties.allow_private:
                yield passed(f"{where}; that is meant.", "ip.private_address")
            else:
                yield inconclusive(f"{where}; nothing was sent to it.", "ssrf.blocked_address")


def _of_operators(facts: OwnershipFacts, parties: Parties, *, shown: bool) -> Iterator[Verdict]:
    """`shown`: whether the host's own domain was shown to be the owner's."""
    domain = facts.chain[-1].domain
    if facts.end is not End.ADDRESSES or domain is None:
        return
    if not (shown if domain == facts.domain else _owns(facts.registration_of(domain), parties)):
        return
    for network in facts.networks:
        if not leads_inside(ipaddress.ip_address(network.address)):
            yield _of_operator(network, parties)
    if facts.addresses_left_out:
        message = f"{facts.addresses_left_out} more addresses were not looked at."
        yield inconclusive(message, "ip.holder_unknown")


def _of_operator(network: Network, parties: Parties) -> Verdict:
    """By the registry; where it names nobody, by the file of ranges, which can show a stranger and never the owner."""
    holder, published = network.holder, network.published
    if parties.own(holder):
        return passed(f"{network.address} is the owner's own.")
    if holder is None or holder.naming in _UNNAMED:
        if published is None or names.same(published.operator, (parties.owner, *parties.aliases)):
            reason = network.failure.message if network.failure else "the answer does not name the holder"
            judge = inconclusive if parties.names_operators else passed
            return judge(f"Who operates {network.address} is not known: {reason}.", "ip.holder_unknown")
        named = Holder(naming=Naming.NAMED, name=published.operator)
        verdict = _of_stranger(network.address, named, parties)
        words = f"{verdict.message} By the file of ranges: {published.prefix}, {published.date}."
        return Verdict(status=verdict.status, message=words, codes=(*verdict.codes, "ip.published_range"))
    return _of_stranger(network.address, holder, parties)


def _of_stranger(address: str, holder: Holder, parties: Parties) -> Verdict:
    told = f"{address} is operated by {_called(holder)}"
    if parties.process(holder):
        return passed(f"{told}, a declared processor.", "ip.third_party_host")
    if parties.names_operators:
        return failed(f"{told}, which is neither the owner nor a declared processor.", "ip.undeclared_operator")
    return passed(f"{told}; no operator is declared.", "ip.third_party_host")


def _owns(registration: Registration, parties: Parties) -> bool:
    return not registration.under_private_suffix and parties.own(registration.holder)


def _is_one_of(holder: Holder | None, declared: Sequence[str]) -> bool:
    return holder is not None and holder.naming is Naming.NAMED and names.same(holder.name or "", declared)


def _left_open(registration: Registration) -> Verdict | None:
    """Inconclusive where the registry was heard, or there is none, and the registrant is not told; None where the
    registry tells it, or was not heard."""
    failure = registration.failure
    if failure:
        heard = registration.related is not None or failure.code == "rdap.no_service"
        return _of_failure(registration.registered, failure) if heard else None
    return _private_suffix(registration) if registration.under_private_suffix else _unnamed(registration)


def _unnamed(registration: Registration) -> Verdict | None:
    """Inconclusive where the answer does not say who the registrant is; None where it does."""
    if registration.holder.naming not in _UNNAMED:
        return None
    code, sentence = _UNNAMED[registration.holder.naming]
    return inconclusive(f"{registration.registered}: {sentence}.", code)


def _private_suffix(registration: Registration) -> Verdict:
    return inconclusive(
        f"{registration.domain} is a name that the operator of {registration.registered} gave out; "
        "the registry does not know to whom.",
        "rdap.private_suffix",
    )


def _called(holder: Holder) -> str:
    return f'"{holder.name}"' if holder.name else "a name without an organisation, which is not kept"
