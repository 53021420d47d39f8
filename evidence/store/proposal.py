"""A change of the keys on its way round: proposed on one machine, signed on others, and stored on the first. Pure.

The file holds the next version of the document, and the signatures over it that have been gathered. It is no secret and
needs no safe way: a signature says nothing of any other version, and what is stored is judged by the log's own rules.
"""

import base64
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from muniment.evidence.errors import StoreFault, UsageError
from muniment.evidence.model import Frozen, Instant, canonical, digest, rfc3339
from muniment.evidence.store import dsse
from muniment.evidence.store.keyring import OutsideSigner
from muniment.evidence.store.keys import Signer, Trust, TrustedKey
from muniment.evidence.store.rotation import PAYLOAD_TYPE


class Proposal(Frozen):
    """The version that is proposed, in words too, and who has signed it.

    `subject` is the first line of the commit, `message` what is told when it is stored, `reason` why, `about` the
    fingerprints of the keys that change.
    """

    schema_: Literal["muniment.keys-proposal/1"] = Field("muniment.keys-proposal/1", alias="schema")
    changed: Trust
    at: Instant
    subject: str
    message: str
    reason: str
    about: tuple[str, ...]
    signatures: tuple[dsse.Signature, ...] = ()

    @classmethod
    def load(cls, path: Path) -> "Proposal":
        """The proposal of a file.

        Raises:
            UsageError: it is missing or no such file.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise UsageError(
                f"the proposal cannot be read: {error.strerror}", where=str(path), code="proposal.missing"
            ) from error
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(
                f"this is no proposed change of keys: {'.'.join(map(str, first['loc']))}: {first['msg']}",
                where=str(path),
                mend="`muniment keys add … --propose FILE` makes one; ask for the file once more",
                code="proposal.malformed",
            ) from error

    def dump(self, path: Path) -> None:
        """Write the file as a whole, in place of an older state of it.

        Raises:
            StoreFault: the place cannot be written.
        """
        new = path.with_name(path.name + ".new")
        try:
            new.write_bytes(canonical(self) + b"\n")
            new.replace(path)
        except OSError as error:
            raise StoreFault(
                f"the proposal cannot be written: {error.strerror}", where=str(path), code="proposal.unwritable"
            ) from error

    def signed_by(self, signer: Signer) -> "Proposal":
        """The proposal with one signature more; the same signer's again changes nothing.

        Raises:
            UsageError: the key may not change keys, neither now nor in what is proposed.
        """
        key = self.changed.key(signer.public)
        if key is None or not key.changes_keys:
            raise UsageError(
                f"the signature of {signer.fingerprint} would not count: it may not change these keys",
                mend="sign with a key that `muniment keys list` shows, and not one for runs only",
                code="proposal.unknown_key",
            )
        signature = base64.b64encode(signer.sign(dsse.pae(PAYLOAD_TYPE, canonical(self.changed)))).decode()
        others = tuple(each for each in self.signatures if each.keyid != signer.fingerprint)
        mine = dsse.Signature(keyid=signer.fingerprint, sig=signature)
        return self.model_copy(update={"signatures": (*others, mine)})

    def signers(self) -> list[Signer]:
        """Those who have signed, as signers of this one thing; a signature that does not fit is refused when used."""
        known = {key.fingerprint: key for key in self.changed.keys}
        return [_once(known[each.keyid], each) for each in self.signatures if each.keyid in known]

    def follows(self, now: Trust) -> None:
        """See that it changes the version that is in force.

        Raises:
            UsageError: it was made for another log, or the keys have changed meanwhile.
        """
        if self.changed.origin != now.origin:
            raise UsageError(
                f"the proposal is for the log {self.changed.origin}, not for {now.origin}", code="proposal.foreign"
            )
        if self.changed.version != now.version + 1 or self.changed.previous != digest(canonical(now)):
            raise UsageError(
                f"the proposal would be version {self.changed.version} of the keys, and does not follow version"
                f" {now.version}, which is in force",
                mend="propose it anew from the keys as they are now",
                code="proposal.stale",
            )


def differences(old: Trust, new: Trust) -> list[str]:
    """What a change does, a sentence each: what a person has to read before he signs it."""
    said = []
    for key in new.keys:
        before = old.key(key.raw)
        limit = {"runs": ", for runs only", "keys": ", for changes of keys only", None: ""}[key.only]
        if before is None:
            said.append(f"{key.name}, {key.fingerprint}, may sign{limit}.")
        elif key.revoked is not None and before.revoked is None:
            since = rfc3339(key.revoked)
            said.append(f"{key.name}, {key.fingerprint}, is revoked, and not believed since {since}: {key.reason}.")
        elif key != before:
            until = rfc3339(key.valid_until) if key.valid_until else "no time"
            said.append(f"{key.name}, {key.fingerprint}, may sign until {until}{limit}.")
    if new.threshold != old.threshold:
        said.append(f"{new.threshold} keys must sign a change from then on, not {old.threshold}.")
    said += [f"{key.name}, {key.fingerprint}, is taken out." for key in old.keys if new.key(key.raw) is None]
    return said


def _once(key: TrustedKey, signature: dsse.Signature) -> OutsideSigner:
    """A signer whose one signature was brought from elsewhere."""
    return OutsideSigner(key.raw, key.name, lambda _: base64.b64decode(signature.sig), "the proposal's signatures")
