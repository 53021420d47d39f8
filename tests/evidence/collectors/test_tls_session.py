"""What a server shows beside its handshake: HSTS and its clock, a stapled status, timestamps, post-quantum groups."""

import asyncio
import runpy
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ObjectIdentifier

from muniment.evidence import InputFault, Verdict
from muniment.evidence.collectors._tls.http import head, read_headers
from muniment.evidence.collectors._tls.status import read_scts
from muniment.evidence.collectors.tls import Tls, TlsFacts, TlsSettings

pki = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "subjects" / "tls_pki.py")))
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
RETRY = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"  # RFC 8446 section 4.1.3
Listen = Callable[..., int]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """root.pem; leaf.pem and leaf.key for a.example, with a responder and two timestamps; client.pem with its key."""
    folder = tmp_path_factory.mktemp("pki")
    root = pki.authority("Example Root")
    responder = x509.AccessDescription(
        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://o.example")
    )
    extensions = [
        x509.SubjectAlternativeName([x509.DNSName("a.example")]),
        x509.AuthorityInformationAccess([responder]),
        x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"), octets(timestamps(2))),
    ]
    leaf = pki.issue(pki.name_of("leaf"), pki.key_of("rsa:2048"), root, extensions, days=(-1, 89))
    client = pki.issue(pki.name_of("client"), pki.key_of("ec:P-256"), root, [], days=(-1, 89))
    for name, data in {
        "root.pem": root.chain_pem,
        "leaf.pem": leaf.chain_pem,
        "leaf.key": leaf.key_pem,
        "client.pem": client.chain_pem + client.key_pem,
        "good.der": response(leaf, root, root, ocsp.OCSPCertStatus.GOOD),
        "revoked.der": response(leaf, root, root, ocsp.OCSPCertStatus.REVOKED),
        "forged.der": response(leaf, root, pki.authority("Nobody"), ocsp.OCSPCertStatus.GOOD),
    }.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def listen(folder: Path) -> Iterator[Listen]:
    """Serves TLS, a thread for each connection: `answer` gets the session, or `raw` the connection before it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def start(
            answer: Callable[[ssl.SSLSocket], object] = ssl.SSLSocket.getpeername,
            raw: Callable[[socket.socket], bool] | None = None,
            **settings: object,
        ) -> int:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
            context.load_verify_locations(folder / "root.pem")
            context.set_ciphers("ECDHE+AESGCM")
            context.set_ecdh_curve("prime256v1")
            for name, value in settings.items():
                setattr(context, name, value)

            def serve(connection: socket.socket) -> None:
                connection.settimeout(5)
                with connection, suppress(OSError):
                    if raw is None or not raw(connection):
                        with context.wrap_socket(connection, server_side=True) as session:
                            answer(session)

            def accept() -> None:
                with suppress(OSError):
                    while True:
                        connection, _ = listener.accept()
                        threading.Thread(target=serve, args=(connection,), daemon=True).start()

            threading.Thread(target=accept, daemon=True).start()
            return int(listener.getsockname()[1])

        yield start
        listener.shutdown(socket.SHUT_RDWR)


def look(port: int, folder: Path, *, at: datetime = NOW, **settings: object) -> tuple[TlsFacts, Verdict]:
    """Facts and verdict of one look at a loopback port, with this machine's clock standing at NOW."""
    usual = {"host": "a.example", "addresses": ("127.0.0.1",), "allow_private": True, "trust": folder / "root.pem"}
    usual["revocation"] = "stapled"  # the responder of the certificate is on no loopback
    values = TlsSettings.model_validate({**usual, "port": port, **settings})
    collector = Tls(clock=lambda: NOW)
    facts = asyncio.run(collector.observe(values))
    return facts, collector.assess(values, facts, at)


def http(*headers: str) -> Callable[[ssl.SSLSocket], None]:
    """Answers one request with these headers."""

    def answer(session: ssl.SSLSocket) -> None:
        assert session.recv(4096).startswith(b"HEAD / HTTP/1.1\r\nHost: a.example\r\n")
        session.sendall("\r\n".join(("HTTP/1.1 302 Found", *headers, "Location: https://b.example/", "", "")).encode())

    return answer


def date(skew: int = 0) -> str:
    return f"Date: {format_datetime(NOW + timedelta(seconds=skew), usegmt=True)}"


