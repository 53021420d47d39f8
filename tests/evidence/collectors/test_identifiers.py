"""Identifiers are held against their form, their bits, what they were made from, and what must change them."""

import base64
import hashlib
import hmac
import json
import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from muniment.evidence import InputFault
from muniment.evidence.collectors.identifiers import IdentifierFacts, Identifiers, IdentifierSettings
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.pseudonym import pseudonym
from muniment.evidence.testing import check_collector
from muniment.evidence.verdict import Status, Verdict

IMEI, MAC, ACCOUNT = "490154203237518", "00:1A:2B:3C:4D:5E", "jane.doe@example.org"
PAGE = (Path(__file__).parents[3] / "docs" / "collectors" / "identifiers.md").read_text("utf-8")
HEAD = "id,device,install,reset,mode,at"
SITUATIONS = ("a,1,1,normal", "a,1,1,private", "a,1,2,normal", "a,2,1,normal", "b,1,1,normal")


def random_ids(count: int, seed: int = 7) -> list[str]:
    numbers = random.Random(seed)
    return [str(uuid.UUID(int=numbers.getrandbits(128), version=4)) for _ in range(count)]


def rows(ids: list[str]) -> list[str]:
    """A row for each identifier, over five situations in turn."""
    return [f"{each},{SITUATIONS[n % 5]},2026-02-01T00:00:{n % 60:02}Z" for n, each in enumerate(ids)]


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., tuple[IdentifierFacts, Verdict]]:
    """Look at a list of CSV rows, with settings as they stand in a file."""

    def look_at(lines: list[str], **settings: Any) -> tuple[IdentifierFacts, Verdict]:
        (tmp_path / "ids.csv").write_text("\n".join((HEAD, *lines)) + "\n")
        (tmp_path / "known.txt").write_text(f"# of the test phones\n{IMEI}\n{MAC}\n{ACCOUNT}\n")
        values = {"sources": [{"file": "ids.csv"}], "known": "known.txt", **settings}
        sight = check_collector(Identifiers, values, base=tmp_path)
        return sight.facts, sight.verdict

    return look_at


def test_pseudonyms_can_be_joined_within_a_month_and_not_beyond(tmp_path: Path) -> None:
    fixed = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    secret = tmp_path / "key"
    secret.write_text("a secret of the organisation")
    settings = IdentifierSettings.read({"sources": [{"file": "ids.txt"}], "pseudonyms": "file:key"}, tmp_path)

    def examples(at: datetime, *ids: str) -> tuple[Any, str | None]:
        (tmp_path / "ids.txt").write_text("\n".join(ids) + "\n")
        collector = Identifiers(at=at)
        collector.base = tmp_path
        facts = collector.observe(settings)
        return facts.examples["identifier.version:1"], facts.key_period

    key = hmac.digest(secret.read_bytes(), b"muniment-identifiers 2026-11", "sha256")
    first = examples(datetime(2026, 11, 2, tzinfo=UTC), fixed)
    assert first == ((f"~{pseudonym(key, uuid.UUID(fixed).bytes)}",), "2026-11")
    assert examples(datetime(2026, 11, 30, tzinfo=UTC), *random_ids(3), fixed) == first
    later, month = examples(datetime(2026, 12, 1, tzinfo=UTC), fixed)
    assert (later != first[0], month) == (True, "2026-12")
    secret.unlink()
    with pytest.raises(CouldNotLook, match=r"file:key, which cannot be read") as caught:
        examples(datetime(2026, 12, 1, tzinfo=UTC), fixed)
    assert caught.value.cause == "secret.missing"


def test_random_identifiers_that_change_are_not_refuted_and_no_more_is_said(look: Any) -> None:
    facts, verdict = look(rows(random_ids(1_500)))
    assert (verdict.status, verdict.codes) == (Status.PASS, ())
    assert (
        verdict.message
        == "1,500 identifiers of 2 devices: nothing refutes that they are random and change as promised."
    )
    assert (facts.known, facts.compared) == (3, ("device", "reset", "install", "mode"))
    assert 0 < (facts.worst_bit or 0) <= 5_000


def hashed(name: str, text: bytes) -> Any:
    return hashlib.new(name, text, usedforsecurity=False)


