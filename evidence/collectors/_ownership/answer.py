"""What an RDAP answer says of who holds a domain or a network. Nothing here touches the network.

The holder is the entity with the role `registrant` (RFC 9083 section 10.2.4) of the object itself, never one that is
nested in another entity: registrar, technical and abuse contacts are not holders. Of its jCard (RFC 7095) only `org`,
`fn` and `kind` are read; addresses, telephone numbers and e-mail are not kept. A name that is a person's is not kept
either, unless it is one of the names that were declared.
"""

import ipaddress
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from muniment.evidence.collectors._ownership import names
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.model import Frozen, utc
from muniment.evidence.net import Address

_Answer = TypeVar("_Answer", "DomainAnswer", "NetworkAnswer")
_LONGEST_NAME = 300  # a record is for reading; what is longer is no name


class Naming(StrEnum):
    """How far an answer names the holder."""

    NAMED = "named"
    PERSON = "person"  # a name without an organisation and none of the declared ones: compared, but not kept
    PROXY = "proxy"
    REDACTED = "redacted"
    ABSENT = "absent"


class Holder(Frozen):
    """Who holds a domain or a network, as the answer has it; `name` is given where `naming` is named or proxy."""

    naming: Naming
    name: str | None = None


class _Lenient(BaseModel):
    """What others wrote: unknown members and nulls are let pass, known members must have their type."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, values: Any) -> Any:
        return {key: each for key, each in values.items() if each is not None} if isinstance(values, dict) else values


class _Link(_Lenient):
    """RFC 9083 section 4.2."""

    rel: str | None = None
    type: str | None = None
    href: str | None = None


class _Remark(_Lenient):
    title: str = ""
    type: str = ""


class _Entity(_Lenient):
    roles: tuple[str, ...] = ()
    vcard: tuple[Any, ...] = Field((), alias="vcardArray")
    remarks: tuple[_Remark, ...] = ()

    @property
    def taken_out(self) -> bool:
        """RFC 9083 section 10.2.1, and the remark of ICANN's gTLD RDAP Response Profile."""
        return any(
            each.type.lower().startswith("object redacted") or "redacted" in each.title.lower() for each in self.remarks
        )

    def text(self, property_: str) -> str:
        """The first text of a jCard property, else the empty string; `org` may list an organisation and its units."""
        properties = self.vcard[1] if len(self.vcard) > 1 and isinstance(self.vcard[1], list) else []
        values = (each[3] for each in properties if isinstance(each, list) and len(each) > 3 and each[0] == property_)
        texts = (text for value in values for text in (value if isinstance(value, list) else [value]))
        return next((text.strip() for text in texts if isinstance(text, str) and text.strip()), "")


class _Event(_Lenient):
    action: str = Field("", alias="eventAction")
    date: str = Field("", alias="eventDate")


class _FieldName(_Lenient):
    type: str = ""
    description: str = ""


class _Redaction(_Lenient):
    """RFC 9537 section 4.2: a field is named by words, by the path where it was, or by the one where it still is."""

    name: _FieldName = _FieldName()
    before: str = Field("", alias="prePath")
    after: str = Field("", alias="postPath")

    def hides(self, property_: str, words: str) -> bool:
        """Whether it took out or changed one property of the registrant, or the whole registrant."""
        path = (self.before or self.after).replace('"', "'").lower()
        whole = path.endswith(("'registrant')]", "'registrant')].vcardarray"))
        named = (self.name.type or self.name.description).lower() in (words, "registrant")
        return named or ("registrant" in path and (whole or f"'{property_}'" in path))


class _Object(_Lenient):
    kind: str = Field(alias="objectClassName")
    entities: tuple[_Entity, ...] = ()
    redacted: tuple[_Redaction, ...] = ()

    def holder(self, declared: Sequence[str]) -> Holder:
        """Who holds the object; of several registrants, one that is not declared comes before one that is."""
        hides_org = any(each.hides("org", "registrant organization") for each in self.redacted)
        hides_name = any(each.hides("fn", "registrant name") for each in self.redacted)
        holders = [
            _holder(each, declared, hides_org=hides_org, hides_name=hides_name)
            for each in self.entities
            if "registrant" in each.roles
        ]
        told = [each for each in holders if each.naming is not Naming.ABSENT]
        if not told:
            return Holder(naming=Naming.REDACTED if hides_org or hides_name else Naming.ABSENT)
        return min(told, key=lambda each: each.naming is Naming.NAMED and names.same(each.name or "", declared))


