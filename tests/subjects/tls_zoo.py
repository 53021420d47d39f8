"""Loopback TLS servers, good and bad, each with the verdict and codes that it must get.

    tls_zoo.py list                            # the table of fixtures as JSON
    tls_zoo.py serve DIR --base PORT           # run until SIGTERM or SIGINT

`serve` writes DIR/zoo.json as soon as every server answers: {"ca", "fixtures": [{"id", "ips", "port", "server_name",
"starttls", "settings", "expect": {"verdict", "codes", "warn"}}], "skipped": {id: reason}}. Expectations are stated for
the policy mozilla-intermediate-6.0 and the zoo's own root. A fixture whose server is not installed is skipped with the
reason. Everything listens on loopback; gnutls-serv, which cannot be told to, runs in a network namespace of its own.
"""

import argparse
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import cache
from os import geteuid
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
import tls_pki as pki
from tls_peers import SUITES as AEAD
from tls_peers import Peer

HOST = "zoo.test"
CURVES = "X25519:prime256v1:secp384r1"
PACKAGES = {
    "nginx": "nginx-light",
    "openssl": "openssl",
    "gnutls": "gnutls-bin",
    "haproxy": "haproxy",
    "stunnel": "stunnel4",
}


class Fixture(NamedTuple):
    """One server. `options` go to its backend, `settings` to the collector; `warn` are notes beside the verdict."""

    id: str
    backend: str
    certificate: str
    host: str
    verdict: str
    codes: tuple[str, ...]
    warn: tuple[str, ...]
    options: dict
    settings: dict


FIXTURES: list[Fixture] = []


def fixture(label, backend, certificate="good", *, host=None, fail=(), unsure=(), warn=(), settings=None, **options):
    """A row of the table: a pass, unless codes say that it must fail or be inconclusive."""
    verdict = "fail" if fail else "inconclusive" if unsure else "pass"
    codes = tuple(fail or unsure)
    host = host or f"{label}.{HOST}"
    FIXTURES.append(Fixture(label, backend, certificate, host, verdict, codes, tuple(warn), options, settings or {}))


fixture("good-intermediate", "nginx")
fixture("good-modern-ecdsa", "nginx", "good-ec", protocols="TLSv1.3")
fixture("good-intermediate-ecdsa", "nginx", "good-ec")
fixture("good-haproxy", "haproxy")
fixture("good-slow", "peer", kind="slow")  # 2 s before each ServerHello
fixture("good-ipv6", "nginx", ips=["::1"])
fixture("good-ip-literal", "nginx", "ip", host="127.0.0.1")  # no SNI may be sent (RFC 6066)
fixture("good-wildcard", "nginx", "wild", host=f"a.wild.{HOST}")
fixture("good-starttls-smtp", "stunnel", starttls="smtp")
fixture("sni-required", "nginx", sni_default="wronghost")
fixture("client-cert-wanted", "nginx", client_ca=True)
fixture("good-two-certificates", "nginx", "good", second="good-ec")
fixture("good-expected-issuer", "nginx", settings={"expected_issuer": "zoo trusted root"})

fixture(
    "tls10-11-enabled",
    "nginx",
    fail=["tls.version.legacy", "tls.cipher.not_allowed"],
    protocols="TLSv1 TLSv1.1 TLSv1.2 TLSv1.3",
    ciphers=AEAD + ":ECDHE-RSA-AES128-SHA:@SECLEVEL=0",
)
OLD = ["tls.version.legacy", "tls.version.no_modern", "tls.cipher.not_allowed"]
OLD_SUITES = "ECDHE-RSA-AES128-SHA:AES128-SHA:@SECLEVEL=0"
fixture("tls10-only", "openssl", fail=OLD, arguments=["-tls1", "-cipher", OLD_SUITES])
fixture("tls11-only", "openssl", fail=OLD, arguments=["-tls1_1", "-cipher", OLD_SUITES])
fixture("sslv3", "peer", kind="sslv3", fail=["tls.version.legacy", "tls.version.no_modern", "tls.cipher.not_allowed"])

