"""Which authorities may issue certificates for a name: CAA records (RFC 8659), from the name upwards.

The records say what an authority must heed on the day on which it issues. Whether the present certificate was issued by
one of them is not judged: a record names a domain of an authority, a certificate names an organisation.
"""

import shlex

from muniment.evidence.collectors._tls.facts import Caa, Failure
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.resolver import Resolver

_MOST_CLIMBED = 8  # names; a host of more labels is asked for at its top eight
_MOST_KEPT = 8
_LONGEST = 100  # characters of one authority's domain


async def look_up(host: str, resolver: Resolver) -> Caa:
    """The records that hold for a host in A-labels: those of the first name upwards that has any (section 3)."""
    labels = host.split(".")
    names = [".".join(labels[start:]) for start in range(len(labels))]
    try:
        for name in names[-_MOST_CLIMBED:]:
            if records := await resolver.ask(name, "CAA", behind_cnames=True):
                return _read(name, records)
    except CouldNotLook as error:
        return Caa(failure=Failure(cause=error.cause, message=error.what))
    return Caa()


def _read(name: str, records: tuple[str, ...]) -> Caa:
    """Records in the form of a zone file: `0 issue "ca.example; account=1"` (section 4.1.1)."""
    issue: dict[str, list[str]] = {"issue": [], "issuewild": []}
    for record in records:
        _, tag, *values = shlex.split(record)
        if tag.lower() in issue and values:
            issue[tag.lower()].append(values[0].partition(";")[0].strip().lower()[:_LONGEST])
    issuers, wild = (tuple(sorted(filter(None, issue[tag])))[:_MOST_KEPT] for tag in ("issue", "issuewild"))
    return Caa(
        name=name, restricts=bool(issue["issue"]), issue=issuers, issue_wild=wild if issue["issuewild"] else None
    )
