"""The Merkle tree against the vectors of Certificate Transparency's own tests and against the RFC's definition."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.evidence.store.merkle import (
    ConsistencyProof,
    Frontier,
    InclusionProof,
    Tree,
    consistent,
    includes,
    leaf_hash,
)

LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
HASHES = [leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert Tree(HASHES).root(size).hex() == ROOTS[size]
    assert Frontier().extended(HASHES[:size]).root.hex() == ROOTS[size]


def test_the_inclusion_proof_of_leaf_5_in_8_is_the_published_one() -> None:
    assert [each.hex() for each in Tree(HASHES).inclusion(5, 8).path] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (
            1,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            [
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ],
)
def test_consistency_proofs_are_the_published_ones(old: int, new: int, path: list[str]) -> None:
    proof = Tree(HASHES).consistency(old, new)
    assert [each.hex() for each in proof.path] == path
    assert consistent(proof, bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[new]))


@given(size=st.integers(1, 70), data=st.data())
def test_every_leaf_is_proved_and_no_other_is(size: int, data: st.DataObject) -> None:
    hashes = [leaf_hash(b"%d" % at) for at in range(size)]
    leaf = data.draw(st.integers(0, size - 1))
    proof = Tree(hashes).inclusion(leaf)
    root = _root_by_definition(hashes)
    assert includes(proof, root)
    for other in range(size):
        if other != leaf:
            assert not includes(InclusionProof(other, size, proof.leaf_hash, proof.path), root)
    assert not includes(InclusionProof(leaf, size, leaf_hash(b"another"), proof.path), root)
    assert not includes(InclusionProof(leaf, size, proof.leaf_hash, (*proof.path, root)), root)


@given(new=st.integers(1, 70), data=st.data())
def test_every_earlier_size_is_proved_and_a_changed_history_is_not(new: int, data: st.DataObject) -> None:
    hashes = [leaf_hash(b"%d" % at) for at in range(new)]
    old = data.draw(st.integers(1, new))
    tree = Tree(hashes)
    proof = tree.consistency(old)
    assert consistent(proof, _root_by_definition(hashes[:old]), _root_by_definition(hashes))
    forged = [leaf_hash(b"forged"), *hashes[1:]]
    assert not consistent(proof, _root_by_definition(forged[:old]), _root_by_definition(hashes))
    assert not consistent(ConsistencyProof(old, new, (*proof.path, hashes[0])), tree.root(old), tree.root())


@given(sizes=st.lists(st.integers(0, 20), max_size=6))
def test_the_right_edge_grows_in_any_steps_to_the_same_root(sizes: list[int]) -> None:
    hashes = [leaf_hash(b"%d" % at) for at in range(sum(sizes))]
    frontier = Frontier()
    for size in sizes:
        frontier = frontier.extended(hashes[frontier.size : frontier.size + size])
    assert frontier.root == _root_by_definition(hashes)


def test_a_leaf_that_is_not_there_has_no_proof() -> None:
    with pytest.raises(IndexError, match="leaf 8 is not among the first 8 of 8 leaves"):
        Tree(HASHES).inclusion(8)


def _root_by_definition(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    left, right = _root_by_definition(hashes[:split]), _root_by_definition(hashes[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()
