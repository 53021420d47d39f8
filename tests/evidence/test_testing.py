"""The kit finds each broken promise and names it, lets what is sound pass, and its worlds behave like the real ones."""

# ruff: noqa: ARG002 - a collector takes what the contract gives it

import asyncio
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import entry_points
from itertools import count
from pathlib import Path
from typing import Any

import dns.resolver
import httpx
import pytest
from pydantic import Field

from muniment.cli.demo.dns_rdap import NameServer, RdapServer
from muniment.evidence import (
    Code,
    Collector,
    CouldNotLook,
    Exclusion,
    Facts,
    Frozen,
    Origin,
    Population,
    Settings,
    Status,
    Verdict,
    failed,
    passed,
)
from muniment.evidence.collectors.consent import Consent
from muniment.evidence.collectors.endpoint_ownership import EndpointOwnership
from muniment.evidence.collectors.tls import Tls
from muniment.evidence.testing import NetworkForbidden, Promise, PromiseBroken, check_collector, no_network
from muniment.evidence.testing.tls import TlsServer
from muniment.evidence.testing.worlds import StillClock, Zone, http_world

PLUGIN = "muniment.evidence.testing.plugin"
SOURCE = Origin(system="memory:", query="read")


class Depth(Settings):
    """What the collectors of this page are pointed at."""

    metres: int = Field(3, description="How deep")


class Sounding(Facts):
    """What they see."""

    metres: int


class Sound(Collector[Depth, Sounding]):
    """Keeps every promise. The others each break one."""

    id = "test.sound"

    def observe(self, settings: Depth) -> Sounding:
        return Sounding(origin=SOURCE, metres=settings.metres)

    def assess(self, settings: Depth, facts: Sounding, at: datetime) -> Verdict:
        return passed("Deep enough.") if facts.metres > 1 else failed("Too shallow.", "depth.shallow")


def broken_by(collector: Any, settings: Any = None, **more: Any) -> dict[Promise, str]:
    with pytest.raises(PromiseBroken) as caught:
        check_collector(collector, settings or {}, **more)
    for promise in caught.value.broken:
        assert promise.value in str(caught.value)
    return caught.value.broken


def judging(body: Callable[[Depth, Sounding, datetime], Any]) -> type[Sound]:
    """A collector that judges so."""

    class Judging(Sound):
        """Judges as the test says."""

        def assess(self, settings: Depth, facts: Sounding, at: datetime) -> Verdict:
            verdict: Verdict = body(settings, facts, at)
            return verdict

    return Judging


def seeing(body: Callable[[Depth], Any]) -> type[Sound]:
    """A collector that sees so."""

    class Seeing(Sound):
        """Sees as the test says."""

        def observe(self, settings: Depth) -> Sounding:
            facts: Sounding = body(settings)
            return facts

    return Seeing


def test_a_sound_collector_passes_and_its_sight_is_given_for_further_asserts() -> None:
    sight = check_collector(Sound, {"metres": 1})
    assert (sight.facts.metres, sight.verdict.status, sight.verdict.codes) == (1, Status.FAIL, ("depth.shallow",))


def test_an_instance_with_its_own_world_and_an_async_observe_are_looked_through_as_well() -> None:
    class Remote(Sound):
        """Asks a service."""

        def __init__(self, *, at: datetime | None = None, transport: httpx.AsyncBaseTransport | None = None) -> None:
            super().__init__(at=at)
            self.transport = transport

        async def observe(self, settings: Depth) -> Sounding:  # type: ignore[override]
            async with httpx.AsyncClient(transport=self.transport) as client:
                answer = await client.get("https://depth.example.test/")
            return Sounding(origin=SOURCE, metres=answer.json())

    world = http_world({"https://depth.example.test/": httpx.Response(200, json=7)})
    with no_network():
        assert check_collector(Remote(transport=world), {}).facts.metres == 7


def test_a_class_without_id_and_docstring_is_named() -> None:
    class Nameless(Collector[Depth, Sounding]):
        observe, assess = Sound.observe, Sound.assess  # type: ignore[assignment]

    assert broken_by(Nameless)[Promise.NAMED] == "Nameless has no id and no docstring"


def test_a_setting_without_a_description_is_named_also_inside_another() -> None:
    class Inner(Frozen):
        silent: int = 1

    class Mute(Settings):
        told: Inner = Field(Inner(), description="told")
        mute: int = 2

    class Undescribed(Collector[Mute, Sounding]):
        """Says too little."""

        id = "test.undescribed"

        def observe(self, settings: Mute) -> Sounding:
            return Sounding(origin=SOURCE, metres=2)

        def assess(self, settings: Mute, facts: Sounding, at: datetime) -> Verdict:
            return passed("Fine.")

    assert broken_by(Undescribed) == {Promise.DESCRIBED: 'mute, Inner.silent: say `Field(description="…")`'}


