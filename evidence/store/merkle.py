"""The Merkle tree of RFC 6962 section 2.1: leaf and node hashes, roots, inclusion and consistency proofs.

A hash is 32 raw bytes (SHA-256). A leaf is hashed behind the byte 0x00 and a node behind 0x01, so that neither can be
taken for the other. Nothing here reads or writes: leaf hashes come in, hashes go out.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of one leaf, RFC 6962 section 2.1."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """The hash of each leaf; for many of them, faster than one call for each."""
    begun = hashlib.sha256(b"\x00").copy
    hashes = []
    for leaf in leaves:
        hashed = begun()
        hashed.update(leaf)
        hashes.append(hashed.digest())
    return hashes


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children, RFC 6962 section 2.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True)
class Frontier:
    """The right edge of a tree: the roots of its complete subtrees, largest first, one for each bit set in `size`.

    It is all that appending needs: no leaf is read again, however long the log is.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.hashes) != self.size.bit_count():
            raise ValueError(f"a tree of {self.size} leaves has {self.size.bit_count()} complete subtrees at its edge")

    def extended(self, leaf_hashes: Iterable[bytes]) -> "Frontier":
        """The right edge after these leaves were appended."""
        level, size, hashes = list(leaf_hashes), self.size, list(self.hashes)
        end, edge, sha256 = size + len(level), list[bytes](), hashlib.sha256
        while level:  # level by level: what was complete at this level comes before what is new
            if size & 1:
                level.insert(0, hashes.pop())
            size >>= 1
            if len(level) & 1:
                edge.append(level.pop())
            pairs = iter(level)
            level = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
        return Frontier(end, (*hashes, *reversed(edge)))

    @property
    def root(self) -> bytes:
        """The root of the tree, RFC 6962 section 2.1."""
        if not self.hashes:
            return EMPTY_ROOT
        return reduce(lambda right, left: node_hash(left, right), reversed(self.hashes))


@dataclass(frozen=True)
class InclusionProof:
    """That a leaf stands at index `leaf` of the tree of `size` leaves; `path` leads to the root, nearest first."""

    leaf: int
    size: int
    leaf_hash: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class ConsistencyProof:
    """That the tree of `old` leaves is the beginning of the tree of `new` leaves."""

    old: int
    new: int
    path: tuple[bytes, ...]


class Tree:
    """All complete subtrees over a sequence of leaf hashes, so that each proof costs O(log n) after O(n) once."""

    def __init__(self, leaf_hashes: Sequence[bytes]) -> None:
        levels = [list(leaf_hashes)]
        while len(levels[-1]) > 1:
            below = levels[-1]
            levels.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
        self._levels = levels

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return len(self._levels[0])

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` leaves; over all where none is given."""
        size = self.size if size is None else size
        return self._root(0, size) if size else EMPTY_ROOT

    def inclusion(self, leaf: int, size: int | None = None) -> InclusionProof:
        """The audit path of RFC 6962 section 2.1.1.

        Raises:
            IndexError: the tree has no such leaf.
        """
        size = self.size if size is None else size
        if not 0 <= leaf < size <= self.size:
            raise IndexError(f"leaf {leaf} is not among the first {size} of {self.size} leaves")
        return InclusionProof(leaf, size, self._levels[0][leaf], tuple(self._path(leaf, 0, size)))

    def consistency(self, old: int, new: int | None = None) -> ConsistencyProof:
        """The proof of RFC 6962 section 2.1.2 between two sizes, 0 < old <= new.

        Raises:
            IndexError: the tree never had these sizes.
        """
        new = self.size if new is None else new
        if not 0 < old <= new <= self.size:
            raise IndexError(f"there is no proof from {old} to {new} leaves in a tree of {self.size}")
        return ConsistencyProof(old, new, tuple(self._subproof(old, 0, new, whole=True)))

    def _root(self, start: int, end: int) -> bytes:
        length = end - start
        level = length.bit_length() - 1
        if length == 1 << level and start % length == 0:
            return self._levels[level][start >> level]
        split = start + _largest_power_below(length)
        return node_hash(self._root(start, split), self._root(split, end))

    def _path(self, leaf: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        split = start + _largest_power_below(end - start)
        if leaf < split:
            return [*self._path(leaf, start, split), self._root(split, end)]
        return [*self._path(leaf, split, end), self._root(start, split)]

    def _subproof(self, old: int, start: int, end: int, *, whole: bool) -> list[bytes]:
        if old == end:
            return [] if whole else [self._root(start, end)]
        split = start + _largest_power_below(end - start)
        if old <= split:
            return [*self._subproof(old, start, split, whole=whole), self._root(split, end)]
        return [*self._subproof(old, split, end, whole=False), self._root(start, split)]


def includes(proof: InclusionProof, root: bytes) -> bool:
    """Whether the proof leads from its leaf to this root (RFC 9162 section 2.1.3.2)."""
    if not 0 <= proof.leaf < proof.size:
        return False
    index, last, hashed = proof.leaf, proof.size - 1, proof.leaf_hash
    for sibling in proof.path:
        if last == 0:
            return False
        if index & 1 or index == last:
            hashed = node_hash(sibling, hashed)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            hashed = node_hash(hashed, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and hashed == root


def consistent(proof: ConsistencyProof, old_root: bytes, new_root: bytes) -> bool:
    """Whether the proof shows that the old tree is the beginning of the new one (RFC 9162 section 2.1.4.2)."""
    if proof.old == proof.new:
        return not proof.path and old_root == new_root
    if not 0 < proof.old < proof.new or not proof.path:
        return False
    whole = proof.old & (proof.old - 1) == 0
    path = (old_root, *proof.path) if whole else proof.path
    index, last = proof.old - 1, proof.new - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old, new = path[0], path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


def _largest_power_below(length: int) -> int:
    """The largest power of two that is smaller than `length` (the `k` of RFC 6962 section 2.1)."""
    return 1 << ((length - 1).bit_length() - 1)
