"""The collector of consent fields: does every consent record say what a consent record has to say?

What is counted is whether a field is there and filled, in each record, for each purpose and each event; never what it
says. A field may be waived with a reason, which is recorded with the settings. The fields are those of ISO/IEC TS
27560:2023, clause 6.3, by its names; for receipts of Kantara 1.1 those of them that a receipt must have.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from muniment.evidence.collector import Code, Collector, Facts, Settings
from muniment.evidence.model import Frozen
from muniment.evidence.record import Exclusion, Origin, Population
from muniment.evidence.verdict import Verdict, failed, passed

if TYPE_CHECKING:
    from muniment.evidence.collectors.consent_records import Record

_SHOWN = 6  # fields that a sentence names


@dataclass(frozen=True)
class Wanted:
    """A field, where it stands, its clause in TS 27560, and whether a receipt of Kantara 1.1 must have it too."""

    name: str
    meaning: str
    clause: str
    place: Literal["record", "purpose", "event"] = "record"
    in_receipts: bool = True


WANTED = (
    Wanted("schema_version", "by which version of which structure it is to be read", "6.3.3"),
    Wanted("record_id", "which record it is", "6.3.3"),
    Wanted("pii_principal_id", "whose consent it is", "6.3.3"),
    Wanted("privacy_notice", "which notice was shown", "6.3.4"),
    Wanted("language", "in which language the notice was shown", "6.3.4"),
    Wanted("purpose", "for what the data are used", "6.3.4", "purpose"),
    Wanted("pii_information", "which data are used", "6.3.5", "purpose"),
    Wanted("pii_controllers", "who is responsible", "6.3.4", "purpose"),
    Wanted("collection_method", "how the data are collected", "6.3.4", "purpose"),
    Wanted("storage_locations", "where the data are kept", "6.3.4", "purpose", in_receipts=False),
    Wanted("retention_period", "how long the data are kept", "6.3.4", "purpose"),
    Wanted("jurisdiction", "whose law applies", "6.3.4", "purpose"),
    Wanted("recipient_third_parties", "who else gets the data", "6.3.4", "purpose"),
    Wanted("withdrawal_method", "how the consent is withdrawn", "6.3.4", "purpose", in_receipts=False),
    Wanted("event_time", "when it was given or withdrawn", "6.3.7", "event"),
    Wanted("validity_duration", "how long the consent holds", "6.3.7", "event", in_receipts=False),
    Wanted("entity_id", "who gave or withdrew it", "6.3.7", "event", in_receipts=False),
    Wanted("event_type", "in which way it was given", "6.3.7", "event"),
    Wanted("event_state", "what became of the consent", "6.3.7", "event", in_receipts=False),
)
_NONE_IS_SAID = frozenset({"recipient_third_parties"})  # an empty list says that there is nobody


class FieldsSettings(Settings):
    """Where the records lie, and by what they are held."""

    records: Path | str = Field(description="Consent records: file, folder or pattern; JSON or JSONL")
    mapping: Literal["ts-27560", "dpv-27560", "kantara-1.1"] = Field(
        "ts-27560", description="By which standard they are written"
    )
    waived: dict[str, str] = Field(
        default_factory=dict, description="Fields that need not be there, each with the reason"
    )


class Lack(Frozen):
    """How many records lack a field, and the first of them."""

    records: int = Field(ge=1, description="Records that lack it, for any of their purposes or events")
    first: str = Field(description="File and place of the first of them; places count from 1")


class FieldsFacts(Facts):
    """What the records say, counted."""

    records: int = Field(description="How many records there are")
    whole: int = Field(description="How many of them have every field that is not waived")
    lacking: dict[str, Lack] = Field(default_factory=dict, description="Fields that are not in every record")
    repeated: int = Field(0, description="Records whose id an earlier record has")
    naive: Lack | None = Field(None, description="Records with an event whose time has no offset")


class ConsentFields(Collector[FieldsSettings, FieldsFacts]):
    """Consent records: each says all that a consent record has to say, by ISO/IEC TS 27560 or Kantara 1.1."""

    id = "consent-fields"
    subject_kind = "consent records"
    seconds = 600.0
    codes = (
        *(
            Code(
                f"consent_fields.{each.name}",
                f"A record does not say {each.meaning}.",
                f"ISO/IEC TS 27560:2023, {each.clause}",
                "Record it when consent is asked for, or waive it with a reason.",
            )
            for each in WANTED
        ),
        Code(
            "consent_fields.repeated_id",
            "Two records have one id.",
            "ISO/IEC TS 27560:2023, 6.3.3",
            "Give each record an id of its own.",
        ),
        Code(
            "consent_fields.naive_time",
            "The time of an event has no offset.",
            "RFC 3339, section 5.6",
            "Record times with Z or an offset.",
        ),
        Code(
            "consent_fields.unknown_waiver",
            "A field is waived that there is not, or without a reason.",
            "ISO/IEC TS 27560:2023, 6.3",
            "Correct `waived`.",
        ),
    )

    def observe(self, settings: FieldsSettings) -> FieldsFacts:
        """Read every record once, and count.

        Raises:
            InputFault: a file is not what it claims to be, or a field is waived that there is not.
            CouldNotLook: a file changed while it was read.
        """
        from muniment.evidence.collectors.consent_files import find, fingerprint, require_unchanged
        from muniment.evidence.collectors.consent_records import KINDS, records

        _refuse_unknown_waivers(settings)
        source = find("records", settings.records, KINDS)
        before = fingerprint([source])
        tally = _Tally(wanted(settings))
        for file in source.files:
            for place, record in records(file, settings.mapping):
                tally.add(record, f"{file.name}: record {place}")
        require_unchanged(before, [source])
        waived = tuple(Exclusion(subject=name, reason=why) for name, why in sorted(settings.waived.items()))
        return FieldsFacts(
            origin=Origin(
                system=f"file:{Path(settings.records).name}",
                query=f"each record by {settings.mapping}: look for {', '.join(each.name for each in tally.wanted)}",
                population=Population(
                    expected=tally.records,
                    collected=tally.records,
                    basis="the records of the files, read to their end",
                    exclusions=waived,
                ),
                contents=before.contents,
                redactions=("the values of all fields: looked for, never recorded",),
            ),
            records=tally.records,
            whole=tally.whole,
            lacking={name: Lack(records=count, first=tally.first[name]) for name, count in tally.counts()},
            repeated=tally.repeated,
            naive=Lack(records=tally.lacking[_NAIVE], first=tally.first[_NAIVE]) if tally.lacking[_NAIVE] else None,
        )

    def assess(self, settings: FieldsSettings, facts: FieldsFacts, at: datetime) -> Verdict:  # noqa: ARG002 - no ages
        """Fail where any record lacks a field that is not waived, repeats an id, or has a time without an offset."""
        order = [each.name for each in wanted(settings)]
        found = sorted(facts.lacking.items(), key=lambda pair: (-pair[1].records, order.index(pair[0])))
        told = [f"{name} in {lack.records:,}, the first {lack.first}" for name, lack in found]
        rest = len(told) - _SHOWN
        poor = facts.records - facts.whole
        faults = [
            f"{poor:,} of {_many(facts.records)} {'is' if poor == 1 else 'are'} not whole: {'; '.join(told[:_SHOWN])}"
            f"{f'; and {rest} more fields' if rest > 0 else ''}"
            if told
            else "",
            f"{facts.repeated:,} with the id of an earlier record" if facts.repeated else "",
            f"{facts.naive.records:,} with a time without an offset, the first {facts.naive.first}"
            if facts.naive
            else "",
        ]
        codes = [f"consent_fields.{name}" for name in order if name in facts.lacking]
        codes += ["consent_fields.repeated_id"] if facts.repeated else []
        codes += ["consent_fields.naive_time"] if facts.naive else []
        if codes:
            return failed(f"{'; '.join(fault for fault in faults if fault)}.", *codes)
        beside = f"; {len(settings.waived)} waived" if settings.waived else ""
        say = "says" if facts.records == 1 else "say"
        return passed(f"{_many(facts.records)} {say} all {len(order)} things that {settings.mapping} asks for{beside}.")


_NAIVE = "naive time"


def wanted(settings: FieldsSettings) -> tuple[Wanted, ...]:
    """The fields that are looked for."""
    asked = (each for each in WANTED if each.in_receipts or settings.mapping != "kantara-1.1")
    return tuple(each for each in asked if each.name not in settings.waived)


class _Tally:
    """Counts what records lack. Of their ids only hashes of eight bytes are kept, and these only while it counts."""

    def __init__(self, fields: tuple[Wanted, ...]) -> None:
        self.wanted = fields
        self.records = self.whole = self.repeated = 0
        self.lacking: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        self._ids: set[int] = set()

    def add(self, record: "Record", place: str) -> None:
        """Count one record."""
        lacks = [each.name for each in self.wanted if not _says(record, each)]
        naive = [_NAIVE] if any(_is_naive(event.get("event_time")) for event in record.events) else []
        self.records += 1
        self.whole += not lacks
        for name in (*lacks, *naive):
            self.lacking[name] += 1
            self.first.setdefault(name, place)
        id_ = record.fields.get("record_id")
        if isinstance(id_, str | int):
            key = hash(str(id_))
            self.repeated += key in self._ids
            self._ids.add(key)

    def counts(self) -> list[tuple[str, int]]:
        """The fields that any record lacks, in their order."""
        return [(each.name, self.lacking[each.name]) for each in self.wanted if self.lacking[each.name]]


def _says(record: "Record", field: Wanted) -> bool:
    """Whether the field is filled: in each purpose or event, where it stands in those."""
    places: dict[str, tuple[Any, ...]] = {
        "record": (record.fields,),
        "purpose": record.purposes,
        "event": record.events,
    }
    holders = places[field.place]
    return bool(holders) and all(_is_filled(holder, field.name) for holder in holders)


def _is_filled(holder: Any, name: str) -> bool:
    value = holder.get(name)
    if value == [] and name in _NONE_IS_SAID:
        return True
    return value is not None and value not in ([], {}) and not (isinstance(value, str) and not value.strip())


def _is_naive(time: Any) -> bool:
    try:
        return isinstance(time, str) and datetime.fromisoformat(time).tzinfo is None
    except ValueError:
        return False


def _refuse_unknown_waivers(settings: FieldsSettings) -> None:
    from muniment.evidence.errors import InputFault

    known = {each.name for each in WANTED}
    for name, why in settings.waived.items():
        if name not in known or not why.strip():
            raise InputFault(
                "consent_fields.unknown_waiver",
                f"the field {name} cannot be waived" if name not in known else f"no reason is given to waive {name}",
                where="waived",
                mend=f"known are {', '.join(sorted(known))}; each needs a reason",
            )


def _many(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"
