"""A person's e-mail address, IMEI, telephone number and MAC, planted in every input, are in nothing that is said."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from muniment.evidence.collectors.consent import Consent, ConsentSettings
from muniment.evidence.errors import MunimentError
from muniment.evidence.model import canonical

EMAIL, IMEI, PHONE, MAC = "jane.doe@mail-of-jane.test", "490154203237518", "+8613800138000", "00:1A:2B:3C:4D:5E"
PLANTED = (EMAIL, IMEI, PHONE, MAC)
TRACES = (*PLANTED, PHONE[1:], MAC.replace(":", ""), "jane")
GIVEN, SEEN = "2020-02-01T00:00:00Z", "2020-01-31T00:00:00Z"
AT = datetime(2020, 12, 31, tzinfo=UTC)


def rows(bench: Any) -> tuple[list[Any], list[Any]]:
    """Each of them is the subject of a consent and the id of an event that came before it."""
    acts = [bench.act(GIVEN, subject_id=each, note=each) for each in PLANTED]
    events = [bench.event(SEEN, subject_id=each, event_id=each, payload=" ".join(PLANTED)) for each in PLANTED]
    return acts, events


def said(settings: dict[str, Any]) -> str:
    """All that a look says: facts and verdict, or the error."""
    try:
        pointed = ConsentSettings.model_validate(settings)
        collector = Consent(at=AT)
        facts = collector.observe(pointed)
        return canonical(facts.observed(collector.assess(pointed, facts, AT))).decode()
    except MunimentError as error:
        return f"{error!r} {error} {error.where} {error.mend} {error.code}"


def assert_nobody(text: str) -> None:
    """Nothing of a person is in a text."""
    assert text
    assert not [trace for trace in TRACES if trace.lower() in text.lower()]


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_tables_leave_no_trace_of_a_person(bench: Any, kind: str) -> None:
    settings = bench.write(*rows(bench), kind=kind)
    whole = said(settings)
    assert '"before":4' in whole
    assert_nobody(whole)
    for role, column in (("acts", "action"), ("acts", "at"), ("events", "mode"), ("events", "at")):
        if kind == "parquet" and column == "at":
            continue
        acts, events = rows(bench)
        odd = {"acts": acts, "events": events}[role]
        for row in odd:
            row[column] = row["subject_id"]
        broken = said(bench.write(acts, events, kind=kind))
        assert "consent." in broken
        assert_nobody(broken)


@pytest.mark.parametrize("standard", ["ts-27560", "dpv-27560", "kantara-1.1"])
def test_records_leave_no_trace_of_a_person(bench: Any, standard: str) -> None:
    settings = bench.write(*rows(bench)) | {"mapping": standard}
    made = {
        "ts-27560": lambda who, when: {
            "record": {"record_id": who, "pii_principal_id": who},
            "pii_processing": {"privacy_notice": "1", "purposes": [{"purpose": "p", "pii_controllers": list(PLANTED)}]},
            "events": [{"event_time": when, "event_state": "given", "entity_id": who}],
        },
        "dpv-27560": lambda who, when: {
            "@id": f"urn:{who}",
            "@type": "dpv:ConsentRecord",
            "dct:identifier": who,
            "dpv:hasDataSubject": {"@id": f"urn:{who}", "dct:identifier": who},
            "dpv:hasNotice": {"@id": who, "dct:hasVersion": "1"},
            "dpv:hasProcess": {"dpv:hasPurpose": "p", "dpv:hasPersonalData": {"rdf:value": who}},
            "dpv:hasConsentStatus": {"@type": "dpv:ConsentGiven", "dpv:isIndicatedAtTime": when},
        },
        "kantara-1.1": lambda who, when: {
            "consentReceiptID": who,
            "piiPrincipalId": who,
            "policyUrl": "1",
            "consentTimestamp": 1_580_515_200 if when == GIVEN else when,
            "services": [{"service": who, "purposes": [{"purpose": "p"}]}],
        },
    }[standard]
    for when, expected in ((GIVEN, '"before":4'), (EMAIL, "malformed_time"), (None, "missing_value")):
        file = bench.folder / "records.jsonl"
        file.write_text("".join(json.dumps(made(who, when)) + "\n" for who in PLANTED))
        told = said(settings | {"acts": file})
        assert expected in told
        assert_nobody(told)
    file.write_text(" ".join(PLANTED))
    assert_nobody(said(settings | {"acts": file}))


def test_a_database_leaves_no_trace_of_a_person(bench: Any, postgresql_url: str, tmp_path: Path) -> None:
    shapes = {
        "acts": "subject_id text, purpose text, notice_version text, action text, at timestamptz",
        "events": "event_id text, subject_id text, purpose text, mode text, at timestamptz",
    }
    with psycopg.connect(postgresql_url) as connection:
        for role, shape in shapes.items():
            connection.execute(f"CREATE TABLE {role} ({shape})")
        for who in PLANTED:
            connection.execute("INSERT INTO acts VALUES (%s, 'p', '1', 'given', %s)", (who, GIVEN))
            connection.execute("INSERT INTO events VALUES (%s, %s, 'p', 'normal', %s)", (who, who, SEEN))
    parts = urlsplit(postgresql_url)
    (tmp_path / "password").write_text(str(parts.password))
    (tmp_path / "key").write_text("a secret of the organisation")
    settings: dict[str, Any] = {
        role: f"postgresql://localhost:{parts.port}{parts.path}#{role}" for role in ("acts", "events")
    }
    settings |= {"user": parts.username, "password": f"file:{tmp_path}/password", "allow_private": True}
    settings |= {"pseudonyms": f"file:{tmp_path}/key"}
    whole = said(settings)
    assert '"before":4' in whole
    assert_nobody(whole)
    assert str(parts.password) not in whole
    for change, expected in (
        ("UPDATE events SET at = 'infinity'", "consent.implausible_time"),
        ("UPDATE events SET mode = subject_id", "consent.unknown_mode"),
        ("DROP TABLE acts", "consent.not_found"),
    ):
        with psycopg.connect(postgresql_url) as connection:
            connection.execute(change)
        told = said(settings)
        assert expected in told
        assert_nobody(told)
        assert str(parts.password) not in told
