"""The door: each kind of secret and of personal data, planted in every input, is in no object of the store."""

import base64
import random
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import JsonValue

from muniment.evidence import (
    Actor,
    Collector,
    Declared,
    Errored,
    Facts,
    Frozen,
    Method,
    Observed,
    Origin,
    Plan,
    Settings,
    Span,
    Start,
    Task,
    UsageError,
    Verdict,
    canonical,
    passed,
)
from muniment.evidence.collectors.tls import Tls
from muniment.evidence.errors import RecordRefused
from muniment.evidence.run import Look, to_record
from muniment.evidence.sensitive import declared_by, may_hold_any, sightings
from muniment.evidence.store import Signer, Store, verify_store

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

PERSONAL = {
    "an e-mail address": ["ada.lovelace@example.org", "mailto:ada%40example.org", "<ada+x@mail.example.org>"],
    "an IMEI": ["490154203237518", "IMEI 49-015420-323751-8."],
    "an IP address": ["198.51.100.23", "198.51.100.23:443", "2001:db8::8a2e:370:7334", "[2001:db8::1]:443"],
    "a MAC address": ["3c:22:fb:9a:01:7e", "3C-22-FB-9A-01-7E", "3c22.fb9a.017e"],
    "a telephone number": ["+4930123456789", "+49 30 1234 5678", "tel:+1 (415) 555-0123"],
}
SECRETS = {
    "a private key": "-----BEGIN OPENSSH PRIVATE KEY-----",
    "a JSON Web Token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "a GitHub token": "ghp_" + "a1B2" * 9,
    "a password in a URL": "postgresql://app:hunter2@db.example.org/evidence",
    "a bearer token": "Authorization: Bearer abcdefghijklmnopqrstuvwx",
    "a Slack token": "xoxb-123456789012-abcdefghijkl",
    "a token in a URL": "https://www.example.org/back?state=1&access_token=ya29a0AfH6SMBx",
    "credentials of HTTP Basic": "Authorization: Basic YWRhOmh1bnRlcjI=",
    "a private key, in base64": "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUV2UUlCQURB",
}
PLANTED = [(what, text) for what, texts in PERSONAL.items() for text in texts] + list(SECRETS.items())

HARMLESS = [
    "2026-11-24T03:12:33.000001+01:00",
    "490154203237519",  # the check digit is off
    "sha256:" + "0123456789abcdef" * 4,
    "AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01",  # a fingerprint
    "127.0.0.1:8443",
    "[::1]:53",
    "10.0.0.0/8",
    "1.3.6.1.4.1.311.21.10",
    "Chrome/120.0.6099.109",
    "https://www.example.org:8443/@scope/package",
    "git@github.com:example/project.git",
    "std::string",
    "1.2.3+20241101123456",
    "SELECT count(*) FROM events WHERE at >= '2026-01-01 00:00:00+00'",
    "10:20:30",
    "https://www.example.org/?token=<redacted>&page=12345678",
    "https://www.example.org/?token=required",
    "a basic understanding; Basic authentication is off",
    "eyJhbGciOiJub25lIn0",  # a JSON object that names nobody
]


class Watched(Frozen):
    address: Annotated[str, Declared("ip")]
    note: str = ""


class Where(Settings):
    host: Annotated[str, Declared("ip")]
    note: str = ""


class Sight(Facts):
    watched: tuple[Watched, ...]
    by_name: dict[str, Watched]


class Looker(Collector[Where, Sight]):
    """Looks."""

    id = "acme.look"

    def observe(self, settings: Where) -> Sight:
        raise NotImplementedError

    def assess(self, settings: Where, facts: Sight, at: datetime) -> Verdict:  # noqa: ARG002
        return passed("Seen.")


DECLARED = declared_by(Where, Sight)


def found(value: Any, declared: dict[str, tuple[str, ...]] | None = None) -> list[str]:
    return [each.sentence for each in sightings(value, declared or {})]


@pytest.mark.parametrize(("what", "text"), PLANTED)
def test_each_kind_is_named_by_field_and_kind_and_never_by_value(what: str, text: str) -> None:
    value = {"outcome": {"facts": {"contact": [f"see {text}", "x"]}}}
    assert may_hold_any(canonical(value))
    sentences = found(value)
    assert f"outcome.facts.contact[0] holds what looks like {what}" in sentences
    assert not any(text in sentence for sentence in sentences)


