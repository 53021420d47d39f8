"""The plan of one look at one address: one hello like a browser's, then offers that each ask for one thing alone.

    1    scout: TLS 1.3 and 1.2, everything but hybrid groups; is anybody there, and is it TLS?
    1    the same again in TLS 1.3 with the other kind of certificate (RSA or ECDSA)
    3    SSL 3.0, TLS 1.0 and TLS 1.1, each alone
    4+   TLS 1.2 in four classes of suites, each taken apart until the server refuses what is left
    2+   TLS 1.3 suites, taken apart in the same way
    4+   groups: x25519, secp256r1, secp384r1 each alone, then all others
    1    a full handshake of Python's own TLS: a client gets in, and the server holds the leaf's key

A class that the server takes nothing of costs one connect, so a good server costs 17 to 20.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Literal

from muniment.evidence.collectors._tls.certificates import key_type
from muniment.evidence.collectors._tls.dial import Dialler, Handshake
from muniment.evidence.collectors._tls.facts import Failure
from muniment.evidence.collectors._tls.flight import Answer, NotTls
from muniment.evidence.collectors._tls.hello import Offer
from muniment.evidence.collectors._tls.shares import SHARED_GROUPS, KeyShares
from muniment.evidence.collectors._tls.suites import (
    ECDSA_SIGNATURES,
    GROUPS,
    RSA_SIGNATURES,
    SIGNATURES,
    SUITES_12,
    SUITES_13,
    classes_12,
)
from muniment.evidence.errors import CouldNotLook

_LONGEST_LIST = 12  # answers in one class; what accepts more is told as cut short
_LANES = 8  # questions to one address at the same time
_CLASSIC = tuple(name for name in GROUPS if "MLKEM" not in name)
_WITH_GROUPS = SUITES_13 + tuple(name for name in SUITES_12 if name.startswith(("TLS_ECDHE_", "TLS_ECDH_anon_")))
_USUAL = ("x25519", "secp256r1", "secp384r1")


@dataclass(frozen=True)
class Look:
    """All that one address showed. A look that failed holds nothing but its failure."""

    address: str
    connects: int
    resets: int
    failure: Failure | None = None
    answers: tuple[Answer, ...] = ()
    handshake: Handshake | None = None
    unanswered: tuple[str, ...] = ()
    cut_short: tuple[str, ...] = ()


@dataclass(frozen=True)
class Heard:
    """What one question brought."""

    answers: tuple[Answer, ...] = ()
    handshake: Handshake | None = None
    unanswered: bool = False
    cut_short: bool = False


_Question = Callable[[], Awaitable[Heard]]


async def look(dialler: Dialler) -> Look:
    """Look at one address. Never raises for what the network or the peer does: the look then holds its failure."""
    address = str(dialler.address)
    try:
        first = await _with_chain(dialler, ("TLSv1.3", "TLSv1.2"), SIGNATURES)
        heard = await _ask_all(dialler, _questions(dialler, first))
    except (CouldNotLook, NotTls) as error:
        return Look(address, dialler.connects, dialler.resets, failure=_failure(error))
    return Look(
        address,
        dialler.connects,
        dialler.resets,
        answers=(first, *(answer for each in heard.values() for answer in each.answers)),
        handshake=next((each.handshake for each in heard.values() if each.handshake), None),
        unanswered=tuple(sorted(name for name, each in heard.items() if each.unanswered)),
        cut_short=tuple(sorted(name for name, each in heard.items() if each.cut_short)),
    )


def _questions(dialler: Dialler, first: Answer) -> dict[str, _Question]:
    """What is still to be asked after the scout's answer, the longest first so that a slow server is done in time."""
    questions: dict[str, _Question] = {
        title: partial(_taken_apart, dialler, offer, what) for title, offer, what in _classes(first.suite, first.group)
    }
    if first.version == "TLSv1.3":
        questions["other kind of certificate"] = partial(_other_kind, dialler, first)
    questions["handshake"] = partial(_handshake, dialler)
    for version in ("SSLv3", "TLSv1.0", "TLSv1.1"):
        questions[version] = partial(_alone, dialler, Offer((version,), SUITES_12, _CLASSIC))
    return questions