def as_uuid4(sixteen: bytes) -> str:
    return str(uuid.UUID(bytes=sixteen, version=4))


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (hashed("md5", IMEI.encode()).hexdigest(), "derived:md5"),
        (str(uuid.UUID(bytes=hashed("md5", IMEI.encode()).digest())), "derived:md5"),
        (as_uuid4(hashed("md5", IMEI.encode()).digest()), "derived:md5"),
        (as_uuid4(hashed("sha256", IMEI.encode()).digest()[:16]), "derived:sha256"),
        (hashed("sha1", MAC.replace(":", "").lower().encode()).hexdigest().upper(), "derived:sha1"),
        (hashed("sha256", MAC.lower().replace(":", "-").encode()).hexdigest(), "derived:sha256"),
        (base64.b64encode(hashed("sha256", ACCOUNT.encode()).digest()).decode(), "derived:sha256"),
        (base64.urlsafe_b64encode(hashed("md5", IMEI.encode()).digest()).decode().rstrip("="), "derived:md5"),
        (hashed("md5", IMEI[:14].encode()).hexdigest(), "derived:md5"),
        (hashed("md5", f"{IMEI}\n".encode()).hexdigest(), "derived:md5"),
        (str(uuid.uuid5(uuid.NAMESPACE_DNS, ACCOUNT)), "derived:uuid5"),
        (base64.b64encode(IMEI.encode()).decode(), "known"),
        (IMEI, "known"),
        (ACCOUNT.upper(), "known"),
    ],
)
def test_what_is_made_of_a_known_identifier_is_found_in_every_spelling(look: Any, made: str, code: str) -> None:
    facts, verdict = look(rows([*random_ids(1_000), made]))
    assert verdict.status is Status.FAIL
    assert f"identifier.{code}" in verdict.codes
    written = facts.model_dump_json() + verdict.model_dump_json()
    assert not [each for each in (made, IMEI, MAC, ACCOUNT) if each in written]
    assert all(each.startswith("~") for some in facts.examples.values() for each in some)


@pytest.mark.parametrize(
    ("made", "code"),
    [
        ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "identifier.version:1"),
        ("6ba7b810-9dad-31d1-80b4-00c04fd430c8", "identifier.version:3"),
        ("6ba7b810-9dad-51d1-80b4-00c04fd430c8", "identifier.version:5"),
        ("1ec9414c-232a-6b00-b3c8-9e6bdeced846", "identifier.version:6"),
        ("017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "identifier.version:7"),
        ("00000000-0000-0000-0000-000000000000", "identifier.version:0"),
        ("6ba7b810-9dad-41d1-c0b4-00c04fd430c8", "identifier.version:4"),
        ("user-4711", "identifier.malformed"),
    ],
)
def test_only_version_4_of_the_right_variant_is_random(look: Any, made: str, code: str) -> None:
    _, verdict = look(rows([*random_ids(1_000), made]))
    assert (verdict.status, verdict.codes) == (Status.FAIL, (code,))


def test_a_bit_that_is_set_too_often_is_found(look: Any) -> None:
    numbers = random.Random(3)
    biased = [f"{numbers.getrandbits(128) | (numbers.random() < 0.4) << 100:032x}" for _ in range(2_000)]
    facts, verdict = look(rows(biased), form="hex")
    assert verdict.codes == ("identifier.bits",)
    assert (facts.worst_bit or 0) > 5_000


@pytest.mark.parametrize(
    ("situations", "code"),
    [
        (("a,1,1,normal", "b,1,1,normal"), "identifier.across_devices"),
        (("a,1,1,normal", "a,1,2,normal"), "identifier.survives_reset"),
        (("a,1,1,normal", "a,2,1,normal"), "identifier.survives_reinstall"),
        (("a,1,1,normal", "a,1,1,private"), "identifier.across_modes"),
    ],
)
def test_an_identifier_that_does_not_change_is_found(look: Any, situations: tuple[str, str], code: str) -> None:
    same = "0F0E0D0C-1111-4222-8333-444455556666"
    first, second = f"{same},{situations[0]},", f"{same.lower().replace('-', '')},{situations[1]},"
    facts, verdict = look([*rows(random_ids(1_000)), first, second])
    assert (verdict.status, verdict.codes, facts.faults) == (Status.FAIL, (code,), {code: 1})


