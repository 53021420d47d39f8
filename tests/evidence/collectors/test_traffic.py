"""Real captures of Chromium and tcpdump, with the findings that the scenarios state, and captures that are off."""

import base64
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.collectors._traffic.decode import BUDGET, unpack
from muniment.evidence.collectors.traffic import Traffic, TrafficFacts, TrafficSettings
from muniment.evidence.errors import InputFault
from muniment.evidence.testing import check_collector
from muniment.evidence.vault import Vault
from muniment.evidence.verdict import Status, Verdict

CAPTURES = Path(__file__).parents[2] / "subjects" / "captures"
TRUTH = json.loads((CAPTURES / "truth.json").read_text())
PERSONAL = ("jane.doe@example.org", "490154203237518", "+8613800138000", "00:1A:2B:3C:4D:5E")
TEXT = {"type": "string"}
EVENT = {"type": "object", "properties": {"rid": TEXT, "event": TEXT, "ver": TEXT}, "required": ["rid", "event"]}


def settings(capture: Path, mode: str = "normal", consent: bool = True, **other: Any) -> dict[str, Any]:
    canary = {"host": "app.example-phone.test", "path": f"/sc/{capture.stem}"}
    session = {
        "app_build": "12.2.1 (4711)",
        "device": "Phone 9",
        "mode": mode,
        "consent": [{"state": "given", "at": "2026-01-01T00:00:00Z"}] if consent else [],
        "capture_point": "page",
        "canary": canary,
    }
    return {
        "capture": str(capture),
        "session": session,
        "about": "page",
        "endpoints": [
            {"host": "app.example-phone.test", "necessary": True},
            {"host": "t0.example-telemetry.test", "events": {"app_open": EVENT, "nav": EVENT}},
            {"host": "metrics.example-phone.test", "events": {"app_open": EVENT}},
        ],
        "cnames": TRUTH["cnames"],
        "categories": {"url": "browsing_history", "rid": "random_id"},
        "allowed_categories": ["random_id"],
        **other,
    }


def look(values: dict[str, Any]) -> tuple[TrafficFacts, Verdict]:
    sight = check_collector(Traffic, TrafficSettings.read(values))
    return sight.facts, sight.verdict


def line(body: Any, **other: Any) -> str:
    url = "https://t0.example-telemetry.test/v1/e"
    return json.dumps({"at": "2026-02-01T00:00:00Z", "url": url, "body": body, **other}) + "\n"


CANARY = line("", url="https://app.example-phone.test/sc/log")


@pytest.mark.parametrize("scenario", TRUTH["scenarios"], ids=lambda each: each["id"])
def test_a_real_capture_shows_what_its_scenario_states(scenario: dict[str, Any]) -> None:
    mode = "private" if scenario["mode"] == "incognito" else "normal"
    _, verdict = look(settings(CAPTURES / scenario["har"], mode, bool(scenario["consent"])))
    assert verdict.status.value == scenario["expect"]["verdict"]
    assert set(verdict.codes) - {"traffic.page_level"} == set(scenario["expect"]["findings"])


@pytest.mark.parametrize("name", ["consented-ok", "no-consent-silent", "incognito-sends-url"])
def test_a_capture_of_a_proxy_shows_what_its_scenario_states_and_speaks_for_the_app(name: str) -> None:
    """Requests that Chromium sent through mitmproxy, converted; tests/mitmproxy makes them anew from the flows."""
    scenario = next(each for each in TRUTH["scenarios"] if each["id"] == name)
    mode = "private" if scenario["mode"] == "incognito" else "normal"
    values = settings(CAPTURES / f"{name}.jsonl", mode, bool(scenario["consent"]), about="app")
    values["session"]["capture_point"] = "proxy"
    _, verdict = look(values)
    assert verdict.status.value == scenario["expect"]["verdict"]
    assert set(verdict.codes) == set(scenario["expect"]["findings"])


def test_a_converted_capture_whose_source_was_cut_off_decides_nothing(tmp_path: Path) -> None:
    whole = (CAPTURES / "consented-ok.jsonl").read_text()
    (tmp_path / "consented-ok.jsonl").write_text(whole + '{"truncated": true}\n')
    _, verdict = look(settings(tmp_path / "consented-ok.jsonl"))
    assert (verdict.status, "traffic.truncated" in verdict.codes) == (Status.INCONCLUSIVE, True)
    assert "traffic.entry_unreadable" not in verdict.codes


