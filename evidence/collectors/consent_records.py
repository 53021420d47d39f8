"""Consent records as standards write them, read into one shape: ISO/IEC TS 27560:2023, its profile in the Data Privacy
Vocabulary (dpv-27560), and Kantara receipts 1.1.

A file holds one JSON object a line (`.jsonl`, `.ndjson`), or one object or a list of them (`.json`). TS 27560 names
fields and leaves their arrangement open, so a key may be written `privacy_notice` or `privacyNotice`, and a field of
the header, the processing or the event may stand in that section or at the top. A term of the W3C Data Privacy
Vocabulary counts by its last part: `dpv:ConsentGiven` is `ConsentGiven`.

A record becomes one act for each of its purposes and each of its events. A receipt of Kantara is one act, a consent,
for each purpose; a withdrawal has no receipt, and must come from elsewhere.
"""

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from muniment.evidence.errors import InputFault

KINDS = {".json": "json", ".jsonld": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}

_GIVEN = {"given", "consentgiven", "renewed", "consentrenewed", "renewedconsentgiven"}
_ENDED = {
    *("withdrawn", "consentwithdrawn", "revoked", "consentrevoked", "refused", "consentrefused"),
    *("expired", "consentexpired", "invalidated", "consentinvalidated", "terminated", "consentterminated"),
}
_NOTHING = {"requested", "consentrequested", "deferred", "consentrequestdeferred", "unknown", "consentunknown"}
_DURATION = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(?:T(?=.)(\d+H)?(\d+M)?(\d+S)?)?")  # ISO 8601-1, 5.5.2.4


@dataclass(frozen=True)
class Record:
    """One record: `fields` of header and processing by their name in TS 27560, then each purpose, then each event."""

    fields: Mapping[str, Any]
    purposes: tuple[Mapping[str, Any], ...]
    events: tuple[Mapping[str, Any], ...]


def records(file: Path, standard: str) -> Iterator[tuple[int, Record]]:
    """The records of a file, each with its place from 1.

    Raises:
        InputFault: `consent.unreadable`, with the place of the first that is no JSON object.
    """
    shaped = {"kantara-1.1": _kantara, "dpv-27560": from_dpv}.get(standard, _ts_27560)
    values = _values(file)
    for place, value in enumerate(nodes(values) if standard == "dpv-27560" else values, 1):
        if not isinstance(value, dict):
            raise _unreadable(file, place)
        yield place, shaped(value)


def acts(file: Path, standard: str) -> Iterator[dict[str, Any]]:
    """The acts of a file as rows of the table of acts, with the place of their record; nothing is checked but validity.

    Raises:
        InputFault: as `records`; `consent.malformed_duration` where a validity is no duration.
    """
    for place, record in records(file, standard):
        for event in record.events:
            action = _action(event)
            if action is None:
                continue
            for purpose in record.purposes or ({},):
                yield {
                    "record": str(place),
                    "subject_id": _text(record.fields.get("pii_principal_id")),
                    "purpose": _text(purpose.get("purpose")),
                    "notice_version": _text(purpose.get("privacy_notice") or record.fields.get("privacy_notice")),
                    "action": action,
                    "at": _text(event.get("event_time")),
                    "expires_at": _expiry(event, file, place) if action == "given" else None,
                }


def _values(file: Path) -> Iterator[Any]:
    """Line by line, so that memory does not grow; a `.json` file is one value, and read whole."""
    if KINDS[file.suffix.lower()] == "json":
        try:
            whole = orjson.loads(file.read_bytes())
        except orjson.JSONDecodeError as error:
            raise _unreadable(file, None) from error
        yield from whole if isinstance(whole, list) else [whole]
        return
    with file.open("rb") as stream:
        for place, line in enumerate((each for each in stream if each.strip()), 1):
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise _unreadable(file, place) from error


def _ts_27560(value: dict[str, Any]) -> Record:
    top = _named(value)
    header, processing = (_section(top, *names) for names in (("record", "header"), ("pii_processing", "processing")))
    fields = {**top, **header, **processing}
    found = _listed(fields.get("purposes") or fields.get("purpose"))
    purposes = tuple(_named(each) if isinstance(each, dict) else {"purpose": each} for each in found)
    for_all = {key: each for key, each in fields.items() if key not in ("purpose", "purposes")}
    events = _listed(top.get("events") or top.get("event"))
    at_top = {key: top[key] for key in _EVENT_FIELDS if key in top}
    each_event = tuple({**at_top, **_event(_named(each))} for each in events if isinstance(each, dict))
    alone = (at_top,) if at_top else ()
    return Record(for_all, tuple({**for_all, **each} for each in purposes), each_event or alone)