@pytest.mark.parametrize(
    ("lasts", "seconds", "status", "codes"),
    [
        ("once", (0, 1), "fail", ("identifier.duplicate",)),
        ("install", (0, 59), "pass", ()),
        ("30s", (0, 30), "pass", ()),
        ("30s", (0, 31), "fail", ("identifier.not_rotated",)),
        ("1h", (0, 1), "inconclusive", ("identifier.too_short",)),
    ],
)
def test_it_changes_as_often_as_is_promised(
    look: Any, lasts: str, seconds: tuple[int, int], status: str, codes: tuple[str, ...]
) -> None:
    twice = [f"0f0e0d0c-1111-4222-8333-444455556666,c,1,1,normal,2026-02-01T00:00:{each:02}Z" for each in seconds]
    _, verdict = look([*rows(random_ids(1_000)), *twice], lasts=lasts)
    assert (verdict.status, verdict.codes) == (status, codes)


def test_where_nothing_could_refute_nothing_is_passed(look: Any, tmp_path: Path) -> None:
    alone = [f"{each},a,1,1,normal," for each in random_ids(3)]
    _, verdict = look(alone, known=None)
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.codes == (
        "identifier.too_few",
        "identifier.no_known",
        *(f"identifier.not_compared:{each}" for each in ("device", "reset", "install", "mode")),
    )
    _, verdict = look(alone, bits=False, changes=[])
    assert verdict.status is Status.PASS
    _, verdict = look([*alone, f",a,1,1,normal,{IMEI}"], bits=False, changes=[])
    assert verdict.codes == ("identifier.row_unreadable",)
    _, verdict = look(alone, bits=False, changes=[], lasts="1h")
    assert verdict.codes == ("identifier.undated",)


def test_captures_are_read_in_depth_under_the_keys_that_are_named(tmp_path: Path) -> None:
    hidden = hashed("md5", IMEI.encode()).hexdigest()
    inner = base64.b64encode(json.dumps({"event": "x", "ids": {"did": hidden}}).encode()).decode()
    line = {"at": "2026-02-01T00:00:00Z", "url": "https://t0.example-telemetry.test/e", "body": f"data={inner}"}
    (tmp_path / "a.jsonl").write_text(json.dumps(line) + "\n")
    (tmp_path / "known.txt").write_text(IMEI)
    settings = {"sources": [{"file": "a.jsonl", "keys": ["did"]}], "known": "known.txt", "form": "hex", "bits": False}
    sight = check_collector(Identifiers, {**settings, "changes": []}, base=tmp_path)
    assert sight.verdict.codes == ("identifier.derived:md5",)
    assert sight.facts.sightings == 1
    (tmp_path / "a.jsonl").write_text(json.dumps({**line, "body": "", "opaque": True}) + "\n")
    sight = check_collector(Identifiers, {**settings, "changes": []}, base=tmp_path)
    assert sight.verdict.codes == ("identifier.none", "identifier.not_inspected")


@pytest.mark.parametrize("name", ["none.csv", "list.pdf", "other.csv", "broken.txt"])
def test_a_file_that_is_no_list_is_an_error_that_does_not_quote_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "list.pdf").write_text(IMEI)
    (tmp_path / "other.csv").write_text(f"name\n{IMEI}\n")
    (tmp_path / "broken.txt").write_bytes(IMEI.encode() + b"\xff\n")
    with pytest.raises(InputFault) as fault:
        Identifiers().observe(IdentifierSettings.read({"sources": [{"file": name}]}, tmp_path))
    assert (fault.value.cause, fault.value.where) == ("identifier.unreadable", name)
    assert IMEI not in f"{fault.value} {fault.value.mend}"


def test_a_device_is_named_by_a_name_and_not_by_its_number() -> None:
    with pytest.raises(ValidationError, match="choose a name of your own"):
        IdentifierSettings.read({"sources": [{"file": "a.csv", "device": IMEI}]})


@pytest.mark.parametrize("code", Identifiers.codes, ids=lambda code: code.id)
def test_every_code_is_on_the_page_as_the_collector_says_it(code: Any) -> None:
    assert f"| `{code.id}` | {code.meaning} | {code.clause} | {code.mend} |" in PAGE


@pytest.mark.parametrize("setting", IdentifierSettings.model_fields)
def test_every_setting_is_on_the_page(setting: str) -> None:
    assert f"| `{setting}` |" in PAGE
