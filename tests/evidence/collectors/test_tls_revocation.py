"""What is asked beside the server: the issuer's responder and list, and the DNS for CAA records; all on loopback."""

import asyncio
import http.server
import runpy
import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from muniment.cli.demo.dns_rdap import NameServer
from muniment.evidence import Verdict
from muniment.evidence.collectors._tls.fetch import Web, memory_of
from muniment.evidence.collectors._tls.revocation import ask
from muniment.evidence.collectors.tls import Tls, TlsFacts, TlsSettings
from muniment.evidence.testing.authority import Identity
from muniment.evidence.testing.tls import _context, _Server

pki = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "subjects" / "tls_pki.py")))
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
Reply = tuple[int, bytes]
Look = Callable[..., tuple[TlsFacts, Verdict]]
ROOT, NOBODY = pki.authority("Example Root"), pki.authority("Nobody")


class Office(http.server.ThreadingHTTPServer):
    """The issuer's place on the web: what it says at each path, and how often it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Clerk)
        self.says: dict[str, Callable[[bytes], Reply]] = {}
        self.asked: Counter[str] = Counter()

    def url(self, path: str, host: str = "office.example") -> str:
        return f"http://{host}:{self.server_address[1]}{path}"


class _Clerk(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        office: Any = self.server
        office.asked[self.path] += 1
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        status, answer = office.says[self.path](body)
        self.send_response(status)
        self.send_header("location", "http://127.0.0.1:9/")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def office() -> Iterator[Office]:
    with Office() as server:
        yield from _served(server)


def _served(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()


@pytest.fixture
def look(tmp_path: Path, office: Office) -> Iterator[Look]:
    """Look at a server whose certificate names these places; `office.example` is loopback, and so is the server."""
    servers: list[socketserver.BaseServer] = []

    async def resolve(host: str, _: int) -> Sequence[str]:
        return ["127.0.0.1"] if host == "office.example" else []

    def at(ocsp_at: str | None = None, crl_at: str | None = None, **settings: Any) -> tuple[TlsFacts, Verdict]:
        leaf = certificate(ocsp_at, crl_at)
        office.says.setdefault("/ocsp", lambda _: (200, response(leaf, ROOT, good=True)))
        for name, data in {"leaf.pem": leaf.chain_pem, "leaf.key": leaf.key_pem, "root.pem": ROOT.chain_pem}.items():
            (tmp_path / name).write_bytes(data)
        server = _Server(_context(Identity(tmp_path / "leaf.pem", tmp_path / "leaf.key")))
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        servers.append(server)
        usual = {"host": "a.example", "addresses": ["127.0.0.1"], "allow_private": True, "policy": "rfc9325"}
        where = {"port": server.server_address[1], "trust": tmp_path / "root.pem"}
        values = TlsSettings.model_validate({**usual, **where, **settings})
        facts = asyncio.run(Tls(resolve=resolve).observe(values))
        return TlsFacts.of(facts.observed(verdict := Tls().assess(values, facts, NOW))), verdict

    yield at
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_responder_that_says_good_is_believed(office: Office, look: Look) -> None:
    facts, verdict = look(ocsp_at=office.url("/ocsp"), crl_at=office.url("/crl"))
    (chain,) = facts.chains
    assert chain.asked is not None
    assert (chain.asked.by, chain.asked.status, chain.asked.signed) == ("OCSP", "good", True)
    assert chain.asked.next_update == NOW + 7 * DAY
    assert "tls.revocation.unknown" not in verdict.codes
    assert office.asked == {"/ocsp": 1}
    assert f"OCSP {office.url('/ocsp')}" in str(facts.origin.query)


def test_a_revoked_certificate_fails_and_the_message_says_who_said_so(office: Office, look: Look) -> None:
    office.says["/crl"] = lambda _: (200, revocations([LEAF_SERIAL]))
    facts, verdict = look(crl_at=office.url("/crl"))
    assert (verdict.status, verdict.codes[0]) == ("fail", "tls.cert.revoked")
    assert f"has a certificate that is revoked: CRL at {office.url('/crl')}" in verdict.message
    assert (facts.chains[0].crl, facts.chains[0].responder) == (True, False)


def test_a_list_answers_where_the_responder_does_not(office: Office, look: Look) -> None:
    office.says |= {"/ocsp": lambda _: (503, b""), "/crl": lambda _: (200, revocations([1, 2, 3]))}
    facts, verdict = look(ocsp_at=office.url("/ocsp"), crl_at=office.url("/crl"))
    assert facts.chains[0].asked is not None
    assert (facts.chains[0].asked.by, facts.chains[0].asked.status) == ("CRL", "good")
    assert "tls.revocation.unknown" not in verdict.codes


def forged(_: bytes) -> Reply:
    return 200, response(certificate(None, None), NOBODY, good=False)


@pytest.mark.parametrize(
    ("path", "says", "words"),
    [
        ("/ocsp", lambda _: (200, b"<html>"), "cannot be read or is about something else"),
        ("/ocsp", lambda _: (302, b""), "gave no answer: it answers with HTTP status 302"),
        ("/ocsp", lambda _: (200, b" " * 70_000), "gave no answer: its answer is longer than 65536 bytes"),
        ("/ocsp", forged, "its issuer did not sign"),
        ("/crl", lambda _: (200, b"\x30\x03\x02\x01\x00"), "cannot be read or is about something else"),
        ("/crl", lambda _: (200, revocations([LEAF_SERIAL], by=NOBODY)), "cannot be read or is about something else"),
        ("/crl", lambda _: (200, revocations([LEAF_SERIAL], key=NOBODY)), "its issuer did not sign"),
        ("/crl", lambda _: (200, revocations([], part="http://office.example/7")), "is about something else"),
    ],
)
def test_an_answer_that_nobody_can_rely_on_is_a_note_with_its_reason(
    office: Office, look: Look, path: str, says: Callable[[bytes], Reply], words: str
) -> None:
    office.says[path] = says
    _, verdict = look(**{f"{path[1:]}_at": office.url(path)})
    assert verdict.status == "pass"
    assert "tls.revocation.unknown" in verdict.codes
    assert words in verdict.message


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://nowhere.example/ocsp", "its name leads to no address"),
        ("http://127.0.0.1:1/ocsp", "no connection, or it broke off"),
        ("http://[::1/ocsp", "it is no URL"),
    ],
)
def test_a_responder_that_cannot_be_reached_is_told_and_fails_nothing(look: Look, url: str, words: str) -> None:
    _, verdict = look(ocsp_at=url)
    assert (verdict.status, "tls.revocation.unknown" in verdict.codes) == ("pass", True)
    assert words in verdict.message


def test_a_certificate_leads_nobody_inside(office: Office) -> None:
    asked = asyncio.run(ask(certificate(office.url("/ocsp"), None).certificate, ROOT.certificate, web(None)))
    assert asked is not None
    assert asked.status == "unreachable"
    assert "leads to 127.0.0.1, which is not a public address; no packet was sent to it" in str(asked.reason)
    assert not office.asked


def test_a_chain_that_is_not_trusted_is_not_followed(office: Office, look: Look, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_bytes(NOBODY.chain_pem)
    facts, verdict = look(ocsp_at=office.url("/ocsp"), trust=tmp_path / "other.pem")
    assert (verdict.status, facts.chains[0].asked) == ("fail", None)
    assert not office.asked


def test_nobody_is_asked_where_the_settings_say_so(office: Office, look: Look) -> None:
    facts, _ = look(ocsp_at=office.url("/ocsp"), revocation="stapled")
    assert facts.chains[0].asked is None
    assert not office.asked


POLICY = """{"id": "acme", "title": "Acme's", "version": "1", "source": "Acme handbook", "rules": [
  {"code": "tls.version.legacy", "level": "MUST", "sentence": "V.", "clause": "1", "allowed": ["TLSv1.2", "TLSv1.3"]},
  {"code": "tls.cipher.not_allowed", "level": "MUST NOT", "sentence": "C.", "clause": "2", "forbidden": ["*_NULL_*"]},
  {"code": "CODE", "level": "MUST", "sentence": "R.", "clause": "3"}]}"""


@pytest.mark.parametrize(
    ("code", "crl_at", "status"),
    [
        ("tls.revocation.unknown", "http://nowhere.example/crl", "inconclusive"),
        ("tls.revocation.unknown", None, "fail"),
        ("tls.ocsp.no_responder", "http://nowhere.example/crl", "fail"),
        ("tls.caa.missing", None, "inconclusive"),
    ],
)
def test_a_policy_may_demand_what_else_is_a_note(
    look: Look, tmp_path: Path, code: str, crl_at: str | None, status: str
) -> None:
    (tmp_path / "acme.json").write_text(POLICY.replace("CODE", code))
    _, verdict = look(crl_at=crl_at, policies=tmp_path, policy="acme")
    assert (verdict.status, verdict.codes[0]) == (status, code)
    assert "[3]" in verdict.message


@pytest.mark.parametrize(
    ("zone", "name", "issue", "codes"),
    [
        ({"a.example": [("CAA", '0 issue "ca.example; account=7"')]}, "a.example", ("ca.example",), ()),
        ({"example": [("CAA", '0 issue ";"'), ("CAA", '0 iodef "mailto:ada@a.example"')]}, "example", (), ()),
        ({"a.example": [("CNAME", "b.test.")], "b.test": [("CAA", '0 issue "b"')]}, "a.example", ("b",), ()),
        ({"a.example": [("CAA", '0 iodef "https://a.example/"')]}, "a.example", (), ("tls.caa.missing",)),
        ({"a.example": [("A", "192.0.2.1")]}, None, (), ("tls.caa.missing",)),
    ],
)
def test_caa_records_are_those_of_the_first_name_upwards(
    look: Look, tmp_path: Path, zone: Any, name: str | None, issue: tuple[str, ...], codes: tuple[str, ...]
) -> None:
    (tmp_path / "acme.json").write_text(POLICY.replace("CODE", "tls.caa.missing"))
    with NameServer(zone) as dns:
        facts, verdict = look(resolver=dns.address, policies=tmp_path, policy="acme")
    assert facts.caa is not None
    assert (facts.caa.name, facts.caa.issue, verdict.codes) == (name, issue, codes)
    assert verdict.status == ("fail" if codes else "pass")
    assert f"DNS @{dns.address} a.example. CAA" in str(facts.origin.query)


def test_the_looks_of_a_run_ask_a_responder_once(office: Office) -> None:
    leaf = certificate(office.url("/ocsp"), None)
    office.says["/ocsp"] = lambda _: (200, response(leaf, ROOT, good=True))

    async def look_often(run: str) -> set[str]:
        looks = (ask(leaf.certificate, ROOT.certificate, web(run, allow_private=True)) for _ in range(20))
        asked = await asyncio.gather(*looks)
        return {each.status for each in asked if each}

    assert asyncio.run(look_often("run 1")) == {"good"}
    assert office.asked == {"/ocsp": 1}
    assert asyncio.run(look_often("run 2")) == {"good"}
    assert office.asked == {"/ocsp": 2}


def web(run: str | None, *, allow_private: bool = False) -> Web:
    """A way to the office, on which every name is loopback."""

    async def resolve(_: str, __: int) -> Sequence[str]:
        return ["127.0.0.1"]

    return Web(memory_of(run), resolve, allow_private=allow_private, timeout=5)


LEAF_SERIAL = 4711


def certificate(ocsp_at: str | None, crl_at: str | None) -> SimpleNamespace:
    """A certificate of a.example that names these places to ask."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(pki.name_of("leaf"))
        .issuer_name(ROOT.certificate.subject)
        .public_key(pki.key_of("ec:P-256").public_key())
        .serial_number(LEAF_SERIAL)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 60 * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example")]), critical=False)
    )
    if ocsp_at:
        place = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp_at))
        builder = builder.add_extension(x509.AuthorityInformationAccess([place]), critical=False)
    if crl_at:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_at)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    made = builder.sign(ROOT.key, hashes.SHA256())
    return pki.Identity(made, pki.key_of("ec:P-256"))


