"""Git's objects as bytes: names, trees, signed commits, and the pack that carries new ones. Reads and writes nothing.

The formats are those of gitformat-pack(5) and of git's own documentation of trees and commits. Object names are SHA-1,
as git needs them; what is proved rests on our own SHA-256 hashes.
"""

import hashlib
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from isal import isal_zlib

from muniment.evidence.errors import IntegrityError

Kind = Literal["commit", "tree", "blob", "tag"]

KINDS: dict[int, Kind] = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}

_NUMBERS = {kind: number for number, kind in KINDS.items()}
_FILE, _FOLDER = b"100644", b"40000"
_COMPRESSION = 1  # of ISA-L: a fifth of the time of zlib at its level 1, and smaller by an eighth


def object_name(kind: Kind, data: bytes) -> str:
    """The 40 hexadecimal digits under which git knows this object."""
    hashed = hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)), usedforsecurity=False)
    hashed.update(data)
    return hashed.hexdigest()


Tree = Mapping[str, tuple[bytes, str]]  # name → mode, object name


def parse_tree(data: bytes) -> dict[str, tuple[bytes, str]]:
    """Name → (mode, object name) of each entry.

    Raises:
        IntegrityError: the bytes are not a tree.
    """
    entries: dict[str, tuple[bytes, str]] = {}
    at = 0
    while at < len(data):
        space, end = data.find(b" ", at), data.find(b"\0", at)
        if space < 0 or end < space or end + 21 > len(data):
            raise IntegrityError("this is not a git tree", code="object.malformed")
        name = data[space + 1 : end].decode("utf-8", "replace")
        # A name that could be shown as another, or taken for one, would hide a file.
        if not name or name in entries or not name.isprintable() or "/" in name or "\ufffd" in name:
            raise IntegrityError(f"a name in the folder is not one of ours: {name!a}", code="object.malformed")
        entries[name] = (data[at:space], data[end + 1 : end + 21].hex())
        at = end + 21
    return entries


def format_tree(entries: Tree) -> bytes:
    """The bytes of a tree; git sorts folders as if their names ended in a slash."""
    ordered = sorted(entries.items(), key=lambda entry: entry[0] + ("/" if is_folder(entry[1]) else ""))
    return b"".join(
        b"%s %s\0%s" % (mode, name.encode(), bytes.fromhex(object_id)) for name, (mode, object_id) in ordered
    )


def is_folder(entry: tuple[bytes, str]) -> bool:
    """Whether an entry of a tree is another tree."""
    return entry[0] == _FOLDER


def is_file(entry: tuple[bytes, str]) -> bool:
    """Whether an entry of a tree is an ordinary file: no link, no submodule, not executable."""
    return entry[0] == _FILE


def file_entry(object_id: str) -> tuple[bytes, str]:
    """The entry of an ordinary file."""
    return _FILE, object_id


def folder_entry(object_id: str) -> tuple[bytes, str]:
    """The entry of a folder."""
    return _FOLDER, object_id


@dataclass(frozen=True)
class Commit:
    """A commit taken apart. `payload` is what the signature covers: the commit without its signature."""

    tree: str
    parents: tuple[str, ...]
    message: str
    signature: str | None
    payload: bytes

    @property
    def trailers(self) -> dict[str, str]:
        """The `Name: value` lines of the last paragraph of the message."""
        last = self.message.rstrip("\n").rpartition("\n\n")[2]
        return dict(re.findall(r"^([A-Za-z-]+): (.*)$", last, re.MULTILINE))


