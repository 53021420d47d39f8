"""Reading git's object database without git: each object's length and hash are checked before a byte is handed on.

Git's own tools are not asked because they stop at the first damaged object, and because a library was seen to return
empty bytes for one. Packs (index version 2), loose objects and packed references are read as gitformat-pack(5),
gitformat-index(5) and gitrepository-layout(5) describe them.
"""

import contextlib
import hashlib
import mmap
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from isal import isal_zlib

from muniment.evidence.errors import IntegrityError, StoreFault
from muniment.evidence.store.objects import KINDS, Kind, Tree, object_name, parse_tree

_OBJECT_NAME = re.compile(r"[0-9a-f]{40}")
_PACK_INDEX = re.compile(r"pack-.*\.idx", re.DOTALL)
_NotInflated = cast("type[Exception]", isal_zlib.error)
_OFFSET_DELTA, _NAME_DELTA = 6, 7
_DELTAS_MOST = 60  # git makes chains of 50 at most
_OBJECT_MOST = 256 * 1024 * 1024
_TREES_KEPT = 64
_INDEX_MAGIC = b"\xfftOc\x00\x00\x00\x02"  # version 2


_RESTORE = "`muniment verify` names all that is broken; fetch the store again from a copy or from its second repository"


class ObjectMissing(IntegrityError):
    """An object that something points to is in no pack and no file."""

    code = "object.missing"

    def __init__(self, what: str, *, where: str) -> None:
        super().__init__(what, where=where, mend=_RESTORE)


class ObjectDamaged(IntegrityError):
    """An object is there and is not what its name says; `salvage` is what could still be read of it."""

    code = "object.damaged"

    def __init__(self, what: str, *, where: str, salvage: bytes = b"") -> None:
        super().__init__(what, where=where, mend=_RESTORE)
        self.salvage = salvage


