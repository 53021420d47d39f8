"""What was seen of an endpoint: where its name leads, who is registered on the way, and who holds the addresses."""

from typing import Annotated

from pydantic import Field

from muniment.evidence.collector import Facts
from muniment.evidence.collectors._ownership.answer import Holder, Naming
from muniment.evidence.collectors._ownership.chain import End
from muniment.evidence.collectors._ownership.ranges import Range
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.model import Digest, Frozen, Instant
from muniment.evidence.sensitive import Declared


class Failure(Frozen):
    """Why something could not be seen: a finding code and a sentence without its full stop."""

    code: str
    message: str

    @classmethod
    def of(cls, error: CouldNotLook) -> "Failure":
        """The failure that an error tells of."""
        return cls(code=error.cause, message=f"{error.what} ({error.where})" if error.where else error.what)


class Registration(Frozen):
    """What the registry, and where it is thin the registrar, say of a domain.

    `failure` says why nothing could be seen, or why the registrar could not be asked.
    """

    domain: str = Field(description="The registrable domain, by the public suffix list with its private section")
    registered: str = Field(description="The domain that was asked for: shorter under a private suffix")
    server: str | None = None
    holder: Holder = Holder(naming=Naming.ABSENT)
    status: tuple[str, ...] = ()
    expires: Instant | None = None
    related: str | None = Field(None, description="The registrar's answer, if it was asked for too")
    failure: Failure | None = None

    @property
    def under_private_suffix(self) -> bool:
        """Whether the operator of `registered` gave `domain` out, so that the registry does not know to whom."""
        return self.domain != self.registered


class Network(Frozen):
    """An address, and what the registry says of the network that it lies in."""

    address: str
    range: tuple[str, str] | None = Field(None, description="First and last address of the network")
    holder: Holder | None = None
    failure: Failure | None = None
    published: Range | None = Field(None, description="The range of the file of ranges that the address lies in")


class Challenge(Frozen):
    """Whether the token that the settings name was published: `name` is where, in the DNS or on the web."""

    name: str
    found: bool
    failure: Failure | None = None


class Certified(Frozen):
    """What a certificate says of the organisation that a certification authority validated, and until when."""

    organisation: str
    issuer: str
    not_before: Instant
    not_after: Instant
    sha256: Digest


class Hop(Frozen):
    """A name on the way; `domain` is its registrable domain, None where nobody can register the name."""

    name: str
    domain: str | None


class OwnershipFacts(Facts):
    """The domain owner and the infrastructure operator are apart: `registrations` and `networks`."""

    domain: str = Field(description="The registrable domain of the host")
    chain: tuple[Hop, ...] = Field(min_length=1, description="The host, then the target of each CNAME")
    end: End
    dns_failure: Annotated[Failure | None, Declared("ip")] = None
    registrations: Annotated[tuple[Registration, ...], Declared("ip")]
    networks: Annotated[tuple[Network, ...], Declared("ip")] = ()
    addresses_left_out: int = 0
    challenge: Annotated[Challenge | None, Declared("ip")] = Field(
        None, description="The look for the token, if the settings name one"
    )
    well_known: Annotated[Challenge | None, Declared("ip")] = Field(
        None, description="The look for the token on the web server, if the settings ask for one"
    )
    certified: Certified | None = Field(None, description="The certificate, if the settings name one")

    @property
    def hops_elsewhere(self) -> tuple[Hop, ...]:
        """The hops that do not lie in the host's own domain. The end of a dangling chain is left out: there is nobody
        whom it belongs to."""
        reached = self.chain[1:-1] if self.end is End.NO_NAME else self.chain[1:]
        return tuple(hop for hop in reached if hop.domain != self.domain)

    def registration_of(self, domain: str) -> Registration:
        """The registration of the registrable domain of the host or of a hop; KeyError for any other."""
        return {each.domain: each for each in self.registrations}[domain]
