"""Merkle roots against an independent, recursive oracle on another keccak."""

import pytest
from Crypto.Hash import keccak as pycryptodome_keccak
from hypothesis import assume, given
from hypothesis import strategies as st

from sonar_core.protocol import merkle
from sonar_core.protocol.merkle import MerkleError


def keccak(data: bytes) -> bytes:
    return pycryptodome_keccak.new(digest_bits=256, data=data).digest()


def recursive_top(leaves: list[bytes], first: int = 0) -> bytes:
    """Splits at the largest power of two below the count: where promotion puts the cut."""
    if len(leaves) == 1:
        return keccak(b"\x00" + first.to_bytes(8, "big") + leaves[0])
    cut = 1
    while cut * 2 < len(leaves):
        cut *= 2
    return keccak(b"\x01" + recursive_top(leaves[:cut], first) + recursive_top(leaves[cut:], first + cut))


def recursive_root(leaves: list[bytes]) -> bytes:
    return keccak(b"\x02" + len(leaves).to_bytes(8, "big") + recursive_top(leaves))


@st.composite
def equal_leaves(draw: st.DrawFn, *, least: int = 1) -> list[bytes]:
    width = draw(st.integers(1, 40))
    return draw(st.lists(st.binary(min_size=width, max_size=width), min_size=least, max_size=40))


@given(equal_leaves())
def test_the_root_is_the_oracles(leaves: list[bytes]) -> None:
    assert merkle.root(leaves) == recursive_root(leaves)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 255, 256, 257])
def test_the_root_is_the_oracles_at_every_shape(count: int) -> None:
    leaves = [index.to_bytes(2, "big") for index in range(count)]
    assert merkle.root(leaves) == recursive_root(leaves)


def test_a_fixed_vector() -> None:
    assert merkle.root([b"sonar"]).hex() == keccak(b"\x02" + b"\0" * 7 + b"\1" + keccak(b"\0" * 9 + b"sonar")).hex()
    assert merkle.root([b"a", b"b", b"c"]).hex() == THREE_LEAVES


THREE_LEAVES = "0953b9849370dcc34d16645219cf39396a7d7d131fc234f494c5197e694def00"


@given(equal_leaves(), st.data())
def test_every_leaf_has_a_proof(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    merkle.verify(merkle.root(leaves), len(leaves), index, leaves[index], merkle.proof(leaves, index))


@given(equal_leaves(least=2), st.data())
def test_a_proof_proves_nothing_else(leaves: list[bytes], data: st.DataObject) -> None:
    root, count = merkle.root(leaves), len(leaves)
    index = data.draw(st.integers(0, count - 1))
    proof, leaf = merkle.proof(leaves, index), leaves[index]

    flipped = bytearray(leaf)
    flipped[data.draw(st.integers(0, len(leaf) - 1))] ^= data.draw(st.integers(1, 255))
    other_index = data.draw(st.integers(0, count - 1).filter(lambda i: i != index))
    other_count = data.draw(st.integers(1, 2 * count + 2).filter(lambda c: c != count))
    position = data.draw(st.integers(0, len(proof) - 1))
    swapped = (*proof[:position], keccak(proof[position]), *proof[position + 1 :])

    for forged in [
        (root, count, index, bytes(flipped), proof),
        (root, count, other_index, leaf, proof),
        (root, other_count, index, leaf, proof),
        (root, count, index, leaf, swapped),
        (root, count, index, leaf, proof[:-1]),
        (root, count, index, leaf, (*proof, proof[0])),
        (keccak(root), count, index, leaf, proof),
    ]:
        with pytest.raises(MerkleError):
            merkle.verify(*forged)


@given(equal_leaves(), equal_leaves())
def test_different_leaves_have_different_roots(some: list[bytes], others: list[bytes]) -> None:
    assume(some != others)
    assert merkle.root(some) != merkle.root(others)


def test_a_node_does_not_pass_for_a_leaf() -> None:
    leaves = [bytes([i]) * 55 for i in range(4)]
    left, right = (recursive_top(leaves[i : i + 2], i) for i in (0, 2))
    with pytest.raises(MerkleError, match="does not lead to the root"):
        merkle.verify(merkle.root(leaves), 2, 0, left, [right])


@pytest.mark.parametrize(
    ("leaves", "why"),
    [([], "no leaves"), ([b""], "leaf 0 is empty"), ([b"ab", b"cd", b"e"], "leaf 2 has 1 bytes")],
)
def test_leaves_that_make_no_tree(leaves: list[bytes], why: str) -> None:
    with pytest.raises(MerkleError, match=why):
        merkle.root(leaves)


@pytest.mark.parametrize(("count", "index"), [(0, 0), (3, 3), (3, -1), (-1, 0), (1 << 64, 0)])
def test_an_index_that_does_not_exist(count: int, index: int) -> None:
    with pytest.raises(MerkleError, match=r"does not exist|a tree has"):
        merkle.verify(bytes(32), count, index, b"x", [])
    if count == 3:
        with pytest.raises(MerkleError, match="does not exist"):
            merkle.proof([b"a"] * count, index)


def test_a_sibling_of_another_width() -> None:
    with pytest.raises(MerkleError, match="hashes of 32 bytes"):
        merkle.verify(merkle.root([b"a", b"b"]), 2, 0, b"a", [b"short"])
