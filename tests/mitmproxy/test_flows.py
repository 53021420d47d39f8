"""Flows of mitmproxy become the JSONL that is kept beside them, and a file of flows that is off says so.

`make test-mitmproxy` runs this, with mitmproxy out of requirements/mitmproxy.txt, and `.ci/run` with it. The flows are
of Chromium behind mitmdump, made by the generator of captures; certificates and answers are left out.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.collectors._traffic.capture import Reading, requests

pytestmark = pytest.mark.mitmproxy

ROOT = Path(__file__).parents[2]
CONVERTER = ROOT / "docs" / "tools" / "flows_to_jsonl.py"
CAPTURES = ROOT / "tests" / "subjects" / "captures"
PLACE = ROOT / ".venv" / "mitmproxy"
WRITER = """
import sys
from mitmproxy import io
from mitmproxy.test import tflow
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

spoken = tflow.twebsocketflow()
spoken.request.host, spoken.request.scheme, spoken.request.path = "chat.example.test", "https", "/ws?who=me"
spoken.request.headers.pop("host", None)
spoken.websocket.messages = [
    WebSocketMessage(Opcode.TEXT, True, b'{"event":"typed"}', 1769940001.5),
    WebSocketMessage(Opcode.TEXT, False, b"an answer", 1769940002.0),
]
unseen = tflow.tflow()
unseen.request.raw_content = None
unseen.request.host = "big.example.test"
tunnel, datagrams = tflow.ttcpflow(), tflow.tudpflow()
tunnel.server_conn.sni = "mqtt.example.test"
datagrams.server_conn.sni, datagrams.server_conn.address = None, ("2001:db8::1", 443)
datagrams.client_conn.sni = None
with open(sys.argv[1], "wb") as stream:
    writer = io.FlowWriter(stream)
    for flow in (spoken, unseen, tunnel, datagrams, tflow.tdnsflow()):
        writer.add(flow)
"""


@pytest.mark.parametrize("flows", sorted(CAPTURES.glob("*.flows")), ids=lambda each: each.stem)
def test_flows_become_the_requests_that_are_kept_beside_them(flows: Path, tmp_path: Path) -> None:
    done = convert(flows, tmp_path / "out.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out.jsonl").read_bytes() == flows.with_suffix(".jsonl").read_bytes()
    assert (tmp_path / "out.jsonl").stat().st_mode & 0o777 == 0o600


def test_messages_are_told_and_of_what_is_no_http_only_the_server(tmp_path: Path) -> None:
    python("-c", WRITER, tmp_path / "made.flows")
    assert convert(tmp_path / "made.flows", tmp_path / "made.jsonl").returncode == 0
    seen = list(requests(tmp_path / "made.jsonl", reading := Reading()))
    assert [(each.host, each.path, each.query, each.body) for each in seen] == [
        ("chat.example.test", "/ws", "who=me", b""),
        ("chat.example.test", "/ws", "", b'{"event":"typed"}'),
        ("big.example.test", "/path", "", None),
        ("mqtt.example.test", "/", "", None),
        ("2001:db8::1", "/", "", None),
    ]
    assert (reading.unreadable, reading.truncated) == (0, False)


@pytest.mark.parametrize(
    ("content", "flows", "says"),
    [
        (lambda whole: whole[: len(whole) * 2 // 3], 3, "damaged or cut off after 3 flows"),
        (lambda _: b"jane.doe@example.org\n", 0, "no flows of mitmproxy"),
        (lambda _: b"", 0, "no flows of mitmproxy"),
    ],
    ids=["cut off", "another kind", "empty"],
)
def test_flows_that_are_off_are_told_by_name_and_never_pass_for_whole(
    content: Any, flows: int, says: str, tmp_path: Path
) -> None:
    source, target = tmp_path / "bad.flows", tmp_path / "bad.jsonl"
    source.write_bytes(content((CAPTURES / "consented-ok.flows").read_bytes()))
    done = convert(source, target)
    assert (done.returncode, done.stderr) == (1, f"{source}: {says}; {target} says so too\n")
    seen = list(requests(target, reading := Reading()))
    assert (len(seen), reading.unreadable, reading.truncated) == (flows, 0, True)


def test_flows_that_are_not_there_are_told_and_nothing_is_written(tmp_path: Path) -> None:
    done = convert(tmp_path / "none.flows", tmp_path / "none.jsonl")
    assert (done.returncode, done.stderr) == (1, f"{tmp_path / 'none.flows'}: No such file or directory\n")
    assert not (tmp_path / "none.jsonl").exists()


def convert(flows: Path, jsonl: Path) -> subprocess.CompletedProcess[str]:
    return python(CONVERTER, flows, jsonl)


def python(*words: object) -> subprocess.CompletedProcess[str]:
    """Python with the packages of mitmproxy's environment in front."""
    if not PLACE.exists():
        pytest.skip("mitmproxy is not here: make test-mitmproxy brings it")
    return subprocess.run(
        [sys.executable, *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(PLACE)},
        capture_output=True,
        text=True,
        check=False,
    )
