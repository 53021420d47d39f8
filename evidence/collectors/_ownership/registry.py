"""Who is registered: one domain or one address, asked of the server that knows."""

from collections.abc import Sequence

from muniment.evidence.collectors._ownership.answer import DomainAnswer, Holder, Naming, domain_answer, network_answer
from muniment.evidence.collectors._ownership.domains import Registrable
from muniment.evidence.collectors._ownership.facts import Failure, Network, Registration
from muniment.evidence.collectors._ownership.rdap import Answer, Bootstrap, Rdap
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.net import Address
from muniment.evidence.record import Content

_MOST_STATUSES = 20  # a record is for reading; EPP knows fewer


class Registry:
    """Asks about domains and addresses; `contents` are the digests of what was answered."""

    def __init__(self, rdap: Rdap, bootstrap: Bootstrap, declared: Sequence[str]) -> None:
        self._rdap = rdap
        self._bootstrap = bootstrap
        self._declared = declared
        self.contents: list[Content] = []

    async def registration(self, domain: Registrable) -> Registration:
        """The registration of a domain; what goes wrong is part of it."""
        server = self._bootstrap.server_of_domain(domain.registered)
        if server is None:
            message = f"the bootstrap names no RDAP server for {domain.registered}"
            failure = Failure(code="rdap.no_service", message=message)
            return Registration(domain=domain.domain, registered=domain.registered, failure=failure)
        url = f"{server.rstrip('/')}/domain/{domain.registered}"
        try:
            answer = self._told(await self._rdap.get(url), domain.registered, url)
        except CouldNotLook as error:
            return Registration(
                domain=domain.domain, registered=domain.registered, server=server, failure=Failure.of(error)
            )
        holder, related, failure_of_related = answer.holder(self._declared), answer.related(url), None
        if related and holder.naming in (Naming.ABSENT, Naming.REDACTED):
            holder, failure_of_related = await self._ask_registrar(related, domain.registered, holder)
        else:
            related = None
        return Registration(
            domain=domain.domain,
            registered=domain.registered,
            server=server,
            holder=holder,
            status=tuple(status[:64].lower() for status in answer.status[:_MOST_STATUSES]),
            expires=answer.expires,
            related=related,
            failure=failure_of_related,
        )

    async def network(self, address: Address) -> Network:
        """The network of an address; what goes wrong is part of it."""
        server = self._bootstrap.server_of_address(address)
        if server is None:
            message = f"the bootstrap names no RDAP server for {address}"
            return Network(address=str(address), failure=Failure(code="rdap.no_service", message=message))
        url = f"{server.rstrip('/')}/ip/{address}"
        try:
            got = await self._rdap.get(url)
            self.contents.append(got.content)
            answer = network_answer(got.body, address, url)
        except CouldNotLook as error:
            return Network(address=str(address), failure=Failure.of(error))
        return Network(address=str(address), range=(answer.start, answer.end), holder=answer.holder(self._declared))

    async def _ask_registrar(self, url: str, domain: str, at_registry: Holder) -> tuple[Holder, Failure | None]:
        """The holder as the registrar has it, once: its own links are not followed. A redaction at the registry stands
        where the registrar says no more."""
        try:
            holder = (self._told(await self._rdap.get_elsewhere(url), domain, url)).holder(self._declared)
        except CouldNotLook as error:
            known = at_registry.naming is not Naming.ABSENT or error.cause == "rdap.not_found"
            return at_registry, None if known else Failure.of(error)
        return (at_registry if holder.naming is Naming.ABSENT else holder), None

    def _told(self, got: Answer, domain: str, url: str) -> DomainAnswer:
        self.contents.append(got.content)
        return domain_answer(got.body, domain, url)
