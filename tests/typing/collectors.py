"""What the author of a collector writes, and the types that a checker must see in it. Read, never run."""

# ruff: noqa: ARG002 - a collector takes what the contract gives it

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

import dns.resolver
import httpx
from pydantic import Field

from muniment.evidence import (
    Code,
    Collector,
    Content,
    CouldNotLook,
    Exclusion,
    Facts,
    Origin,
    Population,
    Settings,
    Verdict,
    failed,
    inconclusive,
    passed,
)
from muniment.evidence.testing import Sight, check_collector, load_collector, no_network
from muniment.evidence.testing.tls import TlsServer
from muniment.evidence.testing.worlds import StillClock, Zone, http_world


class Policy(Settings):
    path: Path = Field(description="The document to read")
    lines: int = Field(default=2, description="How many lines are enough", ge=1)


class Text(Facts):
    lines: int


class PolicyFile(Collector[Policy, Text]):
    """A policy document that is more than a title."""

    id = "acme.policy"

    def observe(self, settings: Policy) -> Text:
        text = settings.path.read_text()
        return Text(origin=Origin(system=settings.path.name, query="read"), lines=text.count("\n"))

    def assess(self, settings: Policy, facts: Text, at: datetime) -> Verdict:
        assert_type(settings.lines, int)
        enough = facts.lines >= settings.lines
        return passed("It has a body.") if enough else failed("It is a title only.", "policy.empty")


class Service(Settings):
    url: str = Field(description="Where the service answers")


class Users(Facts):
    without_second_factor: tuple[str, ...]


class SecondFactor(Collector[Service, Users]):
    """Every user has a second factor."""

    id = "acme.second-factor"
    version = "2"
    subject_kind = "service"
    seconds = 20.0
    codes = (Code("acme.one-factor", meaning="A user has one factor", clause="A.8.5", mend="enrol a second"),)

    def __init__(self, *, at: datetime | None = None, transport: httpx.AsyncBaseTransport | None = None) -> None:
        super().__init__(at=at)
        self.transport = transport

    async def observe(self, settings: Service) -> Users:
        async with httpx.AsyncClient(transport=self.transport) as client:
            answer = await client.get(settings.url)
        if answer.status_code != 200:
            raise CouldNotLook("acme.refused", f"the service says {answer.status_code}", where=settings.url)
        users = answer.json()
        return Users(
            origin=Origin(
                system=settings.url,
                query=f"GET {settings.url}",
                authenticated_as="svc-audit",
                population=Population(
                    expected=len(users),
                    collected=len(users),
                    basis="the length of the answer",
                    exclusions=(Exclusion(subject="break-glass", reason="kept in a safe"),),
                ),
                contents=(Content(media_type="application/json", size=1, sha256="sha256:" + "0" * 64),),
            ),
            without_second_factor=tuple(each["name"] for each in users if not each["second_factor"]),
        )

    def assess(self, settings: Service, facts: Users, at: datetime) -> Verdict:
        if facts.origin.population is None:
            return inconclusive("Nobody knows how many there are.")
        return failed("Some have one.", "acme.one-factor") if facts.without_second_factor else passed("All have two.")


def a_test_of_a_class(tmp_path: Path) -> None:
    sight = check_collector(PolicyFile, {"path": tmp_path}, at=datetime(2026, 1, 1, tzinfo=UTC), base=tmp_path)
    assert_type(sight, Sight[Text])
    assert_type(sight.facts.lines, int)
    assert_type(sight.verdict, Verdict)
    check_collector(PolicyFile, Policy(path=tmp_path))


def a_test_of_an_instance() -> None:
    world = http_world({"https://users.example.test/": httpx.Response(200, json=[])})
    with no_network():
        sight = check_collector(SecondFactor(transport=world), Service(url="https://users.example.test/"))
    assert_type(sight.facts, Users)


def a_test_of_a_file(tmp_path: Path) -> None:
    sight = check_collector(load_collector(tmp_path / "collectors" / "policy.py"), {"path": "policy.md"})
    assert_type(sight.facts, Any)


def worlds(tmp_path: Path) -> None:
    clock = StillClock()
    clock.move(timedelta(days=1))
    assert_type(clock(), datetime)
    zone = Zone({"www.example.test": {"A": ["192.0.2.1"]}})
    assert_type(zone.resolver(), dns.resolver.Resolver)
    with TlsServer(tmp_path, "www.example.test") as server:
        assert_type(server.port, int)
