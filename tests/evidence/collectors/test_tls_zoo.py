"""Every server of the zoo gets its stated verdict and codes: real servers on loopback, looked at as in a run."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import randrange

import pytest

from muniment.evidence import Actor, CouldNotLook, Errored, EvidenceRecord, Observed, Span, canonical
from muniment.evidence.collectors.tls import Tls, TlsSettings
from muniment.evidence.record import Method

ZOO = Path(__file__).parents[2] / "subjects" / "tls_zoo.py"
ROWS = json.loads(subprocess.run([sys.executable, ZOO, "list"], check=True, capture_output=True).stdout)
IDS = [row["id"] for row in ROWS]


@dataclass(frozen=True)
class Seen:
    """What came of one look, and how many seconds it took."""

    outcome: Observed | Errored
    seconds: float


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    """The running zoo, as its zoo.json tells."""
    folder = tmp_path_factory.mktemp("zoo")
    with subprocess.Popen([sys.executable, ZOO, "serve", folder, "--base", str(free_ports(len(ROWS)))]) as process:
        try:
            while not (folder / "zoo.json").exists():
                assert process.poll() is None, "the zoo ended before it was ready"
                time.sleep(0.05)
            yield json.loads((folder / "zoo.json").read_text())
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def sights(zoo: dict) -> dict[str, Seen]:
    """All looks, a few at the same time, by the fixture's id."""

    async def all_looks() -> list[Seen]:
        lanes = asyncio.Semaphore(6)

        async def one(row: dict) -> Seen:
            async with lanes:
                return await look(row, Path(zoo["ca"]))

        return await asyncio.gather(*(one(row) for row in zoo["fixtures"]))

    return dict(zip((row["id"] for row in zoo["fixtures"]), asyncio.run(all_looks()), strict=True))


@pytest.fixture
def seen(request: pytest.FixtureRequest, zoo: dict, sights: dict[str, Seen]) -> Seen:
    """The look at the server whose id is the parameter."""
    if request.param in zoo["skipped"]:
        pytest.skip(zoo["skipped"][request.param])
    return sights[request.param]


@pytest.mark.parametrize(("seen", "row"), list(zip(IDS, ROWS, strict=True)), ids=IDS, indirect=["seen"])
def test_each_server_gets_its_verdict_and_codes(seen: Seen, row: dict) -> None:
    verdict, expected = seen.outcome.verdict, row["expect"]
    assert (verdict.status.value, sorted(verdict.codes)) == (
        expected["verdict"],
        sorted(expected["codes"] + expected["warn"]),
    ), verdict.message
    assert seen.seconds < 11


@pytest.mark.parametrize("seen", IDS, indirect=True)
def test_a_record_takes_no_more_than_four_kibibytes(seen: Seen) -> None:
    at = datetime(2026, 11, 24, 3, 12, 33, 123456, tzinfo=UTC)
    record = EvidenceRecord(
        id="EV-2026-000123-0007",
        task="tls-endpoints/www.phone.example.org:443",
        check="tls-endpoints",
        controls=("CRY-01", "NET-04"),
        subject="www.phone.example.org:443",
        subject_kind="endpoint",
        collected=Span(start=at, end=at),
        recorded=at,
        method=Method(collector="tls", version="1", package="muniment 0.1.0", code="sha256:" + 64 * "0"),
        actor=Actor(name="collector@build.example.org", kind="service", host="build.example.org", trigger="timer"),
        outcome=seen.outcome,
    )
    assert len(canonical(record)) <= 4096


@pytest.mark.parametrize("seen", ["good-intermediate", "good-modern-ecdsa", "good-two-certificates"], indirect=True)
def test_a_good_server_is_asked_no_more_than_20_times(seen: Seen) -> None:
    assert isinstance(seen.outcome, Observed)
    assert seen.outcome.facts["connects"] <= 20


@pytest.mark.parametrize("seen", ["one-address-bad"], indirect=True)
def test_the_bad_one_of_two_addresses_is_named(seen: Seen) -> None:
    assert "accepts TLSv1.0 (at 127.0.0.2)" in seen.outcome.verdict.message


@pytest.mark.parametrize("seen", ["sslv3"], indirect=True)
def test_a_version_that_no_local_library_speaks_is_seen(seen: Seen) -> None:
    assert isinstance(seen.outcome, Observed)
    assert seen.outcome.facts["sights"][0]["versions"] == ["SSLv3"]
    assert "accepts SSLv3" in seen.outcome.verdict.message


@pytest.mark.parametrize("seen", ["dhe-2048"], indirect=True)
def test_a_verdict_names_policy_version_and_digest(seen: Seen) -> None:
    assert "mozilla-intermediate-6.0 (version 6.0, sha256:" in seen.outcome.verdict.message
    assert isinstance(seen.outcome, Observed)
    assert seen.outcome.origin.tools[1].name == "mozilla-intermediate-6.0"


@pytest.mark.parametrize("seen", ["dhe-2048"], indirect=True)
def test_the_same_sight_passes_the_policy_that_still_allowed_it(seen: Seen) -> None:
    assert isinstance(seen.outcome, Observed)
    collector = Tls()
    settings = TlsSettings(host="dhe-2048.zoo.test", policy="mozilla-intermediate-5.7")
    facts = collector.facts_type.of(seen.outcome)
    assert collector.assess(settings, facts, datetime.now(UTC)).status == "pass"


async def look(row: dict, trust: Path) -> Seen:
    """One look as a run makes it: what cannot be looked at is errored."""
    settings = TlsSettings.model_validate(
        {
            "host": row["server_name"],
            "port": row["port"],
            "starttls": row["starttls"],
            "addresses": row["ips"],
            "trust": trust,
            "allow_private": True,
            **row["settings"],
        }
    )
    collector, start = Tls(), time.monotonic()
    try:
        facts = await collector.observe(settings)
    except CouldNotLook as error:
        return Seen(Errored(cause=error.cause, message=error.what), time.monotonic() - start)
    verdict = collector.assess(settings, facts, datetime.now(UTC))
    return Seen(facts.observed(verdict), time.monotonic() - start)


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody listens on."""
    while True:
        first = randrange(20_000, 32_000)
        try:
            with ExitStack() as stack:
                for port in range(first, first + count):
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
        except OSError:
            continue
        return first
