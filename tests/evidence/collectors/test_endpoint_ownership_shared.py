"""What the looks of one run share: one question for each thing, few at a time, and a pause that holds for all."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from muniment.cli.demo.dns_rdap import NameServer, RdapServer
from muniment.evidence.allowance import Limits
from muniment.evidence.collectors._ownership.facts import OwnershipFacts
from muniment.evidence.collectors._ownership.shared import AT_A_TIME
from muniment.evidence.collectors.endpoint_ownership import Endpoint, EndpointOwnership

OWNER = "Example Phone Co., Ltd."
AT = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)


class Counting(RdapServer):
    """Counts what it is asked and how often at once; each answer takes a moment, `busy` domains are refused."""

    def __init__(self, domains: int, *, busy: int = 0) -> None:
        card = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", OWNER], ["org", {}, "text", OWNER]]]
        holder = {"objectClassName": "entity", "roles": ["registrant"], "vcardArray": card}
        names = [f"d{n}.test" for n in range(domains)]
        network = {"objectClassName": "ip network", "startAddress": "192.0.2.0", "endAddress": "192.0.2.255"}
        super().__init__(
            {name: {"objectClassName": "domain", "ldhName": name, "entities": [holder]} for name in names},
            {"192.0.2.0/24": {**network, "entities": [holder]}},
        )
        self.asked: Counter[str] = Counter()
        self.busy = busy
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def reply(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
        with self._lock:
            self.asked[path] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            refused = self.busy > 0
            self.busy -= 1
        try:
            time.sleep(0.03)  # a server takes its time: looks that come meanwhile must not ask again
            return (429, {"Retry-After": "3600"}, b"") if refused else super().reply(path)
        finally:
            with self._lock:
                self.at_once -= 1


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """One run over some hosts, in threads as the runner has them: the facts in the order of the hosts."""

    def looked(hosts: list[str], rdap: RdapServer, *, run: str | None = "run-1", **limits: Any) -> Any:
        zone = {host: [("A", f"192.0.2.{n % 5}")] for n, host in enumerate(hosts)}
        with NameServer(zone) as dns:
            bootstrap = rdap.bootstrap(tmp_path / "bootstrap.json")

            def one(host: str) -> OwnershipFacts:
                collector = EndpointOwnership(at=AT, limits=Limits(**limits))
                collector.run = run
                settings = {"host": host, "owner": OWNER, "resolver": dns.address, "rdap_bootstrap": str(bootstrap)}
                return asyncio.run(collector.observe(Endpoint.read(settings)))

            with ThreadPoolExecutor(16) as pool:
                return list(pool.map(one, hosts))

    return looked


def test_the_hosts_of_one_domain_cost_its_registry_one_request(run: Any) -> None:
    with Counting(1) as rdap:
        facts = run([f"h{n}.d0.test" for n in range(40)], rdap, run="one")
    assert rdap.asked == {"/domain/d0.test": 1, **{f"/ip/192.0.2.{n}": 1 for n in range(5)}}
    assert {each.registrations[0].holder.name for each in facts} == {OWNER}
    queries = [each.origin.query for each in facts]
    assert sum("/domain/d0.test (as it was answered to another look of this run)" in query for query in queries) == 39


def test_another_run_asks_anew_and_a_look_outside_a_run_keeps_nothing(run: Any) -> None:
    with Counting(1) as rdap:
        for name in ("two", "three", None, None):
            run(["h.d0.test"], rdap, run=name)
    assert rdap.asked["/domain/d0.test"] == 4


def test_no_server_is_sent_more_than_a_few_requests_at_a_time(run: Any) -> None:
    with Counting(24) as rdap:
        run([f"h.d{n}.test" for n in range(24)], rdap, run="four")
    assert 1 < rdap.most_at_once <= AT_A_TIME


def test_a_server_that_asks_for_a_long_pause_is_left_alone_by_all(run: Any) -> None:
    with Counting(24, busy=99) as rdap:
        facts = run([f"h.d{n}.test" for n in range(24)], rdap, run="five")
    failures = [each.registrations[0].failure.code for each in facts]
    assert failures == ["rdap.rate_limited"] * 24
    assert rdap.asked.total() <= AT_A_TIME


def test_a_failure_is_shared_and_not_asked_for_by_each(run: Any) -> None:
    with Counting(1) as rdap:
        facts = run([f"h{n}.none.test" for n in range(20)], rdap, run="six")
    assert {each.registrations[0].failure.code for each in facts} == {"rdap.not_found"}
    assert rdap.asked["/domain/none.test"] == 1
