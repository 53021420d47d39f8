"""What a session's consent, mode and comparison make of its requests, and what packets alone can show."""

import hmac
import io
import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dpkt
import pytest

from muniment.evidence.collectors.traffic import Traffic, TrafficFacts, TrafficSettings
from muniment.evidence.errors import InputFault
from muniment.evidence.pseudonym import pseudonym
from muniment.evidence.testing import check_collector
from muniment.evidence.verdict import Status, Verdict

CAPTURES = Path(__file__).parents[2] / "subjects" / "captures"
APP, OWN, THIRD = "app.example-phone.test", "t0.example-telemetry.test", "px.adnet-tracker.test"
EVENT = {"type": "object", "properties": {"event": {"type": "string"}}, "required": ["event"]}
GIVEN, WITHDRAWN = (
    {"state": "given", "at": "2026-02-01T10:00:00Z"},
    {"state": "withdrawn", "at": "2026-02-01T11:00:00Z"},
)


def settings(capture: Path, *acts: dict[str, str], mode: str = "normal", **other: Any) -> dict[str, Any]:
    session = {
        "app_build": "12.2.1 (4711)",
        "device": "Phone 9",
        "mode": mode,
        "consent": list(acts),
        "capture_point": "proxy",
        "canary": {"host": APP, "path": "/canary"},
    }
    own = {"host": OWN, "paths": ["/v1/*"], "events": {"open": EVENT}}
    endpoints = [{"host": APP, "necessary": True, "events": {"*": EVENT}}, own]
    return {"capture": str(capture), "session": session, "endpoints": endpoints, **other}


def sent(at: str, host: str = OWN, path: str = "/v1/e", body: Any = "", **other: Any) -> dict[str, Any]:
    return {"at": f"2026-02-01T{at}Z", "url": f"https://{host}{path}", "body": body, **other}


CANARY = sent("09:00:00", APP, "/canary")
OPEN = json.dumps({"event": "open"})


def capture(file: Path, *rows: dict[str, Any]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in (CANARY, *rows)))
    return file


def look(values: dict[str, Any]) -> tuple[TrafficFacts, Verdict]:
    sight = check_collector(Traffic, TrafficSettings.read(values))
    return sight.facts, sight.verdict


@pytest.mark.parametrize(
    ("acts", "at", "codes"),
    [
        ((), "10:30:00", ("traffic.no_consent",)),
        ((GIVEN,), "09:59:59.999", ("traffic.before_consent",)),
        ((GIVEN,), "10:00:00", ()),
        ((GIVEN, WITHDRAWN), "10:59:59", ()),
        ((GIVEN, WITHDRAWN), "11:00:00", ("traffic.after_withdrawal",)),
        ((WITHDRAWN, {**GIVEN, "at": WITHDRAWN["at"]}), "11:00:00", ("traffic.after_withdrawal",)),
        ((GIVEN, WITHDRAWN, {**GIVEN, "at": "2026-02-01T12:00:00+01:00"}), "11:00:01", ("traffic.after_withdrawal",)),
        ((GIVEN, WITHDRAWN, {**GIVEN, "at": "2026-02-01T14:00:00+02:00"}), "12:00:00", ()),
    ],
)
def test_each_request_is_held_against_the_consent_at_its_instant(
    tmp_path: Path, acts: tuple[dict[str, str], ...], at: str, codes: tuple[str, ...]
) -> None:
    _, verdict = look(settings(capture(tmp_path / "a.jsonl", sent(at, body=OPEN)), *acts))
    assert (verdict.codes, verdict.status) == (codes, Status.FAIL if codes else Status.PASS)