def test_hsts_and_the_clock_are_read_over_the_proven_handshake(listen: Listen, folder: Path) -> None:
    port = listen(http("Strict-Transport-Security: max-age=63072000; includeSubDomains", date()))
    facts, verdict = look(port, folder, policy="rfc9325")
    assert (facts.sights[0].http, facts.sights[0].hsts) == (302, 63072000)
    assert facts.clock is not None
    assert (facts.clock.date, facts.clock.skew) == (NOW, 0)
    assert (verdict.status, verdict.codes) == ("pass", ("tls.group.advised", "tls.ocsp.missing"))
    assert facts.connects <= 20


def test_missing_hsts_is_a_note_where_the_policy_asks_for_it(listen: Listen, folder: Path) -> None:
    port = listen(http(date()))
    facts, verdict = look(port, folder, policy="rfc9325")
    assert (verdict.status, verdict.codes) == ("pass", ("tls.hsts.missing", "tls.group.advised", "tls.ocsp.missing"))
    assert Tls().assess(TlsSettings(host="a.example"), facts, NOW).codes == ()


@pytest.mark.parametrize("skew", [-3600, 301, 86400 * 900])
def test_clocks_more_than_five_minutes_apart_leave_dates_open(listen: Listen, folder: Path, skew: int) -> None:
    facts, verdict = look(listen(http(date(skew))), folder)
    assert (verdict.status, verdict.codes) == ("inconclusive", ("tls.clock",))
    assert facts.clock is not None
    assert facts.clock.skew == skew


def test_a_run_that_stands_for_another_instant_is_no_wrong_clock(listen: Listen, folder: Path) -> None:
    _, verdict = look(listen(http(date())), folder, at=NOW + 80 * DAY)
    assert (verdict.status, verdict.codes) == ("pass", ("tls.cert.expiring",))
    assert look(listen(http(date())), folder, at=NOW - 30 * DAY)[1].codes == ("tls.cert.not_yet_valid",)


@pytest.mark.parametrize(
    "answer",
    [
        lambda session: session.recv(4096) and session.recv(4096),
        lambda session: session.sendall(b"* OK IMAP4rev2 ready\r\n" + 20_000 * b"x"),
        lambda session: session.sendall(b"HTTP/1.1 200 OK\r\nDate: yesterday\r\nStrict-Transport-Security: on\r\n\r\n"),
    ],
    ids=["silent", "another protocol", "nonsense"],
)
def test_what_is_no_answer_over_http_takes_nothing_from_the_handshake(
    listen: Listen, folder: Path, answer: Callable[[ssl.SSLSocket], object]
) -> None:
    began = time.monotonic()
    facts, verdict = look(listen(answer), folder, timeout=2)
    assert (verdict.status, verdict.codes, facts.sights[0].handshake) == ("pass", (), "TLSv1.3")
    assert (facts.sights[0].hsts, facts.clock) == (None, None)
    assert time.monotonic() - began < 2


def test_a_post_quantum_group_shows_itself_by_what_the_server_asks_for(listen: Listen, folder: Path) -> None:
    def retry(connection: socket.socket) -> bool:
        """A HelloRetryRequest for X25519MLKEM768 to whoever offers it."""
        offered = connection.recv(4096, socket.MSG_PEEK)
        if b"\x11\xec" not in offered:
            return False
        connection.recv(4096)
        session = offered[43 : 44 + offered[43]]
        body = b"\x03\x03" + bytes.fromhex(RETRY) + session + b"\x13\x01\x00"
        body += b"\x00\x0c" + b"\x00\x2b\x00\x02\x03\x04" + b"\x00\x33\x00\x02\x11\xec"
        message = b"\x02" + len(body).to_bytes(3) + body
        connection.sendall(b"\x16\x03\x03" + len(message).to_bytes(2) + message)
        return True

    facts, verdict = look(listen(raw=retry), folder)
    assert facts.sights[0].groups == ("secp256r1", "X25519MLKEM768")
    assert verdict.status == "pass"


def test_a_server_that_demands_a_client_certificate_is_shown_one(listen: Listen, folder: Path) -> None:
    port = listen(verify_mode=ssl.CERT_REQUIRED, maximum_version=ssl.TLSVersion.TLSv1_2)
    _, without = look(port, folder)
    assert (without.status, without.codes) == ("inconclusive", ("tls.handshake",))
    facts, verdict = look(port, folder, client_certificate=folder / "client.pem")
    assert verdict.status == "pass"
    assert facts.sights[0].wants_client_certificate
    assert str(facts.origin.authenticated_as).startswith("client certificate sha256:")