def nodes(values: Iterable[Any]) -> Iterator[Any]:
    """The consent records of documents in JSON-LD: each document, or those of its graph."""
    for value in values:
        if isinstance(value, dict) and isinstance(graph := value.get("@graph"), list):
            yield from (each for each in graph if isinstance(each, dict) and "ConsentRecord" in _terms(each))
        else:
            yield value


def from_dpv(value: dict[str, Any]) -> Record:
    """The same nouns for what the profile dpv-27560 says; terms count by their last part, whatever their prefix."""
    fields = _translated(value)
    events = tuple(_dpv_event(each, fields) for term in _DPV_EVENTS for each in _listed(_term(value, term)))
    processes = [each for each in _listed(fields.pop("process", None)) if isinstance(each, dict)]
    for_all = {key: each for key, each in fields.items() if key not in ("purpose", *_EVENT_FIELDS)} | _notice(value)
    purposes = [
        {**for_all, **_translated(process), **_storage(process), "purpose": purpose}
        for process in (processes or [value])
        for purpose in _listed(_term(process, "hasPurpose"))
    ]
    return Record(for_all, tuple(purposes), tuple(each for each in events if each))


def _notice(value: Mapping[str, Any]) -> dict[str, Any]:
    """The version of the notice that was shown, or its id, and its language."""
    notice = next(iter(_listed(_term(value, "hasNotice"))), None)
    if not isinstance(notice, dict):
        return {}
    version, language = _term(notice, "hasVersion") or _plain(notice), _term(notice, "language")
    return {"privacy_notice": version} | ({"language": language} if language else {})


def _storage(process: Mapping[str, Any]) -> dict[str, Any]:
    """Where data are kept and for how long: both are conditions of storage."""
    found = [each for each in _listed(_term(process, "hasStorageCondition")) if isinstance(each, dict)]
    named = {"hasLocation": "storage_locations", "hasDuration": "retention_period"}
    return {named[key]: said for each in found for key in named if (said := _term(each, key)) is not None}


def _dpv_event(said: Any, record: Mapping[str, Any]) -> dict[str, Any]:
    """A status of consent, an object or a term alone, which was so at the record's own time; empty if it is neither."""
    if not isinstance(said, dict):
        said = {"@type": said}
    known = {**{key: record[key] for key in _EVENT_FIELDS if key in record}, **_translated(said)}
    terms = _terms(said)
    state = next((term for term in terms if term.lower() in _GIVEN | _ENDED | _NOTHING), None)
    if state is None and not any(key in known for key in ("event_time", "entity_id")):
        return {}
    kinds = [term for term in terms if term != state]
    duration = known.get("validity_duration")
    return {
        **known,
        "event_state": state or next(iter(terms), ""),
        "event_type": kinds[0] if kinds else known.get("event_type"),
        **({"validity_duration": f"PT{duration}S" if duration else None} if isinstance(duration, int) else {}),
    }


def _translated(value: Mapping[str, Any]) -> dict[str, Any]:
    named = {_last(key): each for key, each in value.items()}
    return {_DPV[key]: _plain(each) for key, each in named.items() if key in _DPV}


def _term(value: Mapping[str, Any], name: str) -> Any:
    return next((each for key, each in value.items() if _last(key) == name), None)


def _terms(value: Mapping[str, Any]) -> list[str]:
    """What a node is, by the last part of each term."""
    return [_last(str(each)) for key in ("@type", "type", "@id") for each in _listed(value.get(key))]


def _last(term: str) -> str:
    return re.split(r"[#/:]", term)[-1]


def _plain(value: Any) -> Any:
    """The value of a typed literal; the identifier of a node that has one."""
    if isinstance(value, dict):
        found = next((each for key, each in value.items() if key == "@value" or _last(key) == "identifier"), None)
        return value if found is None else found
    return value


def _kantara(value: dict[str, Any]) -> Record:
    """The same nouns for what a receipt says; a time is a number of seconds since 1970."""
    named = {_KANTARA.get(key, key): each for key, each in value.items()}
    stamp = named.get("event_time")
    time = _instant(stamp) if isinstance(stamp, int) and not isinstance(stamp, bool) else stamp
    services = [each for each in _listed(value.get("services")) if isinstance(each, dict)]
    found = [each for service in services for each in _listed(service.get("purposes")) if isinstance(each, dict)]
    purposes = tuple({**named, **{_KANTARA.get(key, key): each for key, each in one.items()}} for one in found)
    kinds = [each.get("event_type") for each in purposes]
    kind = kinds[0] if kinds and all(kinds) else None
    return Record(named, purposes, ({"event_time": time, "event_state": "given", "event_type": kind},))


