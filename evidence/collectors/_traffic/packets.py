"""Packet captures: which servers were spoken to, and with which TLS. Content is not looked at."""

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import dpkt

from muniment.evidence.collectors._traffic.capture import Reading, Request, broken
from muniment.evidence.hosts import host_or_address

_HEAD = 32 << 10  # bytes of each direction; a hello ends long before
# Names, addresses, time and neighbours: DNS, DHCP, NTP, NetBIOS, DHCPv6, SSDP, mDNS, LLMNR (IANA's port numbers).
_HOUSEKEEPING = frozenset((53, 67, 68, 123, 137, 138, 546, 547, 1900, 5353, 5355))
_VERSIONS = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}
_LINKS = {1: dpkt.ethernet.Ethernet, 113: dpkt.sll.SLL, 276: dpkt.sll2.SLL2, 0: dpkt.loopback.Loopback}


@dataclass
class _Flow:
    at: float
    server: str
    sequence: list[int] = field(default_factory=lambda: [-1, -1])  # of the first byte, ours and theirs
    pieces: tuple[dict[int, bytes], dict[int, bytes]] = field(default_factory=lambda: ({}, {}))


@dataclass
class _Seen:
    """Connections by addresses and ports, the latest of each; `all` has those too whose ports were used again."""

    tcp: dict[tuple[bytes, int, bytes, int], _Flow] = field(default_factory=dict)
    udp: dict[tuple[bytes, int, bytes, int], float] = field(default_factory=dict)
    all: list[_Flow] = field(default_factory=list)


class _Watched:
    """A file that notices when it ends within a packet, which dpkt does not say."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._ended, self.cut = stream, False, False
        self.name = stream.name

    def read(self, size: int) -> bytes:
        """As a file: the end before a packet's head is the end, anywhere else a cut."""
        data = self._stream.read(size)
        self.cut = self.cut or (len(data) < size and (bool(data) or self._ended))
        self._ended = self._ended or (size > 0 and not data)
        return data

    def seek(self, place: int) -> int:
        """Begin anew: dpkt tries pcap, then pcapng."""
        self._ended = self.cut = False
        return self._stream.seek(place)


def connections(file: Path, reading: Reading) -> Iterator[Request]:
    """One `Request` without content for each TCP connection whose beginning was captured, by SNI, else by address, and
    for each conversation over UDP, by address."""
    seen = _Seen()
    with file.open("rb") as opened:
        stream = _Watched(opened)
        try:
            packets = dpkt.pcap.UniversalReader(stream)
            link = packets.datalink()
            for at, data in packets:
                _packet(at, data, link, seen, reading)
        except (ValueError, dpkt.Error, struct.error):
            if not seen.all and not seen.udp:
                raise broken(file, "pcap") from None
            reading.truncated = True
        reading.truncated = reading.truncated or stream.cut
    for flow in seen.all:
        name = _hello(_bytes(flow, 0), 1)
        version = _hello(_bytes(flow, 1), 2)
        if version is not None:
            reading.tls[str(version)] = reading.tls.get(str(version), 0) + 1
        yield Request(datetime.fromtimestamp(flow.at, UTC), _host(name) or flow.server, "", "", None)
    reading.quic = sum(port == 443 for _, _, _, port in seen.udp)
    for (_, _, server, _), at in sorted(seen.udp.items()):
        yield Request(datetime.fromtimestamp(at, UTC), str(ipaddress.ip_address(server)), "", "", None)


def _packet(at: float, data: bytes, link: int, seen: _Seen, reading: Reading) -> None:
    try:
        packet = dpkt.ip.IP(data) if link in (12, 101, 228) and data[0] >> 4 == 4 else _LINKS[link](data).data
    except (dpkt.UnpackError, IndexError):
        reading.unreadable += 1
        return
    except KeyError:
        raise ValueError("link type") from None
    if not isinstance(packet, dpkt.ip.IP | dpkt.ip6.IP6):
        return
    segment = packet.data
    if isinstance(segment, dpkt.udp.UDP):
        _datagram(at, packet, segment, seen)
    elif isinstance(segment, dpkt.tcp.TCP):
        _segment(at, packet, segment, seen, reading)