@pytest.mark.parametrize("key", ["leaf.key", "root.pem", "missing.key"])
def test_a_client_key_that_does_not_fit_is_an_input_fault(folder: Path, key: str) -> None:
    with pytest.raises(InputFault) as caught:
        look(443, folder, client_certificate=folder / "client.pem", client_key=folder / key)
    assert caught.value.cause == "tls.client_certificate_unreadable"
    assert "that belong together" in str(caught.value.mend)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed (apt: openssl)")
@pytest.mark.parametrize(
    ("staple", "version", "status", "codes", "signed"),
    [
        ("good.der", "-tls1_2", "pass", (), True),
        ("revoked.der", "-tls1_3", "fail", ("tls.cert.revoked",), True),
        ("forged.der", "-tls1_3", "pass", ("tls.ocsp.invalid",), False),
    ],
)
def test_a_stapled_status_is_read_in_both_versions(
    folder: Path, staple: str, version: str, status: str, codes: tuple[str, ...], signed: bool
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    files = ["-cert", folder / "leaf.pem", "-key", folder / "leaf.key", "-status_file", folder / staple]
    options = [version, "-cipher", "ECDHE+AESGCM", "-groups", "X25519", "-quiet", "-www"]
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *files, *options]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(port)
            facts, verdict = look(port, folder)
        finally:
            server.terminate()
    assert (verdict.status, verdict.codes) == (status, codes), verdict.message
    (chain,) = facts.chains
    assert chain.staple is not None
    assert chain.sct_logs == ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",)
    assert (chain.responder, chain.staple.signed, chain.staple.next_update, chain.scts) == (
        True,
        signed,
        NOW + 7 * DAY,
        2,
    )


@pytest.mark.parametrize(
    ("data", "logs"),
    [
        (b"", ()),
        (b"\x00\x00", ()),
        (b"\x00\x06\x00\x01a\x00\x01b", ("", "")),  # of no version that is known
        (b"\x00\x06\x00\x01a\x00\x09b", ("",)),
        (b"\x00\x2a\x00\x28\x00" + b"L" * 32 + b"12345678", ("TExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTEw=",)),
    ],
)
def test_timestamps_in_an_extension_are_told_by_their_logs_as_far_as_they_are_whole(
    data: bytes, logs: tuple[str, ...]
) -> None:
    assert read_scts(data) == logs


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("max-age=31536000", 31536000),
        ('includeSubDomains; MAX-AGE = "300" ; preload', 300),
        ("max-age=0", 0),
        ("max-age=forever", None),
        ("xmax-age=1", None),
    ],
)
def test_hsts_is_read_as_rfc_6797_writes_it(header: str, seconds: int | None) -> None:
    headers = read_headers(f"HTTP/1.1 200 OK\r\nstrict-transport-security: {header}\r\n\r\n".encode())
    assert headers is not None
    assert headers.hsts == seconds


def test_a_host_that_is_an_ipv6_address_is_asked_for_in_brackets() -> None:
    assert b"\r\nHost: [2001:db8::1]\r\n" in head("2001:db8::1")


def response(leaf: SimpleNamespace, issuer: SimpleNamespace, by: SimpleNamespace, status: ocsp.OCSPCertStatus) -> bytes:
    """An OCSP response on the leaf for a week from yesterday, signed by `by`."""
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=leaf.certificate,
        issuer=issuer.certificate,
        algorithm=hashes.SHA1(),  # noqa: S303 - it names the issuer, as RFC 5019 wants it
        cert_status=status,
        this_update=NOW - DAY,
        next_update=NOW + 7 * DAY,
        revocation_time=NOW - DAY if revoked else None,
        revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
    )
    signer = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
    return signer.sign(by.key, hashes.SHA256()).public_bytes(Encoding.DER)


def timestamps(count: int) -> bytes:
    """A list of timestamps that no log signed (RFC 6962 section 3.3)."""
    one = bytes(33) + int(NOW.timestamp() * 1000).to_bytes(8) + b"\x00\x00" + b"\x04\x03" + b"\x00\x02" + b"\x30\x00"
    return (count * (2 + len(one))).to_bytes(2) + count * (len(one).to_bytes(2) + one)


def octets(data: bytes) -> bytes:
    """An OCTET STRING of DER, of less than 128 bytes."""
    return b"\x04" + len(data).to_bytes(1) + data


def wait_for(port: int) -> None:
    """Until somebody takes connections there; 10 s at most."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