_EVENT_FIELDS = ("event_time", "validity_duration", "entity_id", "event_type", "event_state")
_KANTARA = {
    "version": "schema_version",
    "consentReceiptID": "record_id",
    "piiPrincipalId": "pii_principal_id",
    "policyUrl": "privacy_notice",
    "piiControllers": "pii_controllers",
    "collectionMethod": "collection_method",
    "consentTimestamp": "event_time",
    "consentType": "event_type",
    "piiCategory": "pii_information",
    "termination": "retention_period",
    "thirdPartyDisclosure": "recipient_third_parties",
}
_DPV_EVENTS = ("hasConsentStatus", "hasPart")
_DPV = {
    "conformsTo": "schema_version",
    "identifier": "record_id",
    "hasIdentifier": "record_id",
    "hasDataSubject": "pii_principal_id",
    "hasNotice": "privacy_notice",
    "language": "language",
    "hasProcess": "process",
    "hasPurpose": "purpose",
    "hasPersonalData": "pii_information",
    "hasDataController": "pii_controllers",
    "hasDataSource": "collection_method",
    "hasJurisdiction": "jurisdiction",
    "hasRecipient": "recipient_third_parties",
    "hasWithdrawalMethod": "withdrawal_method",
    "hasConsentControl": "withdrawal_method",
    "isIndicatedAtTime": "event_time",
    "isIndicationTime": "event_time",
    "date": "event_time",
    "hasDuration": "validity_duration",
    "isIndicatedBy": "entity_id",
    "hasEntity": "entity_id",
    "hasIndicationMethod": "event_type",
    "hasLegalBasis": "event_type",
}
_SYNONYMS = {
    "storage_location": "storage_locations",
    "jurisdictions": "jurisdiction",
    "recipients": "recipient_third_parties",
    "recipient_third_party": "recipient_third_parties",
    "third_parties": "recipient_third_parties",
    "pii_controller": "pii_controllers",
    "pii_types": "pii_information",
}


def _named(value: Mapping[str, Any]) -> dict[str, Any]:
    """The keys as TS 27560 spells them: `privacyNotice` and `privacy-notice` are `privacy_notice`."""
    names = {key: re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).replace("-", "_").lower() for key in value}
    return {_SYNONYMS.get(names[key], names[key]): each for key, each in value.items()}


def _event(named: dict[str, Any]) -> dict[str, Any]:
    """In an event `time` is `event_time`, and so on."""
    return {f"event_{key}" if key in ("time", "type", "state") else key: each for key, each in named.items()}


def _section(top: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return next((_named(top[name]) for name in names if isinstance(top.get(name), dict)), {})


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Any) -> str | None:
    """An id as text; a notice or purpose that is an object counts by its own id."""
    if isinstance(value, dict):
        named = _named(value)
        value = next((named[key] for key in ("version", "id", "@id", "purpose", "uri") if named.get(key)), None)
    return None if value is None or isinstance(value, list | dict) else str(value)


def _action(event: Mapping[str, Any]) -> str | None:
    """given, withdrawn, None where the state changes nothing; a state that is not known stays, and is refused later."""
    for said in (event.get("event_state"), event.get("event_type")):
        word = re.sub(r"[^a-z]", "", re.split(r"[#/:]", str(said or ""))[-1].lower())
        if word in _GIVEN:
            return "given"
        if word in _ENDED:
            return "withdrawn"
        if word in _NOTHING:
            return None
    return str(event.get("event_state") or "")


def _expiry(event: Mapping[str, Any], file: Path, place: int) -> str | None:
    """The end of validity; None where there is none, or where the time is no instant, which is refused later."""
    said = event.get("validity_duration")
    if said in (None, ""):
        return None
    found = _DURATION.fullmatch(str(said))
    if not found:
        raise InputFault(
            "consent.malformed_duration",
            "a validity is no duration",
            where=f"{file}: row {place}, field validity_duration",
            mend="write a duration such as P6M or P365D (ISO 8601-1), or leave it out where a consent does not expire",
        )
    years, months, weeks, days, hours, minutes, seconds = (int(part[:-1]) if part else 0 for part in found.groups())
    try:
        start = datetime.fromisoformat(str(event.get("event_time"))).astimezone(UTC)
        later = _months_later(start, years * 12 + months)
        end = later + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except (ValueError, OverflowError):  # no instant, which is refused later, or for ever
        return None
    return end.isoformat()


def _months_later(start: datetime, months: int) -> datetime:
    """The same day so many months later, or the last day of that month."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1] if year <= MAXYEAR else 28
    return start.replace(year=year, month=month + 1, day=min(start.day, last))


def _instant(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _unreadable(file: Path, place: int | None) -> InputFault:
    return InputFault(
        "consent.unreadable",
        "the records cannot be read as JSON objects: the file is cut off, damaged or of another kind",
        where=f"{file}: row {place}" if place else str(file),
        mend="export one object a line (.jsonl), or one list (.json), in UTF-8",
    )