def parse_commit(data: bytes) -> Commit:
    """Take a commit apart.

    Raises:
        IntegrityError: the bytes are not a commit.
    """
    head, gap, message = data.partition(b"\n\n")
    lines = re.sub(rb"\n ", b"\0", head).split(b"\n")  # a folded header becomes one line
    fields = [line.partition(b" ")[::2] for line in lines]
    trees = [value.decode("ascii", "replace") for name, value in fields if name == b"tree"]
    if not gap or len(trees) != 1:
        raise IntegrityError("this is not a git commit", code="object.malformed")
    signatures = [value for name, value in fields if name == b"gpgsig"]
    signature = signatures[0].replace(b"\0", b"\n").decode("ascii", "replace") if len(signatures) == 1 else None
    unsigned = b"\n".join(line for line in lines if not line.startswith(b"gpgsig ")).replace(b"\0", b"\n ")
    return Commit(
        tree=trees[0],
        parents=tuple(value.decode("ascii", "replace") for name, value in fields if name == b"parent"),
        message=message.decode("utf-8", "replace"),
        signature=signature,
        payload=unsigned + gap + message,
    )


def format_commit(tree: str, parents: tuple[str, ...], identity: str, seconds: int, message: str) -> bytes:
    """An unsigned commit; `identity` is `name <address>`, `seconds` counts from 1970 in UTC."""
    lines = [
        f"tree {tree}",
        *(f"parent {parent}" for parent in parents),
        f"author {identity} {seconds} +0000",
        f"committer {identity} {seconds} +0000",
    ]
    return ("\n".join(lines) + "\n\n" + message).encode()


def with_signature(commit: bytes, armoured: str) -> bytes:
    """The commit with its SSH signature as git stores it: the last header, folded."""
    head, gap, message = commit.partition(b"\n\n")
    return head + b"\ngpgsig " + armoured.rstrip("\n").replace("\n", "\n ").encode() + gap + message


@dataclass
class Pack:
    """New objects on their way into git. Nothing is stored as a difference, so that each stands for itself."""

    objects: dict[str, tuple[Kind, bytes]] = field(default_factory=dict)
    trees: dict[str, Tree] = field(default_factory=dict)

    def add(self, kind: Kind, data: bytes) -> str:
        """Take an object in and give its name."""
        name = object_name(kind, data)
        self.objects[name] = (kind, data)
        return name

    def update_tree(self, files: Mapping[str, bytes], trees: Callable[[str], Tree], root: str | None) -> str:
        """Add these files (path → bytes) to the tree `root`; gives the name of the new tree."""
        entries = dict(trees(root)) if root else {}
        for name, below in _by_first_part(files).items():
            if "" in below:
                entries[name] = file_entry(self.add("blob", below[""]))
            else:
                folder = entries[name][1] if name in entries else None
                entries[name] = folder_entry(self.update_tree(below, trees, folder))
        tree = self.add("tree", format_tree(entries))
        self.trees[tree] = entries
        return tree

    def chunks(self) -> Iterable[bytes]:
        """The bytes of the pack (gitformat-pack(5), version 2), piece by piece."""
        hashed = hashlib.sha1(usedforsecurity=False)
        for chunk in self._unsummed():
            hashed.update(chunk)
            yield chunk
        yield hashed.digest()

    def _unsummed(self) -> Iterable[bytes]:
        yield b"PACK" + struct.pack(">II", 2, len(self.objects))
        for kind, data in self.objects.values():
            yield _object_header(kind, len(data)) + isal_zlib.compress(data, _COMPRESSION)


def _by_first_part(files: Mapping[str, bytes]) -> dict[str, dict[str, bytes]]:
    """`a/b` → bytes becomes `a` → (`b` → bytes); a file of this folder stands under the empty name."""
    folders: dict[str, dict[str, bytes]] = {}
    for path, data in files.items():
        name, _, rest = path.partition("/")
        folders.setdefault(name, {})[rest] = data
    return folders


def _object_header(kind: Kind, size: int) -> bytes:
    """Type and size, seven bits a byte, as in gitformat-pack(5)."""
    byte, size = _NUMBERS[kind] << 4 | size & 15, size >> 4
    out = bytearray()
    while size:
        out.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    out.append(byte)
    return bytes(out)