def response(leaf: SimpleNamespace, by: SimpleNamespace, *, good: bool) -> bytes:
    """An OCSP response about the leaf of ROOT, signed by `by`."""
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=leaf.certificate,
        issuer=ROOT.certificate,
        algorithm=hashes.SHA1(),  # noqa: S303 - it names the issuer, as RFC 5019 wants it
        cert_status=ocsp.OCSPCertStatus.GOOD if good else ocsp.OCSPCertStatus.REVOKED,
        this_update=NOW - DAY,
        next_update=NOW + 7 * DAY,
        revocation_time=None if good else NOW - DAY,
        revocation_reason=None,
    )
    signer = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
    return signer.sign(by.key, hashes.SHA256()).public_bytes(Encoding.DER)


def revocations(
    serials: Sequence[int], *, by: SimpleNamespace = ROOT, key: SimpleNamespace | None = None, part: str | None = None
) -> bytes:
    """A list of revoked certificates by an issuer; `key` signs it, and `part` is the place that it says it is for."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.certificate.subject)
        .last_update(NOW - DAY)
        .next_update(NOW + 7 * DAY)
    )
    for serial in serials:
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY).build()
        builder = builder.add_revoked_certificate(revoked)
    if part:
        place = [x509.UniformResourceIdentifier(part)]
        only = x509.IssuingDistributionPoint(place, None, False, False, None, False, False)
        builder = builder.add_extension(only, critical=True)
    return builder.sign((key or by).key, hashes.SHA256()).public_bytes(Encoding.DER)
