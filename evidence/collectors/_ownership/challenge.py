"""A proof by the DNS: whoever controls a name can publish a text beneath it that the organisation chose.

It shows control of the name and not who is registered, so that it answers only a question that the registry leaves
open. The token depends on the store and on the host: one that is copied to another name proves nothing there.
"""

import hashlib

from muniment.evidence.collectors._ownership.facts import Challenge, Failure
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.resolver import Resolver

TOKEN = r"^muniment-[0-9a-f]{40}$"  # noqa: S105 - a pattern; the token itself is public too


def challenge_name(host: str) -> str:
    """Where the token is published: an underscored name, as RFC 8552 has it for such uses."""
    return f"_muniment-challenge.{host}"


def challenge_token(origin: str, host: str) -> str:
    """The token of one host (A-labels, lower case) for the store of that origin; the same whenever it is asked for."""
    said = f"muniment challenge 1\n{origin}\n{host}"
    return f"muniment-{hashlib.sha256(said.encode()).hexdigest()[:40]}"


async def look_for(token: str, host: str, resolver: Resolver) -> Challenge:
    """Whether a TXT record at the host's own challenge name is the token. A CNAME there is not followed: where it leads
    may be somebody else's."""
    name = challenge_name(host)
    try:
        texts = await resolver.ask(name, "TXT")
    except CouldNotLook as error:
        return Challenge(name=name, found=False, failure=Failure.of(error))
    return Challenge(name=name, found=f'"{token}"' in (texts or ()))