class Database:
    """The objects and references of one bare repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._packs: list[_Pack] = []
        self._pack_names: frozenset[str] = frozenset()
        self._trees: dict[str, Tree] = {}

    def reference(self, name: str) -> str | None:
        """The object that a reference such as `refs/heads/evidence` names; None where there is no such reference.

        Raises:
            IntegrityError: the reference is not an object name.
            StoreFault: it cannot be read.
        """
        try:
            target = self._loose_reference(name) or self._packed_references().get(name)
        except OSError as error:
            raise _unreadable(error, self.folder) from error
        if target is not None and not _OBJECT_NAME.fullmatch(target):
            raise IntegrityError(
                f"the reference is {target[:60]!r}, which is no object name",
                where=name,
                mend=f"the last lines of logs/{name} say where it pointed",
                code="ref.damaged",
            )
        return target

    def references(self) -> dict[str, str]:
        """All references by name.

        Raises:
            StoreFault: they cannot be read.
        """
        try:
            loose = {
                path.relative_to(self.folder).as_posix(): path.read_text("ascii", "replace").removesuffix("\n")
                for path in (self.folder / "refs").rglob("*")
                if path.is_file() and path.suffix != ".lock"
            }
            return {**self._packed_references(), **loose}
        except OSError as error:
            raise _unreadable(error, self.folder) from error

    def read(self, object_id: str, kind: Kind) -> bytes:
        """The object, which is of this kind and has this name.

        Raises:
            ObjectMissing: it is nowhere.
            ObjectDamaged: it cannot be read, or is another than its name says.
            StoreFault: the disk or its permissions do not let us read.
        """
        place = f"object {object_id}"
        try:
            found, data = self._find(object_id)
        except OSError as error:
            raise _unreadable(error, self.folder) from error
        if found != kind:
            raise ObjectDamaged(f"it is a {found} where a {kind} should be", where=place)
        if object_name(kind, data) != object_id:
            raise ObjectDamaged("its bytes are not those that its name was made from", where=place, salvage=data)
        return data

    def tree(self, object_id: str) -> Tree:
        """The entries of a tree; the last ones are kept, because the upper folders are asked for again and again."""
        if object_id not in self._trees:
            self.remember({object_id: parse_tree(self.read(object_id, "tree"))})
        return self._trees[object_id]

    def remember(self, trees: Mapping[str, Tree]) -> None:
        """Keep the entries of trees that were read here, or just written."""
        for object_id, tree in trees.items():
            if len(self._trees) >= _TREES_KEPT:
                del self._trees[next(iter(self._trees))]
            self._trees[object_id] = tree

    def blob_at(self, root: str, path: str) -> bytes:
        """The file at a path below the tree `root`.

        Raises:
            KeyError: there is no such file.
        """
        *folders, name = path.split("/")
        tree = self.tree(root)
        for folder in folders:
            tree = self.tree(tree[folder][1])
        return self.read(tree[name][1], "blob")

    def pack_faults(self) -> Iterator[IntegrityError]:
        """Each pack or pack index whose own checksum does not fit, including bytes that no object uses."""
        try:
            self._refresh()
        except OSError as error:
            raise _unreadable(error, self.folder) from error
        for pack in self._packs:
            yield from pack.faults()

    def _find(self, object_id: str) -> tuple[Kind, bytes]:
        for _ in range(6):  # each time that git joined the packs between our listing them and opening them
            for at, pack in enumerate(self._packs):
                offset = pack.offset(object_id)
                if offset is not None:
                    self._packs.insert(0, self._packs.pop(at))  # neighbours are likely to be in the same pack
                    return self._unpacked(pack, offset, object_id)
            loose = self.folder / "objects" / object_id[:2] / object_id[2:]
            if loose.is_file():
                return _read_loose(loose, object_id)
            self._refresh()  # another process may have written or repacked since
        raise ObjectMissing("a part of the store is missing: it is in no pack and no file", where=f"object {object_id}")

    def _unpacked(self, pack: "_Pack", offset: int, object_id: str, depth: int = 0) -> tuple[Kind, bytes]:
        raw = pack.read(offset, object_id)
        if raw.base is None:
            return KINDS[raw.kind], raw.data
        if depth == _DELTAS_MOST:
            raise ObjectDamaged("its chain of differences does not end", where=f"object {object_id}")
        if isinstance(raw.base, int):
            kind, base = self._unpacked(pack, raw.base, object_id, depth + 1)
        else:
            kind, base = self._find(raw.base)
        return kind, _apply_delta(base, raw.data, object_id)

    def _refresh(self) -> None:
        folder = self.folder / "objects" / "pack"
        names: frozenset[str] = frozenset()
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
            names = frozenset(each.name for each in entries if _PACK_INDEX.fullmatch(each.name))
        if names == self._pack_names:
            return
        known = {pack.index_path.name: pack for pack in self._packs}
        self._packs = []
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # the pack is gone: lost, or just joined with others
                self._packs.append(known.get(name) or _Pack(folder / name))
        self._pack_names = names

    def _loose_reference(self, name: str) -> str | None:
        try:
            with open(f"{self.folder}/{name}", "rb") as file:  # noqa: PTH123 - paths are slow, and each step asks
                return file.read().decode("ascii", "replace").removesuffix("\n")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    def _packed_references(self) -> dict[str, str]:
        path = self.folder / "packed-refs"
        if not path.is_file():
            return {}
        lines = path.read_text("ascii", "replace").splitlines()
        pairs = (line.partition(" ") for line in lines if line and line[0] not in "#^")
        return {name: target for target, _, name in pairs}


@dataclass(frozen=True)
class _Raw:
    """A packed object before its base is applied: `base` is an offset in the same pack or an object name."""

    kind: int
    data: bytes
    base: int | str | None = None


class _Pack:
    """One pack and its index, mapped into memory when first asked."""

    def __init__(self, index_path: Path) -> None:
        self.index_path = index_path
        self.path = index_path.with_suffix(".pack")
        self._index = _mapped(index_path)
        self._pack = _mapped(self.path)
        self._names = len(_INDEX_MAGIC) + 256 * 4
        self._fanout = (0,) * 256
        if self._index[: len(_INDEX_MAGIC)] == _INDEX_MAGIC and len(self._index) >= self._names:
            fanout = struct.unpack_from(">256I", self._index, len(_INDEX_MAGIC))
            if self._names + 28 * max(fanout) + 40 <= len(self._index):
                self._fanout = fanout  # else the index is damaged and finds nothing; its checksum says so
        self._offsets = self._names + 24 * self._fanout[255]
        self._large = self._offsets + 4 * self._fanout[255]

    def offset(self, object_id: str) -> int | None:
        """Where the object starts, or None where this pack does not hold it."""
        wanted = bytes.fromhex(object_id)
        low = self._fanout[wanted[0] - 1] if wanted[0] else 0
        high = self._fanout[wanted[0]]
        while low < high:
            middle = (low + high) // 2
            name = self._index[self._names + 20 * middle : self._names + 20 * middle + 20]
            if name == wanted:
                return self._offset(middle)
            low, high = (middle + 1, high) if name < wanted else (low, middle)
        return None

    def read(self, offset: int, object_id: str) -> _Raw:
        """The object at an offset, inflated."""
        place = f"object {object_id} at byte {offset} of {self.path.name}"
        start, kind, size = self._header(offset, place)
        base: int | str | None = None
        if kind == _OFFSET_DELTA:
            start, distance = self._distance(start)
            base = offset - distance
        elif kind == _NAME_DELTA:
            base, start = self._pack[start : start + 20].hex(), start + 20
        elif kind not in KINDS:
            raise ObjectDamaged(f"it is of kind {kind}, which git does not have", where=place)
        bound = start + size + size // 64 + 512  # deflate never grows data by more (RFC 1951)
        return _Raw(kind, _inflated(self._pack[start:bound], size, place), base)

    def faults(self) -> Iterator[IntegrityError]:
        """What the checksums of pack and index say."""
        sums = (
            (self.path, self._pack, "pack"),
            (self.index_path, self._index, "pack index"),
        )
        for path, data, what in sums:
            hashed = hashlib.sha1(memoryview(data)[:-20], usedforsecurity=False).digest()
            if len(data) < 40 or hashed != data[-20:]:
                yield IntegrityError(f"the checksum of the {what} does not fit", where=path.name, code="pack.damaged")
        if self._pack[-20:] != self._index[-40:-20]:
            yield IntegrityError("the index is that of another pack", where=self.index_path.name, code="pack.damaged")

    def _offset(self, position: int) -> int:
        (offset,) = struct.unpack_from(">I", self._index, self._offsets + 4 * position)
        if not offset & 0x80000000:
            return int(offset)
        at = self._large + 8 * (offset & 0x7FFFFFFF)
        return int.from_bytes(self._index[at : at + 8], "big")

    def _header(self, offset: int, place: str) -> tuple[int, int, int]:
        """Where the data starts, the kind and the size."""
        head = self._pack[offset : offset + 10]
        if not head:
            raise ObjectDamaged(
                "a part of the store cannot be read: it lies beyond the end of its pack",
                where=place,
            )
        kind, size, shift, used = head[0] >> 4 & 7, head[0] & 15, 4, 1
        while head[used - 1] & 0x80:
            if used == len(head):
                raise ObjectDamaged("its header does not end", where=place)
            size |= (head[used] & 0x7F) << shift
            shift, used = shift + 7, used + 1
        if size > _OBJECT_MOST:
            raise ObjectDamaged(f"it claims to be {size} bytes long", where=place)
        return offset + used, kind, size

    def _distance(self, start: int) -> tuple[int, int]:
        """Where the data starts, and how far back the base lies."""
        byte, at = self._pack[start], start + 1
        distance = byte & 0x7F
        while byte & 0x80:
            byte, at = self._pack[at], at + 1
            distance = (distance + 1) << 7 | byte & 0x7F
        return at, distance


def _unreadable(error: OSError, folder: Path) -> StoreFault:
    """What a failed read means to the person who runs Muniment: nothing is known to be wrong with what is stored."""
    mend = "let its reader read it, or mend the disk; then run again"
    what = f"the store cannot be read: {error.strerror}"
    return StoreFault(what, where=str(error.filename or folder), mend=mend, code="store.unreadable")


def _mapped(path: Path) -> mmap.mmap | bytes:
    with path.open("rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # an empty file cannot be mapped
            return b""


def _read_loose(path: Path, object_id: str) -> tuple[Kind, bytes]:
    place = f"object {object_id}"
    whole = _inflated(path.read_bytes(), None, place)
    head, gap, data = whole.partition(b"\0")
    kind, _, size = head.decode("ascii", "replace").partition(" ")
    for known in KINDS.values():
        if gap and kind == known and size == str(len(data)):
            return known, data
    raise ObjectDamaged("its header does not fit", where=place, salvage=data)


def _inflated(deflated: bytes, size: int | None, place: str) -> bytes:
    """Inflate; on damage, raise with all that came out before it."""
    if size is not None:
        with contextlib.suppress(_NotInflated):  # else it is looked at more closely
            data = isal_zlib.decompress(deflated, bufsize=size + 1)
            if len(data) == size:
                return data
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(deflated)
    except zlib.error as error:
        raise ObjectDamaged(f"it cannot be inflated: {error}", where=place, salvage=_salvaged(deflated)) from error
    if not stream.eof or size not in (None, len(data)):
        raise ObjectDamaged("its length is not the one it claims", where=place, salvage=data)
    return data


def _salvaged(deflated: bytes) -> bytes:
    """What comes out before the damage is met."""
    stream, saved = zlib.decompressobj(), bytearray()
    try:
        for at in range(len(deflated)):  # byte by byte: what a failing piece gave is lost
            saved += stream.decompress(deflated[at : at + 1])
    except zlib.error:
        pass
    return bytes(saved)


def _apply_delta(base: bytes, delta: bytes, object_id: str) -> bytes:
    """The object that a difference makes of its base (gitformat-pack(5), "Deltified representation")."""
    try:
        at, base_size = _delta_size(delta, 0)
        at, size = _delta_size(delta, at)
        out = bytearray()
        while at < len(delta):
            code, at = delta[at], at + 1
            if code & 0x80:
                numbers = []
                for bit in range(7):
                    numbers.append(delta[at] if code >> bit & 1 else 0)
                    at += code >> bit & 1
                start = int.from_bytes(numbers[:4], "little")
                length = int.from_bytes(numbers[4:], "little") or 0x10000
                out += base[start : start + length]
            else:
                out += delta[at : at + code]
                at += code
    except IndexError as error:
        raise ObjectDamaged("its difference breaks off", where=f"object {object_id}") from error
    if base_size != len(base) or size != len(out):
        raise ObjectDamaged("its difference does not fit its base", where=f"object {object_id}", salvage=bytes(out))
    return bytes(out)


def _delta_size(delta: bytes, at: int) -> tuple[int, int]:
    size, shift = 0, 0
    while True:
        byte, at = delta[at], at + 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return at, size
