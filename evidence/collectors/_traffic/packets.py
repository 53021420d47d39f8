"""Packet captures: which servers were spoken to, and with which TLS. Content is not looked at."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dpkt

from muniment.evidence.collectors._traffic.capture import Reading, Request, broken
from muniment.evidence.hosts import host_or_address

_HEAD = 32 << 10  # bytes of each direction; a hello ends long before
_VERSIONS = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}
_LINKS = {1: dpkt.ethernet.Ethernet, 113: dpkt.sll.SLL, 276: dpkt.sll2.SLL2, 0: dpkt.loopback.Loopback}


@dataclass
class _Flow:
    at: float
    server: str
    sequence: list[int] = field(default_factory=lambda: [-1, -1])  # of the first byte, ours and theirs
    pieces: tuple[dict[int, bytes], dict[int, bytes]] = field(default_factory=lambda: ({}, {}))


def connections(file: Path, reading: Reading) -> Iterator[Request]:
    """One `Request` without content for each TCP connection whose beginning was captured, by SNI, else by address."""
    flows: dict[tuple[bytes, int, bytes, int], _Flow] = {}
    seen_quic: dict[tuple[bytes, int, bytes], float] = {}
    with file.open("rb") as stream:
        try:
            packets = dpkt.pcap.UniversalReader(stream)
            link = packets.datalink()
            for at, data in packets:
                _packet(at, data, link, flows, seen_quic, reading)
        except (ValueError, dpkt.NeedData):
            if not flows:
                raise broken(file, "pcap") from None
            reading.truncated = True
    for flow in flows.values():
        name = _hello(_bytes(flow, 0), 1)
        version = _hello(_bytes(flow, 1), 2)
        if version is not None:
            reading.tls[str(version)] = reading.tls.get(str(version), 0) + 1
        yield Request(datetime.fromtimestamp(flow.at, UTC), _host(name) or flow.server, "", "", None)
    reading.quic = len(seen_quic)
    for (server, _, _), at in sorted(seen_quic.items()):
        yield Request(datetime.fromtimestamp(at, UTC), str(ipaddress.ip_address(server)), "", "", None)


def _packet(at: float, data: bytes, link: int, flows: Any, quic: Any, reading: Reading) -> None:
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
    if isinstance(segment, dpkt.udp.UDP) and segment.dport == 443:
        quic.setdefault((packet.dst, segment.sport, packet.src), float(at))
    if not isinstance(segment, dpkt.tcp.TCP):
        return
    out = (packet.src, segment.sport, packet.dst, segment.dport)
    back = (packet.dst, segment.dport, packet.src, segment.sport)
    if segment.flags & dpkt.tcp.TH_SYN and not segment.flags & dpkt.tcp.TH_ACK:
        flows[out] = _Flow(float(at), str(ipaddress.ip_address(packet.dst)))
        flows[out].sequence[0] = segment.seq + 1
        return
    flow, side = (flows[out], 0) if out in flows else (flows.get(back), 1)
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
