"""What a look at a TLS endpoint costs, against one bare handshake (the floor), sslyze and testssl.sh.

    python benchmarks/network.py                   # 50 and 500 servers, as a table and then as JSON
    python benchmarks/network.py --servers 50      # fewer
    python benchmarks/network.py --large           # also 10,000 endpoints: 20 names on each of 500 servers

All servers are ports of one nginx on loopback, each good by the policy mozilla-intermediate-6.0. Every contestant is a
process of its own, and its connections are those that nginx accepted. sslyze is installed into a virtual environment in
a temporary folder and testssl.sh is taken from the PATH; neither is part of Muniment, and both see a few servers only,
because they take long. CPU is the contestant's own, user and system; "work" leaves out what it takes to start. The last
two columns divide both by those of the handshakes with as many servers.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

HOST = "127.0.0.1"
DOMAIN = "farm.test"
SUITES = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305"
LANES = 16
SSLYZE = "sslyze==6.3.1"
SSLYZE_SERVERS, TESTSSL_SERVERS = 10, 2
HEAD = f"{'contestant':<12}{'servers':>8}" + "".join(
    f"{title:>9}" for title in ("wall s", "CPU s", "work s", "ms each", "connects", "MiB", "CPU x", "work x")
)
AT = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)


@dataclass(frozen=True)
class Cost:
    """What one contestant took. Times are in seconds, memory in MiB."""

    contestant: str
    servers: int
    wall: float
    cpu: float
    work: float | None
    connects: float
    memory: float
    detail: str = ""


@dataclass(frozen=True)
class Farm:
    """The running servers; `accepted` asks nginx how many connections it has taken."""

    folder: Path
    ports: tuple[int, ...]
    counter: int

    def accepted(self) -> int:
        with urllib.request.urlopen(f"http://{HOST}:{self.counter}/") as answer:
            words = answer.read().split()
        return int(words[words.index(b"requests") + 1])


def main() -> int:
    """Measure every contestant that this machine has, and print the table and the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, nargs="+", default=[50, 500], metavar="N")
    parser.add_argument("--large", action="store_true", help="also 10,000 endpoints")
    parser.add_argument("--own", action="store_true", help="neither sslyze nor testssl.sh")
    parser.add_argument("--as", dest="role", choices=ROLES, help=argparse.SUPPRESS)
    parser.add_argument("--farm", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--names", type=int, default=1, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.role:
        farm = json.loads((words.farm / "farm.json").read_text())
        print(json.dumps(measured(ROLES[words.role](words.farm, farm["ports"], words.names))))
        return 0
    if shutil.which("nginx") is None:
        print("skipped: nginx is not installed (apt: nginx-light), and it is what is looked at", file=sys.stderr)
        return 0
    costs, skipped = [], {}
    for count in words.servers:
        with serve(count) as farm:
            costs += [ours(farm, "handshake"), ours(farm, "muniment")]
    if words.large:
        with serve(500) as farm:
            costs.append(ours(farm, "muniment", names=20))
    if not words.own:
        for other, servers in ((sslyze, SSLYZE_SERVERS), (testssl, TESTSSL_SERVERS)):
            with serve(servers) as farm:
                found = other(farm)
            if isinstance(found, Cost):
                costs.append(found)
            else:
                skipped[other.__name__] = found
    show(costs, skipped)
    return 0


# The servers


@contextmanager
def serve(count: int) -> Iterator[Farm]:
    """nginx with so many TLS ports, each with one certificate for all names, and a port that counts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certify(folder)
        ports = free_ports(count + 1)
        farm = Farm(folder, ports[1:], ports[0])
        (folder / "farm.json").write_text(json.dumps({"ports": farm.ports}))
        (folder / "nginx.conf").write_text(configuration(farm))
        command = ["nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
            try:
                wait_for(farm.counter)
                yield farm
            finally:
                process.terminate()


def configuration(farm: Farm) -> str:
    """nginx's configuration: good servers on every port, and a page that counts connections."""
    folder = farm.folder
    temporary = " ".join(f"{name}_temp_path {folder}/{name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
    listening = "\n".join(f"listen {HOST}:{port} ssl;" for port in farm.ports)
    return f"""daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; client_body_temp_path {folder}/body; {temporary}
ssl_session_cache off; ssl_session_tickets off; ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers {SUITES};
ssl_ecdh_curve X25519:prime256v1:secp384r1; ssl_certificate {folder}/leaf.pem; ssl_certificate_key {folder}/leaf.key;
server {{ {listening}
  add_header Strict-Transport-Security "max-age=63072000" always; return 204; }}
server {{ listen {HOST}:{farm.counter}; location / {{ stub_status; }} }}
}}
"""


def certify(folder: Path) -> None:
    """root.pem, and leaf.pem with leaf.key for every name of the farm: RSA, as most servers have."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    issuer, subject = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("farm", "leaf"))

    def builder(name: x509.Name, public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> x509.CertificateBuilder:
        empty = x509.CertificateBuilder(issuer, name, public, x509.random_serial_number())
        return empty.not_valid_before(AT - timedelta(days=30)).not_valid_after(AT + timedelta(days=60))

    authority = x509.BasicConstraints(ca=True, path_length=0)
    root = builder(issuer, root_key.public_key()).add_extension(authority, critical=True)
    names = x509.SubjectAlternativeName([x509.DNSName(f"*.{DOMAIN}")])
    leaf = builder(subject, key.public_key()).add_extension(names, critical=False).sign(root_key, hashes.SHA256())
    (folder / "root.pem").write_bytes(root.sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    (folder / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    (folder / "leaf.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def free_ports(count: int) -> tuple[int, ...]:
    """So many ports of loopback that nobody listens on."""
    taken = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = tuple(int(each.getsockname()[1]) for each in taken)
    for each in taken:
        each.close()
    return ports


def wait_for(port: int) -> None:
    """Return when somebody answers on the port; after 20 seconds, raise what the connection raised."""
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection((HOST, port), 1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


# The contestants: two roles of this program, and two programs of others


def ours(farm: Farm, role: str, names: int = 1) -> Cost:
    """What this program costs in one of its two roles, as a process of its own."""
    command = [sys.executable, __file__, "--as", role, "--farm", str(farm.folder), "--names", str(names)]
    cost, output = timed(role, farm, command, len(farm.ports) * names)
    told = json.loads(output)
    return replace(cost, work=told["work"], detail=told["detail"])


def measured(work: Callable[[], str]) -> dict[str, object]:
    """CPU seconds of the work alone, in this process."""
    before = time.process_time()
    detail = work()
    return {"work": time.process_time() - before, "detail": detail}


def handshakes(_: Path, ports: list[int], names: int) -> Callable[[], str]:
    """The floor: one full handshake with each server and nothing verified, a few at the same time."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    async def one(port: int, lanes: asyncio.Semaphore) -> None:
        async with lanes:
            _, writer = await asyncio.open_connection(HOST, port, ssl=context, server_hostname=f"a.{DOMAIN}")
            writer.transport.abort()

    async def all_of_them() -> str:
        lanes = asyncio.Semaphore(LANES)
        await asyncio.gather(*(one(port, lanes) for port in ports for _ in range(names)))
        return ""

    return lambda: asyncio.run(all_of_them())


def looks(folder: Path, ports: list[int], names: int) -> Callable[[], str]:
    """Muniment's collector, driven as a run drives it."""
    from muniment.cli.clock import now
    from muniment.evidence import Actor, Plan, Task, canonical, digest
    from muniment.evidence.registry import discover
    from muniment.evidence.run import look_at_all

    common = {"addresses": [HOST], "allow_private": True, "trust": "root.pem"}
    tasks = tuple(
        Task(
            id=f"tls/{port}/{number}",
            check="tls",
            controls=("TLS-1",),
            collector="tls",
            subject=f"n{number}.{DOMAIN}:{port}",
            settings={"host": f"n{number}.{DOMAIN}", "port": port, **common},
        )
        for number in range(names)
        for port in ports
    )
    plan = Plan(planned=AT, actor=Actor(name="benchmark"), workspace=digest(b""), tasks=tasks)
    registry = discover()
    registry["tls"].load()
    started = peak()

    def work() -> str:
        largest, first, statuses = 0, 0.0, dict[str, int]()
        for number, (_, seen) in enumerate(look_at_all(plan, registry, clock=now, base=folder, limit=LANES), 1):
            status = seen.outcome.verdict.status.value
            statuses[status] = statuses.get(status, 0) + 1
            largest = max(largest, len(canonical(seen.outcome)))
            first = peak() if number == len(ports) else first
        verdicts = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
        growth = f"; {started:.0f} MiB before, {first:.0f} after {len(ports)} looks, {peak():.0f} at the end"
        return f"{verdicts}; largest outcome {largest} bytes{growth}"

    return work


ROLES = {"handshake": handshakes, "muniment": looks}


def sslyze(farm: Farm) -> Cost | str:
    """sslyze's whole scan, from an environment of its own; or why it cannot be had."""
    with tempfile.TemporaryDirectory() as name:
        venv.create(name, with_pip=True)
        python = Path(name) / "bin" / "python"
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", SSLYZE]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{SSLYZE} cannot be installed: {done.stderr.strip().splitlines()[-1]}"
        targets = [f"{HOST}:{port}" for port in farm.ports]
        return timed("sslyze", farm, [python, "-m", "sslyze", *targets])[0]


def testssl(farm: Farm) -> Cost | str:
    """testssl.sh's usual scan, one server after another; or why it cannot be had."""
    program = shutil.which("testssl") or shutil.which("testssl.sh")
    if program is None:
        return "it is not installed (apt: testssl.sh)"
    targets = farm.folder / "targets"
    targets.write_text("".join(f"{HOST}:{port}\n" for port in farm.ports))
    return timed("testssl.sh", farm, [program, "--quiet", "--warnings", "off", "--color", "0", "--file", targets])[0]


def timed(name: str, farm: Farm, command: list[object], servers: int | None = None) -> tuple[Cost, bytes]:
    """Run a program to its end; its exit code says nothing here, for a scanner may find faults."""
    servers = servers or len(farm.ports)
    connects, began = farm.accepted(), time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    output = process.stdout.read() if process.stdout else b""
    _, process.returncode, used = os.wait4(process.pid, 0)
    wall, taken = time.monotonic() - began, farm.accepted() - connects - 1  # the counter's own
    return Cost(
        name, servers, wall, used.ru_utime + used.ru_stime, None, taken / servers, used.ru_maxrss / 1024
    ), output


def peak() -> float:
    """The most memory that this process ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(costs: list[Cost], skipped: dict[str, str]) -> None:
    """A table for people, then the same as JSON."""
    floors = {each.servers: each for each in costs if each.contestant == "handshake"}
    own = max((each for each in costs if each.contestant == "muniment"), key=lambda each: each.servers, default=None)
    print(HEAD)
    rows = []
    for each in costs:
        floor = floors.get(each.servers)
        ratios = (each.cpu / floor.cpu, each.work / floor.work) if floor and floor.work and each.work else (None, None)
        cells = (each.wall, each.cpu, each.work, each.cpu / each.servers * 1000, each.connects, each.memory, *ratios)
        print(
            f"{each.contestant:<12}{each.servers:>8}",
            *(f"{'-' if cell is None else f'{cell:.1f}':>8}" for cell in cells),
        )
        rows.append({**asdict(each), "cpu_against_floor": ratios[0], "work_against_floor": ratios[1]})
    for each in costs:
        if each.detail:
            print(f"{each.contestant} on {each.servers}: {each.detail}")
    others = [each for each in costs if own and each.contestant not in ROLES]
    against = {each.contestant: each.cpu / each.servers / own.cpu * own.servers for each in others if own}
    for name, ratio in against.items():
        print(f"{name} takes {ratio:.0f} times the CPU of muniment for a server, by its run with the most servers")
    for name, why in skipped.items():
        print(f"skipped {name}: {why}")
    print(json.dumps({"costs": rows, "cpu_against_muniment": against, "skipped": skipped}))


if __name__ == "__main__":
    sys.exit(main())