def _datagram(at: float, packet: Any, datagram: Any, seen: _Seen) -> None:
    """One conversation over UDP, counted for whom it began with. What a network needs to run at all is left out."""
    out = (packet.src, datagram.sport, packet.dst, datagram.dport)
    back = (packet.dst, datagram.dport, packet.src, datagram.sport)
    if back not in seen.udp and not _HOUSEKEEPING & {datagram.sport, datagram.dport}:
        seen.udp.setdefault(out, float(at))


def _segment(at: float, packet: Any, segment: Any, seen: _Seen, reading: Reading) -> None:
    out = (packet.src, segment.sport, packet.dst, segment.dport)
    back = (packet.dst, segment.dport, packet.src, segment.sport)
    if segment.flags & dpkt.tcp.TH_SYN and not segment.flags & dpkt.tcp.TH_ACK:
        earlier = seen.tcp.get(out)
        if earlier is None or earlier.sequence[0] != segment.seq + 1:  # else it was sent again
            seen.tcp[out] = _Flow(float(at), str(ipaddress.ip_address(packet.dst)), [segment.seq + 1, -1])
            seen.all.append(seen.tcp[out])
        return
    flow, side = (seen.tcp[out], 0) if out in seen.tcp else (seen.tcp.get(back), 1)
    if flow is None:
        reading.truncated = reading.truncated or bool(segment.data)
        return
    if side and segment.flags & dpkt.tcp.TH_SYN:
        flow.sequence[1] = segment.seq + 1
    elif segment.data and flow.sequence[side] >= 0:
        offset = (segment.seq - flow.sequence[side]) & 0xFFFFFFFF
        if offset < _HEAD:
            flow.pieces[side].setdefault(offset, bytes(segment.data))


def _bytes(flow: _Flow, side: int) -> bytes:
    """The first bytes of one direction, in the order of their sequence numbers, up to the first hole."""
    whole = b""
    for offset, piece in sorted(flow.pieces[side].items()):
        if offset > len(whole):
            break
        whole += piece[len(whole) - offset :]
    return whole


def _hello(data: bytes, kind: int) -> str | None:
    """The server name of a ClientHello (1), or the version that a ServerHello (2) agrees to (RFC 8446 section 4.1)."""
    handshake = b""
    while len(data) >= 5 and data[0] == 22 and data[1] == 3:
        size = int.from_bytes(data[3:5], "big")
        handshake += data[5 : 5 + size]
        data = data[5 + size :]
    try:
        if handshake[0] != kind:
            return None
        at = 38 + 1 + handshake[38]
        at += 3 if kind == 2 else 2 + int.from_bytes(handshake[at : at + 2], "big")
        at += 0 if kind == 2 else 1 + handshake[at]
        end = at + 2 + int.from_bytes(handshake[at : at + 2], "big")
        at += 2
        version = int.from_bytes(handshake[4:6], "big")
        while at + 4 <= min(end, len(handshake)):
            type_, size = (int.from_bytes(handshake[at + n : at + n + 2], "big") for n in (0, 2))
            body = handshake[at + 4 : at + 4 + size]
            if kind == 1 and type_ == 0:
                return body[5 : 5 + int.from_bytes(body[3:5], "big")].decode("ascii")
            if kind == 2 and type_ == 43:
                version = int.from_bytes(body, "big")
            at += 4 + size
        return None if kind == 1 else _VERSIONS.get(version, f"0x{version:04x}")
    except (IndexError, UnicodeDecodeError):
        return None


def _host(name: str | None) -> str | None:
    try:
        return host_or_address(name) if name else None
    except ValueError:
        return None
