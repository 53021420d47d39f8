"""The token on the web server: looked for only where it is asked for, over TLS that can be trusted, on loopback."""

import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from muniment.cli.demo.dns_rdap import NameServer, RdapServer
from muniment.evidence.collectors._ownership.challenge import challenge_token
from muniment.evidence.collectors._ownership.wellknown import PLACE
from muniment.evidence.errors import InputFault
from muniment.evidence.testing.authority import Authority

HOST = "a.hidden.test"
TOKEN = challenge_token("example.test/evidence", HOST)
REDACTED = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "REDACTED FOR PRIVACY"]]]
HIDDEN = {
    "objectClassName": "domain",
    "ldhName": "hidden.test",
    "entities": [{"objectClassName": "entity", "roles": ["registrant"], "vcardArray": REDACTED}],
}
Reply = tuple[int, bytes]


class Site:
    """A web server over TLS whose certificate is of HOST; `says` is what it answers at any path."""

    def __init__(self, folder: Path) -> None:
        self.says: Callable[[str], Reply] = lambda _: (200, f"# ours\n{TOKEN}\n".encode())
        self.asked: list[tuple[str, str]] = []
        self.trust = (authority := Authority(folder)).trust
        own = authority.issue(HOST, datetime(2020, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own.certificate, own.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = int(self.server.server_address[1])


def _handler(site: Site) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.headers["host"], self.path))
            status, body = site.says(self.path)
            self.send_response(status)
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    return Handler


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "site")
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def seen(tmp_path: Path, look: Any, site: Site) -> Any:
    """A look at HOST, whose registrant is redacted and whose server is on loopback."""

    def look_at(zone: Any = None, **settings: Any) -> Any:
        with NameServer(zone or {HOST: [("A", "127.0.0.1")]}) as dns, RdapServer({"hidden.test": HIDDEN}, {}) as rdap:
            usual = {"challenge": TOKEN, "well_known_port": site.port, "trust": str(site.trust), "allow_private": True}
            where = {"resolver": dns.address, "rdap_bootstrap": str(rdap.bootstrap(tmp_path / "bootstrap.json"))}
            return look(HOST, **where, **usual | settings)

    return look_at


def test_the_token_on_the_web_server_lifts_what_the_registry_leaves_open(seen: Any, site: Site) -> None:
    facts, verdict = seen()
    assert verdict.status == "pass"
    assert "proof.well_known" in verdict.codes
    assert facts.well_known.name == f"https://{HOST}:{site.port}{PLACE}"
    assert site.asked == [(f"{HOST}:{site.port}", PLACE)]


def test_the_endpoint_is_not_asked_where_the_settings_do_not_say_so(seen: Any, site: Site) -> None:
    facts, verdict = seen(well_known_port=None)
    assert (verdict.status, facts.well_known, site.asked) == ("inconclusive", None, [])


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (lambda _: (200, b"another text"), "does not hold the token of the settings"),
        (lambda _: (200, b"x" + TOKEN.encode()), "does not hold the token of the settings"),
        (lambda _: (404, b""), "answers with HTTP status 404"),
        (lambda path: (302, b"") if path == PLACE else (200, TOKEN.encode()), "answers with HTTP status 302"),
        (lambda _: (200, b"\n" * 5000 + TOKEN.encode()), "the file is longer than 4096 bytes"),
    ],
)
def test_what_is_not_the_file_lifts_nothing(seen: Any, site: Site, says: Callable[[str], Reply], words: str) -> None:
    site.says = says
    _, verdict = seen()
    assert (verdict.status, verdict.codes[:2]) == ("inconclusive", ("rdap.redacted", "proof.dns_txt_absent"))
    assert "proof.well_known_absent" in verdict.codes
    assert words in verdict.message


def test_a_certificate_that_nobody_trusts_shows_nothing(seen: Any, site: Site, tmp_path: Path) -> None:
    _, verdict = seen(trust=str(Authority(tmp_path / "other").trust))
    assert "proof.well_known_absent" in verdict.codes
    assert "no connection over TLS with a trusted certificate of the host" in verdict.message
    assert site.asked == []


def test_a_name_that_leads_inside_is_not_followed_unless_it_is_meant(seen: Any, site: Site) -> None:
    _, verdict = seen(allow_private=False)
    assert verdict.status == "inconclusive"
    assert site.asked == []


def test_a_file_on_the_server_of_another_domain_shows_who_is_there(seen: Any) -> None:
    zone = {HOST: [("CNAME", "edge.elsewhere.test.")], "edge.elsewhere.test": [("A", "127.0.0.1")]}
    _, verdict = seen(zone=zone, processors=["elsewhere.test"])
    assert verdict.status == "inconclusive"
    assert "proof.well_known_elsewhere" in verdict.codes
    assert "the name leads to edge.elsewhere.test, whose server that is" in verdict.message


def test_a_trust_file_that_is_none_is_the_fault_of_the_settings(seen: Any, tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("none")
    with pytest.raises(InputFault, match="the trust file cannot be read as PEM certificates"):
        seen(trust=str(tmp_path / "roots.pem"))
