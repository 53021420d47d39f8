"""The authority and the TLS servers of the demonstration, spoken to for real."""

import asyncio
import re
import socket
import ssl
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from muniment.cli.demo.services import Kind, TlsServer
from muniment.evidence import CouldNotLook, Status, Verdict
from muniment.evidence.collectors.tls import Tls, TlsSettings
from muniment.evidence.testing.authority import LIFETIME, Authority, Identity

NAME = "www.example.test"
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def identity(authority: Authority) -> Identity:
    return authority.issue(NAME, MARCH)


def judged(server: TlsServer, authority: Authority, at: datetime) -> Verdict:
    """What the TLS collector says of a server at an instant."""
    settings = TlsSettings(
        host=NAME, port=server.port, addresses=(server.host,), trust=authority.trust, allow_private=True, timeout=1
    )
    collector = Tls(at=at)
    return collector.assess(settings, asyncio.run(collector.observe(settings)), at)


def shown(server: TlsServer) -> int:
    """The serial number of the certificate that a server shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((server.host, server.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as connection,
    ):
        certificate = connection.getpeercert(binary_form=True)
    assert certificate is not None
    return x509.load_der_x509_certificate(certificate).serial_number


def serial(identity: Identity) -> int:
    return x509.load_pem_x509_certificate(identity.certificate.read_bytes()).serial_number


def test_the_good_server_meets_the_policy_while_its_certificate_is_valid(
    authority: Authority, identity: Identity
) -> None:
    with TlsServer("good", identity) as server:
        assert judged(server, authority, MARCH + DAY).codes == ()
        assert judged(server, authority, MARCH + DAY).status is Status.PASS
        nine_days_left = judged(server, authority, MARCH + LIFETIME - 9 * DAY)
        assert (nine_days_left.status, nine_days_left.codes) == (Status.PASS, ("tls.cert.expiring",))
        assert judged(server, authority, MARCH + LIFETIME + DAY).codes == ("tls.cert.expired",)
        assert judged(server, authority, MARCH - DAY).status is Status.FAIL


def test_the_legacy_server_still_speaks_tls_1_0(authority: Authority, identity: Identity) -> None:
    with TlsServer("legacy", identity) as server:
        verdict = judged(server, authority, MARCH + DAY)
    assert verdict.status is Status.FAIL
    assert verdict.codes == ("tls.version.legacy", "tls.cipher.not_allowed")
    assert "TLSv1.0" in verdict.message


def test_the_hanging_server_takes_connections_and_says_nothing(authority: Authority) -> None:
    with TlsServer("hang") as server, pytest.raises(CouldNotLook) as caught:
        judged(server, authority, MARCH)
    assert caught.value.cause == "net.timeout"


def test_a_certificate_can_be_swapped_while_the_server_serves(authority: Authority, identity: Identity) -> None:
    with TlsServer("good", identity) as server:
        assert shown(server) == serial(identity)
        renewed = authority.issue(NAME, MARCH + 80 * DAY)
        server.swap_certificate(renewed)
        assert shown(server) == serial(renewed) != serial(identity)
        assert judged(server, authority, MARCH + 100 * DAY).status is Status.PASS
    with TlsServer("hang") as server, pytest.raises(ValueError, match="shows no certificate"):
        server.swap_certificate(identity)


@pytest.mark.parametrize("kind", ["good", "legacy", "hang"])
def test_a_server_is_gone_within_a_second_though_peers_hold_on(kind: Kind, identity: Identity) -> None:
    with TlsServer(kind, None if kind == "hang" else identity) as server:
        peers = [socket.create_connection((server.host, server.port), timeout=5) for _ in range(5)]
        peers[0].sendall(b"\x16\x03\x01")  # a hello that goes no further
        before = time.monotonic()
    assert time.monotonic() - before < 1
    for peer in peers:
        peer.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port), timeout=5)


def test_a_peer_that_talks_nonsense_does_not_end_the_server(
    identity: Identity, capfd: pytest.CaptureFixture[str]
) -> None:
    with TlsServer("good", identity) as server:
        for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"", b"\x16\x03\x01\x00\x00" * 50):
            with socket.create_connection((server.host, server.port), timeout=5) as peer:
                peer.sendall(nonsense)
        assert shown(server) == serial(identity)
    assert capfd.readouterr().err == ""


def test_openssl_agrees_that_a_certificate_is_a_server_s_and_chains_to_the_root(
    authority: Authority, identity: Identity
) -> None:
    at = str(int((MARCH + DAY).timestamp()))
    verify = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", NAME, "-attime", at]
    done = subprocess.run(
        [*verify, "-CAfile", authority.trust, identity.certificate], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"OK$", done.stdout)


def test_private_keys_are_for_their_owner_only(identity: Identity) -> None:
    assert identity.key.stat().st_mode & 0o777 == 0o600
    assert identity.certificate.read_text().count("BEGIN") == 1
