"""Whoever listens at the port cannot hang, crash or fill the collector; and each STARTTLS dialogue is spoken."""

import asyncio
import runpy
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.evidence import CouldNotLook, InputFault, Verdict
from muniment.evidence.collectors._tls.flight import LARGEST, FlightReader, NotTls
from muniment.evidence.collectors._tls.hello import Offer, client_hello
from muniment.evidence.collectors._tls.shares import KeyShares
from muniment.evidence.collectors._tls.suites import SUITES_12, SUITES_13
from muniment.evidence.collectors.tls import Resolve, Tls, TlsFacts, TlsSettings

pki = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "subjects" / "tls_pki.py")))
HELLO = client_hello(Offer(("TLSv1.3", "TLSv1.2"), SUITES_13 + SUITES_12, ("x25519",)), "a.example", bytes(64))
AGREED = b"\x02\x00\x00\x26\x03\x03" + bytes(32) + b"\x00\xc0\x2f\x00"  # a ServerHello of TLS 1.2
Serve = Callable[[socket.socket], None]


@pytest.fixture
def listen() -> Iterator[Callable[[Serve], int]]:
    """Serves each connection in a thread; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept(serve: Serve) -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=one, args=(serve, connection), daemon=True).start()

        def one(serve: Serve, connection: socket.socket) -> None:
            connection.settimeout(10)
            with connection, suppress(OSError):
                serve(connection)

        def start(serve: Serve) -> int:
            threading.Thread(target=accept, args=(serve,), daemon=True).start()
            return int(listener.getsockname()[1])

        yield start
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A good certificate for a.example on disk, and its root."""
    folder = tmp_path_factory.mktemp("pki")
    root = pki.authority("Example Root")
    leaf = pki.leaf("DNS:a.example", root)
    for name, data in (("root.pem", root.chain_pem), ("leaf.pem", leaf.chain_pem), ("leaf.key", leaf.key_pem)):
        (folder / name).write_bytes(data)
    return SimpleNamespace(root=folder / "root.pem", chain=folder / "leaf.pem", key=folder / "leaf.key")


def seen(port: int, *, resolve: Resolve | None = None, **settings: object) -> tuple[TlsFacts, Verdict]:
    """Facts and verdict of one look at a loopback port, with a short patience."""
    usual = {"host": "a.example", "addresses": ("127.0.0.1",), "allow_private": True, "timeout": 2}
    values = TlsSettings.model_validate({**usual, "port": port, **settings})
    collector = Tls(resolve=resolve)
    facts = asyncio.run(collector.observe(values))
    return facts, collector.assess(values, facts, datetime.now(UTC))


def talk_tls(identity: SimpleNamespace) -> Serve:
    def serve(connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.chain, identity.key)
        context.set_ciphers("ECDHE+AESGCM")
        context.set_ecdh_curve("prime256v1")
        with context.wrap_socket(connection, server_side=True) as session:
            session.recv(1)

    return serve


DIALOGUES = {
    "smtp": [
        (b"", b"220-a.example\r\n220 ESMTP\r\n"),
        (b"EHLO", b"250-a.example\r\n250-SIZE\r\n250 STARTTLS\r\n"),
        (b"STARTTLS\r\n", b"220 go\r\n"),
    ],
    "imap": [(b"", b"* OK ready\r\n"), (b"a1 STARTTLS\r\n", b"* CAPABILITY IMAP4rev2\r\na1 OK go\r\n")],
    "pop3": [(b"", b"+OK ready\r\n"), (b"STLS\r\n", b"+OK go\r\n")],
    "ldap": [
        (b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1", b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00")
    ],
    "postgres": [(b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"S")],
    "mysql": [
        (b"", b"\x26\x00\x00\x00\x0a8.4.0\x00" + bytes(4) + b"12345678\x00" + b"\x00\x8a" + b"\x21" + bytes(15)),
        (b"\x20\x00\x00\x01\x00\x8a", b""),
    ],
    "xmpp": [
        (b"<stream:stream", b"<stream:stream><stream:features><starttls/></stream:features>"),
        (b"<starttls", b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
    ],
}


@pytest.mark.parametrize("protocol", DIALOGUES)
def test_starttls_is_asked_for_as_the_protocol_wants_it(
    protocol: str, listen: Callable[[Serve], int], identity: SimpleNamespace
) -> None:
    def serve(connection: socket.socket) -> None:
        for expected, said in DIALOGUES[protocol]:
            if expected:  # MySQL's request of 36 bytes is followed by the hello at once
                assert connection.recv(36 if protocol == "mysql" else 512).startswith(expected)
            connection.sendall(said)
        talk_tls(identity)(connection)

    facts, verdict = seen(listen(serve), starttls=protocol, trust=identity.root)
    assert verdict.status == "pass", verdict.message
    assert f"STARTTLS by {protocol}" in facts.origin.query


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("smtp", b"554 no\r\n"),
        ("imap", b"* BYE\r\n"),
        ("pop3", b"-ERR\r\n"),
        ("postgres", b"N"),
        ("ldap", b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00"),
        ("mysql", b"\x08\x00\x00\x00\xffHost 'a"),
        ("smtp", b"2" * 100_000),
    ],
)
def test_a_server_that_does_not_go_on_in_tls_is_without_tls(
    protocol: str, said: bytes, listen: Callable[[Serve], int]
) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(said)
        connection.recv(512)

    _, verdict = seen(listen(serve), starttls=protocol)
    assert (verdict.status, verdict.codes) == ("fail", ("tls.absent",))