def test_a_packet_capture_names_every_server_and_version_and_leaves_content_open() -> None:
    truth = json.loads((CAPTURES / "pcap-truth.json").read_text())["connections"]
    facts, verdict = look(settings(CAPTURES / "lo.pcap", about="app"))
    names = Counter(each["sni"] or "127.0.0.1" for each in truth)
    assert {each.host: each.requests for each in facts.destinations} == dict(names)
    versions = Counter(each["version"].replace("TLSv", "TLS ") for each in truth)
    assert facts.tls_versions == dict(versions)
    assert "traffic.not_inspected" in verdict.codes


def test_personal_data_reach_neither_facts_nor_verdict_nor_error(tmp_path: Path) -> None:
    body = {"rid": "r", "event": "nav", **{each: each for each in PERSONAL}, "extra": list(PERSONAL)}
    (tmp_path / "log.jsonl").write_text(CANARY + line(json.dumps(body)))
    facts, verdict = look(settings(tmp_path / "log.jsonl"))
    written = facts.model_dump_json() + verdict.model_dump_json()
    assert "payload.key_not_allowed:extra" in verdict.codes and "evidence.must_redact" in verdict.codes
    assert not [each for each in PERSONAL if each in written]
    (tmp_path / "log.jsonl").write_text(" ".join(PERSONAL) + "\n")
    with pytest.raises(InputFault) as fault:
        Traffic().observe(TrafficSettings.read(settings(tmp_path / "log.jsonl")))
    assert not [each for each in PERSONAL if each in f"{fault.value} {fault.value.mend}"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda har: har[: len(har) // 2], "traffic.truncated"),
        (lambda har: har.replace('"startedDateTime"', '"started"', 2), "traffic.entry_unreadable"),
        (lambda har: har.replace("/sc/consented-ok", "/other"), "traffic.no_canary"),
    ],
)
def test_a_capture_that_is_off_decides_nothing(change: Any, code: str, tmp_path: Path) -> None:
    har = tmp_path / "consented-ok.har"
    har.write_text(change((CAPTURES / "consented-ok.har").read_text()))
    _, verdict = look(settings(har))
    assert (verdict.status, code in verdict.codes) == (Status.INCONCLUSIVE, True)


def test_a_page_level_capture_does_not_speak_for_the_app() -> None:
    _, verdict = look(settings(CAPTURES / "consented-ok.har", about="app"))
    assert (verdict.status, verdict.codes) == (Status.INCONCLUSIVE, ("traffic.page_level",))


def test_bombs_are_bounded() -> None:
    bomb = gzip.compress(b"0" * (BUDGET * 8))
    assert unpack(bomb, "", (), "").opaque == {"too_large"}
    assert unpack(bomb, "", ("gzip",), "").opaque == {"too_large"}
    assert unpack(b'{"a":' * 100 + b"1" + b"}" * 100, "application/json", (), "").opaque == {"too_deep"}
    nested = b'{"event":"x"}'
    for _ in range(8):
        nested = base64.b64encode(nested)
    assert "too_deep" in unpack(nested, "", (), "").opaque


def test_a_schema_that_leaves_something_open_is_refused() -> None:
    lax = [{"host": "a.test", "events": {"e": {"type": "object", "additionalProperties": True}}}]
    with pytest.raises(ValueError, match="additionalProperties"):
        TrafficSettings.read(settings(CAPTURES / "lo.pcap", endpoints=lax))


def test_every_code_is_told_on_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "collectors" / "traffic.md").read_text()
    for code in Traffic.codes:
        assert f"| `{code.id}` | {code.meaning} | {code.clause} | {code.mend} |" in page


def test_a_capture_is_sealed_where_the_check_asks_for_it_and_nothing_of_it_is_in_the_facts(tmp_path: Path) -> None:
    capture = CAPTURES / "extra-key.har"
    collector = Traffic()
    collector.run, collector.base = "a run", tmp_path
    facts = collector.observe(TrafficSettings.read(settings(capture, keep=True)))
    (sealed,) = facts.origin.sealed
    assert Vault(tmp_path).open(sealed) == capture.read_bytes()
    assert (sealed.name, sealed.size) == ("extra-key.har", capture.stat().st_size)
    assert not any(secret in facts.model_dump_json() for secret in PERSONAL)
    plain = collector.observe(TrafficSettings.read(settings(capture)))
    assert (plain.origin.sealed, len(Vault(tmp_path).ids())) == ((), 1)
