"""What a server says back to a hello: version, suite, group and certificates, or an alert (RFC 5246 and RFC 8446).

The bytes come from whoever listens there, so every length is checked, and no more than `LARGEST` of them is kept.
"""

import struct
from dataclasses import dataclass, replace

from muniment.evidence.collectors._tls.shares import KeyShares, RecordKeys
from muniment.evidence.collectors._tls.status import read_scts
from muniment.evidence.collectors._tls.suites import GROUP_NAMES, SUITE_NAMES, VERSION_NAMES

LARGEST = 131_072  # bytes of one flight; a long chain is about 10,000
_LARGEST_RECORD = 2**14 + 2048  # RFC 5246 section 6.2.3
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")  # RFC 8446 section 4.1.3

_ALERT, _HANDSHAKE, _ENCRYPTED = 21, 22, 23
_SERVER_HELLO, _CERTIFICATE, _KEY_EXCHANGE, _REQUEST, _DONE, _VERIFY, _STATUS = 2, 11, 12, 13, 14, 15, 22
_STATUS_REQUEST, _TIMESTAMPS = 5, 18  # extensions: RFC 6066 section 8, RFC 6962 section 3.3


class NotTls(Exception):
    """The first bytes are not TLS; `seen` shows some of them."""

    def __init__(self, seen: bytes) -> None:
        super().__init__(seen)
        self.seen = seen


@dataclass(frozen=True)
class Answer:
    """What the server agreed to. All empty where it refused; `alert` is then the number of its alert, if any."""

    version: str | None = None
    suite: str | None = None
    group: str | None = None
    dh_bits: int | None = None
    chain: tuple[bytes, ...] = ()
    staple: bytes = b""
    scts: tuple[str, ...] = ()
    wants_client_certificate: bool = False
    alert: int | None = None

    @property
    def agreed(self) -> bool:
        """Whether the server took the offer."""
        return self.version is not None