BAD_SUITE = ["tls.cipher.not_allowed"]
fixture("cbc-suites", "nginx", fail=BAD_SUITE, ciphers="ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256")
fixture("static-rsa-kx", "nginx", fail=BAD_SUITE, ciphers="ECDHE-RSA-AES128-GCM-SHA256:AES128-GCM-SHA256")
fixture("dhe-2048", "nginx", fail=BAD_SUITE, ciphers=AEAD + ":DHE-RSA-AES128-GCM-SHA256", dh=2048)
fixture(
    "dhe-1024",
    "nginx",
    fail=[*BAD_SUITE, "tls.dh.weak"],
    ciphers=AEAD + ":DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0",
    dh=1024,
)
fixture(
    "null-cipher",
    "openssl",
    fail=OLD,
    arguments=["-cipher", "NULL-SHA256:NULL-SHA:ECDHE-RSA-NULL-SHA:@SECLEVEL=0", "-no_tls1_3"],
)
fixture(
    "anonymous",
    "openssl",
    fail=OLD,
    arguments=["-nocert", "-cipher", "AECDH-AES128-SHA:AECDH-AES256-SHA:@SECLEVEL=0", "-no_tls1_3"],
)
GNUTLS = (
    "NONE:+VERS-TLS1.2:+{}:+AES-128-GCM:+AEAD:+SHA1:+ECDHE-RSA:+RSA:+SIGN-ALL:+GROUP-X25519:+GROUP-SECP256R1:+COMP-NULL"
)
fixture("3des", "gnutls", fail=BAD_SUITE, priority=GNUTLS.format("3DES-CBC"))
fixture("rc4", "gnutls", fail=BAD_SUITE, priority=GNUTLS.format("ARCFOUR-128"))
fixture("group-secp521r1", "nginx", fail=["tls.group.not_allowed"], curves="secp521r1:prime256v1")
fixture(
    "one-address-bad",
    "nginx",
    fail=["tls.version.legacy", "tls.cipher.not_allowed"],
    ips=["127.0.0.1", "127.0.0.2"],
    bad_second=True,
)

fixture("expired", "nginx", "expired", fail=["tls.cert.expired"])
fixture("notyet", "nginx", "notyet", fail=["tls.cert.not_yet_valid"])
fixture("selfsigned", "nginx", "selfsigned", fail=["tls.cert.untrusted"])
fixture("wronghost", "nginx", "wronghost", fail=["tls.cert.hostname"])
fixture("nochain", "nginx", "nochain", fail=["tls.cert.chain_incomplete"])
fixture("rsa1024", "nginx", "rsa1024", fail=["tls.cert.weak_key"], ciphers=AEAD + ":@SECLEVEL=0")
fixture("sha1", "nginx", "sha1", fail=["tls.cert.weak_signature"], ciphers=AEAD + ":@SECLEVEL=0")
fixture("long", "nginx", "long", fail=["tls.cert.lifespan"])
fixture("rogue", "nginx", "rogue", fail=["tls.cert.untrusted"])
fixture("wild-too-deep", "nginx", "wild", host=f"a.b.wild.{HOST}", fail=["tls.cert.hostname"])
fixture("soon", "nginx", "soon", warn=["tls.cert.expiring"])
fixture("p521", "nginx", "p521", fail=["tls.cert.curve"])
SECOND = {"host": f"expired.{HOST}", "second": "expired", "fail": ["tls.cert.expired"]}
fixture("second-expired", "nginx", "good-ec", **SECOND)
fixture("second-expired-tls13", "nginx", "good-ec", protocols="TLSv1.3", **SECOND)
EXPECTED = {"expected_issuer": "zoo trusted root"}
fixture("intercepted", "nginx", "corp", unsure=["tls.intercepted"], settings=EXPECTED)

fixture("plain-http", "peer", kind="plain", fail=["tls.absent"])
fixture("garbage", "peer", kind="garbage", fail=["tls.absent"])
fixture("starttls-missing", "peer", kind="smtp-plain", starttls="smtp", fail=["tls.absent"])
fixture("refused", "none", unsure=["net.refused"])
fixture("reset", "peer", kind="reset", unsure=["net.reset"])
fixture("hang", "peer", kind="hang", unsure=["net.timeout"])
fixture("drip", "peer", kind="drip", unsure=["net.timeout"])
fixture("endless", "peer", kind="endless", fail=["tls.absent"])
fixture("flaky-good", "peer", kind="flaky", warn=["net.flaky"])


