"""The IPFS store on two real nodes."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import ipfshttpclient
import pytest
import requests
from ipfs_node import IpfsNode, running_node

from sonar_core.protocol.content_address import from_cid, to_cid
from sonar_core.store import (
    BlobCorruptError,
    BlobNotFoundError,
    BlobStore,
    BlobTooLargeError,
    StoreUnavailableError,
    open_store,
)
from sonar_core.store.unixfs import CHUNK, address_of

LIMIT = 4 << 20
EMPTY_FOLDER = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IpfsNode]:
    with running_node(tmp_path_factory.mktemp("ipfs") / "repo") as running:
        yield running


@pytest.fixture
def store(node: IpfsNode) -> BlobStore:
    return open_store(f"ipfs:{node.api}", timeout=20)


@pytest.mark.parametrize("size", [0, 1, CHUNK, 3 * CHUNK + 1])
def test_what_is_put_is_got(store: BlobStore, size: int) -> None:
    data = bytes(range(250)) * (size // 250 + 1)
    data = data[:size]
    address = store.put(data)
    assert address == store.put(data) == address_of(data)
    assert store.get(address, limit=size) == data


def test_a_url_opens_it_as_well(node: IpfsNode, store: BlobStore) -> None:
    address = store.put(b"by url")
    port = node.api.rsplit("/", 1)[-1]
    assert open_store(f"http://127.0.0.1:{port}").get(address, limit=LIMIT) == b"by url"


def test_an_address_is_known_before_anything_is_published(store: BlobStore) -> None:
    assert not store.has(store.address_of(b"not yet"))


def test_pins(store: BlobStore) -> None:
    address = store.put(b"pinned")
    assert store.has(address)
    store.unpin(address)
    store.unpin(address)
    assert not store.has(address)
    store.pin(address, limit=LIMIT)
    assert store.has(address)
    with pytest.raises(BlobTooLargeError):
        store.pin(address, limit=5)


def test_the_limit_is_the_longest_blob_read(store: BlobStore) -> None:
    address = store.put(b"x" * (CHUNK + 5))
    assert len(store.get(address, limit=CHUNK + 5)) == CHUNK + 5
    with pytest.raises(BlobTooLargeError):
        store.get(address, limit=CHUNK + 4)


def test_a_blob_that_nobody_has(node: IpfsNode) -> None:
    impatient = open_store(f"ipfs:{node.api}", timeout=0.5)
    with pytest.raises(BlobNotFoundError, match=r"within 0\.5 s"):
        impatient.get(address_of(b"never published"), limit=LIMIT)


def test_a_folder_is_no_blob(store: BlobStore) -> None:
    with pytest.raises(BlobCorruptError, match="is a directory"):
        store.get(from_cid(EMPTY_FOLDER), limit=LIMIT)


def test_the_same_bytes_cut_otherwise_have_no_second_address(node: IpfsNode, store: BlobStore) -> None:
    """Else a commitment to an address would leave its author a choice of layouts."""
    client = ipfshttpclient.Client(node.api)
    other = client.add_bytes(b"y" * 5000, opts={"chunker": "size-1024", "raw-leaves": "false", "cid-version": 0})
    with pytest.raises(BlobCorruptError, match="does not match its address"):
        store.get(from_cid(other), limit=LIMIT)


def field(number: int, value: bytes | int) -> bytes:
    """One field of a Protocol Buffers message."""

    def varint(rest: int) -> bytes:
        return bytes([rest]) if rest < 128 else bytes([rest & 127 | 128]) + varint(rest >> 7)

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def put_block(node: IpfsNode, encoded: bytes) -> bytes:
    port = node.api.rsplit("/", 1)[-1]
    url = f"http://127.0.0.1:{port}/api/v0/block/put?format=dag-pb&mhtype=sha2-256&version=0"
    answer = requests.post(url, files={"data": ("block", encoded, "application/octet-stream")}, timeout=30)
    answer.raise_for_status()
    digest = sha256(encoded).digest()
    assert answer.json()["Key"] == to_cid(digest)
    return digest


def test_an_object_that_unfolds_to_more_than_a_terabyte(node: IpfsNode, store: BlobStore) -> None:
    """Four blocks, each linking 174 times to the one below: what a loop comes to where links are hashes."""
    chunk = bytes(CHUNK)
    digest = put_block(node, field(1, field(1, 2) + field(2, chunk) + field(3, CHUNK)))
    size = CHUNK
    for _ in range(3):
        link = field(2, field(1, b"\x12\x20" + digest) + field(2, b"") + field(3, size))
        unixfs = field(1, 2) + field(3, 174 * size) + field(4, size) * 174
        digest, size = put_block(node, link * 174 + field(1, unixfs)), 174 * size
    assert size > 1 << 40
    with pytest.raises(BlobTooLargeError):
        store.get(digest, limit=LIMIT)


def test_a_blob_travels_from_node_to_node(node: IpfsNode, store: BlobStore, tmp_path: Path) -> None:
    data = b"from far away" * 100_000
    address = store.put(data)
    with running_node(tmp_path / "repo") as other:
        far = open_store(f"ipfs:{other.api}", timeout=20)
        assert not far.has(address)
        other.connect(node)
        assert far.get(address, limit=LIMIT) == data
        far.pin(address, limit=LIMIT)
        assert far.has(address)
    with pytest.raises(StoreUnavailableError, match="start the IPFS node") as caught:
        far.get(address, limit=LIMIT)
    assert "\n" not in str(caught.value)
