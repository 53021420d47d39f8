"""Fragments that were drawn before, kept in a folder of the user's cache.

A fragment is found by the digest of all that it depends on, so that nothing in the folder is ever out of date. A file
begins with the digest of the rest: one that is damaged is as good as none. The folder is the user's alone, as the pages
hold evidence; when it grows too large, what was not used for longest goes first.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from muniment.exports.fragment import FORMAT, Fragment, unpacked

LARGEST = 512 << 20  # bytes of all files together
_DIGEST = 32


def base(css: str, resources: Mapping[str, tuple[str, bytes]], versions: Mapping[str, str]) -> str:
    """The digest of what all fragments of a document depend on: style, resources, engine and format."""
    files = [(name, media_type, sha256(data).hexdigest()) for name, (media_type, data) in sorted(resources.items())]
    return sha256(json.dumps([FORMAT, sorted(versions.items()), css, files]).encode()).hexdigest()


def key(xhtml: str, on: str) -> str:
    """The digest of all that a fragment depends on: its markup, and what stands under it."""
    return sha256(f"{on}\n{xhtml}".encode()).hexdigest()


class Kept:
    """The fragments in one folder; where the folder cannot be written, nothing is kept and nothing else happens."""

    def __init__(self, folder: Path, largest: int = LARGEST) -> None:
        self.folder = folder
        self.largest = largest

    def get(self, name: str) -> Fragment | None:
        """The fragment of this key, if it is there and whole."""
        path = self.folder / name
        try:
            data = path.read_bytes()
            if sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
                return None
            os.utime(path)
            return unpacked(data[_DIGEST:])
        except (OSError, ValueError):
            return None

    def put(self, name: str, data: bytes) -> None:
        """Keep a packed fragment; another reader sees all of it or nothing."""
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, written = tempfile.mkstemp(prefix=".", dir=self.folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(sha256(data).digest() + data)
                Path(written).replace(self.folder / name)
            finally:
                Path(written).unlink(missing_ok=True)

    def shrink(self) -> None:
        """Remove what was not used for longest, until the rest is small enough."""
        with suppress(OSError):
            found = [(each.stat().st_mtime_ns, each.stat().st_size, each) for each in self.folder.iterdir()]
            left = sum(size for _, size, _ in found)
            for _, size, path in sorted(found):
                if left <= self.largest:
                    break
                path.unlink(missing_ok=True)
                left -= size