def identities() -> dict[str, pki.Identity]:
    """The certificates of the table by name; `root` is the one to trust."""
    root = pki.authority("zoo trusted root")
    by = pki.authority("zoo intermediate", root, path_length=0)
    made = {
        "good": pki.leaf(f"DNS:good.{HOST},DNS:*.good.{HOST},DNS:*.{HOST}", by),
        "good-ec": pki.leaf(f"DNS:*.{HOST}", by, key="ec:P-256"),
        "expired": pki.leaf(f"DNS:expired.{HOST}", by, days=(-120, -2)),
        "notyet": pki.leaf(f"DNS:notyet.{HOST}", by, days=(2, 90)),
        "wronghost": pki.leaf("DNS:other.example", by),
        "nochain": pki.leaf(f"DNS:nochain.{HOST}", by, with_issuer=False),
        "rsa1024": pki.leaf(f"DNS:rsa1024.{HOST}", by, key="rsa:1024"),
        "sha1": pki.leaf(f"DNS:sha1.{HOST}", by, sha1=True),
        "long": pki.leaf(f"DNS:long.{HOST}", by, days=(-1, 460)),
        "rogue": pki.leaf(f"DNS:rogue.{HOST}", pki.authority("zoo rogue root")),
        "corp": pki.leaf(f"DNS:intercepted.{HOST}", pki.authority("zoo corp-proxy root")),
        "soon": pki.leaf(f"DNS:soon.{HOST}", by, days=(-80, 5)),
        "ip": pki.leaf("IP:127.0.0.1,IP:::1", by),
        "wild": pki.leaf(f"DNS:*.wild.{HOST}", by),
        "p521": pki.leaf(f"DNS:p521.{HOST}", by, key="ec:P-521"),
        "selfsigned": pki.leaf(f"DNS:selfsigned.{HOST}", None),
    }
    return {"root": root, **made}


