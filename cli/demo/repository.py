"""A small git repository of the demonstration: one file, one commit, written as loose objects (gitformat-loose(5))."""

import hashlib
import zlib
from datetime import datetime
from pathlib import Path

_AUTHOR = "Example Phone <source@example-phone.test>"


def write_repository(folder: Path, path: str, content: bytes, at: datetime) -> str:
    """Write a bare repository whose branch `main` has one file, and give the id of its commit.

    `path` has one folder, as in `telemetry/identifier.py`.
    """
    for each in ("objects", "refs/heads"):
        (folder / each).mkdir(parents=True)
    (folder / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    above, name = path.split("/")
    blob = _object(folder, "blob", content)
    inner = _object(folder, "tree", b"100644 " + name.encode() + b"\0" + bytes.fromhex(blob))
    tree = _object(folder, "tree", b"40000 " + above.encode() + b"\0" + bytes.fromhex(inner))
    who = f"{_AUTHOR} {int(at.timestamp())} +0000"
    commit = _object(folder, "commit", f"tree {tree}\nauthor {who}\ncommitter {who}\n\nRelease 12.2.1\n".encode())
    (folder / "refs/heads/main").write_text(f"{commit}\n")
    return commit


def _object(folder: Path, kind: str, content: bytes) -> str:
    data = f"{kind} {len(content)}\0".encode() + content
    name = hashlib.sha1(data, usedforsecurity=False).hexdigest()  # git's own name of an object
    file = folder / "objects" / name[:2] / name[2:]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(zlib.compress(data))
    return name
