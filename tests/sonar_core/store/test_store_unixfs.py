"""Addresses of the embedded store against a real IPFS node and against another implementation."""

from collections.abc import Iterator

import aleph_cid
import ipfshttpclient
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ipfs_node import running_node

from sonar_core.protocol.content_address import to_cid
from sonar_core.store.unixfs import CHUNK, LINKS, address_of

#: Every shape a file can have: no chunk, one, two, a full root, a second level, and one byte to either side.
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, LINKS * CHUNK, LINKS * CHUNK + 1, (LINKS + 1) * CHUNK]
OPTIONS = {"chunker": "size-262144", "cid-version": 0, "raw-leaves": "false", "only-hash": "true"}


def content(size: int) -> bytes:
    """Bytes that do not repeat from chunk to chunk, so that a chunk in a wrong place shows."""
    block = bytes(range(251)) * 4180
    return b"".join(number.to_bytes(4, "big") + block for number in range(size // len(block) + 1))[:size]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ipfshttpclient.Client]:
    with running_node(tmp_path_factory.mktemp("ipfs") / "repo") as running:
        yield ipfshttpclient.Client(running.api, timeout=60)


@pytest.mark.parametrize("size", SIZES)
def test_a_real_node_gives_the_same_address(node: ipfshttpclient.Client, size: int) -> None:
    data = content(size)
    assert to_cid(address_of(data)) == node.add_bytes(data, opts=OPTIONS)


@pytest.mark.parametrize("size", SIZES)
def test_another_implementation_gives_the_same_address(size: int) -> None:
    data = content(size)
    assert to_cid(address_of(data)) == aleph_cid.compute_cid(data)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=2000), st.integers(1, 1200))
def test_any_content_has_the_same_address(data: bytes, times: int) -> None:
    assert to_cid(address_of(data * times)) == aleph_cid.compute_cid(data * times)


def test_kubos_own_addresses() -> None:
    """`printf '' | ipfs add` and `echo hello world | ipfs add`, as Kubo's documentation shows them."""
    assert to_cid(address_of(b"")) == "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"
    assert to_cid(address_of(b"hello world\n")) == "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"
