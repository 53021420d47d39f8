"""Requests of auditors: what a list says, what the log makes of it, and what is linked by nobody but a person."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from muniment.controls.request_list import Names, ReadList, gone, notes_in, read_list, read_notes, suggested
from muniment.controls.requests import (
    AuditorStatus,
    AuditRequest,
    RequestStatus,
    answered,
    auditor_status,
    received,
    requests_in,
)
from muniment.evidence import Actor, Decision, InputFault, StoredDecision, canonical, digest
from muniment.evidence.imports.grid import read_grid

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
ACTOR = Actor(name="Ada")
ISO, PRIVACY = "iso-iec-27001-2022", "iso-iec-27701-2025"
NAMES = Names(
    controls=("TLS-1", "TLS-2", "CON-1"),
    criteria={"5.1": (ISO,), "A.5.1": (ISO,), "A.8.24": (ISO,), "A.1.2": (PRIVACY,), "TA-B1": ("trustarc-truste",)},
    serving={f"{ISO}:A.8.24": ("TLS-1", "TLS-2")},
    records=frozenset({"EV-2026-000001-0001"}),
)
LIST = """Ref,Request,Clause,Due,Requested by,Status,Contact
12,"Show the TLS policy (A.8.24), control TLS-1 and EV-2026-000001-0001; EV-2026-000009-0001",,2026-12-01,R. Vale,Open,
13,Version 5.1 of the policy,,,,Returned,ada@example.org
14,Leadership,"5.1; Annex A 5.1",,,Awaiting,
"""


def read(text: str = LIST, *, list_: str = "pbc", said: dict[str, str] | None = None) -> ReadList:
    grid = read_grid("pbc.csv", text.encode())
    return read_list(grid, list_=list_, file="pbc.csv", sha256=digest(text.encode()), names=NAMES, said=said or {})


class Log:
    """A log that holds nothing but decisions."""

    def __init__(self) -> None:
        self.stored: list[StoredDecision] = []

    def take(self, *decisions: Decision | None) -> int:
        """How many were new."""
        new = [each for each in decisions if each is not None]
        self.stored += [StoredDecision(each, 10 + len(self.stored), digest(canonical(each))) for each in new]
        return len(new)

    def receive(self, text: str = LIST, minutes: int = 0) -> int:
        asked = read(text).asked
        return self.take(*received(asked, self.requests.values(), "pbc.csv", ACTOR, AT + timedelta(minutes=minutes)))

    @property
    def requests(self) -> dict[str, AuditRequest]:
        return {each.id: each for each in requests_in(self.stored)}


def test_words_are_kept_and_what_they_name_is_linked() -> None:
    found = read()
    one, two, three = found.asked
    assert one.text == ("Show the TLS policy (A.8.24), control TLS-1 and EV-2026-000001-0001; EV-2026-000009-0001")
    assert (one.by, one.due, one.auditor) == ("R. Vale", "2026-12-01", "Open")
    assert (one.controls, one.evidence) == (("TLS-1",), ("EV-2026-000001-0001",))
    assert one.criteria == (f"{ISO}:A.8.24",)
    assert found.unknown == ("EV-2026-000009-0001",)
    assert two.criteria == ()  # a number in a sentence is no clause
    assert three.criteria == (f"{ISO}:5.1", f"{ISO}:A.5.1")
    assert one.cells[0] == ("Ref", "12")


def test_a_cell_with_personal_data_stays_out_and_the_request_comes_in() -> None:
    two = read().asked[1]
    assert [(each.column, each.what) for each in two.withheld] == [("Contact", "an e-mail address")]
    assert dict(two.cells)["Contact"] is None
    assert b"ada@example.org" not in canonical(two)
    whole = read("Ref,Request\n1,ask ada@example.org\n").asked[0]
    assert (whole.text, whole.withheld[0].column) == (None, "Request")


def test_a_control_that_serves_a_criterion_is_suggested_and_never_linked() -> None:
    log = Log()
    log.receive()
    one = log.requests["pbc/12"]
    assert one.controls == ("TLS-1",)
    assert suggested(one, NAMES) == ("TLS-2",)
    log.take(answered(one, RequestStatus.IN_PROGRESS, "We look.", ACTOR, AT, controls=["TLS-2"]))
    one = log.requests["pbc/12"]
    assert (one.controls, suggested(one, NAMES)) == (("TLS-1", "TLS-2"), ())


def test_the_same_list_again_changes_nothing_and_a_new_one_only_what_is_otherwise() -> None:
    log = Log()
    assert (log.receive(), log.receive(minutes=1)) == (3, 0)
    newer = LIST.replace("Returned", "Accepted").replace("14,Leadership", "15,Something else")
    assert log.receive(newer, minutes=2) == 2
    assert [each.decision.kind for each in log.stored[3:]] == ["request.revised", "request.received"]
    assert log.stored[3].decision.reason == "row 3 of pbc.csv: changed: Status"
    assert [each.auditor for each in log.requests.values()] == [
        AuditorStatus.OPEN,
        AuditorStatus.ACCEPTED,
        AuditorStatus.OTHER,
        AuditorStatus.OTHER,
    ]
    assert list(gone(read(newer).asked, tuple(log.requests.values()), "pbc")) == ["pbc/14"]
    moved = newer.replace("Clause,Due", "Due,Clause").replace(",,2026-12-01,", ",2026-12-01,,")
    moved = moved.replace('"5.1; Annex A 5.1",,', ',"5.1; Annex A 5.1",')
    assert log.receive(moved, minutes=3) == 0  # columns in another order say the same


def test_two_statuses_stand_apart() -> None:
    log = Log()
    log.receive()
    evidence = ["EV-2026-000001-0001"]
    one = log.requests["pbc/13"]
    log.take(answered(one, RequestStatus.ANSWERED, "It is version 5.1.", ACTOR, AT, evidence=evidence))
    one = log.requests["pbc/13"]
    assert (one.status, one.auditor, one.answer) == (
        RequestStatus.ANSWERED,
        AuditorStatus.RETURNED,
        "It is version 5.1.",
    )
    assert one.evidence == tuple(evidence)
    assert log.take(answered(one, RequestStatus.ANSWERED, "It is version 5.1.", ACTOR, AT)) == 0
    log.receive(LIST.replace("Version 5.1", "Version 5.2").replace("Returned", "Open"), minutes=1)
    one = log.requests["pbc/13"]
    assert (one.status, one.auditor, one.revised_since) == (RequestStatus.ANSWERED, AuditorStatus.OPEN, True)
    assert log.take(answered(one, RequestStatus.ANSWERED, "It is version 5.1.", ACTOR, AT + timedelta(hours=1))) == 1
    assert log.requests["pbc/13"].revised_since is False
    assert len(log.requests["pbc/13"].decisions) == 4


def test_the_auditors_word_is_read_and_never_guessed() -> None:
    words = {"": "open", "CLOSED ": "accepted", "Clôturée": "accepted", "rejected": "returned", "Awaiting": "other"}
    assert {word: auditor_status(word).value for word in words} == words


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("Number of it,Words\n1,x\n", "requests.columns", "the id"),
        ("Ref,Words\n1,x\n", "requests.columns", "the text"),
        ("Ref,No,Request\n1,1,x\n", "requests.columns", "'Ref' and 'No'"),
        ("Ref,Request,ada@example.org\n1,x,y\n", "requests.columns", "an e-mail address"),
        ("Ref,Request\n1,x\n1,y\n", "requests.row", "stands in row 2 too"),
        ("Ref,Request\n,x\n", "requests.row", "no id"),
        ("Ref,Request\nada@example.org,x\n", "requests.row", "no short plain text"),
        ("Ref,Request\n1, \n", "requests.row", "has no words"),
        ("Ref,Request\n", "requests.empty", "no request"),
    ],
)
def test_a_list_that_cannot_be_read_says_why(text: str, code: str, told: str) -> None:
    with pytest.raises(InputFault) as refused:
        read(text)
    assert (refused.value.code, told in refused.value.what) == (code, True)


def test_columns_are_named_by_the_person_or_known_in_french() -> None:
    asked = read("Number of it,Words\n7,x\n", said={"id": "Number of it", "text": "Words"}).asked
    assert (asked[0].request, asked[0].text) == ("7", "x")
    asked = read("N°;Demande;Échéance;Statut\n7;x;demain;Clôturé\n").asked
    assert (asked[0].due, auditor_status(asked[0].auditor)) == ("demain", AuditorStatus.ACCEPTED)
    with pytest.raises(InputFault, match="no column 'Wordz'"):
        read("Ref,Words\n7,x\n", said={"text": "Wordz"})


def test_a_decision_of_a_later_version_is_passed_over() -> None:
    log = Log()
    log.receive()
    later = replace(
        log.stored[0],
        decision=log.stored[0].decision.model_copy(update={"payload": {"list": "pbc", "request": {"other": "form"}}}),
    )
    assert [each.id for each in requests_in([later, *log.stored[1:]])] == ["pbc/13", "pbc/14"]


def test_notes_of_a_room_are_requests_about_their_records() -> None:
    notes: dict[str, Any] = {
        "schema": "muniment.notes/1",
        "pack": "PACK-2026-0BADCAFE",
        "root": digest(b"root"),
        "notes": [{"record": "EV-2026-000001-0001", "digest": digest(b"other"), "note": "Why?"}],
    }
    with pytest.raises(InputFault) as refused:
        read_notes(notes_in(canonical(notes), "notes.json"), {}, file="n", sha256=digest(b""), framework=None)
    assert refused.value.code == "requests.another_pack"
    for broken in (b"{", canonical({**notes, "schema": "muniment.notes/2"}), canonical({**notes, "more": 1})):
        with pytest.raises(InputFault, match="not the notes file"):
            notes_in(broken, "notes.json")