@pytest.mark.parametrize(("what", "text"), PLANTED)
def test_a_key_is_searched_too_and_is_not_repeated(what: str, text: str) -> None:
    sentences = found({"facts": {text: 3}})
    assert f"facts[key 0] holds what looks like {what}" in sentences
    assert may_hold_any(canonical({text: 3}))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_resembles_them_is_let_through(text: str) -> None:
    assert found({"facts": text}) == []


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_json_in_base64_is_looked_into_however_often_it_is_wrapped(depth: int, encode: Any) -> None:
    text = canonical({"user": "jane.doe@example.org", "note": "ÿ>?~"}).decode()
    for _ in range(depth):
        text = canonical({"d": encode(text.encode()).decode().rstrip("=")}).decode()
    value = {"facts": {"body": text}}
    assert found(value) == ["facts.body holds what looks like an e-mail address, in base64"]
    assert may_hold_any(canonical(value))


def test_base64_that_is_cut_off_or_goes_on_is_looked_into_as_far_as_it_goes() -> None:
    whole = base64.b64encode(b'{"mail":"jane.doe@example.org","more":[1,2,3]}').decode()
    for text in (whole[:-3], whole[:-5], whole.rstrip("=") + "_-_-_-_-", f"d={whole}&x=1"):
        assert found({"facts": text}) == ["facts holds what looks like an e-mail address, in base64"], text


def test_a_number_may_be_an_imei() -> None:
    assert found({"facts": {"device": 490154203237518}}) == ["facts.device holds what looks like an IMEI"]


def test_a_declaration_holds_for_its_field_and_for_the_sentences_around_the_facts() -> None:
    assert DECLARED == {"ip": ("facts.by_name.*.address", "facts.watched.address", "settings.host")}
    one = {"address": "198.51.100.23", "note": ""}
    outcome = {"facts": {"watched": [one], "by_name": {"a": one}}, "verdict": {"message": "198.51.100.23 answered"}}
    assert found({"subject": "198.51.100.23:443", "outcome": outcome}, DECLARED) == []
    outcome["facts"]["watched"][0]["note"] = "198.51.100.24"
    assert found({"outcome": outcome}, DECLARED) == [
        "outcome.facts.watched[0].note holds what looks like an IP address",
        "outcome.facts.by_name.a.note holds what looks like an IP address",
    ]


def test_the_json_schema_says_what_a_field_holds() -> None:
    assert Where.model_json_schema()["properties"]["host"]["holds"] == ["ip"]


def test_the_tls_collector_declares_addresses_and_nothing_else() -> None:
    assert set(declared_by(Tls.settings_type, Tls.facts_type)) == {"ip"}


def plan_of(settings: dict[str, Any], **others: Any) -> Plan:
    values: dict[str, Any] = {
        "id": "acme:one", "check": "acme", "controls": ("C-1",), "collector": "acme.look", "subject": "one",
        "settings": settings, "declared": DECLARED,
    }  # fmt: skip
    reason = others.pop("reason", None)
    task = Task(**{**values, **others})
    return Plan(planned=NOW, actor=Actor(name="ada@example.org"), workspace="sha256:" + "0" * 64, tasks=(task,),
                reason=reason)  # fmt: skip


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer.generate(tmp_path / "key")


@pytest.fixture
def store(tmp_path: Path, signer: Signer) -> Store:
    return Store.create(tmp_path / "evidence.git", origin="example.org/evidence", signer=signer, at=NOW)