class FlightReader:
    """Reads one server flight as its bytes come in; `answer` is what is known so far, `done` that no more is needed."""

    def __init__(self, hello: bytes, shares: KeyShares | None = None) -> None:
        """`hello` is the record that was sent; without `shares` a TLS 1.3 flight ends at its ServerHello."""
        self.answer = Answer()
        self.done = False
        self._transcript = hello[5:]
        self._shares = shares
        self._keys: RecordKeys | None = None
        self._bytes = b""
        self._messages = b""
        self._taken = 0

    def feed(self, data: bytes) -> None:
        """Take in what came.

        Raises:
            NotTls: the server does not speak TLS.
        """
        self._bytes += data
        self._taken += len(data)
        while not self.done and len(self._bytes) >= 5:
            kind, version, length = struct.unpack("!BHH", self._bytes[:5])
            if not (20 <= kind <= 23 and version >> 8 == 3 and length <= _LARGEST_RECORD):
                self._stop()
                return
            if len(self._bytes) < 5 + length:
                break
            header, body, self._bytes = self._bytes[:5], self._bytes[5 : 5 + length], self._bytes[5 + length :]
            self._record(kind, header, body)
        if self._bytes and not self.done and not 20 <= self._bytes[0] <= 23:
            self._stop()
        self.done = self.done or self._taken > LARGEST

    def _stop(self) -> None:
        """Bytes that are no TLS end the flight; what was agreed before them stays agreed."""
        if not self.answer.agreed:
            raise NotTls(self._bytes[:16])
        self.done = True

    def _record(self, kind: int, header: bytes, body: bytes) -> None:
        if kind == _ENCRYPTED and self._keys is not None:
            opened = self._keys.open(header, body)
            if opened is None:
                self.done = True
                return
            kind, body = opened
        if kind == _ALERT:
            self._alert(body)
        elif kind == _HANDSHAKE:
            self._messages += body
            self._read_messages()

    def _alert(self, body: bytes) -> None:
        if len(body) == 2 and body[0] == 1 and body[1] != 0:
            return  # a warning, such as unrecognized_name before a ServerHello (RFC 6066 section 3)
        self.answer = replace(self.answer, alert=body[1] if len(body) == 2 else None)
        self.done = True

    def _read_messages(self) -> None:
        while not self.done and len(self._messages) >= 4:
            kind, length = self._messages[0], int.from_bytes(self._messages[1:4])
            if not self.answer.agreed and kind != _SERVER_HELLO:
                raise NotTls(self._messages[:16])
            if len(self._messages) < 4 + length:
                self.done = length > LARGEST
                return
            message, self._messages = self._messages[: 4 + length], self._messages[4 + length :]
            try:
                self._message(kind, message[4:], message)
            except (struct.error, IndexError, KeyError):  # too short, or a version that nobody offers
                self._bytes = message
                self._stop()

    def _message(self, kind: int, body: bytes, message: bytes) -> None:
        if kind == _SERVER_HELLO and not self.answer.agreed:
            self._server_hello(body, message)
        elif kind == _CERTIFICATE:
            chain, beside = _chain(body, self._keys is not None)
            self.answer = replace(self.answer, chain=chain)
            self._status(beside.get(_STATUS_REQUEST, b""), beside.get(_TIMESTAMPS, b""))
        elif kind == _STATUS:
            self._status(body, b"")
        elif kind == _KEY_EXCHANGE:
            group, bits = _key_exchange(self.answer.suite or "", body)
            self.answer = replace(self.answer, group=group, dh_bits=bits)
        elif kind == _REQUEST:
            self.answer = replace(self.answer, wants_client_certificate=True)
        elif kind in (_DONE, _VERIFY):
            self.done = True

    def _status(self, status: bytes, timestamps: bytes) -> None:
        """A CertificateStatus holds its type, which is 1 for OCSP, and a length before the response."""
        if status[:1] == b"\x01":
            self.answer = replace(self.answer, staple=status[4 : 4 + int.from_bytes(status[1:4])])
        if timestamps:
            self.answer = replace(self.answer, scts=read_scts(timestamps))

    def _server_hello(self, body: bytes, message: bytes) -> None:
        (version,) = struct.unpack("!H", body[:2])
        random, after = body[2:34], 35 + body[34]
        (suite,) = struct.unpack("!H", body[after : after + 2])
        extensions = _extensions(body[after + 3 :])
        if 43 in extensions:
            (version,) = struct.unpack("!H", extensions[43])
        share = extensions.get(51, b"") if version == 0x0304 else b""
        group = GROUP_NAMES.get(int.from_bytes(share[:2])) if share else None
        self.answer = Answer(
            version=VERSION_NAMES[version],
            suite=SUITE_NAMES.get(suite, f"0x{suite:04x}"),
            group=group,
            scts=read_scts(extensions.get(_TIMESTAMPS, b"")),
        )
        if version == 0x0304:
            self._switch_keys(message, group, share[4:], retry=random == _RETRY)

    def _switch_keys(self, message: bytes, group: str | None, peer: bytes, *, retry: bool) -> None:
        """After this everything is encrypted; without a secret there is nothing more to read."""
        secret = self._shares.secret(group, peer) if self._shares and group and not retry else None
        if secret is None or self.answer.suite not in SUITE_NAMES.values():
            self.done = True
            return
        self._keys = RecordKeys(str(self.answer.suite), secret, self._transcript + message)


def _extensions(data: bytes) -> dict[int, bytes]:
    """By number; a server without extensions sends not even their length."""
    found = {}
    rest = data[2:]
    while len(rest) >= 4:
        number, length = struct.unpack("!HH", rest[:4])
        found[number] = rest[4 : 4 + length]
        rest = rest[4 + length :]
    return found


def _chain(body: bytes, encrypted: bool) -> tuple[tuple[bytes, ...], dict[int, bytes]]:
    """The DER of each certificate, leaf first, and the extensions of the leaf (RFC 5246 7.4.2, RFC 8446 4.4.2)."""
    rest = body[1 + body[0] + 3 :] if encrypted else body[3:]
    chain: list[bytes] = []
    beside: dict[int, bytes] = {}
    while len(rest) >= 3:
        length = int.from_bytes(rest[:3])
        chain.append(rest[3 : 3 + length])
        rest = rest[3 + length :]
        if encrypted:
            end = 2 + int.from_bytes(rest[:2])
            beside = beside if len(chain) > 1 else _extensions(rest[:end])
            rest = rest[end:]
    return tuple(chain), beside


def _key_exchange(suite: str, body: bytes) -> tuple[str | None, int | None]:
    """Named group and size of a finite-field prime in bits, whichever the suite has (RFC 8422 5.4, RFC 5246 7.4.3)."""
    if suite.startswith(("TLS_ECDHE_", "TLS_ECDH_anon_")) and body[0] == 3:
        number = int.from_bytes(body[1:3])
        return GROUP_NAMES.get(number, f"0x{number:04x}"), None
    if suite.startswith(("TLS_DHE_", "TLS_DH_anon_")):
        length = int.from_bytes(body[:2])
        return None, int.from_bytes(body[2 : 2 + length]).bit_length()
    return None, None