class DomainAnswer(_Object):
    """RFC 9083 section 5.3, as far as ownership needs it."""

    ldh_name: str | None = Field(None, alias="ldhName")
    status: tuple[str, ...] = ()
    events: tuple[_Event, ...] = ()
    links: tuple[_Link, ...] = ()

    @property
    def expires(self) -> datetime | None:
        """The expiration event (RFC 9083 section 10.2.3) in UTC."""
        dates = (_instant(each.date) for each in self.events if each.action == "expiration")
        return next((date for date in dates if date), None)

    def related(self, own: str) -> str | None:
        """Where the registrar answers about the same domain, if the registry links to such a place."""
        found = (
            each.href
            for each in self.links
            if each.rel == "related" and each.href and each.type in (None, "application/rdap+json") and each.href != own
        )
        return next(found, None)


class NetworkAnswer(_Object):
    """RFC 9083 section 5.4, as far as ownership needs it."""

    start: str = Field(alias="startAddress")
    end: str = Field(alias="endAddress")


def domain_answer(body: bytes, domain: str, where: str) -> DomainAnswer:
    """The answer about a domain.

    Raises:
        CouldNotLook: `rdap.malformed`: it is no RDAP domain object, or that of another domain.
    """
    answer = _parsed(DomainAnswer, body, "domain", where)
    if answer.ldh_name is not None and answer.ldh_name.lower().rstrip(".") != domain:
        raise CouldNotLook("rdap.malformed", f"asked for {domain}, the server tells of another domain", where=where)
    return answer


def network_answer(body: bytes, address: Address, where: str) -> NetworkAnswer:
    """The answer about the network that an address lies in.

    Raises:
        CouldNotLook: `rdap.malformed`: it is no RDAP network object, or the address does not lie in that network.
    """
    answer = _parsed(NetworkAnswer, body, "ip network", where)
    try:
        fits = lies_between(address, answer.start, answer.end)
    except ValueError as error:
        raise CouldNotLook("rdap.malformed", "the range of the network is not one of addresses", where=where) from error
    if not fits:
        raise CouldNotLook("rdap.malformed", f"asked for {address}, the server tells of another network", where=where)
    return answer


def lies_between(address: Address, first: str, last: str) -> bool:
    """Whether the address lies in a range of the same version; ValueError where the range is not one of addresses."""
    ends = [ipaddress.ip_address(text) for text in (first, last)]
    return all(end.version == address.version for end in ends) and int(ends[0]) <= int(address) <= int(ends[1])


def _parsed(model: type[_Answer], body: bytes, kind: str, where: str) -> _Answer:
    try:
        answer = model.model_validate(orjson.loads(body))
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise CouldNotLook("rdap.malformed", "the answer is not the JSON of RFC 9083", where=where) from error
    if answer.kind.lower() != kind:
        raise CouldNotLook("rdap.malformed", f"the answer is not about a {kind}", where=where)
    return answer


def _holder(entity: _Entity, declared: Sequence[str], *, hides_org: bool, hides_name: bool) -> Holder:
    """One registrant: `org` unless it is empty, else `fn`; a stand-in for a name is never taken for one."""
    organisation = entity.text("org")
    name = organisation or entity.text("fn")
    hidden = hides_org if organisation else hides_org or hides_name or entity.taken_out
    if not name:
        return Holder(naming=Naming.REDACTED if hidden else Naming.ABSENT)
    if names.is_placeholder(name):
        return Holder(naming=Naming.REDACTED)
    if names.is_proxy(name):
        return Holder(naming=Naming.PROXY, name=name[:_LONGEST_NAME])
    if names.same(name, declared):
        return Holder(naming=Naming.NAMED, name=name[:_LONGEST_NAME])
    if hidden:
        return Holder(naming=Naming.REDACTED)
    if organisation or entity.text("kind").lower() in ("org", "group"):  # RFC 6350 section 6.1.4
        return Holder(naming=Naming.NAMED, name=name[:_LONGEST_NAME])
    return Holder(naming=Naming.PERSON)


def _instant(text: str) -> datetime | None:
    """RFC 3339; None where it is no instant: a date that cannot be read is not recorded, and nothing is guessed."""
    try:
        return utc(datetime.fromisoformat(text))
    except ValueError:
        return None
