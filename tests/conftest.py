"""What tests of several rooms share: a real PostgreSQL of our own, on loopback."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

_numbers = count(1)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the tests, without a database's name."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt: postgresql)")
    # Not pytest's own folder, which is root's alone: the server runs as another user.
    with tempfile.TemporaryDirectory(prefix="muniment-pg-") as folder, _server(programs, Path(folder)) as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql: str) -> str:
    """The URL of a new, empty database."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(f"{postgresql}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{postgresql}/{name}"


@contextmanager
def _server(programs: Path, folder: Path) -> Iterator[str]:
    user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    common: dict[str, Any] = {"cwd": folder, "user": user, "group": user, "extra_groups": [] if user else None}
    secret, data, port = folder / "password", folder / "data", _free_port()
    secret.write_text(secrets.token_urlsafe(16))
    if user:
        shutil.chown(folder, user)
        shutil.chown(secret, user)
    who = ["-U", "muniment", "-A", "scram-sha-256", f"--pwfile={secret}"]
    subprocess.run(
        [programs / "initdb", "-D", data, *who, "-E", "UTF8", "--locale=C", "--no-sync"],
        check=True,
        capture_output=True,
        **common,
    )
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": folder,
        "fsync": "off",
        "log_min_messages": "log",
    }
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, *(f"-c{name}={value}" for name, value in settings.items())],
        stderr=subprocess.PIPE,
        text=True,
        **common,
    )
    assert server.stderr is not None
    try:
        assert any("ready to accept connections" in line for line in server.stderr), "it ended before it was ready"
        yield f"postgresql://muniment:{secret.read_text()}@127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown"
        server.wait(timeout=20)
        server.stderr.close()


def _programs() -> Path | None:
    """Where the server's programs lie: on the PATH, or where Debian puts them."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "postgres").exists()), None)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