def test_settings_that_do_not_survive_being_written_down_are_named() -> None:
    class Hidden(Settings):
        token: Any = Field(None, description="any object")

    class Lossy(Collector[Hidden, Sounding]):
        """Is given what JSON cannot hold."""

        id = "test.lossy"

        def observe(self, settings: Hidden) -> Sounding:
            return Sounding(origin=SOURCE, metres=2)

        def assess(self, settings: Hidden, facts: Sounding, at: datetime) -> Verdict:
            return passed("Fine.")

    assert "not equal" in broken_by(Lossy, {"token": (1, 2)})[Promise.SETTINGS]


@pytest.mark.parametrize(
    ("collector", "how"),
    [
        (seeing(lambda _: {"metres": 3}), "observe gave dict, and Sounding was promised"),
        (judging(lambda *_: True), "assess gave bool, and a Verdict was promised"),
    ],
)
def test_a_wrong_type_is_named(collector: type[Sound], how: str) -> None:
    assert broken_by(collector) == {Promise.TYPED: how}


def test_a_source_of_blanks_is_none() -> None:
    blank = Origin(system=" ", query=" ")
    found = broken_by(seeing(lambda _: Sounding(origin=blank, metres=2)))
    assert found[Promise.SOURCE] == "origin.system and origin.query is empty"


@pytest.mark.parametrize(
    ("population", "how"),
    [
        (Population(expected=3, collected=4, basis="list"), "more than there is: 3 expected, 4 collected, 0 left out"),
        (Population(expected=3, collected=2, basis="list"), "name what was left out"),
        (Population(expected=3, collected=2, basis="list", complete=False), None),
        (
            Population(expected=3, collected=2, basis="list", exclusions=(Exclusion(subject="c", reason="retired"),)),
            None,
        ),
        (Population(expected=3, collected=3, basis="list"), None),
    ],
)
def test_a_population_adds_up(population: Population, how: str | None) -> None:
    origin = SOURCE.model_copy(update={"population": population})
    collector = seeing(lambda _: Sounding(origin=origin, metres=2))
    if how is None:
        check_collector(collector, {})
    else:
        assert how in broken_by(collector)[Promise.POPULATION]


def test_facts_that_do_not_survive_being_written_down_are_named() -> None:
    class Forgetful(Facts):
        metres: int
        unsaid: int = Field(exclude=True)

    class Forgetting(Collector[Depth, Forgetful]):
        """Judges by what no record holds."""

        id = "test.forgetting"

        def observe(self, settings: Depth) -> Forgetful:
            return Forgetful(origin=SOURCE, metres=2, unsaid=3)

        def assess(self, settings: Depth, facts: Forgetful, at: datetime) -> Verdict:
            return passed("Fine.")

    assert broken_by(Forgetting) == {Promise.FACTS: "they cannot be read back"}


def test_facts_that_have_no_certain_spelling_are_named_with_the_place() -> None:
    class Fraction(Facts):
        metres: float

    class Measuring(Collector[Depth, Fraction]):
        """Sees a float, which programs spell differently."""

        id = "test.measuring"

        def observe(self, settings: Depth) -> Fraction:
            return Fraction(origin=SOURCE, metres=2.5)

        def assess(self, settings: Depth, facts: Fraction, at: datetime) -> Verdict:
            return passed("Fine.")

    assert broken_by(Measuring)[Promise.STORED].startswith("$.outcome.facts.metres: 2.5 is a float")


def test_a_second_look_that_sees_something_else_is_named_with_the_place() -> None:
    number = count(1)
    found = broken_by(seeing(lambda _: Sounding(origin=SOURCE, metres=next(number))))
    assert found == {Promise.STEADY: "$.metres was 1, then 2"}


def touch_file(*_: Any) -> Verdict:
    return passed("Fine.") if Path("/dev/null").read_bytes() == b"" else failed("Odd.")


def touch_socket(*_: Any) -> Verdict:
    socket.socket().close()
    return passed("Fine.")


def touch_program(*_: Any) -> Verdict:
    subprocess.run(["true"], check=True)
    return passed("Fine.")


def touch_clock(*_: Any) -> Verdict:
    return passed("Young." if datetime.now(UTC).year < 3000 else "Old.")


def touch_timer(*_: Any) -> Verdict:
    return passed("Fine." if time.monotonic() >= 0 else "Odd.")


