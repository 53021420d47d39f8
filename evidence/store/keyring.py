"""Where a signing key is: in a file, in an ssh-agent, or behind a program that speaks to a token, a card or a service.

    file:keys/signing               an OpenSSH file of mode 0600
    ssh-agent:SHA256:…              the agent at SSH_AUTH_SOCK holds it; by fingerprint, by comment, or as the only one
    program:/usr/local/bin/signer   a program of yours: `signer public` prints `ssh-ed25519 AAAA… name`; `signer sign`
                                    reads the bytes on stdin and prints the 64 bytes of the signature in base64
    public:bob.pub                  a public half only: its key can be proposed here, and signs elsewhere

What an agent or a program gives is held against the public key before it is used: a wrong signature is never stored.
"""

import base64
import os
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

from muniment.evidence.errors import StoreFault
from muniment.evidence.store.keys import KEY_TYPE, Signer, fingerprint, from_openssh, ssh_string, verified, wire

_SECONDS = 60  # a person may have to touch a token
_ANSWER_MOST = 256 * 1024
_REQUEST_IDENTITIES, _IDENTITIES, _SIGN_REQUEST, _SIGN_RESPONSE = 11, 12, 13, 14


class OutsideSigner(Signer):
    """A key whose private half is not ours to see: `ask` signs, and each signature is verified."""

    def __init__(self, public: bytes, name: str, ask: Callable[[bytes], bytes], where: str) -> None:
        self.public, self.name = public, name
        self._ask, self._where = ask, where

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature.

        Raises:
            StoreFault: `store.key_refused` or `store.key_wrong`: it does not sign, or signs with another key.
        """
        signature = self._ask(data)
        if not verified(self.public, signature, data):
            raise StoreFault(
                f"what was signed is no signature of the key {self.fingerprint}",
                where=self._where,
                mend="nothing was stored; look at what holds the key",
                code="store.key_wrong",
            )
        return signature


def signer_at(reference: str, base: Path) -> Signer:
    """The key that a reference names. Relative paths start at `base`.

    Raises:
        StoreFault: it is missing, cannot be used, or is not an Ed25519 key.
    """
    kind, _, place = reference.partition(":")
    if kind == "ssh-agent":
        return _agent_signer(place)
    if kind == "program":
        return _program_signer(base / Path(place).expanduser())
    if kind == "public":
        return _public_half(base / Path(place).expanduser())
    return Signer.load(base / Path(reference.removeprefix("file:")).expanduser())


def _public_half(path: Path) -> OutsideSigner:
    try:
        public, name = _public_line(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise StoreFault(
            f"this is no public half of a key: {why}", where=str(path), code="store.key_malformed"
        ) from error

    def ask(_: bytes) -> bytes:
        raise StoreFault(
            f"the private half of {fingerprint(public)} is elsewhere",
            where=str(path),
            mend="propose the change with --propose FILE, and have the file signed where the key is",
            code="store.key_refused",
        )

    return OutsideSigner(public, name or path.stem, ask, str(path))


def _agent_signer(wanted: str) -> OutsideSigner:
    keys = [(public, name) for public, name in _identities() if wanted in ("", fingerprint(public), name)]
    if len(keys) != 1:
        what = "the ssh-agent holds no such Ed25519 key" if not keys else "the ssh-agent holds more than one such key"
        raise StoreFault(
            what,
            where=f"ssh-agent:{wanted}",
            mend="`ssh-add -l` lists them; name one as ssh-agent:SHA256:…",
            code="store.key_missing",
        )
    public, name = keys[0]

    def ask(data: bytes) -> bytes:
        request = bytes([_SIGN_REQUEST]) + ssh_string(wire(public)) + ssh_string(data) + struct.pack(">I", 0)
        kind, answer = _agent(request)
        signature = _strings(answer)[:1] if kind == _SIGN_RESPONSE else []
        parts = _strings(signature[0]) if signature else []
        if len(parts) != 2 or parts[0] != KEY_TYPE:
            raise StoreFault(
                "the ssh-agent refuses to sign", where=f"ssh-agent:{fingerprint(public)}", code="store.key_refused"
            )
        return parts[1]

    return OutsideSigner(public, name or "ssh-agent", ask, f"ssh-agent:{fingerprint(public)}")


def _identities() -> list[tuple[bytes, str]]:
    """The Ed25519 keys of the agent, as public key and comment (draft-miller-ssh-agent, section 3.5)."""
    kind, answer = _agent(bytes([_REQUEST_IDENTITIES]))
    fields = _strings(answer[4:]) if kind == _IDENTITIES else []
    pairs = zip(fields[::2], fields[1::2], strict=False)
    head = wire(b"\0" * 32)[:-32]
    return [(blob[-32:], comment.decode("utf-8", "replace")) for blob, comment in pairs if blob[:-32] == head]


def _agent(request: bytes) -> tuple[int, bytes]:
    """Kind and content of the agent's answer."""
    place = os.environ.get("SSH_AUTH_SOCK", "")
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_SECONDS)
            line.connect(place)
            line.sendall(ssh_string(request))
            (length,) = struct.unpack(">I", _exactly(line, 4))
            if not 0 < length <= _ANSWER_MOST:
                raise OSError("its answer is malformed")
            answer = _exactly(line, length)
    except OSError as error:
        raise StoreFault(
            f"no ssh-agent answers: {error.strerror or error}",
            where=f"SSH_AUTH_SOCK={place}",
            mend="start one with `eval $(ssh-agent)` and give it the key with `ssh-add`",
            code="store.key_missing",
        ) from error
    return answer[0], answer[1:]


def _exactly(line: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = line.recv(count - len(data))
        if not chunk:
            raise OSError("it broke off")
        data += chunk
    return data


def _strings(data: bytes) -> list[bytes]:
    """The strings of RFC 4251 section 5 that follow each other; what breaks off is left out."""
    found = []
    while len(data) >= 4:
        (length,) = struct.unpack(">I", data[:4])
        if len(data) < 4 + length:
            break
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    return found


def _program_signer(path: Path) -> OutsideSigner:
    try:
        public, name = _public_line(_run(path, "public", b"").decode("utf-8", "replace"))
    except ValueError as error:
        raise StoreFault(
            f"`{path.name} public` does not print a public key: {error}", where=str(path), code="store.key_malformed"
        ) from error

    def ask(data: bytes) -> bytes:
        try:
            return base64.b64decode(_run(path, "sign", data).strip(), validate=True)
        except ValueError as error:
            raise StoreFault(
                f"`{path.name} sign` does not print base64", where=str(path), code="store.key_refused"
            ) from error

    return OutsideSigner(public, name or path.name, ask, str(path))


def _public_line(line: str) -> tuple[bytes, str]:
    """The key and the name of `ssh-ed25519 AAAA… name`."""
    kind, _, rest = line.strip().partition(" ")
    encoded, _, name = rest.partition(" ")
    return from_openssh(f"{kind} {encoded}"), name


def _run(path: Path, word: str, stdin: bytes) -> bytes:
    """What the program prints. What it complains of goes to our stderr, where a person may have to read it."""
    try:
        done = subprocess.run([str(path), word], input=stdin, stdout=subprocess.PIPE, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = "does not answer" if isinstance(error, subprocess.TimeoutExpired) else "cannot be run"
        raise StoreFault(f"the program that signs {why}", where=str(path), code="store.key_missing") from error
    if done.returncode:
        raise StoreFault(
            f"`{path.name} {word}` ended with exit code {done.returncode}", where=str(path), code="store.key_refused"
        )
    return done.stdout
