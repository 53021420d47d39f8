"""A timestamp authority on loopback: `openssl ts` behind an HTTP server, with a certificate made for the test."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

CONFIG = """
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
[tsa]
basicConstraints = CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[ts]
serial = {folder}/serial
default_policy = 1.2.3.4
signer_digest = sha256
digests = sha256
accuracy = secs:1
"""


class Authority:
    """Its root is `root.pem`; `answer`, where it is set, is what it says to every query."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.url = folder, folder / "root.pem", ""
        self.answer: bytes | None = None
        folder.mkdir()
        (folder / "serial").write_text("01\n")
        (folder / "ts.cnf").write_text(CONFIG.format(folder=folder))
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "ts.cnf"]
        self.openssl("req", "-x509", *key, "-extensions", "ca", "-subj", "/CN=Test root", "-days", "36500",
                     "-keyout", "root.key", "-out", "root.pem")  # fmt: skip
        self.openssl("req", *key, "-new", "-subj", "/CN=Test authority", "-keyout", "tsa.key", "-out", "tsa.csr")
        self.openssl("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-days", "36500",
                     "-CAcreateserial", "-extfile", "ts.cnf", "-extensions", "tsa", "-out", "tsa.pem")  # fmt: skip

    def stamp(self, query: bytes) -> bytes:
        """What openssl answers."""
        (self.folder / "query").write_bytes(query)
        self.openssl("ts", "-reply", "-queryfile", "query", "-config", "ts.cnf", "-section", "ts", "-signer", "tsa.pem",
                     "-inkey", "tsa.key", "-out", "reply")  # fmt: skip
        return (self.folder / "reply").read_bytes()

    def openssl(self, *words: str) -> str:
        """Run openssl in the authority's folder."""
        done = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@contextmanager
def serving(folder: Path) -> Iterator[Authority]:
    """The authority, while it listens."""
    authority = Authority(folder)

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            answer = authority.stamp(query) if authority.answer is None else authority.answer
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    authority.url = f"http://127.0.0.1:{server.server_port}/tsr"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
