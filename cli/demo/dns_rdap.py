"""A small name server and a small RDAP server on loopback, for the demonstration and for tests.

Both speak the real protocols on real sockets, from data that is given in Python, and both are context managers: they
serve from `with` on and are gone after it.

    with NameServer({"www.example.test": [("A", "192.0.2.1")]}) as dns, RdapServer({"example.test": {…}}, {}) as rdap:
        dns.address                  # "127.0.0.1:40053"
        rdap.bootstrap(folder / "bootstrap.json")
"""

import contextlib
import http.server
import ipaddress
import json
import socketserver
import struct
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Json: TypeAlias = Mapping[str, Any]

LOOPBACK = "127.0.0.1"
_TTL = 60


class NameServer:
    """Answers with authority for every name there is, by UDP and TCP on one port.

    `zone` maps a name to pairs of a record type and its data as in a zone file: `("CNAME", "target.example.")`. A
    CNAME is followed as far as the zone goes (RFC 1034 section 4.3.2); a name that is neither in the zone nor above one
    that is does not exist.
    """

    def __init__(self, zone: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        self.serve(zone)
        self._udp, self._tcp = _on_one_port(self)
        self._threads = (_thread(self._udp), _thread(self._tcp))

    def serve(self, zone: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        """Answer from this zone, from the next question on."""
        self._zone = {dns.name.from_text(name): tuple(records) for name, records in zone.items()}

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"{LOOPBACK}:{self._udp.server_address[1]}"

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _close(self._udp, self._threads[0])
        _close(self._tcp, self._threads[1])

    def reply(self, wire: bytes) -> bytes | None:
        """The answer to one question; None to what is none. A subclass that misbehaves overrides this."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        name, kind = query.question[0].name, query.question[0].rdtype
        followed = {name}
        while (target := self._cname(name)) and kind != dns.rdatatype.CNAME:
            answer.answer.append(dns.rrset.from_text(name, _TTL, "IN", "CNAME", target.to_text()))
            name = target
            if name in followed:
                return answer.to_wire()
            followed.add(name)
        data = [text for each, text in self._zone.get(name, ()) if dns.rdatatype.from_text(each) == kind]
        if data:
            answer.answer.append(dns.rrset.from_text(name, _TTL, "IN", dns.rdatatype.to_text(kind), *data))
        elif not any(known.is_subdomain(name) for known in self._zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer.to_wire()

    def _cname(self, name: dns.name.Name) -> dns.name.Name | None:
        found = (dns.name.from_text(text) for kind, text in self._zone.get(name, ()) if kind == "CNAME")
        return next(found, None)


class RdapServer:
    """Answers `domain/NAME` and `ip/ADDRESS` from objects in the shape of RFC 9083.

    `domains` maps a domain to its object, `networks` a prefix to its object. `registrars` holds the richer answers of
    registrars: the answer of the registry then links to them with `rel=related`, as a thin registry does.
    """

    def __init__(
        self, domains: Mapping[str, Json], networks: Mapping[str, Json], registrars: Mapping[str, Json] | None = None
    ) -> None:
        self._domains = domains
        self._networks = {ipaddress.ip_network(prefix): each for prefix, each in networks.items()}
        self._registrars = registrars or {}
        self._server = http.server.ThreadingHTTPServer((LOOPBACK, 0), _handler_of(self))
        self._thread = _thread(self._server)

    @property
    def address(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def bootstrap(self, path: Path) -> Path:
        """Write a bootstrap file (RFC 9224) that names this server for all domains and addresses it knows."""
        suffixes = sorted({domain.rpartition(".")[2] for domain in self._domains} or {"test"})
        services = [[suffixes, [f"{self.address}/"]]]
        path.write_text(json.dumps({"version": "1.0", "publication": "2026-01-01T00:00:00Z", "services": services}))
        return path

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _close(self._server, self._thread)

    def reply(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body for one path. A subclass that misbehaves overrides this."""
        found = self._find(path.strip("/").split("/"))
        status = 404 if found is None else 200
        body = json.dumps(found or {"errorCode": 404, "title": "no such object"}).encode()
        return status, {"Content-Type": "application/rdap+json"}, body

    def _find(self, parts: Sequence[str]) -> Json | None:
        match [part.lower() for part in parts]:
            case ["domain", name] if name in self._registrars and name in self._domains:
                href = f"{self.address}/registrar/domain/{name}"
                link = {"rel": "related", "type": "application/rdap+json", "href": href}
                return {**self._domains[name], "links": [link]}
            case ["domain", name]:
                return self._domains.get(name)
            case ["registrar", "domain", name]:
                return self._registrars.get(name)
            case ["ip", address]:
                wanted = ipaddress.ip_address(address)
                return next((each for network, each in self._networks.items() if wanted in network), None)
            case _:
                return None


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True
    block_on_close = False


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


def _on_one_port(names: NameServer) -> tuple[_Udp, _Tcp]:
    """Both servers on a port that is free for both: the system chooses for one, and the other may find it taken."""

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, socket = self.request
            if answer := names.reply(wire):
                socket.sendto(answer, self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = self.rfile.read(2)
            if len(head) == 2 and (answer := names.reply(self.rfile.read(struct.unpack("!H", head)[0]))):
                self.wfile.write(struct.pack("!H", len(answer)) + answer)

    while True:
        udp = _Udp((LOOPBACK, 0), Datagram)
        try:
            return udp, _Tcp((LOOPBACK, udp.server_address[1]), Stream)
        except OSError:
            udp.server_close()


def _handler_of(rdap: RdapServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = rdap.reply(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # a client may hang up on an answer that is too long for it
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server uses
            """Say nothing on the terminal."""

    return Handler


def _thread(server: socketserver.BaseServer) -> threading.Thread:
    """A thread that serves until `shutdown`, which it notices within a fiftieth of a second."""
    return threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)


def _close(server: socketserver.BaseServer, thread: threading.Thread) -> None:
    server.shutdown()
    server.server_close()
    thread.join()
