"""The world of the demonstration: hosts that answer on loopback, who owns them, and how that changed over the months.

A `World` is a context manager: it serves from `with` on. `become` sets it to how things were at one point of the
story, so that a run under a set clock meets what it would have met then.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from muniment.cli.demo.dns_rdap import NameServer, RdapServer
from muniment.cli.demo.services import Kind, TlsServer
from muniment.evidence.testing.authority import Authority

OWNER = "Example Phone Co., Ltd."
HOSTING = "Megacloud Hosting Inc."
TRACKER = "AdNet Tracking LLC"


@dataclass(frozen=True)
class Host:
    """One endpoint: how its TLS behaves, and from which step of the story on the register names it."""

    name: str
    kind: Kind = "good"
    since: int = 0
    extra: str = ""  # further lines of its entry in the register


HOSTS = (
    Host("t0.example-telemetry.test"),
    Host("crash.example-telemetry.test"),
    Host("app.example-phone.test"),
    Host("cdn.example-phone.test"),
    Host("metrics.example-phone.test"),
    Host("legacy.example-phone.test", "legacy", since=17),
    Host("slow.example-phone.test", "hang", since=22, extra="    timeout: 2\n"),
)

# The story counts in steps of two weeks; the last is today.
LAST = 23
WITHOUT_RUN = frozenset({6, 7})  # the person who ran it was away, and nobody stood in
REGISTRY_DOWN = frozenset({15})
CLOAKED = range(9, 12)  # a contractor pointed a name at a tracking company; it was found and taken back

EXPIRES_SOON = "crash.example-telemetry.test"
_DAYS_LEFT = 9

_ZONE: Mapping[str, tuple[tuple[str, str], ...]] = {
    "t0.example-telemetry.test": (("A", "192.0.2.10"),),
    "crash.example-telemetry.test": (("A", "192.0.2.11"),),
    "app.example-phone.test": (("A", "198.51.100.7"),),
    "cdn.example-phone.test": (("CNAME", "edge.megacloud-cdn.test."),),
    "edge.megacloud-cdn.test": (("A", "198.51.100.80"),),
    "metrics.example-phone.test": (("A", "192.0.2.12"),),
    "legacy.example-phone.test": (("A", "192.0.2.13"),),
    "slow.example-phone.test": (("A", "192.0.2.14"),),
    "collect.adnet-tracker.test": (("A", "203.0.113.9"),),
}
_CLOAK: Mapping[str, tuple[tuple[str, str], ...]] = {
    "metrics.example-phone.test": (("CNAME", "collect.adnet-tracker.test."),)
}


class World:
    """Every service of the demonstration; keys and certificates lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder, f"{OWNER} (demonstration)")
        self._names = NameServer(_ZONE)
        self._registry = _Registry(_DOMAINS, _NETWORKS)
        self._servers = {host.name: TlsServer(host.kind) for host in HOSTS}
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self._running.enter_context(self._names)
        self._running.enter_context(self._registry)
        for server in self._servers.values():
            self._running.enter_context(server)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    @property
    def resolver(self) -> str:
        """`127.0.0.1:PORT` of the name server."""
        return self._names.address

    def port(self, host: str) -> int:
        """Where a host's TLS server listens."""
        return self._servers[host].port

    def write_bootstrap(self, path: Path) -> None:
        """Write the file that says which RDAP server is the authority (RFC 9224)."""
        self._registry.bootstrap(path)

    def become(self, step: int, at: datetime) -> None:
        """Be as things were at a step of the story, which is the instant `at`."""
        self._names.serve({**_ZONE, **_CLOAK} if step in CLOAKED else _ZONE)
        self._registry.down = step in REGISTRY_DOWN
        for host in HOSTS:
            if host.kind != "hang":
                age = timedelta(days=90 - _DAYS_LEFT if host.name == EXPIRES_SOON and step == LAST else 20)
                self._servers[host.name].swap_certificate(self.authority.issue(host.name, at - age))

    def entries(self, step: int) -> Iterator[str]:
        """The register's entries at a step, as lines of YAML."""
        for host in HOSTS:
            if host.since <= step:
                yield f"  - host: {host.name}\n    port: {self.port(host.name)}\n{host.extra}"


class _Registry(RdapServer):
    """A registry that can be out of order."""

    down = False

    def reply(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
        return (503, {"Content-Type": "text/plain"}, b"out of order") if self.down else super().reply(path)


def _entity(role: str, name: str) -> dict[str, Any]:
    vcard = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", name], ["org", {}, "text", name]]]
    return {"objectClassName": "entity", "roles": [role], "vcardArray": vcard}


def _domain(name: str, owner: str) -> dict[str, Any]:
    return {
        "objectClassName": "domain",
        "ldhName": name,
        "status": ["active"],
        "entities": [_entity("registrant", owner), _entity("registrar", "Big Registrar Inc.")],
        "events": [{"eventAction": "expiration", "eventDate": "2045-01-01T00:00:00Z"}],
        "rdapConformance": ["rdap_level_0"],
    }


def _network(start: str, end: str, holder: str) -> dict[str, Any]:
    return {
        "objectClassName": "ip network",
        "startAddress": start,
        "endAddress": end,
        "ipVersion": "v4",
        "entities": [_entity("registrant", holder)],
        "rdapConformance": ["rdap_level_0"],
    }


_DOMAINS = {
    name: _domain(name, owner)
    for name, owner in {
        "example-telemetry.test": OWNER,
        "example-phone.test": "EXAMPLE PHONE CO LTD",
        "megacloud-cdn.test": HOSTING,
        "adnet-tracker.test": TRACKER,
    }.items()
}
_NETWORKS = {
    "192.0.2.0/24": _network("192.0.2.0", "192.0.2.255", OWNER),
    "198.51.100.0/24": _network("198.51.100.0", "198.51.100.255", HOSTING),
    "203.0.113.0/24": _network("203.0.113.0", "203.0.113.255", TRACKER),
}
