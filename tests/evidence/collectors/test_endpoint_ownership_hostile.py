"""Servers that lie, hang, flood and send elsewhere: each is bounded in time and memory, and gets a code of its own."""

import json
import socketserver
import ssl
import struct
import threading
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from muniment.cli.demo.dns_rdap import NameServer, RdapServer
from muniment.evidence.allowance import Limits
from muniment.evidence.errors import CouldNotLook

OWNER = "Example Phone Co., Ltd."
ZONE = {"a.own.test": [("A", "198.51.100.7")]}
HASTE = Limits(question=0.4, whole=2.0)


def domain(org: str, **more: Any) -> dict[str, Any]:
    """The RDAP object of own.test."""
    card = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", ""], ["org", {}, "text", org]]]
    entities = [{"objectClassName": "entity", "roles": ["registrant"], "vcardArray": card}] if org else []
    return {"objectClassName": "domain", "ldhName": "own.test", "entities": entities, **more}


class Odd(RdapServer):
    """Answers each path with what the test says, with 200 where no status is given, and counts the requests."""

    def __init__(self, replies: Mapping[str, Any]) -> None:
        super().__init__({"own.test": domain(OWNER)}, {})
        self.replies = replies
        self.asked: list[str] = []

    def reply(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
        self.asked.append(path)
        if path not in self.replies:
            return super().reply(path)
        status, headers, body = self.replies[path]
        return status, headers, (body if isinstance(body, bytes) else json.dumps(body).encode())


class Mute(NameServer):
    """Hears every question and answers none."""

    def reply(self, _: bytes) -> bytes | None:
        return None


class Garbled(NameServer):
    """Answers with bytes that are no message."""

    def reply(self, _: bytes) -> bytes | None:
        return b"\xff" * 40


class Mistaken(NameServer):
    """Answers with the id of another question."""

    def reply(self, wire: bytes) -> bytes | None:
        answer = super().reply(wire) or b""
        return struct.pack("!H", struct.unpack("!H", wire[:2])[0] ^ 1) + answer[2:]


class Refusing(NameServer):
    """Serves nobody."""

    def reply(self, wire: bytes) -> bytes | None:
        return wire[:2] + b"\x81\x05" + wire[4:]


@pytest.fixture
def seen(tmp_path: Path, look: Any) -> Any:
    """A look at a.own.test through an odd RDAP server: facts, verdict, seconds, and the paths that were asked for."""

    def look_through(replies: Mapping[str, Any], *, names: type[NameServer] = NameServer, **more: Any) -> Any:
        with names(ZONE) as dns, Odd(replies) as rdap:
            began = time.monotonic()
            bootstrap = str(rdap.bootstrap(tmp_path / "bootstrap.json"))
            settings = {"resolver": dns.address, "rdap_bootstrap": bootstrap, "limits": HASTE, **more}
            facts, verdict = look("a.own.test", **settings)
            return facts, verdict, time.monotonic() - began, rdap.asked

    return look_through


@pytest.mark.parametrize(
    ("names", "code"),
    [(Mute, "dns.timeout"), (Garbled, "dns.malformed"), (Mistaken, "dns.malformed"), (Refusing, "dns.refused")],
)
def test_a_resolver_that_hangs_or_lies_is_named_and_the_registration_is_still_seen(
    seen: Any, names: type[NameServer], code: str
) -> None:
    facts, verdict, seconds, _ = seen({}, names=names)
    assert (verdict.status, verdict.codes) == ("inconclusive", (code,))
    assert facts.registrations[0].holder.name == OWNER
    assert seconds < 2


def test_where_nothing_at_all_could_be_seen_there_is_no_verdict(seen: Any) -> None:
    with pytest.raises(CouldNotLook) as caught:
        seen({"/domain/own.test": (500, {}, b"")}, names=Mute)
    assert caught.value.cause == "dns.timeout"
    assert "HTTP status 500" in caught.value.what


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ((200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Sign in</title>"), "rdap.malformed"),
        ((200, {}, b"[" * 200_000), "rdap.malformed"),
        ((200, {}, b"\xff\xfe"), "rdap.malformed"),
        ((200, {}, {"objectClassName": "domain", "entities": "none"}), "rdap.malformed"),
        ((200, {}, {"objectClassName": "entity"}), "rdap.malformed"),
        ((200, {}, {"objectClassName": "domain", "ldhName": "stranger.test"}), "rdap.malformed"),
        ((200, {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08\x00"), "rdap.malformed"),
        ((500, {}, b"Traceback"), "rdap.unavailable"),
        ((503, {}, b""), "rdap.unavailable"),
        ((302, {"Location": "http://169.254.169.254/latest/meta-data/"}, b""), "rdap.redirect_refused"),
        ((302, {"Location": "//localhost:1/"}, b""), "rdap.redirect_refused"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "rdap.malformed"),
        ((302, {"Location": "/domain/own.test"}, b""), "rdap.redirect_refused"),
        ((429, {"Retry-After": "3600"}, b""), "rdap.rate_limited"),
        ((429, {"Retry-After": "0"}, b""), "rdap.rate_limited"),
        ((200, {}, domain("", entities=None, redacted=None)), "rdap.no_registrant"),
    ],
)
def test_an_odd_answer_is_inconclusive_with_a_code_that_tells_why(seen: Any, reply: Any, code: str) -> None:
    _, verdict, seconds, asked = seen({"/domain/own.test": reply})
    assert (verdict.status, verdict.codes) == ("inconclusive", (code,))
    assert seconds < 2
    assert len([path for path in asked if path == "/domain/own.test"]) <= 4


def test_a_busy_server_is_asked_three_times_and_no_more(seen: Any) -> None:
    *_, asked = seen({"/domain/own.test": (429, {"Retry-After": "0"}, b"")})
    assert asked.count("/domain/own.test") == 3


def test_a_pause_may_be_given_as_a_date_of_the_servers_own_clock(seen: Any) -> None:
    headers = {"Retry-After": "Mon, 01 Jan 2001 00:00:00 GMT"}
    *_, asked = seen({"/domain/own.test": (503, headers, b"")})
    assert asked.count("/domain/own.test") == 3


def test_a_redirect_within_the_server_is_followed(seen: Any) -> None:
    replies = {"/domain/own.test": (301, {"Location": "/v1/own.test"}, b""), "/v1/own.test": (200, {}, domain(OWNER))}
    assert seen(replies)[1].status == "pass"


def test_an_answer_of_fifty_megabytes_is_cut_off(seen: Any) -> None:
    flood = b" " * 50_000_000
    tracemalloc.start()
    _, verdict, seconds, _ = seen({"/domain/own.test": (200, {}, flood)})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert verdict.codes == ("rdap.too_large",)
    assert seconds < 2
    assert peak < 10_000_000


@pytest.mark.parametrize(
    ("href", "code"),
    [
        ("http://169.254.169.254/domain/own.test", "ssrf.blocked_address"),
        ("http://[::1]:1/domain/own.test", "ssrf.blocked_address"),
        ("http://inside.test/domain/own.test", "ssrf.blocked_address"),
        ("http://nowhere.test/domain/own.test", "rdap.unreachable"),
        ("gopher://192.0.2.1/", "rdap.malformed"),
    ],
)
def test_a_link_of_a_thin_registry_is_not_followed_inside(tmp_path: Path, look: Any, href: str, code: str) -> None:
    link = {"rel": "related", "type": "application/rdap+json", "href": href}
    zone = {**ZONE, "inside.test": [("A", "127.0.0.1")]}
    with NameServer(zone) as dns, Odd({"/domain/own.test": (200, {}, domain("", links=[link]))}) as rdap:
        bootstrap = str(rdap.bootstrap(tmp_path / "bootstrap.json"))
        _, verdict = look("a.own.test", resolver=dns.address, rdap_bootstrap=bootstrap, allow_private=True)
    assert (verdict.status, verdict.codes) == ("inconclusive", (code,))


def test_links_in_a_circle_are_followed_once(tmp_path: Path, look: Any) -> None:
    with NameServer(ZONE) as dns, Odd({}) as rdap:
        to_registrar = {"rel": "related", "href": f"{rdap.address}/registrar/domain/own.test"}
        and_back = {"rel": "related", "href": f"{rdap.address}/domain/own.test"}
        rdap.replies = {
            "/domain/own.test": (200, {}, domain("", links=[to_registrar])),
            "/registrar/domain/own.test": (200, {}, domain("", links=[and_back])),
        }
        bootstrap = str(rdap.bootstrap(tmp_path / "bootstrap.json"))
        _, verdict = look("a.own.test", resolver=dns.address, rdap_bootstrap=bootstrap)
        assert verdict.codes == ("rdap.no_registrant",)
        assert rdap.asked.count("/domain/own.test") == 1


def test_a_server_that_drips_is_left_when_the_question_has_lasted_too_long(tmp_path: Path, look: Any) -> None:
    with NameServer(ZONE) as dns, _dripping() as url:
        verdict, seconds = _at(look, dns, url, tmp_path)
    assert (verdict.status, verdict.codes) == ("inconclusive", ("rdap.timeout",))
    assert seconds < 2


def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path, look: Any) -> None:
    with RdapServer({}, {}) as gone:
        url = gone.address
    with NameServer(ZONE) as dns:
        verdict, _ = _at(look, dns, url, tmp_path)
    assert verdict.codes == ("rdap.unreachable",)


def test_a_certificate_of_nobody_is_a_fault_of_tls(tmp_path: Path, look: Any) -> None:
    with Odd({}) as rdap:
        rdap._server.socket = _own_certificate(tmp_path).wrap_socket(rdap._server.socket, server_side=True)
        with NameServer(ZONE) as dns:
            verdict, _ = _at(look, dns, rdap.address.replace("http:", "https:"), tmp_path)
    assert verdict.codes == ("rdap.tls",)


def _at(look: Any, dns: NameServer, url: str, folder: Path) -> tuple[Any, float]:
    """The verdict and the seconds of a look with one RDAP server."""
    bootstrap = folder / "bootstrap.json"
    bootstrap.write_text(json.dumps({"services": [[["test"], [f"{url}/"]]]}))
    began = time.monotonic()
    _, verdict = look("a.own.test", resolver=dns.address, rdap_bootstrap=str(bootstrap), limits=HASTE)
    return verdict, time.monotonic() - began


@contextmanager
def _dripping() -> Iterator[str]:
    """An HTTP server that sends a byte now and then, for ever."""
    end = threading.Event()

    class Drip(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/rdap+json\r\n\r\n")
            with suppress(ConnectionError):
                while not end.wait(0.05):
                    self.wfile.write(b" ")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Drip) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            end.set()
            server.shutdown()
            thread.join()


def _own_certificate(folder: Path) -> ssl.SSLContext:
    """A server's TLS with a certificate that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(2040, 1, 1, tzinfo=UTC)
    )
    file = folder / "own.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    file.write_bytes(key.private_bytes(*form) + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
