"""The content address that Kubo computes for a file: UnixFS, dag-pb leaves, 256 KiB chunks, 174 links per node, CIDv0.

Written from the UnixFS specification (https://specs.ipfs.tech/unixfs/) and the dag-pb one
(https://ipld.io/specs/codecs/dag-pb/spec/): the file is cut into chunks, every chunk is wrapped in a leaf,
and every 174 nodes of a level get a parent until one node is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

#: Bytes per chunk, as in Kubo's `--chunker=size-262144`.
CHUNK = 1 << 18
#: Links per node, as in Kubo's `--max-file-links=174`.
LINKS = 174

_MULTIHASH = b"\x12\x20"
#: UnixFS message, field 1 (Type) = 2 (File).
_TYPE_FILE = b"\x08\x02"


class _Node(NamedTuple):
    digest: bytes
    file_size: int
    """Bytes of the file below this node."""
    dag_size: int
    """Bytes of all encoded nodes from this one down; dag-pb's Tsize."""


def address_of(data: bytes) -> bytes:
    """The 32-byte content address of `data` as one file."""
    view = memoryview(data)
    level = [_leaf(view[start : start + CHUNK]) for start in range(0, max(len(view), 1), CHUNK)]
    while len(level) > 1:
        level = [_parent(level[start : start + LINKS]) for start in range(0, len(level), LINKS)]
    return level[0].digest


def _leaf(chunk: memoryview) -> _Node:
    content = _bytes_field(2, chunk) if chunk else b""
    return _node(_TYPE_FILE + content + _number_field(3, len(chunk)), b"", len(chunk), 0)


def _parent(children: Sequence[_Node]) -> _Node:
    links = b"".join(_bytes_field(2, _link(child)) for child in children)
    file_size = sum(child.file_size for child in children)
    block_sizes = b"".join(_number_field(4, child.file_size) for child in children)
    unixfs = _TYPE_FILE + _number_field(3, file_size) + block_sizes
    return _node(unixfs, links, file_size, sum(child.dag_size for child in children))


def _link(child: _Node) -> bytes:
    """PBLink: Hash, an empty Name (present, as Kubo writes it), Tsize."""
    return _bytes_field(1, _MULTIHASH + child.digest) + _bytes_field(2, b"") + _number_field(3, child.dag_size)


def _node(unixfs: bytes, links: bytes, file_size: int, dag_size_below: int) -> _Node:
    """PBNode: dag-pb puts the Links (field 2) before the Data (field 1)."""
    encoded = links + _bytes_field(1, unixfs)
    return _Node(sha256(encoded).digest(), file_size, len(encoded) + dag_size_below)


def _bytes_field(number: int, value: bytes | memoryview) -> bytes:
    return b"".join((_varint(number << 3 | 2), _varint(len(value)), value))


def _number_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    """Protocol Buffers' base-128 encoding of a number that is not negative."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