def everything_in(store: Store) -> bytes:
    """The content of every object of the repository, reachable or not."""
    command = ["git", "-C", str(store.path), "cat-file", "--batch-all-objects", "--batch"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def looks_with(text: str) -> Iterator[Observed | Errored]:
    """One outcome for each place of a record into which a collector can write."""
    origin, seen = Origin(system="s", query="q"), passed("Seen.")
    facts: dict[str, Any] = {"watched": []}
    yield Observed(origin=origin, facts={"watched": [{"note": text}]}, verdict=seen)
    yield Observed(origin=origin, facts={"watched": [{text: 1}]}, verdict=seen)
    yield Observed(origin=origin.model_copy(update={"system": f"x:{text}"}), facts=facts, verdict=seen)
    yield Observed(origin=origin.model_copy(update={"query": f"q {text}"}), facts=facts, verdict=seen)
    yield Observed(origin=origin, facts=facts, verdict=passed(f"It was {text}."))
    yield Errored(cause="collector.raised", message=f"KeyError: '{text}'")


@pytest.mark.parametrize("what", [*PERSONAL, *SECRETS])
def test_planted_in_every_input_it_is_in_no_object_and_no_record_is_lost(
    what: str, store: Store, signer: Signer
) -> None:
    text = PERSONAL[what][0] if what in PERSONAL else SECRETS[what]
    outcomes = list(looks_with(text))
    nothing = {"ip": ()} if what == "an IP address" else {}  # the collector of this test declares no address
    tasks = tuple(
        plan_of({"host": "www.example.org"}, id=f"acme:{place}", declared=nothing).tasks[0]
        for place in range(len(outcomes))
    )
    plan = plan_of({}).model_copy(update={"tasks": tasks})
    start = store.begin(plan, signer, at=NOW)
    span, method = Span(start=NOW, end=NOW), Method(collector="acme.look", version="1")
    records = [
        to_record(Look(task, method, "thing", outcome, span), place, start, recorded=NOW, previous={})
        for place, (task, outcome) in enumerate(zip(tasks, outcomes, strict=True))
    ]
    end = store.finish(start, records, signer, at=NOW + timedelta(seconds=1), milliseconds=1)
    assert (end.planned, end.got, end.errored) == (6, 6, 6)
    for record in records:
        assert isinstance(record.outcome, Errored)
        assert record.outcome.cause == ("record.secret" if what in SECRETS else "record.personal_data")
        assert record.outcome.message.endswith(f"holds what looks like {what}")
    assert text.encode() not in everything_in(store)
    assert b"record." in everything_in(store)
    assert verify_store(store.path, None).ok


@pytest.mark.parametrize("place", ["settings", "subject", "id", "reason"])
@pytest.mark.parametrize("what", ["an e-mail address", "an IMEI", "a MAC address", "a telephone number"])
def test_a_plan_that_names_a_person_is_refused_before_anything_is_looked_at(
    what: str, place: str, store: Store, signer: Signer
) -> None:
    text = PERSONAL[what][0]
    others = {} if place == "settings" else {place: text}
    plan = plan_of({"host": "a", "note": text if place == "settings" else ""}, **others)
    with pytest.raises(UsageError) as refused:
        store.begin(plan, signer, at=NOW)
    assert (refused.value.exit_code, refused.value.code) == (2, "plan.personal_data")
    assert text not in f"{refused.value} {refused.value.mend}"
    assert text.encode() not in everything_in(store)


def test_a_record_that_was_made_without_the_run_is_refused_at_the_store_itself(store: Store, signer: Signer) -> None:
    start: Start = store.begin(plan_of({"host": "198.51.100.23"}), signer, at=NOW)
    look = Look(
        start.plan.tasks[0], Method(collector="acme.look", version="1"), "thing",
        Errored(cause="net.refused", message="198.51.100.23 refused"), Span(start=NOW, end=NOW),
    )  # fmt: skip
    record = to_record(look, 0, start, recorded=NOW, previous={})
    assert record.outcome == look.outcome  # the plan declared addresses
    planted = record.model_copy(update={"outcome": Errored(cause="net.refused", message="ada@example.org refused")})
    with pytest.raises(RecordRefused) as refused:
        store.finish(start, [planted], signer, at=NOW, milliseconds=1)
    assert (refused.value.code, refused.value.where) == ("record.personal_data", record.id)
    assert b"@example.org refused" not in everything_in(store)


@pytest.mark.parametrize("what", [*PERSONAL, *SECRETS])
def test_among_many_lines_it_is_seen_as_in_one_of_its_own(what: str) -> None:
    text = PERSONAL[what][0] if what in PERSONAL else SECRETS[what]
    dull = canonical({"digest": "sha256:" + "0123456789abcdef" * 4, "digits": "1" * 31, "at": "2026-11-24T03:12:33Z"})
    assert not may_hold_any(b"\n".join([dull] * 3))
    assert may_hold_any(b"\n".join([dull, canonical({"a": text}), dull]))


def test_what_is_found_by_looking_closely_is_never_passed_over_by_looking_quickly() -> None:
    """Some thousand texts put together from pieces of what is looked for, of what is not, and of escapes."""
    chance = random.Random(20261124)
    pieces = [each for texts in PERSONAL.values() for each in texts] + list(SECRETS.values())
    pieces += ["490154203237518", "49-015420-323751-8", "00:1a:2B:3c:4d:5e", "001a.2B3c.4d5e", "00-1a-2b-3c-4d-5e"]
    pieces += ["2001:db8::1", "2001:db8:0:1:2:3:4:5", "198.51.100.23", "+4915112345678", "ada%40example.org"]
    between = [
        "",
        " ",
        ".",
        "x",
        "0",
        "\n",
        "\t",
        "\\",
        '"',
        "\x01",
        "\u00e4",
        "-",
        ":",
        "/",
        "=",
        "sha256:" + "ab12" * 16,
    ]
    seen = 0
    for _ in range(3_000):
        piece = chance.choice(pieces)
        if chance.random() < 0.5:  # a part of it, or all
            piece = piece[: chance.randint(1, len(piece))]
        text = chance.choice(between) + piece + chance.choice(between) + chance.choice(pieces)[: chance.randint(0, 9)]
        value: JsonValue = {text: 1} if chance.random() < 0.2 else {"facts": [text, "2026-11-24T03:12:33Z"]}
        if next(sightings(value, {}), None) is not None:
            seen += 1
            assert may_hold_any(canonical(value)), text
    assert 1_000 < seen < 3_000