@pytest.mark.parametrize(
    ("judge", "what"),
    [
        (touch_file, "open("),
        (touch_socket, "socket.__new__("),
        (touch_program, "subprocess.Popen("),
        (touch_clock, "datetime.now()"),
        (touch_timer, "time.monotonic()"),
    ],
)
def test_a_judgement_that_touches_the_world_is_named_with_file_and_line(judge: Callable[..., Any], what: str) -> None:
    how = broken_by(judging(judge))[Promise.PURE]
    assert how.startswith(what)
    assert f"at {Path(__file__).name}:" in how


def test_a_judgement_that_touches_only_the_first_time_is_found_too() -> None:
    @cache
    def limit() -> int:
        with Path("/dev/null").open("rb") as file:
            return len(file.read())

    found = broken_by(judging(lambda *_: passed("Fine.") if limit() == 0 else failed("Odd.")))
    assert found[Promise.PURE].startswith("open('/dev/null')")


def test_importing_and_reading_installed_data_is_no_touch() -> None:
    def judge(settings: Depth, facts: Sounding, at: datetime) -> Verdict:
        import colorsys  # a module that nothing else imports

        return passed("Fine.") if Path(colorsys.__file__).read_bytes() else failed("Odd.")

    assert check_collector(judging(judge), {}).verdict.status is Status.PASS


def test_a_judgement_that_changes_its_mind_is_named() -> None:
    number = count(1)
    found = broken_by(judging(lambda *_: passed("Fine.") if next(number) == 1 else failed("No.")))
    assert found == {Promise.SAME: "first pass (Fine.), then fail (No.)"}


def test_a_code_that_nobody_declared_is_named() -> None:
    class Declaring(Sound):
        """Declares one code and uses another."""

        codes = (Code("depth.unknown", "m", "c", "m"),)

    assert broken_by(Declaring, {"metres": 0}) == {
        Promise.DECLARED: "depth.shallow: add a `Code` to Declaring.codes",
    }


def test_a_secret_in_the_facts_is_named_and_not_repeated() -> None:
    secret = "AKIA" + "A" * 16
    origin = SOURCE.model_copy(update={"query": f"GET /?key={secret}"})
    with pytest.raises(PromiseBroken, match="holds what looks like an AWS access key") as caught:
        check_collector(seeing(lambda _: Sounding(origin=origin, metres=2)), {})
    assert secret not in str(caught.value)


def test_what_observe_raises_goes_through() -> None:
    def blind(_: Depth) -> Sounding:
        raise CouldNotLook("net.timeout", "nobody answered")

    with pytest.raises(CouldNotLook, match="nobody answered"):
        check_collector(seeing(blind), {})


def test_nothing_reaches_beyond_loopback_from_any_thread() -> None:
    refused: list[BaseException] = []

    def reach() -> None:
        with pytest.raises(NetworkForbidden) as caught:
            socket.create_connection(("192.0.2.1", 80), timeout=1)
        refused.append(caught.value)

    with no_network():
        thread = threading.Thread(target=reach)
        thread.start()
        thread.join()
        with pytest.raises(NetworkForbidden, match=r"www\.example\.test"):
            socket.getaddrinfo("www.example.test", 443)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram, pytest.raises(NetworkForbidden):
            datagram.sendto(b"", ("192.0.2.1", 53))
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname()).close()
            socket.getaddrinfo("localhost", 80)
    assert "192.0.2.1" in str(refused[0])


def test_a_clock_stands_until_it_is_moved() -> None:
    clock = StillClock(datetime(2026, 3, 1, 1, tzinfo=UTC))
    clock.move(timedelta(hours=2))
    assert clock() == clock() == datetime(2026, 3, 1, 3, tzinfo=UTC)


def test_http_knows_methods_failures_and_what_is_not_there() -> None:
    world = http_world(
        {
            "https://a.test/x": httpx.Response(200, text="got"),
            "POST https://a.test/x": httpx.Response(201),
            "https://slow.test/": httpx.ReadTimeout("too slow"),
        }
    )
    with httpx.Client(transport=world) as client:
        assert [client.get("https://a.test/x").text for _ in range(2)] == ["got", "got"]
        assert client.post("https://a.test/x").status_code == 201
        with pytest.raises(httpx.ReadTimeout):
            client.get("https://slow.test/")
        with pytest.raises(httpx.ConnectError, match="in this world"):
            client.get("https://elsewhere.test/")