@lru_cache(maxsize=512)
def _classes(suite: str | None, group: str | None) -> tuple[tuple[str, Offer, Literal["suites", "groups"]], ...]:
    """What is to be taken apart, less what the scout was answered with: title, first offer, and what changes in it."""
    legacy = zip(("ECDHE-RSA", "ECDHE-ECDSA", "other", "weak"), classes_12(), strict=True)
    alone = (*((name, (name,)) for name in _USUAL), ("other", _without(GROUPS, *_USUAL)))
    both: tuple[str, ...] = ("TLSv1.3", "TLSv1.2")
    return (
        *(
            (f"TLSv1.2 {title} suites", Offer(("TLSv1.2",), _without(suites, suite), _CLASSIC), "suites")
            for title, suites in legacy
        ),
        *((f"{title} groups", Offer(both, _WITH_GROUPS, _without(groups, group)), "groups") for title, groups in alone),
        ("TLSv1.3 suites", Offer(("TLSv1.3",), _without(SUITES_13, suite), tuple(GROUPS)), "suites"),
    )


async def _ask_all(dialler: Dialler, questions: Mapping[str, _Question]) -> dict[str, Heard]:
    """Ask everything, a few at a time. The server answers others: to this one it may say no, or nothing at all."""
    lanes = asyncio.Semaphore(_LANES)

    async def asked(question: _Question) -> Heard:
        async with lanes:
            try:
                return await question()
            except NotTls:
                return Heard()
            except CouldNotLook as error:
                # One offer that is reset again and again by a server that resets no other is refused.
                return Heard(unanswered=error.cause != "net.reset" or dialler.resets > 0)

    return dict(zip(questions, await asyncio.gather(*map(asked, questions.values())), strict=True))


async def _with_chain(dialler: Dialler, versions: tuple[str, ...], signatures: tuple[int, ...]) -> Answer:
    """An answer with its certificates; a server that wants another group than we brought is asked again with that."""
    suites = SUITES_13 + (SUITES_12 if "TLSv1.2" in versions else ())
    shares = KeyShares(("x25519", "secp256r1"))
    offer = Offer(versions, suites, _CLASSIC, signatures, shares.public)
    answer = await dialler.ask(offer, shares)
    if answer.chain or answer.version != "TLSv1.3" or answer.group not in SHARED_GROUPS:
        return answer
    shares = KeyShares((answer.group,))
    return await dialler.ask(replace(offer, groups=(answer.group,), shares=shares.public), shares)


async def _other_kind(dialler: Dialler, first: Answer) -> Heard:
    """The certificate for the other kind of key, if there is one; TLS 1.2 shows both kinds by its suites."""
    other = ECDSA_SIGNATURES if first.chain and key_type(first.chain[0]) == "rsa" else RSA_SIGNATURES
    return Heard((await _with_chain(dialler, ("TLSv1.3",), other),))


async def _handshake(dialler: Dialler) -> Heard:
    return Heard(handshake=await dialler.shake_hands())


async def _alone(dialler: Dialler, offer: Offer) -> Heard:
    return Heard((await dialler.ask(offer),))


async def _taken_apart(dialler: Dialler, offer: Offer, what: Literal["suites", "groups"]) -> Heard:
    """Offer again and again without what was taken, until the server refuses or nothing is left.

    What was taken before an offer got no answer is kept: it may be what fails the policy.
    """
    answers: tuple[Answer, ...] = ()
    while offer.suites and offer.groups:
        if len(answers) == _LONGEST_LIST:
            return Heard(answers, cut_short=True)
        try:
            answer = await dialler.ask(offer)
        except (CouldNotLook, NotTls):
            if answers:
                return Heard(answers, unanswered=True)
            raise
        taken = answer.suite if what == "suites" else answer.group
        if not answer.agreed or taken not in (offer.suites if what == "suites" else offer.groups):
            break
        answers += (answer,)
        offer = _less(offer, what, taken)
    return Heard(answers)


@lru_cache(maxsize=512)  # most servers take the same, in the same order
def _less(offer: Offer, what: Literal["suites", "groups"], taken: str | None) -> Offer:
    if what == "suites":
        return replace(offer, suites=_without(offer.suites, taken))
    return replace(offer, groups=_without(offer.groups, taken))


def _without(names: Iterable[str], *taken: str | None) -> tuple[str, ...]:
    return tuple(name for name in names if name not in taken)


def _failure(error: CouldNotLook | NotTls) -> Failure:
    match error:
        case CouldNotLook():
            return Failure(cause=error.cause, message=error.what)
        case NotTls():
            seen = f"its answer begins with {error.seen!r}" if error.seen else "its answer has no end"
            return Failure(cause="tls.absent", message=f"does not speak TLS ({seen})")
