"""Endpoint ownership on real servers: the fifteen endpoints of `subjects/rdap_dns.py`, and the rules one by one."""

import inspect
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from muniment.cli.demo.dns_rdap import NameServer, RdapServer
from muniment.evidence.collectors.endpoint_ownership import Endpoint, EndpointOwnership
from muniment.evidence.errors import CouldNotLook, InputFault
from muniment.evidence.model import canonical

SUBJECTS = Path(__file__).parents[2] / "subjects" / "rdap_dns.py"
OWNER = "Example Phone Co., Ltd."
HOSTS = [
    "t0.example-telemetry.test",
    "app.example-phone.test",
    "metrics.example-phone.test",
    "cdn.example-phone.test",
    "loop1.example-phone.test",
    "dangling.example-phone.test",
    "internal.example-phone.test",
    "p.privacy-proxy.test",
    "r.redacted.test",
    "o.registrar-only.test",
    "h.thin.test",
    "x.expired.test",
    "limited.test",
    "badjson.test",
    "missing.test",
]


def registrant(org: str | None = None, fn: str = "", **more: Any) -> dict[str, Any]:
    """An RDAP entity with the role registrant."""
    card = [["version", {}, "text", "4.0"], ["fn", {}, "text", fn]]
    card += [["org", {}, "text", org]] if org is not None else []
    return {"objectClassName": "entity", "roles": ["registrant"], "vcardArray": ["vcard", card], **more}


