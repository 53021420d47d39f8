"""Consent records as standards write them: made into acts, and held against the fields that they must have."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.collectors.consent_fields import WANTED, ConsentFields, FieldsFacts, FieldsSettings
from muniment.evidence.collectors.consent_records import acts
from muniment.evidence.errors import InputFault
from muniment.evidence.model import canonical
from muniment.evidence.verdict import Status, Verdict

AT = datetime(2020, 12, 31, tzinfo=UTC)
SECRET = "alice@example.com"
PURPOSE = {
    "purpose": "p",
    "pii_information": [{"pii_type": "usage data"}],
    "pii_controllers": ["acme"],
    "collection_method": "app",
    "storage_locations": ["FR"],
    "retention_period": "P13M",
    "jurisdiction": "FR",
    "recipient_third_parties": [],
    "withdrawal_method": "settings, privacy",
}
RECORD: dict[str, Any] = {
    "record": {"schema_version": "1", "record_id": "r-1", "pii_principal_id": "s"},
    "pii_processing": {"privacy_notice": "1", "language": "fr", "purposes": [PURPOSE]},
    "events": [
        {
            "event_time": "2020-02-01T00:00:00Z",
            "validity_duration": "P6M",
            "entity_id": "s",
            "event_type": "explicit",
            "event_state": "consent_given",
        }
    ],
}
RECEIPT: dict[str, Any] = {
    "version": "KI-CR-v1.1.0",
    "jurisdiction": "FR",
    "consentTimestamp": 1_580_515_200,  # 2020-02-01T00:00:00Z
    "collectionMethod": "app",
    "consentReceiptID": "c-1",
    "language": "fr",
    "piiPrincipalId": "s",
    "piiControllers": [{"piiController": "Acme", "email": SECRET, "phone": "+33 1 23 45 67 89"}],
    "policyUrl": "1",
    "services": [
        {
            "service": "app",
            "purposes": [
                {
                    "purpose": "p",
                    "consentType": "EXPLICIT",
                    "piiCategory": ["usage"],
                    "termination": "13 months",
                    "thirdPartyDisclosure": False,
                }
            ],
        }
    ],
    "sensitive": False,
}

LINKED: dict[str, Any] = {
    "@context": {"dpv": "https://w3id.org/dpv#", "dct": "http://purl.org/dc/terms/"},
    "@id": "https://acme.example/consents/r-1",
    "@type": "dpv:ConsentRecord",
    "dct:conformsTo": "https://w3id.org/dpv/schema/dpv-27560#record",
    "dct:identifier": "r-1",
    "dpv:hasDataSubject": {"@id": "urn:acme:s", "@type": "dpv:Consumer", "dct:identifier": "s"},
    "dpv:hasDataController": "ex:Acme",
    "dpv:hasJurisdiction": ["loc:FR"],
    "dpv:hasNotice": {"@id": "https://acme.example/notice", "dct:hasVersion": "1", "dct:language": "fr"},
    "dpv:hasProcess": [
        {
            "@type": "dpv:Process",
            "dpv:hasPurpose": "p",
            "dpv:hasPersonalData": {"@type": "pd:DeviceUsage"},
            "dpv:hasDataSource": "dpv:DataSubject",
            "dpv:hasRecipient": [],
            "dpv:hasConsentControl": "https://acme.example/withdraw",
            "dpv:hasStorageCondition": [{"dpv:hasLocation": "loc:FR"}, {"dpv:hasDuration": "P13M"}],
        }
    ],
    "dpv:hasConsentStatus": [
        {
            "@type": ["dpv:ConsentGiven", "dpv:ExplicitlyExpressedConsent"],
            "dpv:isIndicatedAtTime": {"@type": "xsd:dateTime", "@value": "2020-02-01T00:00:00Z"},
            "dpv:isIndicatedBy": "urn:acme:s",
            "dpv:hasDuration": "P6M",
        }
    ],
}


def changed(record: dict[str, Any], *path: Any, to: Any = None) -> dict[str, Any]:
    """A copy in which the value at a path is another one, or gone."""
    copy = deepcopy(record)
    place: Any = copy
    for key in path[:-1]:
        place = place[key]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return copy


def event(at: str, state: str, **more: Any) -> dict[str, Any]:
    """An event of a record."""
    return {"event_time": at, "event_state": state, "entity_id": "s", "event_type": "explicit", **more}


def codes(bench: Any, records: list[Any], at: str, *, mapping: str = "ts-27560", name: str = "acts.jsonl") -> Any:
    """The codes of a log of such records and one event."""
    settings = bench.write([bench.act("2020-02-01T00:00:00Z")], [bench.event(at)])
    put(bench.folder / name, records)
    facts, verdict = bench.look(**settings | {"acts": bench.folder / name}, mapping=mapping)
    return facts, verdict.codes


def put(file: Path, records: list[Any]) -> Path:
    """Write records as the name says."""
    lines = "".join(json.dumps(record) + "\n" for record in records)
    file.write_text(json.dumps(records) if file.suffix == ".json" else lines)
    return file


@pytest.mark.parametrize("name", ["acts.jsonl", "acts.json"])
def test_a_record_of_ts_27560_is_an_act_for_each_purpose_and_event(bench: Any, name: str) -> None:
    two = changed(RECORD, "pii_processing", "purposes", to=[PURPOSE, {**PURPOSE, "purpose": "q"}])
    ended = [*RECORD["events"], event("2020-03-01T00:00:00Z", "consent_withdrawn")]
    both = changed(two, "events", to=ended)
    facts, found = codes(bench, [both], "2020-02-15T00:00:00Z", name=name)
    assert (facts.acts, found) == (4, ())
    assert codes(bench, [both], "2020-03-01T00:00:00Z", name=name)[1] == ("consent.withdrawn",)
    assert facts.origin.contents[0].name == f"acts: {name}"


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("given", ()),
        ("Consent given", ()),
        ("dpv:ConsentGiven", ()),
        ("https://w3id.org/dpv#RenewedConsentGiven", ()),
        ("refused", ("consent.withdrawn",)),
        ("dpv:ConsentRevoked", ("consent.withdrawn",)),
    ],
)
def test_each_spelling_of_a_state_is_known(bench: Any, state: str, found: tuple[str, ...]) -> None:
    record = changed(RECORD, "events", 0, "event_state", to=state)
    assert codes(bench, [record], "2020-02-15T00:00:00Z")[1] == found


def test_a_request_is_no_act_and_a_state_that_is_not_known_is_refused_with_its_record(bench: Any) -> None:
    asked = changed(RECORD, "events", to=[event("2020-01-15T00:00:00Z", "requested"), *RECORD["events"]])
    facts, found = codes(bench, [asked], "2020-02-15T00:00:00Z")
    assert (facts.acts, found) == (1, ())
    odd = changed(RECORD, "events", 0, "event_state", to=SECRET)
    with pytest.raises(InputFault) as caught:
        codes(bench, [RECORD, asked, odd], "2020-02-15T00:00:00Z")
    assert caught.value.cause == "consent.unknown_action"
    assert caught.value.where == f"{bench.folder}/acts.jsonl: row 3, column action"
    assert SECRET not in f"{caught.value} {caught.value.mend}"


def test_a_consent_ends_with_its_validity(bench: Any) -> None:
    assert codes(bench, [RECORD], "2020-04-30T23:59:59Z")[1] == ()
    short = changed(RECORD, "events", 0, "validity_duration", to="P1M")
    assert codes(bench, [short], "2020-02-29T23:59:59.999999Z")[1] == ()
    assert codes(bench, [short], "2020-03-01T00:00:00Z")[1] == ("consent.stale",)
    renewed = changed(short, "events", to=[*short["events"], event("2020-02-20T00:00:00Z", "given")])
    assert codes(bench, [renewed], "2020-03-05T00:00:00Z")[1] == ()
    for off in ("6 months", "P", "PT", "0"):
        with pytest.raises(InputFault) as caught:
            codes(bench, [RECORD, changed(RECORD, "events", 0, "validity_duration", to=off)], "2020-03-01T00:00:00Z")
        assert caught.value.cause == "consent.malformed_duration"
        assert caught.value.where == f"{bench.folder}/acts.jsonl: row 2, field validity_duration"


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("2020-01-31T00:00:00Z", "P1M", "2020-02-29T00:00:00+00:00"),
        ("2020-02-29T12:00:00Z", "P1Y", "2021-02-28T12:00:00+00:00"),
        ("2020-11-30T00:00:00+01:00", "P1Y2M3W4DT5H6M7S", "2022-02-24T04:06:07+00:00"),
        ("2020-01-01T00:00:00Z", "PT90M", "2020-01-01T01:30:00+00:00"),
        ("2020-01-01T00:00:00Z", "P9000Y", None),
    ],
)
def test_a_validity_is_added_by_the_calendar(tmp_path: Path, start: str, duration: str, end: str | None) -> None:
    record = changed(RECORD, "events", to=[event(start, "given", validity_duration=duration)])
    assert [act["expires_at"] for act in acts(put(tmp_path / "a.jsonl", [record]), "ts-27560")] == [end]


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_a_plain_table_may_say_when_a_consent_expires(bench: Any, kind: str) -> None:
    given = "2020-02-01T00:00:00Z"
    acts = [bench.act(given, expires_at="2020-02-10T00:00:00Z"), bench.act(given, subject_id="t", expires_at=None)]
    for at, subject, found in (
        ("2020-02-09T23:59:59Z", "s", ()),
        ("2020-02-10T00:00:00Z", "s", ("consent.stale",)),
        ("2020-02-10T00:00:00Z", "t", ()),
    ):
        settings = bench.write(acts, [bench.event(at, subject_id=subject)], kind=kind)
        assert bench.look(**settings)[1].codes == found


def test_keys_in_camel_case_and_flat_records_are_read(bench: Any) -> None:
    camel = {
        "record": {"schemaVersion": "1", "recordId": "r", "piiPrincipalId": "s"},
        "piiProcessing": {"privacyNotice": "1", "purposes": [{"purpose": "p"}]},
        "event": [{"eventTime": "2020-02-01T00:00:00Z", "eventState": "consent given"}],
    }
    flat = {
        "pii_principal_id": "s",
        "privacy_notice": "1",
        "purpose": "p",
        "event": {"time": "2020-02-01T00:00:00Z", "state": "consent_given"},
    }
    for record in (camel, flat):
        facts, found = codes(bench, [record], "2020-02-15T00:00:00Z")
        assert (facts.acts, found) == (1, ())
        assert codes(bench, [record], "2020-01-15T00:00:00Z")[1] == ("consent.before",)


def test_a_receipt_of_kantara_is_a_consent_for_each_purpose(bench: Any) -> None:
    facts, found = codes(bench, [RECEIPT], "2020-02-01T00:00:00Z", mapping="kantara-1.1")
    assert (facts.acts, found) == (1, ())
    assert codes(bench, [RECEIPT], "2020-01-31T23:59:59Z", mapping="kantara-1.1")[1] == ("consent.before",)
    with pytest.raises(InputFault) as caught:
        codes(bench, [changed(RECEIPT, "consentTimestamp", to="soon")], "2020-02-01T00:00:00Z", mapping="kantara-1.1")
    assert caught.value.cause == "consent.malformed_time"


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"event_time": "2020-02-01T00:00:00"}, "naive_timestamp"),
        ({"event_time": None}, "missing_value"),
        ({"event_time": "yesterday"}, "malformed_time"),
    ],
)
def test_what_is_off_in_a_record_is_refused_with_its_place(bench: Any, change: dict[str, Any], cause: str) -> None:
    odd = changed(RECORD, "events", 0, to={**RECORD["events"][0], **change})
    with pytest.raises(InputFault) as caught:
        codes(bench, [RECORD, odd], "2020-02-15T00:00:00Z")
    assert caught.value.cause == f"consent.{cause}"
    assert caught.value.where == f"{bench.folder}/acts.jsonl: row 2, column at"


@pytest.mark.parametrize("line", ["[1]", "7", '{"a":', "not json"])
def test_what_is_no_record_is_refused_with_its_place(bench: Any, line: str) -> None:
    settings = bench.write([bench.act("2020-02-01T00:00:00Z")], [bench.event("2020-02-02T00:00:00Z")])
    file = bench.folder / "acts.jsonl"
    file.write_text(f"{json.dumps(RECORD)}\n{line}\n")
    for look in (
        lambda: bench.look(**settings | {"acts": file}, mapping="ts-27560"),
        lambda: fields([], file=file),
    ):
        with pytest.raises(InputFault) as caught:
            look()
        assert (caught.value.cause, caught.value.where) == ("consent.unreadable", f"{file}: row 2")


def test_a_record_of_the_data_privacy_vocabulary_is_read_as_one_of_ts_27560(tmp_path: Path) -> None:
    theirs, ours = put(tmp_path / "a.jsonl", [LINKED]), put(tmp_path / "b.jsonl", [RECORD])
    assert list(acts(theirs, "dpv-27560")) == list(acts(ours, "ts-27560"))


def test_whole_terms_a_graph_and_seconds_say_the_same_as_prefixes(tmp_path: Path) -> None:
    text = json.dumps(LINKED).replace("dpv:", "https://w3id.org/dpv#").replace("dct:", "http://purl.org/dc/terms/")
    graph = {"@graph": [{"@id": "ex:Acme", "@type": "dpv:DataController"}, json.loads(text)]}
    (tmp_path / "a.jsonld").write_text(json.dumps(graph))
    (tmp_path / "b.jsonld").write_text(json.dumps(LINKED))
    found = list(acts(tmp_path / "a.jsonld", "dpv-27560"))
    assert found == list(acts(tmp_path / "b.jsonld", "dpv-27560"))
    seconds = changed(LINKED, "dpv:hasConsentStatus", 0, "dpv:hasDuration", to=60)
    assert [each["expires_at"] for each in acts(put(tmp_path / "c.jsonl", [seconds]), "dpv-27560")] == [
        "2020-02-01T00:01:00+00:00"
    ]


def test_a_withdrawal_in_the_vocabulary_ends_the_consent(bench: Any) -> None:
    ended = {"@type": "dpv:ConsentWithdrawn", "dpv:isIndicatedAtTime": "2020-03-01T00:00:00Z"}
    both = changed(LINKED, "dpv:hasConsentStatus", to=[*LINKED["dpv:hasConsentStatus"], ended])
    assert codes(bench, [both], "2020-02-15T00:00:00Z", mapping="dpv-27560")[1] == ()
    assert codes(bench, [both], "2020-03-15T00:00:00Z", mapping="dpv-27560")[1] == ("consent.withdrawn",)


@pytest.mark.parametrize("status", ["dpv:ConsentSomething", {"@type": "x:Maybe", "dct:date": "2020-02-01T00:00:00Z"}])
def test_a_status_that_the_vocabulary_does_not_have_is_refused_or_no_act(tmp_path: Path, status: Any) -> None:
    record = changed(LINKED, "dpv:hasConsentStatus", to=status)
    assert not [each for each in acts(put(tmp_path / "a.jsonl", [record]), "dpv-27560") if each["action"] == "given"]


def fields(records: list[Any], *, file: Path, **settings: Any) -> tuple[FieldsFacts, Verdict]:
    """Look at the fields of records, and judge the facts as a record gives them back."""
    if records:
        put(file, records)
    pointed = FieldsSettings.model_validate({"records": file, **settings})
    collector = ConsentFields(at=AT)
    facts = collector.observe(pointed)
    verdict = collector.assess(pointed, facts, AT)
    assert collector.assess(pointed, FieldsFacts.of(facts.observed(verdict)), AT) == verdict
    return facts, verdict


def test_whole_records_pass(tmp_path: Path) -> None:
    facts, verdict = fields([RECORD, changed(RECORD, "record", "record_id", to="r-2")], file=tmp_path / "r.jsonl")
    assert (verdict.status, verdict.codes) == (Status.PASS, ())
    assert verdict.message == "2 records say all 19 things that ts-27560 asks for."
    assert (facts.records, facts.whole) == (2, 2)
    _, verdict = fields([LINKED], file=tmp_path / "l.json", mapping="dpv-27560")
    assert verdict.message == "1 record says all 19 things that dpv-27560 asks for."
    _, verdict = fields([RECEIPT], file=tmp_path / "k.json", mapping="kantara-1.1")
    assert verdict.message == "1 record says all 14 things that kantara-1.1 asks for."


@pytest.mark.parametrize("wanted", WANTED, ids=lambda each: each.name)
def test_each_field_that_is_missing_or_empty_is_a_finding_of_its_own(tmp_path: Path, wanted: Any) -> None:
    path = {
        "record": ("record", wanted.name) if wanted.clause == "6.3.3" else ("pii_processing", wanted.name),
        "purpose": ("pii_processing", "purposes", 0, wanted.name),
        "event": ("events", 0, wanted.name),
    }[wanted.place]
    for odd in (changed(RECORD, *path), changed(RECORD, *path, to=" ")):
        good = changed(RECORD, "record", "record_id", to="r-0")
        facts, verdict = fields([good, odd], file=tmp_path / "r.jsonl")
        assert (verdict.status, verdict.codes) == (Status.FAIL, (f"consent_fields.{wanted.name}",))
        assert facts.lacking[wanted.name].first == "r.jsonl: record 2"
        assert verdict.message == f"1 of 2 records is not whole: {wanted.name} in 1, the first r.jsonl: record 2."
        _, verdict = fields([good, odd], file=tmp_path / "r.jsonl", waived={wanted.name: "as the DPO decided"})
        assert verdict.status is Status.PASS


def test_a_field_must_be_in_each_purpose_and_each_event(tmp_path: Path) -> None:
    poor = {key: value for key, value in PURPOSE.items() if key != "retention_period"}
    two = changed(RECORD, "pii_processing", "purposes", to=[PURPOSE, poor])
    late = changed(RECORD, "events", to=[*RECORD["events"], event("2020-03-01T00:00:00", "withdrawn")])
    _, verdict = fields([two, late], file=tmp_path / "r.jsonl")
    assert verdict.codes == (
        "consent_fields.retention_period",
        "consent_fields.validity_duration",
        "consent_fields.repeated_id",
        "consent_fields.naive_time",
    )
    _, verdict = fields([changed(RECORD, "events", to=[])], file=tmp_path / "r.jsonl")
    assert "consent_fields.event_time" in verdict.codes


def test_no_value_of_a_record_is_kept(tmp_path: Path) -> None:
    facts, verdict = fields([RECEIPT, changed(RECEIPT, "policyUrl")], file=tmp_path / "k.jsonl", mapping="kantara-1.1")
    kept = canonical(facts).decode() + verdict.message
    for value in (SECRET, "+33 1 23 45 67 89", "c-1", "Acme"):
        assert value not in kept


def test_a_waiver_needs_a_field_and_a_reason(tmp_path: Path) -> None:
    for waived in ({"retention": "none"}, {"retention_period": " "}):
        with pytest.raises(InputFault) as caught:
            fields([RECORD], file=tmp_path / "r.jsonl", waived=waived)
        assert caught.value.cause == "consent_fields.unknown_waiver"


def test_every_code_setting_and_field_is_documented() -> None:
    page = (Path(__file__).parents[4] / "docs" / "collectors" / "consent-fields.md").read_text()
    for code in ConsentFields.codes:
        assert f"`{code.id}`" in page and code.meaning in page
    for setting in FieldsSettings.model_fields:
        assert f"`{setting}`" in page