class Zoo:
    """All servers of the table, each at `base` plus its place there."""

    def __init__(self, folder: Path, base: int) -> None:
        self.folder, self.base = folder, base
        self.processes: list[subprocess.Popen] = []
        self.identities = identities()
        for name, identity in self.identities.items():
            (folder / f"{name}.key").write_bytes(identity.key_pem)
            (folder / f"{name}.pem").write_bytes(identity.chain_pem)
        for bits in (1024, 2048) if shutil.which("openssl") else ():
            made = ["-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048"]
            command = ["genpkey", *made] if bits == 2048 else ["dhparam", "-dsaparam"]
            size = [] if bits == 2048 else [str(bits)]
            out = ["-out", folder / f"dh{bits}.pem"]
            subprocess.run(["openssl", *command, *out, *size], check=True, capture_output=True)

    def start(self) -> None:
        """Start every server that is installed, wait until all answer, and write zoo.json."""
        rows, skipped, blocks, haproxy = [], {}, [], []
        for place, each in enumerate(FIXTURES):
            reason = missing(each.backend)
            if reason:
                skipped[each.id] = reason
                continue
            port, ips = self.base + place, each.options.get("ips", ["127.0.0.1"])
            match each.backend:
                case "nginx":
                    blocks += [self._nginx_block(ip, port, each, number) for number, ip in enumerate(ips)]
                case "haproxy":
                    haproxy.append((port, each.certificate))
                case "openssl":
                    self._openssl(port, each)
                case "gnutls":
                    self._gnutls(port, each)
                case "stunnel":
                    self._stunnel(port, each)
                case "peer":
                    Peer(each.options["kind"], port, self._files(each.certificate)).start()
            rows.append(row(each, port, ips))
        if blocks:
            self._nginx("\n".join(blocks))
        if haproxy:
            self._haproxy(haproxy)
        self._wait(rows)
        text = json.dumps({"ca": str(self.folder / "root.pem"), "fixtures": rows, "skipped": skipped}, indent=1)
        (self.folder / "zoo.partial").write_text(text)
        (self.folder / "zoo.partial").rename(self.folder / "zoo.json")

    def stop(self) -> None:
        """End every process by its own id."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _files(self, name: str) -> tuple[Path, Path]:
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _spawn(self, *command: object, **more: object) -> None:
        with (self.folder / "servers.log").open("ab") as log:
            words = [str(word) for word in command]
            self.processes.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more))

    def _nginx_block(self, ip: str, port: int, each: Fixture, number: int) -> str:
        options = dict(each.options)
        if number and "bad_second" in options:
            options |= {"protocols": "TLSv1 TLSv1.2 TLSv1.3", "ciphers": AEAD + ":ECDHE-RSA-AES128-SHA:@SECLEVEL=0"}
        listen = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
        protocols, curves = options.get("protocols", "TLSv1.2 TLSv1.3"), options.get("curves", CURVES)
        common = f"ssl_protocols {protocols}; ssl_ciphers '{options.get('ciphers', AEAD)}'; ssl_ecdh_curve {curves}; "
        if "dh" in options:
            common += f"ssl_dhparam {self.folder}/dh{options['dh']}.pem; "
        if "client_ca" in options:
            common += f"ssl_client_certificate {self.folder}/root.pem; ssl_verify_client optional; "
        names = [each.certificate, *([options["second"]] if "second" in options else [])]
        blocks = [(f"listen {listen} ssl; server_name {each.host};", names)]
        if "sni_default" in options:
            blocks.insert(0, (f"listen {listen} ssl default_server; server_name _;", [options["sni_default"]]))
        return "\n".join(
            "server { " + head + common + "".join(map(self._nginx_certificate, certificates)) + "return 200 'ok'; }"
            for head, certificates in blocks
        )

    def _nginx_certificate(self, name: str) -> str:
        return f"ssl_certificate {self.folder}/{name}.pem; ssl_certificate_key {self.folder}/{name}.key; "

    def _nginx(self, blocks: str) -> None:
        folder = self.folder / "nginx"
        folder.mkdir()
        temporary = " ".join(f"{name}_temp_path {folder}/{name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
            f"http {{ access_log off; client_body_temp_path {folder}/body; {temporary}\n"
            f"ssl_session_cache off; ssl_session_tickets off;\n{blocks}\n}}\n"
        )
        self._spawn("nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log")

    def _openssl(self, port: int, each: Fixture) -> None:
        chain, key = self._files(each.certificate)
        own = [] if "-nocert" in each.options["arguments"] else ["-cert", chain, "-key", key, "-cert_chain", chain]
        common = ["-www", "-quiet", "-groups", "X25519:P-256:P-384"]
        self._spawn("openssl", "s_server", "-accept", f"127.0.0.1:{port}", *common, *each.options["arguments"], *own)

    def _gnutls(self, port: int, each: Fixture) -> None:
        """gnutls-serv in a namespace, reached through a socket that was opened outside of it."""
        chain, key = self._files(each.certificate)
        files = ["--x509certfile", chain, "--x509keyfile", key]
        server = ["gnutls-serv", "--http", "-p", port, *files, "--priority", each.options["priority"], "--quiet"]
        with socket.create_server(("127.0.0.1", port)) as outside:
            relay = [*namespace(), sys.executable, __file__, "relay", outside.fileno(), port, *server]
            self._spawn(*relay, pass_fds=[outside.fileno()])

    def _stunnel(self, port: int, each: Fixture) -> None:
        inner = Peer("smtp-plain", 0, self._files(each.certificate))
        inner.start()
        chain, key = self._files(each.certificate)
        configuration = self.folder / f"stunnel-{port}.conf"
        configuration.write_text(
            f"foreground=yes\npid=\n[x]\naccept=127.0.0.1:{port}\nconnect=127.0.0.1:{inner.port}\nprotocol=smtp\n"
            f"cert={chain}\nkey={key}\nsslVersionMin=TLSv1.2\nciphers={AEAD}\ncurves={CURVES}\n"
        )
        self._spawn("stunnel", configuration)

    def _haproxy(self, fronts: list[tuple[int, str]]) -> None:
        text = (
            f"global\n ssl-default-bind-options ssl-min-ver TLSv1.2\n ssl-default-bind-ciphers {AEAD}\n"
            f" ssl-default-bind-curves {CURVES}\n"
            "defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n"
        )
        for port, name in fronts:
            chain, key = self._files(name)
            (self.folder / "haproxy.pem").write_bytes(chain.read_bytes() + key.read_bytes())
            bind = f"bind 127.0.0.1:{port} ssl crt {self.folder}/haproxy.pem"
            text += f"frontend f{port}\n {bind}\n http-request return status 200\n"
        (self.folder / "haproxy.cfg").write_text(text)
        self._spawn("haproxy", "-db", "-f", self.folder / "haproxy.cfg")

    def _wait(self, rows: list[dict]) -> None:
        """Until every server takes connections; SystemExit names those that did not within 20 s."""
        end = time.monotonic() + 20
        left = [(ip, each["port"]) for each in rows if each["backend"] != "none" for ip in each["ips"]]
        while left and time.monotonic() < end:
            left = [place for place in left if not answers(*place)]
        if left:
            self.stop()
            raise SystemExit(f"did not start: {left}\n{(self.folder / 'servers.log').read_text()}")


def row(each: Fixture, port: int, ips: list[str]) -> dict:
    """A fixture as zoo.json and `list` show it."""
    expect = {"verdict": each.verdict, "codes": each.codes, "warn": each.warn}
    starttls = each.options.get("starttls")
    own = {"id": each.id, "backend": each.backend, "ips": ips, "port": port, "server_name": each.host}
    return {**own, "starttls": starttls, "settings": each.settings, "expect": expect}


@cache
def missing(backend: str) -> str | None:
    """Why this machine cannot start a backend, or None."""
    program = {"gnutls": "gnutls-serv", "none": None, "peer": None}.get(backend, backend)
    if program and not shutil.which(program):
        return f"{program} is not installed (apt: {PACKAGES.get(backend, backend)})"
    if backend == "gnutls" and subprocess.run([*namespace(), "true"], capture_output=True).returncode:
        return "gnutls-serv listens on all interfaces, and no network namespace can be made for it here"
    return None


def namespace() -> list[str]:
    """The command that runs another in a network of its own."""
    return ["unshare", "-n"] if geteuid() == 0 else ["unshare", "-rn"]


def relay(descriptor: int, port: int, command: list[str]) -> None:
    """In a namespace: start the server there, and carry to it whatever comes in on a socket from outside."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    server = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: (server.terminate(), server.wait(), sys.exit(0)))
    while not answers("127.0.0.1", port):
        pass
    outside = socket.socket(fileno=descriptor)
    while True:
        near, _ = outside.accept()
        far = socket.create_connection(("127.0.0.1", port))
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=carry, args=(one, other), daemon=True).start()


def carry(source: socket.socket, sink: socket.socket) -> None:
    """Bytes from one to the other until either ends."""
    try:
        while data := source.recv(16384):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        sink.close()


def answers(ip: str, port: int) -> bool:
    """Whether somebody takes connections there, asked with a little patience."""
    try:
        socket.create_connection((ip, port), 1).close()
    except OSError:
        time.sleep(0.05)
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    serve = commands.add_parser("serve")
    serve.add_argument("folder", type=Path)
    serve.add_argument("--base", type=int, required=True)
    inner = commands.add_parser("relay")
    inner.add_argument("descriptor", type=int)
    inner.add_argument("port", type=int)
    inner.add_argument("server", nargs=argparse.REMAINDER)
    words = parser.parse_args()
    if words.command == "list":
        print(json.dumps([row(each, 0, []) for each in FIXTURES]))
    elif words.command == "relay":
        relay(words.descriptor, words.port, words.server)
    else:
        zoo = Zoo(words.folder.resolve(), words.base)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            zoo.start()
            signal.pause()
        finally:
            zoo.stop()


if __name__ == "__main__":
    main()