def test_a_zone_answers_as_name_servers_do() -> None:
    zone = Zone(
        {
            "www.example.test": {"CNAME": ["cdn.example.net."], "TXT": ['"not seen beside a CNAME"']},
            "cdn.example.net": {"A": ["192.0.2.1", "192.0.2.2"], "AAAA": ["2001:db8::1"]},
            "loop.example.test": {"CNAME": ["loop.example.test."]},
        }
    )
    resolver = zone.resolver()
    answer = resolver.resolve("www.example.test", "A")
    assert (answer.canonical_name.to_text(), [each.to_text() for each in answer]) == (
        "cdn.example.net.",
        ["192.0.2.1", "192.0.2.2"],
    )
    with pytest.raises(dns.resolver.NoAnswer):
        resolver.resolve("cdn.example.net", "MX")
    with pytest.raises(dns.resolver.NoAnswer):
        resolver.resolve("example.net", "A")  # above a name, so it exists
    with pytest.raises(dns.resolver.NXDOMAIN):
        resolver.resolve("other.test", "A")
    same = asyncio.run(zone.async_resolver().resolve("www.example.test", "AAAA"))
    assert [each.to_text() for each in same] == ["2001:db8::1"]
    assert asyncio.run(zone.addresses("www.example.test", 443)) == ("192.0.2.1", "192.0.2.2", "2001:db8::1")
    with pytest.raises(OSError, match="has no address"):
        asyncio.run(zone.addresses("loop.example.test", 443))


def test_a_tls_server_is_believed_by_who_trusts_its_root(tmp_path: Path) -> None:
    with TlsServer(tmp_path, "www.example.test") as server:
        context = ssl.create_default_context(cafile=str(server.trust))
        with (
            socket.create_connection((server.host, server.port)) as plain,
            context.wrap_socket(plain, server_hostname="www.example.test") as tls,
        ):
            assert tls.version() == "TLSv1.3"


def test_the_tls_collector_keeps_the_contract(tmp_path: Path) -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    name = "www.example.test"
    with TlsServer(tmp_path, name, since=now, until=now + timedelta(days=60)) as server, no_network():
        where = {"host": name, "port": server.port, "trust": server.trust, "allow_private": True}
        zone = Zone({name: {"A": [server.host]}})
        sight = check_collector(Tls(resolve=zone.addresses), where, at=now + timedelta(days=1))
    assert sight.verdict.status is not Status.INCONCLUSIVE, sight.verdict


def test_the_consent_collector_keeps_the_contract(tmp_path: Path) -> None:
    (tmp_path / "acts.csv").write_text(
        "subject_id,purpose,notice_version,action,at,recorded_at\n"
        "s1,stats,1,given,2026-01-01T10:00:00Z,2026-01-01T10:00:01Z\n"
    )
    (tmp_path / "events.csv").write_text(
        "event_id,subject_id,purpose,mode,at,recorded_at\n"
        "e1,s1,stats,normal,2026-01-01T11:00:00Z,2026-01-01T11:00:01Z\n"
        "e2,s2,stats,normal,2026-01-01T11:00:00Z,2026-01-01T11:00:01Z\n"
    )
    at = datetime(2026, 1, 2, tzinfo=UTC)
    with no_network():
        sight = check_collector(Consent, {"acts": "acts.csv", "events": "events.csv"}, at=at, base=tmp_path)
    assert sight.facts.violations.never == 1


def test_the_ownership_collector_keeps_the_contract(tmp_path: Path) -> None:
    registrant = {"objectClassName": "entity", "roles": ["registrant"]}
    card = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "Acme"], ["org", {}, "text", "Acme"]]]
    domain = {"objectClassName": "domain", "ldhName": "example.test", "entities": [{**registrant, "vcardArray": card}]}
    zone = {"www.example.test": [("A", "127.0.0.1")]}
    with NameServer(zone) as names, RdapServer({"example.test": domain}, {}) as rdap, no_network():
        settings = {
            "host": "www.example.test",
            "owner": "Acme",
            "resolver": names.address,
            "rdap_bootstrap": rdap.bootstrap(tmp_path / "bootstrap.json"),
            "allow_private": True,
        }
        sight = check_collector(EndpointOwnership, settings)
    assert sight.verdict.status is Status.PASS, sight.verdict


def test_an_author_gets_the_fixtures_from_the_plug_in(tmp_path: Path) -> None:
    (tmp_path / "test_fixtures.py").write_text(
        "import socket\n"
        "def test_tls(no_network, tls_server):\n"
        "    socket.create_connection((tls_server.host, tls_server.port)).close()\n"
        "def test_refused(no_network):\n"
        "    socket.create_connection(('192.0.2.1', 80))\n"
    )
    declared = any(point.value == PLUGIN for point in entry_points(group="pytest11"))
    plugin = [] if declared else ["-p", PLUGIN]  # pytest refuses to load one plug-in under two names
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, tmp_path]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "1 failed, 1 passed" in run.stdout, run.stdout + run.stderr
    assert "NetworkForbidden: socket.getaddrinfo to 192.0.2.1 is beyond loopback" in run.stdout