def test_a_server_that_hangs_on_one_offer_is_not_called_good(
    listen: Callable[[Serve], int], identity: SimpleNamespace
) -> None:
    def serve(connection: socket.socket) -> None:
        offered = connection.recv(4096, socket.MSG_PEEK)
        if offered[9:11] == b"\x03\x01":  # TLS 1.0
            connection.recv(1 << 16)
            connection.recv(1)
        else:
            talk_tls(identity)(connection)

    facts, verdict = seen(listen(serve), trust=identity.root, timeout=4)
    assert facts.sights[0].unanswered == ("TLSv1.0",)
    assert (verdict.status, verdict.codes) == ("inconclusive", ("net.timeout",))


def test_what_was_seen_before_a_server_fell_silent_still_counts(
    listen: Callable[[Serve], int], identity: SimpleNamespace
) -> None:
    cbc = b"\xc0\x13"  # TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA

    def serve(connection: socket.socket) -> None:
        offered = connection.recv(4096, socket.MSG_PEEK)
        if offered[9:11] == b"\x03\x03" and b"\x00\x2b" not in offered and b"\xc0\x2f" not in offered:
            connection.recv(4096)
            if cbc in offered:
                hello = b"\x02\x00\x00\x26\x03\x03" + bytes(32) + b"\x00" + cbc + b"\x00" + b"\x0e\x00\x00\x00"
                connection.sendall(b"\x16\x03\x03" + len(hello).to_bytes(2) + hello)
            connection.recv(1)
        else:
            talk_tls(identity)(connection)

    _, verdict = seen(listen(serve), trust=identity.root, timeout=1)
    assert (verdict.status, verdict.codes) == ("fail", ("tls.cipher.not_allowed",))


def test_a_server_that_resets_one_offer_only_has_refused_it(
    listen: Callable[[Serve], int], identity: SimpleNamespace
) -> None:
    def serve(connection: socket.socket) -> None:
        offered = connection.recv(4096, socket.MSG_PEEK)
        if offered[9:11] != b"\x03\x01":  # closing with bytes unread resets the connection
            talk_tls(identity)(connection)

    facts, verdict = seen(listen(serve), trust=identity.root, timeout=5)
    assert (verdict.status, verdict.codes, facts.resets) == ("pass", (), 0), verdict.message


def test_endless_data_takes_bounded_memory() -> None:
    reader = FlightReader(HELLO)
    reader.feed(b"\x16\x03\x03" + len(AGREED).to_bytes(2) + AGREED)
    tracemalloc.start()
    try:
        reader.feed(b"\x16\x03\x03\x40\x00" + b"\x0b\x01\xff\xf0" + bytes(16380))  # certificates of 131,056 bytes
        while not reader.done:
            reader.feed(b"\x16\x03\x03\x00\x01\x00")  # one by one
        assert tracemalloc.get_traced_memory()[1] < 4 * LARGEST
    finally:
        tracemalloc.stop()
    assert reader.answer.version == "TLSv1.2"


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_no_bytes_crash_the_reader(parts: list[bytes]) -> None:
    reader = FlightReader(HELLO, KeyShares(("x25519",)))
    with suppress(NotTls):
        for part in parts:
            reader.feed(part)
    assert not reader.answer.agreed  # noise agrees to nothing


@given(st.binary(max_size=400), st.sampled_from([2, 11, 12, 13, 14, 15]))
def test_no_message_crashes_the_reader(body: bytes, kind: int) -> None:
    message = bytes([kind]) + len(body).to_bytes(3) + body
    reader = FlightReader(HELLO, KeyShares(("x25519",)))
    with suppress(NotTls):
        for data in (AGREED, message):
            reader.feed(b"\x16\x03\x03" + len(data).to_bytes(2) + data)
    assert reader.answer.agreed


def test_an_address_that_is_not_public_is_refused_before_a_packet_leaves(listen: Callable[[Serve], int]) -> None:
    called: list[int] = []
    port = listen(lambda _: called.append(1))
    with pytest.raises(CouldNotLook) as caught:
        seen(port, allow_private=False)
    assert (caught.value.cause, called) == ("ssrf.blocked_address", [])


def test_every_address_of_the_name_is_looked_at(listen: Callable[[Serve], int], identity: SimpleNamespace) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1", "127.0.0.3"]

    port = listen(talk_tls(identity))
    facts, verdict = seen(port, resolve=resolve, addresses=None, trust=identity.root)
    assert [sight.addresses for sight in facts.sights] == [("127.0.0.1",), ("127.0.0.3",)]
    assert (verdict.status, verdict.codes) == ("inconclusive", ("net.refused",))


def test_a_name_that_leads_nowhere_could_not_be_looked_at() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(CouldNotLook) as caught:
        seen(443, resolve=resolve, addresses=None)
    assert caught.value.cause == "dns.no_address"


def test_a_trust_file_that_is_no_pem_is_an_input_fault(tmp_path: Path) -> None:
    file = tmp_path / "roots.pem"
    file.write_text("no certificates")
    with pytest.raises(InputFault) as caught:
        seen(443, trust=file)
    assert caught.value.cause == "tls.trust_unreadable"
    assert "BEGIN CERTIFICATE" in str(caught.value.mend)


def test_the_public_trust_store_is_the_one_of_a_pinned_package() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(CouldNotLook) as caught:
        seen(port)
    assert caught.value.cause == "net.refused"
