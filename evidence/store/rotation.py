"""Changes of who may sign: a key added, put in another's place, or revoked. Pure.

A change is a new version of the whole document, `keys/0002.json` and so on, which names the digest of the one before.
It is signed by enough of the keys that the version before lets change it, and by enough of those that it names itself,
so that nobody names a key that he does not hold. The signatures stand beside it (`keys/0002.sig.json`, DSSE) and do
not depend on the head of the log: people can sign on different machines.

No key ever leaves the document, because what it signed must stay readable. It is ended (`valid_until`), and from the
commit of that version on nothing that it signs counts, whatever time it claims. A revoked key also has the instant
since when it is not believed; the change itself cannot prove what came before that instant, but an anchor can.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from muniment.evidence.errors import IntegrityError, UsageError
from muniment.evidence.model import canonical, digest, rfc3339, utc
from muniment.evidence.store import dsse
from muniment.evidence.store.fault import Fault
from muniment.evidence.store.keys import Signer, Trust, TrustedKey, openssh

PAYLOAD_TYPE = "application/vnd.muniment.root+json"


@dataclass(frozen=True)
class StoredTrust:
    """A version of the document as the log holds it; `line` is its leaf."""

    trust: Trust
    line: bytes


@dataclass(frozen=True)
class Signed:
    """A commit of the log: its leaves, when it claims to have been made, and the keys that signed its statement."""

    first: int
    size: int
    at: datetime
    where: str
    keys: tuple[str, ...]


def with_key(now: StoredTrust, signer: Signer, at: datetime, *, only: str | None = None, name: str = "") -> Trust:
    """The next version, with one key more.

    Raises:
        UsageError: it has the key already.
    """
    if now.trust.key(signer.public) is not None:
        raise UsageError(
            f"the store knows the key {signer.fingerprint} already", mend="make a new one", code="keys.known"
        )
    key = TrustedKey.model_validate(
        {"name": name or signer.name, "public": openssh(signer.public), "valid_from": utc(at), "only": only}
    )
    return _next(now, (*now.trust.keys, key))


def in_place_of(now: StoredTrust, old: Signer, new: Signer, at: datetime, *, name: str = "") -> Trust:
    """The next version, in which `old` has ended and `new` signs in its place.

    Raises:
        UsageError: `new` is known already.
    """
    known = now.trust.key(old.public)
    grown = with_key(now, new, at, only=known.only if known else None, name=name)
    keys = tuple(_ended(key, at) if key.raw == old.public else key for key in grown.keys)
    return grown.model_copy(update={"keys": keys})


def without(now: StoredTrust, fingerprint: str, at: datetime, *, since: datetime, reason: str) -> Trust:
    """The next version, in which this key is revoked: it signs no more, and is not believed since that instant.

    Raises:
        UsageError: there is no such key, or it was revoked before.
    """
    found = next((key for key in now.trust.keys if key.fingerprint == fingerprint), None)
    if found is None or found.revoked is not None:
        known = ", ".join(key.fingerprint for key in now.trust.keys if key.revoked is None)
        raise UsageError(f"there is no key {fingerprint} to revoke", mend=f"there are: {known}", code="keys.unknown")
    revoked = _ended(found, at).model_copy(update={"revoked": utc(since), "reason": reason})
    return _next(now, tuple(revoked if key is found else key for key in now.trust.keys))


def with_threshold(changed: Trust, threshold: int) -> Trust:
    """The same version, in which so many keys must sign the next."""
    return changed.model_copy(update={"threshold": threshold})


def signed_change(changed: Trust, signers: Sequence[Signer]) -> bytes:
    """The signatures over a version, as they are stored."""
    return dsse.seal(PAYLOAD_TYPE, canonical(changed), *signers) + b"\n"


def change_faults(old: StoredTrust, line: bytes, changed: Trust, signatures: bytes, at: datetime) -> Iterator[Fault]:
    """Why a version does not follow the one before it; nothing where it does."""
    where = f"version {changed.version} of the keys"
    if (changed.version, changed.origin) != (old.trust.version + 1, old.trust.origin):
        yield Fault("root.version", where, f"it does not follow version {old.trust.version} of {old.trust.origin}")
    if changed.previous != digest(old.line):
        yield Fault("root.previous", where, "it does not name the digest of the version before")
    for key in old.trust.keys:
        kept = changed.key(key.raw)
        if kept is None or _wider(key, kept):
            yield Fault("root.dropped", where, f"the key of {key.name} was taken out, or may do more than before")
    for trust, whose in ((old.trust, "the version before it"), (changed, "it")):
        try:
            signed = _signed(trust, line, signatures, at)
        except IntegrityError as error:
            yield Fault("root.threshold", where, f"its signatures cannot be believed: {error.what}")
            return
        if signed < trust.threshold:
            what = f"{whose} asks for the signatures of {trust.threshold} of its keys, and has those of {signed}"
            yield Fault("root.threshold", where, what)


def pin_fault(chain: Sequence[StoredTrust], pinned: Trust) -> Fault | None:
    """Why a store's versions are not those of the document that a reader pinned; None where they are.

    The pinned version must be among them; the earlier ones are known by the digests that it names in turn. The later
    ones are for the examination of the log to believe.
    """
    where = f"version {pinned.version} of the keys"
    if chain[0].trust.origin != pinned.origin:
        what = f"this is the log {chain[0].trust.origin}, and what was pinned is for {pinned.origin}"
        return Fault("log.origin", f"version {chain[0].trust.version} of the keys", what)
    if len(chain) < pinned.version:
        return Fault("root.shorter", where, f"the store has {len(chain)} only: what came after was taken away")
    if chain[pinned.version - 1].trust != pinned:
        return Fault("root.foreign", where, "the keys of the store are not those that were pinned")
    for older, newer in pairwise(chain[: pinned.version]):
        if newer.trust.previous != digest(older.line):
            return Fault("root.foreign", where, f"what it names as version {older.trust.version} is another")
    return None


def revoked_faults(
    signed: Sequence[Signed],
    trust: Trust,
    anchored: Sequence[tuple[int, datetime]],
    *,
    pinned: bool,
    patience: timedelta,
) -> Iterator[Fault]:
    """What only revoked keys signed, and what cannot be believed of it.

    Args:
        signed: the commits of the log.
        trust: the newest version of the keys.
        anchored: sizes of the log and the instants by which authorities that the reader pinned had stamped them.
        pinned: whether the reader pinned any authority. If so, only an anchor shows that something was signed before
            the revocation; if not, the time that it claims must do.
        patience: how far an honest clock may be off.
    """
    revoked = {key.fingerprint: key for key in trust.keys if key.revoked is not None}
    for entry in signed:
        keys = [revoked[key] for key in entry.keys if key in revoked]
        if not keys or len(keys) < len(entry.keys):
            continue
        since = max(key.revoked for key in keys if key.revoked is not None)
        name = keys[0].name
        if entry.at >= since:
            what = f"the key of {name} signed it at {rfc3339(entry.at)}, and is not believed since {rfc3339(since)}"
            yield Fault("key.revoked", entry.where, what)
        elif pinned and not any(size >= entry.size and at <= since + patience for size, at in anchored):
            what = f"no anchor shows that it was there when the key of {name} was revoked, {rfc3339(since)}"
            yield Fault("key.unproven", entry.where, what)


def _signed(trust: Trust, line: bytes, signatures: bytes, at: datetime) -> int:
    """How many keys that may change the keys have signed this leaf."""
    try:
        payload, keys = dsse.unseal(signatures, PAYLOAD_TYPE, trust)
    except IntegrityError as error:
        if error.code == "statement.unknown_key":
            return 0
        raise
    return len({key.raw for key in keys if key.changes_keys and key.valid_at(at)}) if payload == line else 0


def _next(now: StoredTrust, keys: tuple[TrustedKey, ...]) -> Trust:
    changes = {"version": now.trust.version + 1, "previous": digest(now.line), "keys": keys}
    return now.trust.model_copy(update=changes)


def _ended(key: TrustedKey, at: datetime) -> TrustedKey:
    until = utc(at) if key.valid_until is None else min(utc(at), key.valid_until)
    return key.model_copy(update={"valid_until": until})


def _wider(old: TrustedKey, new: TrustedKey) -> bool:
    """Whether a key may do more than before: sign longer or earlier, more kinds of thing, or in spite of revocation."""
    longer = old.valid_until is not None and (new.valid_until is None or new.valid_until > old.valid_until)
    earlier = old.valid_from is not None and (new.valid_from is None or new.valid_from < old.valid_from)
    forgiven = old.revoked is not None and new.revoked != old.revoked
    return longer or earlier or forgiven or (new.only, new.name) != (old.only, old.name)
