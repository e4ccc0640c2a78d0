"""Keccak-256 Merkle roots over leaves of equal width, with the index in the leaf and the count in the root.

    leaf = keccak(0x00 | uint64 index | data)
    node = keccak(0x01 | left | right)        an odd node is promoted as it is
    root = keccak(0x02 | uint64 count | top)

Integers are big-endian. The tags keep a node from passing for a leaf (RFC 6962, 2.1); the count keeps a tree
from passing for a smaller one, since promotion alone does not tell how many leaves there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from eth_utils.crypto import keccak

from sonar_core.base.errors import SonarError

_LEAF, _NODE, _ROOT = b"\x00", b"\x01", b"\x02"
_HASH_WIDTH = 32
_MOST_LEAVES = 1 << 64


class MerkleError(SonarError, ValueError):
    """Invalid leaves, or a proof that does not lead from its leaf to the root."""


def root(leaves: Sequence[bytes]) -> bytes:
    """The 32-byte root over leaves of equal width, at least one of at least one byte. Raises MerkleError."""
    level = _leaf_hashes(leaves)
    while len(level) > 1:
        level = _parents(level)
    return _bind(len(leaves), level[0])


def proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The siblings from leaf `index` to the top; a promoted node has none. Raises MerkleError."""
    _check_index(len(leaves), index)
    siblings = []
    level = _leaf_hashes(leaves)
    while len(level) > 1:
        if index ^ 1 < len(level):
            siblings.append(level[index ^ 1])
        level, index = _parents(level), index // 2
    return tuple(siblings)


def verify(root: bytes, count: int, index: int, leaf: bytes, proof: Sequence[bytes]) -> None:
    """Raises MerkleError unless `leaf` is leaf `index` of the `count` leaves under `root`.

    `leaf` is the data, not its hash. The proof may be hostile: its length must be exactly that for `count` and `index`.
    """
    _check_index(count, index)
    if any(len(sibling) != _HASH_WIDTH for sibling in proof):
        raise MerkleError(f"a proof is made of hashes of {_HASH_WIDTH} bytes")
    node, position, width, siblings = _leaf_hash(index, leaf), index, count, iter(proof)
    while width > 1:
        if position ^ 1 < width:
            sibling = next(siblings, None)
            if sibling is None:
                raise MerkleError(f"the proof of leaf {index} of {count} is too short: {len(proof)} hashes")
            node = _node_hash(sibling, node) if position & 1 else _node_hash(node, sibling)
        position, width = position // 2, (width + 1) // 2
    if next(siblings, None) is not None:
        raise MerkleError(f"the proof of leaf {index} of {count} is too long: {len(proof)} hashes")
    if _bind(count, node) != root:
        raise MerkleError(f"leaf {index} of {count} does not lead to the root 0x{root.hex()}")


def _leaf_hashes(leaves: Sequence[bytes]) -> list[bytes]:
    if not leaves:
        raise MerkleError("no leaves: a root needs at least one")
    if not leaves[0]:
        raise MerkleError("leaf 0 is empty")
    for index, (one, other) in enumerate(pairwise(leaves), start=1):
        if len(one) != len(other):
            raise MerkleError(f"leaf {index} has {len(other)} bytes, the one before it {len(one)}")
    return [_leaf_hash(index, data) for index, data in enumerate(leaves)]


def _parents(level: list[bytes]) -> list[bytes]:
    parents = [_node_hash(*pair) for pair in zip(level[::2], level[1::2], strict=False)]
    return parents + level[-1:] if len(level) % 2 else parents


def _leaf_hash(index: int, data: bytes) -> bytes:
    return keccak(_LEAF + index.to_bytes(8, "big") + data)


def _node_hash(left: bytes, right: bytes) -> bytes:
    return keccak(_NODE + left + right)


def _bind(count: int, top: bytes) -> bytes:
    return keccak(_ROOT + count.to_bytes(8, "big") + top)


def _check_index(count: int, index: int) -> None:
    if not 0 < count < _MOST_LEAVES:
        raise MerkleError(f"a tree has 1 to 2^64 - 1 leaves, not {count}")
    if not 0 <= index < count:
        raise MerkleError(f"leaf {index} of {count} leaves does not exist")