def domain(name: str, *entities: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An RDAP domain object."""
    return {"objectClassName": "domain", "ldhName": name, "status": ["active"], "entities": list(entities), **more}


def network(org: str | None, start: str = "198.51.100.0", end: str = "198.51.100.255") -> dict[str, Any]:
    """An RDAP network object."""
    entities = [registrant(org)] if org else []
    return {"objectClassName": "ip network", "startAddress": start, "endAddress": end, "entities": entities}


DOMAINS = {
    "own.test": domain("own.test", registrant(OWNER)),
    "other.test": domain("other.test", registrant("EXAMPLE PHONE CO LTD")),
    "cdn.test": domain("cdn.test", registrant("Megacloud Hosting Inc.")),
    "stranger.test": domain("stranger.test", registrant("AdNet Tracking LLC")),
    "hidden.test": domain("hidden.test", registrant("REDACTED FOR PRIVACY")),
}
NETWORKS = {
    "198.51.100.0/24": network("Megacloud Hosting Inc."),
    "192.0.2.0/24": network(None, "192.0.2.0", "192.0.2.255"),
}


@pytest.fixture
def served(tmp_path: Path, look: Any) -> Any:
    """A look through servers of one's own: `served(host, zone=…, domains=…, networks=…, **settings)`."""

    def look_at(host: str, *, zone: Any, domains: Any = DOMAINS, networks: Any = NETWORKS, **settings: Any) -> Any:
        registrars = settings.pop("registrars", {})
        with NameServer(zone) as dns, RdapServer(domains, networks, registrars) as rdap:
            bootstrap = str(rdap.bootstrap(tmp_path / "bootstrap.json"))
            return look(host, resolver=dns.address, rdap_bootstrap=bootstrap, **settings)

    return look_at


@pytest.fixture(scope="module", params=["our own name server", "bind9"])
def subjects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The subjects as they run: where to ask, and what each endpoint must come to."""
    if request.param == "bind9" and shutil.which("named") is None:
        pytest.skip("named is not installed (apt: bind9)")
    folder = tmp_path_factory.mktemp("subjects")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(SUBJECTS), "serve", str(folder), "--dns-port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("up ")
        told = json.loads((folder / "rdap.json").read_text())
        with NameServer(told["zone"]) as own:
            yield told if request.param == "bind9" else {**told, "dns": own.address}
        process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("host", HOSTS)
def test_an_endpoint_gets_its_stated_verdict_and_codes(subjects: dict[str, Any], look: Any, host: str) -> None:
    stated = next(each["expect"] for each in subjects["endpoints"] if each["host"] == host)
    facts, verdict = look(
        host,
        resolver=subjects["dns"],
        rdap_bootstrap=subjects["bootstrap"],
        processors=subjects["declared_processors"],
    )
    assert (verdict.status, list(verdict.codes)) == (stated["verdict"], stated["codes"])
    assert len(canonical(facts)) < 4096


def test_all_stated_endpoints_are_looked_at(subjects: dict[str, Any]) -> None:
    assert [each["host"] for each in subjects["endpoints"]] == HOSTS


def test_a_bootstrap_may_be_a_url(subjects: dict[str, Any], look: Any) -> None:
    _, verdict = look(
        "t0.example-telemetry.test", resolver=subjects["dns"], rdap_bootstrap=f"{subjects['rdap']}/bootstrap/dns.json"
    )
    assert (verdict.status, verdict.codes) == ("pass", ())


def test_the_record_tells_each_question_as_it_was_put_and_the_digest_of_each_answer(served: Any) -> None:
    facts, _ = served("a.own.test", zone={"a.own.test": [("A", "198.51.100.7")]})
    asked = facts.origin.query.splitlines()
    assert [line.partition("a.own.test. ")[2] for line in asked[:3]] == ["CNAME", "A", "AAAA"]
    assert [line.rpartition("/")[2] for line in asked[3:]] == ["own.test", "198.51.100.7"]
    assert [each.name for each in facts.origin.contents] == [line.removeprefix("GET ") for line in asked[3:]]
    assert [each.media_type for each in facts.origin.contents] == ["application/rdap+json"] * 2
    assert any(tool.name == "public suffix list" and tool.version.startswith("20") for tool in facts.origin.tools)


@pytest.mark.parametrize(
    ("org", "fn", "status"),
    [
        ("ＥＸＡＭＰＬＥ Phone Co.，Ltd．", "x", "pass"),  # full width: NFKC
        ("example\u00a0phone\u200b", "x", "pass"),
        ("", OWNER, "pass"),
        (None, OWNER, "pass"),
        ("Old Name GmbH", "x", "pass"),  # an alias
        ("Example Phone Holdings Ltd.", "x", "fail"),
        ("Example", "x", "fail"),
        ("The Friends of Example Phone Co., Ltd.", "x", "fail"),
        ("AdNet Tracking LLC", OWNER, "fail"),  # the name beside an organisation does not count
    ],
)
def test_names_are_compared_whole_after_normalisation(served: Any, org: str | None, fn: str, status: str) -> None:
    domains = {"own.test": domain("own.test", registrant(org, fn))}
    _, verdict = served("own.test", zone={"own.test": [("A", "192.0.2.1")]}, domains=domains, aliases=["OLD NAME"])
    assert verdict.status == status
    assert ("rdap.owner_mismatch" in verdict.codes) == (status == "fail")


def test_the_name_of_a_person_is_compared_and_not_kept(served: Any) -> None:
    domains = {"own.test": domain("own.test", registrant(fn="Erika Mustermann"))}
    facts, verdict = served("own.test", zone={"own.test": [("A", "192.0.2.1")]}, domains=domains)
    assert verdict.codes == ("rdap.owner_mismatch",)
    assert "Mustermann" not in canonical(facts).decode() + verdict.message
    assert "the name of a holder who is no organisation and is not declared" in facts.origin.redactions


def test_one_registrant_of_two_who_is_a_stranger_is_enough_to_fail(served: Any) -> None:
    domains = {"own.test": domain("own.test", registrant(OWNER), registrant("AdNet Tracking LLC"))}
    _, verdict = served("own.test", zone={"own.test": [("A", "192.0.2.1")]}, domains=domains)
    assert verdict.codes == ("rdap.owner_mismatch",)


@pytest.mark.parametrize(
    ("expires", "status", "codes"),
    [
        ("2026-11-24T03:12:33Z", "fail", ("rdap.domain_lapsing",)),
        ("2026-12-01T00:00:00+01:00", "pass", ("rdap.domain_expiring",)),
        ("2027-12-01T00:00:00Z", "pass", ()),
        ("no date", "pass", ()),
    ],
)
def test_expiry_is_judged_at_the_instant_that_is_given(
    served: Any, expires: str, status: str, codes: tuple[str, ...]
) -> None:
    events = [{"eventAction": "expiration", "eventDate": expires}]
    domains = {"own.test": domain("own.test", registrant(OWNER), events=events)}
    networks = {"192.0.2.0/24": network(OWNER, "192.0.2.0", "192.0.2.255")}
    zone = {"own.test": [("A", "192.0.2.1")]}
    facts, verdict = served("own.test", zone=zone, domains=domains, networks=networks)
    assert (verdict.status, verdict.codes) == (status, codes)
    endpoint = Endpoint(host="own.test", owner=OWNER)
    assert EndpointOwnership().assess(endpoint, facts, datetime(2020, 1, 1, tzinfo=UTC)).codes == ()


def hops(count: int) -> dict[str, list[tuple[str, str]]]:
    """A zone in which h0.own.test leads to an address over so many CNAMEs."""
    chain = {f"h{each}.own.test": [("CNAME", f"h{each + 1}.own.test.")] for each in range(count)}
    return {**chain, f"h{count}.own.test": [("A", "198.51.100.7")]}


def test_eight_cnames_are_followed_and_nine_are_not(served: Any) -> None:
    assert served("h0.own.test", zone=hops(8))[1].status == "pass"
    facts, verdict = served("h0.own.test", zone=hops(9))
    assert (verdict.status, verdict.codes) == ("inconclusive", ("dns.cname_loop",))
    assert facts.end == "too long"


@pytest.mark.parametrize(
    ("target", "processors", "status", "codes"),
    [
        ("a.other.test", [], "pass", ("ip.third_party_host",)),  # another domain of the same owner
        ("a.cdn.test", ["cdn.test"], "pass", ("dns.cname_declared_processor",)),
        ("a.cdn.test", ["Megacloud Hosting, Inc"], "pass", ("dns.cname_declared_processor",)),
        ("a.cdn.test", ["notcdn.test", "dn.test"], "fail", ("dns.cname_cloaking",)),
        ("a.hidden.test", [], "inconclusive", ("rdap.redacted",)),
        ("a.unknown.test", [], "fail", ("rdap.not_found",)),
    ],
)
def test_each_hop_belongs_to_the_owner_or_a_declared_processor(
    served: Any, target: str, processors: list[str], status: str, codes: tuple[str, ...]
) -> None:
    zone = {"www.own.test": [("CNAME", f"{target}.")], target: [("A", "198.51.100.7")]}
    _, verdict = served("www.own.test", zone=zone, processors=processors)
    assert (verdict.status, verdict.codes) == (status, codes)


def test_a_stranger_in_the_middle_of_the_chain_is_found(served: Any) -> None:
    zone = {
        "www.own.test": [("CNAME", "x.stranger.test.")],
        "x.stranger.test": [("CNAME", "back.own.test.")],
        "back.own.test": [("A", "192.0.2.1")],
    }
    _, verdict = served("www.own.test", zone=zone)
    assert verdict.status == "fail"
    assert verdict.codes == ("dns.cname_cloaking", "ip.holder_unknown")
    assert "x.stranger.test" in verdict.message
    assert "AdNet Tracking LLC" in verdict.message


@pytest.mark.parametrize(
    ("address", "processors", "status", "codes"),
    [
        ("198.51.100.7", [], "pass", ("ip.third_party_host",)),
        ("198.51.100.7", ["cdn.test"], "pass", ("ip.third_party_host",)),  # domains only: no operator is declared
        ("198.51.100.7", ["MEGACLOUD HOSTING"], "pass", ("ip.third_party_host",)),
        ("198.51.100.7", ["Someone Else Ltd."], "fail", ("ip.undeclared_operator",)),
        ("192.0.2.1", [], "pass", ("ip.holder_unknown",)),
        ("192.0.2.1", ["Someone Else Ltd."], "inconclusive", ("ip.holder_unknown",)),
        ("203.0.113.1", [], "pass", ("ip.holder_unknown",)),  # 404: nobody knows that network
    ],
)
def test_an_operator_is_a_failure_only_once_operators_are_declared(
    served: Any, address: str, processors: list[str], status: str, codes: tuple[str, ...]
) -> None:
    _, verdict = served("a.own.test", zone={"a.own.test": [("A", address)]}, processors=processors)
    assert (verdict.status, verdict.codes) == (status, codes)


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("A", "10.0.0.1"),
        ("A", "127.0.0.1"),
        ("AAAA", "::1"),
        ("AAAA", "fe80::1"),
        ("AAAA", "fd00::1"),
        ("AAAA", "::ffff:169.254.169.254"),
        ("AAAA", "64:ff9b::a9fe:a9fe"),
    ],
)
def test_an_address_that_leads_inside_is_refused_unless_it_is_meant(served: Any, kind: str, address: str) -> None:
    zone = {"a.own.test": [("A", "198.51.100.7"), (kind, address)]}
    facts, verdict = served("a.own.test", zone=zone)
    assert verdict.status == "inconclusive"
    assert verdict.codes == ("ssrf.blocked_address", "ip.third_party_host")
    assert facts.origin.query.count("/ip/") == 1
    _, meant = served("a.own.test", zone=zone, allow_private=True)
    assert (meant.status, meant.codes) == ("pass", ("ip.private_address", "ip.third_party_host"))


def test_a_name_without_an_address_is_no_pass(served: Any) -> None:
    zone = {"txt.own.test": [("TXT", '"x"')]}
    assert served("gone.own.test", zone=zone)[1].codes == ("dns.nxdomain",)
    assert served("txt.own.test", zone=zone)[1].codes == ("dns.no_address",)


def test_a_name_that_was_given_out_beneath_a_registered_domain_is_known_to_nobody(served: Any) -> None:
    domains = {"github.io": domain("github.io", registrant(OWNER))}
    facts, verdict = served("acme.github.io", zone={"acme.github.io": [("A", "198.51.100.7")]}, domains=domains)
    assert (verdict.status, verdict.codes) == ("inconclusive", ("rdap.private_suffix",))
    assert facts.registrations[0].registered == "github.io"


def test_each_address_is_asked_for_as_a_network_may_be_given_on_in_part(served: Any) -> None:
    zone = {"a.own.test": [("A", f"198.51.100.{each}") for each in range(1, 30)]}
    facts, verdict = served("a.own.test", zone=zone)
    assert facts.origin.query.count("/ip/") == 16
    assert (len(facts.networks), facts.addresses_left_out) == (16, 13)
    assert verdict.codes == ("ip.holder_unknown", "ip.third_party_host")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("host", "https://www.own.test/", "leave out the scheme"),
        ("host", "192.0.2.1", "is an address"),
        ("host", "a b.test", "is not a host name"),
        ("resolver", "192.0.2.53", "is not HOST:PORT"),
        ("resolver", "192.0.2.53:0", "is not HOST:PORT"),
        ("owner", "…", "holds no word"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(key: str, value: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Endpoint.read({"host": "www.own.test", "owner": OWNER, key: value})


def test_an_internationalised_host_is_taken_as_its_a_labels() -> None:
    assert Endpoint.read({"host": "Bücher.Example.", "owner": OWNER}).host == "xn--bcher-kva.example"


def test_a_public_suffix_is_nobodys(look: Any) -> None:
    with pytest.raises(CouldNotLook) as caught:
        look("co.uk")
    assert caught.value.cause == "psl.no_registrable_domain"


@pytest.mark.parametrize("text", ["<html>", '{"services": [[["test"], ["file:///etc/passwd"]]]}', "{}"])
def test_a_bootstrap_that_is_none_is_the_fault_of_the_settings(look: Any, tmp_path: Path, text: str) -> None:
    file = tmp_path / "bootstrap.json"
    file.write_text(text)
    with NameServer({}) as dns, pytest.raises(InputFault) as caught:
        look("www.own.test", resolver=dns.address, rdap_bootstrap=str(file))
    assert (caught.value.cause, caught.value.where) == ("rdap.bootstrap", str(file))


def test_a_domain_without_an_rdap_server_is_inconclusive(served: Any) -> None:
    _, verdict = served("www.example.com", zone={"www.example.com": [("A", "198.51.100.7")]})
    assert (verdict.status, verdict.codes) == ("inconclusive", ("rdap.no_service",))


def test_the_documentation_tells_every_setting_and_every_code_as_the_code_has_it() -> None:
    page = (Path(__file__).parents[3] / "docs" / "collectors" / "endpoint-ownership.md").read_text()
    for name, field in Endpoint.model_fields.items():
        assert f"| `{name}` | {field.description} |" in page
    for code in EndpointOwnership.codes:
        assert f"| `{code.id}` | {code.meaning} | {code.clause} | {code.mend} |" in page


def test_every_code_that_is_given_is_documented() -> None:
    package = Path(inspect.getfile(EndpointOwnership)).parent
    sources = {package / "endpoint_ownership.py", *(package / "_ownership").glob("*.py")}
    sources.add(package.parent / "resolver.py")
    sources -= {package / "_ownership" / "codes.py"}
    code = r'"((?:dns|rdap|ip|psl|ssrf|proof|certificate|ranges)\.[a-z_]+)"'
    given = set().union(*(re.findall(code, file.read_text()) for file in sources))
    assert given - {"dns.json"} == {each.id for each in EndpointOwnership.codes}
