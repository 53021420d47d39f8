"""`muniment endpoints` on evidence that was really collected: the list, the drift, the calendar, the challenge."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from muniment.cli.demo.dns_rdap import NameServer, RdapServer

OWNER = "Example Phone Co., Ltd."
CONTROLS = """
controls:
  - adapt: OWN-2
    owner: Ada
    checks:
      - id: own.endpoints
        collector: endpoint-ownership
        register: endpoints
        cadence: 1d
        settings: {{resolver: "{resolver}", rdap_bootstrap: registers/bootstrap.json}}
"""
REGISTER = """
defaults: {owner: "Example Phone Co., Ltd."}
endpoints:
  - host: www.own.test
  - host: gone.own.test
  - host: Secret.Hidden.Test.
  - host: old.own.test
    out_of_scope: switched off in 2025
"""
ZONE = {
    "www.own.test": [("CNAME", "edge.own.test.")],
    "edge.own.test": [("A", "192.0.2.1")],
    "secret.hidden.test": [("A", "192.0.2.1")],
}


def registered(name: str, holder: str) -> dict[str, Any]:
    card = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", holder], ["org", {}, "text", holder]]]
    return {
        "objectClassName": "domain",
        "ldhName": name,
        "entities": [{"objectClassName": "entity", "roles": ["registrant"], "vcardArray": card}],
        "events": [{"eventAction": "expiration", "eventDate": "2045-01-01T00:00:00Z"}],
    }


@pytest.fixture
def names(acme: Path) -> Iterator[NameServer]:
    """A register of four endpoints in the workspace, and the servers that know of them."""
    network = {**registered("", "Megacloud"), "objectClassName": "ip network"}
    network |= {"startAddress": "192.0.2.0", "endAddress": "192.0.2.255"}
    domains = {
        "own.test": registered("own.test", OWNER.upper()),
        "hidden.test": registered("hidden.test", "REDACTED FOR PRIVACY"),
    }
    with NameServer(ZONE) as dns, RdapServer(domains, {"192.0.2.0/24": network}) as rdap:
        rdap.bootstrap(acme / "registers" / "bootstrap.json")
        (acme / "controls" / "own.yaml").write_text(CONTROLS.format(resolver=dns.address))
        (acme / "registers" / "endpoints.yaml").write_text(REGISTER)
        yield dns


@pytest.fixture
def collected(acme: Path, muniment: Callable[..., Any], names: NameServer) -> Any:
    """What `collect` said of these endpoints."""
    return muniment("-w", acme, "collect", "own.endpoints")


def test_the_list_tells_owner_operator_dates_and_status(acme: Path, muniment: Any, collected: Any) -> None:
    answer = muniment("-w", acme, "endpoints")
    assert answer.code == 0
    for line in (
        r"www\.own\.test +✓ pass +– +2045-01-01 +20\d\d-\d\d-\d\d +Example Phone Co\., Ltd\. \(registered to EXAMPLE",
        r"\(registered to EXAMPLE PHONE CO\., LTD\.\), operated by Megacloud",
        r"gone\.own\.test +\? inconclusive +– +2045-01-01 +",
        r"secret\.hidden\.test +\? inconclusive .+\(registered to redacted\)",
        r"old\.own\.test +– not applicable +– +– +– +",
        r"Drift: 1 name that the register lacks, 1 entry gone\.",
    ):
        assert re.search(line, answer.out), answer.out


def test_drift_names_what_the_register_lacks_and_what_is_gone(acme: Path, muniment: Any, collected: Any) -> None:
    answer = muniment("-w", acme, "endpoints", "--drift")
    assert answer.code == 1
    assert re.search(r"edge\.own\.test +CNAME +www\.own\.test +20\d\d-\d\d-\d\d +EV-\d{4}-000001-0001", answer.out)
    assert re.search(r"gone\.own\.test .+ gone\.own\.test does not exist in the DNS\.", answer.out)


def test_an_endpoint_that_is_taken_out_of_the_register_is_drift_until_a_reason_is_given(
    acme: Path, muniment: Any, collected: Any
) -> None:
    file = acme / "registers" / "endpoints.yaml"
    file.write_text(REGISTER.replace("  - host: gone.own.test\n", "  - host: edge.own.test\n"))
    drift = muniment("-w", acme, "endpoints", "--json").json["drift"]
    assert [(each["name"], each["shown_by"]) for each in drift["unlisted"]] == [("gone.own.test", "earlier run")]
    with file.open("a") as register:
        register.write("  - host: gone.own.test\n    out_of_scope: it never went live\n")
    answer = muniment("-w", acme, "endpoints", "--drift")
    assert (answer.code, answer.out.split(":")[0]) == (0, "No drift")


def test_json_tells_the_endpoints_and_the_drift(acme: Path, muniment: Any, collected: Any) -> None:
    answer = muniment("-w", acme, "endpoints", "--json")
    assert (answer.code, answer.json["schema"]) == (0, "muniment.endpoints/1")
    www = answer.json["endpoints"][0]
    assert (www["subject"], www["owner_declared"], www["owner_found"]) == ("www.own.test", OWNER, OWNER.upper())
    assert (www["operators"], www["domain_expires"]) == (["Megacloud"], "2045-01-01T00:00:00Z")
    assert answer.json["drift"]["gone"][0]["codes"] == ["dns.nxdomain"]


def test_the_calendar_is_rfc_5545_and_names_each_domain_once(acme: Path, muniment: Any, collected: Any) -> None:
    file = acme / "expiries.ics"
    assert "Wrote 2 dates" in muniment("-w", acme, "endpoints", "--ics", file).err
    first = file.read_bytes()
    lines = first.split(b"\r\n")
    assert (lines[0], lines[-2], lines[-1]) == (b"BEGIN:VCALENDAR", b"END:VCALENDAR", b"")
    assert lines.count(b"DTSTART:20450101T000000Z") == 2
    assert b"SUMMARY:The registration of own.test ends" in lines
    assert b"X-WR-CALNAME:Acme\\, Inc.: what expires" in lines
    muniment("-w", acme, "endpoints", "--ics", file)
    uids = [line for line in lines if line.startswith(b"UID:")]
    assert len(set(uids)) == 2
    assert all(uid in file.read_bytes() for uid in uids)


def test_a_challenge_that_is_published_lifts_the_owner(acme: Path, muniment: Any, names: NameServer) -> None:
    answer = muniment("-w", acme, "endpoints", "challenge", "Secret.Hidden.Test", "--json").json
    assert answer["name"] == "_muniment-challenge.secret.hidden.test"
    assert (
        f'{answer["name"]}. IN TXT "{answer["token"]}"'
        in muniment("-w", acme, "endpoints", "challenge", "secret.hidden.test").out
    )
    names.serve({**ZONE, answer["name"]: [("TXT", f'"{answer["token"]}"')]})
    file = acme / "registers" / "endpoints.yaml"
    file.write_text(REGISTER.replace("Test.\n", f"Test.\n    challenge: {answer['token']}\n"))
    muniment("-w", acme, "collect", "own.endpoints")
    verdict = muniment("-w", acme, "endpoints", "--json").json["endpoints"][2]["verdict"]
    assert (verdict["status"], verdict["codes"]) == ("pass", ["proof.dns_txt", "ip.third_party_host"])


def test_a_challenge_is_for_a_host(acme: Path, muniment: Any) -> None:
    answer = muniment("-w", acme, "endpoints", "challenge", "https://www.own.test/")
    assert answer.code == 2
    assert "leave out the scheme" in answer.words


def test_without_a_register_of_endpoints_the_error_says_what_to_write(acme: Path, muniment: Any) -> None:
    (acme / "registers" / "endpoints.yaml").unlink(missing_ok=True)
    answer = muniment("-w", acme, "endpoints")
    assert answer.code == 2
    assert "registers/endpoints.yaml" in answer.words