def test_a_key_that_may_be_a_value_is_a_pseudonym_that_stays_within_a_month(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a secret of the organisation")
    said = json.dumps({"event": "open", "+49 170 1234567": 1})
    for name, month in (("a", 11), ("b", 11), ("c", 12)):
        file = capture(tmp_path / f"{name}.jsonl", sent("10:30:00", body=said, note=name))
        collector = Traffic(at=datetime(2026, month, 3, tzinfo=UTC))
        collector.base = tmp_path
        facts = collector.observe(TrafficSettings.read(settings(file, GIVEN, pseudonyms="file:key")))
        key = hmac.digest(b"a secret of the organisation", f"muniment-traffic 2026-{month}".encode(), "sha256")
        assert f"payload.key_not_allowed:~{pseudonym(key, '+49 170 1234567')}" in facts.sightings
        assert facts.key_period == f"2026-{month}"


def test_what_is_necessary_needs_no_consent_and_may_be_sent_in_private_mode(tmp_path: Path) -> None:
    file = capture(tmp_path / "a.jsonl", sent("09:30:00", APP, "/update"))
    for mode in ("normal", "private"):
        _, verdict = look(settings(file, mode=mode))
        assert (verdict.status, verdict.codes) == (Status.PASS, ())


def test_a_path_that_is_not_declared_is_not_the_endpoint(tmp_path: Path) -> None:
    _, verdict = look(settings(capture(tmp_path / "a.jsonl", sent("10:30:00", path="/v2/e", body=OPEN)), GIVEN))
    assert verdict.codes == ("payload.event_not_allowed",)


def test_the_private_run_is_compared_with_the_normal_one(tmp_path: Path) -> None:
    normal = capture(tmp_path / "normal.jsonl", sent("10:30:00", body=OPEN))
    silent = capture(tmp_path / "silent.jsonl")
    facts, verdict = look(settings(silent, GIVEN, mode="private", compare_with=str(normal)))
    assert (verdict.status, verdict.codes) == (Status.PASS, ())
    assert facts.difference is not None
    assert (facts.difference.normal_only, facts.difference.normal_requests) == ((OWN,), 1)
    assert [content.name for content in facts.origin.contents] == ["silent.jsonl", "normal.jsonl"]


def test_a_host_that_is_spoken_to_in_private_mode_only_is_the_finding(tmp_path: Path) -> None:
    normal = capture(tmp_path / "normal.jsonl", sent("10:30:00", body=OPEN))
    private = capture(tmp_path / "private.jsonl", sent("10:30:00", THIRD, body=OPEN))
    facts, verdict = look(settings(private, GIVEN, mode="private", compare_with=str(normal)))
    assert facts.difference is not None and facts.difference.private_only == (THIRD,)
    assert set(verdict.codes) == {"traffic.endpoint_not_owned", "traffic.incognito", "traffic.private_only"}


def test_a_comparison_with_a_silent_or_broken_run_shows_nothing(tmp_path: Path) -> None:
    silent, normal = capture(tmp_path / "silent.jsonl"), capture(tmp_path / "normal.jsonl")
    _, verdict = look(settings(silent, GIVEN, mode="private", compare_with=str(normal)))
    assert (verdict.status, verdict.codes) == (Status.INCONCLUSIVE, ("traffic.comparison_empty",))
    normal.write_text(json.dumps(sent("10:30:00", body=OPEN)) + '\n{"at": "2026-02')
    _, verdict = look(settings(silent, GIVEN, mode="private", compare_with=str(normal)))
    assert (verdict.status, verdict.codes) == (Status.INCONCLUSIVE, ("traffic.truncated",))


def test_an_alias_leads_to_who_answers_unless_that_is_a_processor(tmp_path: Path) -> None:
    file = capture(tmp_path / "a.jsonl", sent("10:30:00", body=OPEN))
    cnames = {OWN: "edge.cdn.test", "edge.cdn.test": "node.cdn.test"}
    for processors, codes in (([], ("traffic.endpoint_not_owned",)), (["cdn.test"], ())):
        _, verdict = look(settings(file, GIVEN, cnames=cnames, processors=processors))
        assert verdict.codes == codes
    _, verdict = look(settings(file, GIVEN, cnames={OWN: "a.cdn.test", "a.cdn.test": OWN}, processors=["cdn.test"]))
    assert verdict.codes == ("traffic.endpoint_not_owned",)


def har(file: Path, **entry: Any) -> Path:
    entries = [
        {"startedDateTime": "2026-02-01T09:00:00Z", "request": {"url": f"https://{APP}/canary"}},
        {"startedDateTime": "2026-02-01T10:30:00Z", **entry},
    ]
    file.write_text(json.dumps({"log": {"entries": entries}}))
    return file


def test_messages_of_a_web_socket_are_looked_at(tmp_path: Path) -> None:
    opened = {"url": f"wss://{OWN}/v1/ws"}
    message = {"type": "send", "opcode": 1, "data": json.dumps({"event": "open", "email": "x"})}
    _, verdict = look(settings(har(tmp_path / "a.har", request=opened, _webSocketMessages=[message]), GIVEN))
    assert verdict.codes == ("payload.key_not_allowed:email",)
    _, verdict = look(settings(har(tmp_path / "b.har", request=opened), GIVEN))
    assert (verdict.status, verdict.codes) == (Status.INCONCLUSIVE, ("traffic.not_inspected",))


def test_a_body_that_the_capture_lost_is_not_inspected(tmp_path: Path) -> None:
    lost = {"url": f"https://{OWN}/v1/e", "bodySize": 312}
    _, verdict = look(settings(har(tmp_path / "a.har", request=lost), GIVEN))
    assert verdict.codes == ("traffic.not_inspected",)


def test_a_capture_of_many_megabytes_is_streamed(tmp_path: Path) -> None:
    """One text of 12 MB; the measurement at 300 MB is told in docs/collectors/traffic.md."""
    post = {"text": OPEN, "mimeType": "application/json"}
    response = {"content": {"text": "x" * 12_000_000}}
    file = har(tmp_path / "a.har", request={"url": f"https://{OWN}/v1/e", "postData": post}, response=response)
    facts, verdict = look(settings(file, GIVEN))
    assert (facts.objects, verdict.status) == (1, Status.PASS)


def packet(data: bytes, source: str, sport: int, target: str, dport: int, *, syn: int | None = None) -> bytes:
    """A frame of Ethernet with a datagram, or where `syn` is given, the beginning of a connection."""
    inner: Any = dpkt.udp.UDP(sport=sport, dport=dport, data=data, ulen=8 + len(data))
    if syn is not None:
        inner = dpkt.tcp.TCP(sport=sport, dport=dport, seq=syn, flags=dpkt.tcp.TH_SYN)
    ip = dpkt.ip.IP(src=socket.inet_aton(source), dst=socket.inet_aton(target), p=17 if syn is None else 6, data=inner)
    ip.len = len(bytes(ip))
    return bytes(dpkt.ethernet.Ethernet(data=ip))


def pcap(file: Path, *frames: bytes) -> Path:
    """A capture of frames, one a second; pcapng where the name says so."""
    stream = io.BytesIO()
    writer = (dpkt.pcapng if file.suffix == ".pcapng" else dpkt.pcap).Writer(stream)
    for n, frame in enumerate(frames):
        writer.writepkt(frame, ts=1_769_940_000 + n)
    file.write_bytes(stream.getvalue())
    return file


def test_quic_and_other_datagrams_are_counted_for_whom_they_began_with(tmp_path: Path) -> None:
    phone, server, names = "10.0.0.2", "10.0.0.9", "10.0.0.1"
    file = pcap(
        tmp_path / "a.pcap",
        packet(b"q", phone, 5000, server, 443),
        packet(b"a", server, 443, phone, 5000),
        packet(b"q", phone, 5001, server, 443),
        packet(b"?", phone, 5002, names, 53),
        packet(b"!", names, 53, phone, 5002),
        packet(b"x", phone, 5003, server, 9999),
    )
    facts, verdict = look(settings(file, GIVEN))
    assert {each.host: each.requests for each in facts.destinations} == {server: 3}
    assert facts.quic == 2
    assert verdict.codes[0] == "traffic.endpoint_not_owned"
    assert "traffic.not_inspected" in verdict.codes


@pytest.mark.parametrize("name", ["a.pcap", "a.pcapng"])
def test_a_port_that_is_used_again_is_another_connection(tmp_path: Path, name: str) -> None:
    begin = [packet(b"", "10.0.0.2", 5000, "10.0.0.9", 443, syn=each) for each in (7, 7, 900_000)]
    facts, _ = look(settings(pcap(tmp_path / name, *begin), GIVEN))
    assert (facts.requests, facts.truncated) == (2, False)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-9])
    assert look(settings(tmp_path / name, GIVEN))[0].truncated


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.99])
def test_a_packet_capture_that_is_cut_off_says_so(tmp_path: Path, kept: float) -> None:
    whole = (CAPTURES / "lo.pcap").read_bytes()
    (tmp_path / "cut.pcap").write_bytes(whole[: int(len(whole) * kept) + 1])
    facts, verdict = look(settings(tmp_path / "cut.pcap", GIVEN))
    assert not look(settings(CAPTURES / "lo.pcap", GIVEN))[0].truncated
    assert facts.truncated and "traffic.truncated" in verdict.codes
    assert 0 < facts.requests <= 41


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pcap", b"no packets"),
        ("a.pcap", b"no packets, and that at length, so that a head could be read from it"),
        ("a.pcapng", b"\n\r\r\n\x1c\x00\x00\x00M<+\x1a cut off"),
        ("a.pcap", b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00"),
        ("a.har", b"[]"),
        ("a.har", b'{"log": {}}'),
        ("a.har", b"PK\x03\x04 no JSON"),
        ("a.jsonl", b"[]\n"),
        ("a.jsonl", b""),
    ],
)
def test_what_is_no_capture_is_an_error_with_a_stable_code(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputFault) as fault:
        Traffic().observe(TrafficSettings.read(settings(tmp_path / name)))
    assert fault.value.cause == "traffic.unreadable"
