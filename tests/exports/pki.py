"""A certificate authority with signers, revocation lists and a timestamp authority, on loopback (certomancer)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from asn1crypto import tsp
from certomancer.registry import CertomancerConfig, PKIArchitecture
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PASSPHRASE = "correct horse battery staple"

ALWAYS = {"valid-from": "2020-01-01T00:00:00+0000", "valid-to": "2099-01-01T00:00:00+0000"}
ENDED = {"valid-from": "2020-01-01T00:00:00+0000", "valid-to": "2021-01-01T00:00:00+0000"}
LISTED = {
    "id": "crl_distribution_points",
    "smart-value": {"schema": "crl-dist-url", "params": {"crl-repo-names": ["root"]}},
}


def usage(*names: str) -> dict[str, Any]:
    """The key usage extension."""
    return {"id": "key_usage", "critical": True, "smart-value": {"schema": "key-usage", "params": list(names)}}


SIGNER = [usage("digital_signature", "non_repudiation"), LISTED]
CERTIFICATES: dict[str, dict[str, Any]] = {
    "root": {
        "validity": ALWAYS,
        "extensions": [
            {"id": "basic_constraints", "critical": True, "value": {"ca": True}},
            usage("digital_signature", "key_cert_sign", "crl_sign"),
        ],
    },
    "signer": {"validity": ALWAYS, "extensions": SIGNER},
    "ended": {"validity": ENDED, "extensions": SIGNER},
    "revoked": {"validity": ALWAYS, "extensions": SIGNER, "revocation": {"revoked-since": "2021-01-01T00:00:00+0000"}},
    "server": {"validity": ALWAYS, "extensions": [usage("key_encipherment"), LISTED]},
    "plain": {"validity": ALWAYS, "extensions": [LISTED]},
    "tsa": {
        "validity": ALWAYS,
        "extensions": [
            usage("digital_signature"),
            {"id": "extended_key_usage", "critical": True, "value": ["time_stamping"]},
            LISTED,
        ],
    },
}
NAMES = {"root": "Test Root", "signer": "Example Phone Co. Seal", "tsa": "Test Timestamps"}


class Authorities:
    """`root` is a PEM file; `tsa` the URL of the timestamp authority, which stamps `at` where that is set."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.at = folder, None
        folder.mkdir(parents=True, exist_ok=True)
        for name in CERTIFICATES:
            key = ec.generate_private_key(ec.SECP256R1())
            data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            (folder / f"{name}.key").write_bytes(data)
        self.tree: PKIArchitecture = CertomancerConfig(_config(url), str(folder)).get_pki_arch("pki")
        self.tsa = f"{url}/pki/tsa/tsa"
        self.root = folder / "root.pem"
        for name in CERTIFICATES:
            (folder / f"{name}.pem").write_bytes(self.pem(name))

    at: datetime | None

    def pem(self, name: str) -> bytes:
        """A certificate as PEM."""
        from asn1crypto.pem import armor

        armoured: bytes = armor("CERTIFICATE", self.tree.get_cert(name).dump())
        return armoured

    def pkcs12(self, name: str, passphrase: str = PASSPHRASE) -> Path:
        """A certificate with its key and its chain."""
        file = self.folder / f"{name}.p12"
        file.write_bytes(self.tree.package_pkcs12(name, password=passphrase.encode()))
        return file

    def answer(self, query: bytes) -> bytes:
        """What the timestamp authority says."""
        stamper = self.tree.service_registry.summon_timestamper("tsa", self.at)
        answer: bytes = stamper.request_tsa_response(tsp.TimeStampReq.load(query)).dump()
        return answer

    def revocations(self) -> bytes:
        """The revocation list of this instant."""
        from datetime import UTC

        listed: bytes = self.tree.service_registry.get_crl("root", at_time=datetime.now(UTC)).dump()
        return listed


def _config(url: str) -> dict[str, Any]:
    names = {name: {"common-name": NAMES.get(name, f"Test {name}")} for name in CERTIFICATES}
    certificates = {
        name: {"subject": name, "subject-key": name, "issuer": "root", "authority-key": "root", **each}
        for name, each in CERTIFICATES.items()
    }
    services = {
        "crl-repo": {"root": {"for-issuer": "root", "signing-key": "root", "simulated-update-schedule": "P30D"}},
        "time-stamping": {"tsa": {"signing-key": "tsa", "signing-cert": "tsa"}},
    }
    tree = {
        "keyset": "keys",
        "entity-defaults": {"country-name": "FR", "organization-name": "Test"},
        "entities": names,
        "certs": certificates,
        "services": services,
    }
    keys = {"keys": {name: {"path": f"{name}.key"} for name in CERTIFICATES}}
    return {"external-url-prefix": url, "keysets": {"keys": keys}, "pki-architectures": {"pki": tree}}


@contextmanager
def serving(folder: Path) -> Iterator[Authorities]:
    """The authorities, while they listen."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._send(authorities.answer(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_GET(self) -> None:
            self._send(authorities.revocations())

        def _send(self, data: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    authorities = Authorities(folder, f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield authorities
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
