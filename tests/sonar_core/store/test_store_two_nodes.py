"""Two real IPFS nodes of which one is down, slow, lying or out of disk, and then well again."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from ipfs_node import IpfsNode, has_small_disks, running_node
from moody_proxy import Mood, MoodyProxy, moody_proxy

from sonar_core.base.database import Database
from sonar_core.store import (
    BlobCorruptError,
    BlobNotFoundError,
    BlobStore,
    ReplicationResult,
    StoreUnavailableError,
    open_store,
)
from sonar_core.store.replicated import ReplicatedStore
from sonar_core.store.replication_backlog import BACKLOG_TABLE, Backlog

LIMIT = 4 << 20
#: Seconds; nothing but a node that never answers takes so long.
PATIENT, IMPATIENT = 30, 1.5


class Two:
    """Two nodes as one store, the faulty one first; a journal; and a clock that a test moves."""

    def __init__(self, faulty: BlobStore, well: BlobStore, folder: Path) -> None:
        self.now = 0.0
        self.faulty, self.well = faulty, well
        backlog = Backlog(Database(folder / "state.sqlite", [BACKLOG_TABLE]))
        self.store = ReplicatedStore(
            (faulty, well), backlog=backlog, clock=lambda: self.now, sleep=lambda _: None, pause=lambda most: most
        )

    def rest(self) -> None:
        """Until the faulty one is asked again."""
        self.now += 31


def of(api: str, timeout: float = PATIENT) -> BlobStore:
    return open_store(f"ipfs:{api}", timeout=timeout)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IpfsNode, IpfsNode]]:
    folder = tmp_path_factory.mktemp("ipfs")
    with running_node(folder / "one") as one, running_node(folder / "other") as other:
        yield one, other


@pytest.fixture
def data() -> bytes:
    """A blob that no test before has left on the nodes."""
    return os.urandom(9000)


@pytest.fixture
def proxy(nodes: tuple[IpfsNode, IpfsNode]) -> Iterator[MoodyProxy]:
    with moody_proxy(nodes[0].api) as proxy:
        yield proxy


@pytest.fixture
def two(nodes: tuple[IpfsNode, IpfsNode], proxy: MoodyProxy, tmp_path: Path) -> Two:
    return Two(of(proxy.api, IMPATIENT), of(nodes[1].api), tmp_path)


def test_an_honest_proxy_changes_nothing(two: Two) -> None:
    """Else the tests below would show nothing of real nodes."""
    for size in (0, 1, 9000, 3 << 18):
        data = os.urandom(size)
        address = two.store.put(data)
        assert two.faulty.get(address, limit=LIMIT) == two.well.get(address, limit=LIMIT) == data
        assert two.faulty.has(address)
        assert two.store.pinned_bytes(address) == 2 * two.well.pinned_bytes(address) > 2 * size
        two.store.unpin(address)
        assert two.store.pinned_bytes(address) == 0
    assert two.store.replicate_missed() == ReplicationResult(0, 0)


def test_one_that_is_down(tmp_path: Path, data: bytes) -> None:
    """From the start, and with what it has on its disk when it comes back."""
    with running_node(tmp_path / "one") as one, running_node(tmp_path / "other") as other:
        two = Two(of(one.api), of(other.api), tmp_path)
        before, gone = two.store.put(b"before"), two.store.put(b"let go of meanwhile")
        one.kill()
        address = two.store.put(data)
        assert two.store.get(address, limit=LIMIT) == data
        two.store.pin(address, limit=LIMIT)
        two.store.unpin(gone)
        two.rest()
        assert two.store.replicate_missed() == ReplicationResult(0, 2)
        with running_node(tmp_path / "one", api=one.api):
            two.rest()
            assert two.store.replicate_missed() == ReplicationResult(2, 0)
            assert two.faulty.get(address, limit=LIMIT) == data
            assert (two.faulty.has(before), two.faulty.has(gone)) == (True, False)
            other.kill()
            assert two.store.get(address, limit=LIMIT) == data, "the two stand in for each other"
        with pytest.raises(StoreUnavailableError, match="start the IPFS node"):
            two.store.get(address, limit=LIMIT)


def test_one_that_is_slow(two: Two, proxy: MoodyProxy, data: bytes) -> None:
    proxy.mood = Mood.SLOW
    address = two.store.put(data)
    assert proxy.requests == 1
    assert two.store.get(address, limit=LIMIT) == data
    two.store.pin(address, limit=LIMIT)
    assert proxy.requests == 1, "it rests"
    with pytest.raises(StoreUnavailableError, match="no complete answer within"):
        two.faulty.get(address, limit=LIMIT)
    proxy.mood = Mood.HONEST
    two.rest()
    assert two.store.replicate_missed() == ReplicationResult(1, 0)
    assert two.faulty.has(address)


def test_one_that_lies(two: Two, proxy: MoodyProxy, data: bytes) -> None:
    address = two.store.put(data)
    proxy.mood = Mood.LYING
    with pytest.raises(BlobCorruptError, match="does not match its address"):
        two.faulty.get(address, limit=LIMIT)
    assert two.store.get(address, limit=LIMIT) == data
    two.well.unpin(address)
    two.store.pin(address, limit=LIMIT)
    assert two.well.has(address), "what one says does not keep the other from keeping it"


def test_one_that_lies_of_a_blob_that_the_other_cannot_find(
    nodes: tuple[IpfsNode, IpfsNode], proxy: MoodyProxy, data: bytes, tmp_path: Path
) -> None:
    """One node's word is not enough to call a blob corrupt: a Gradient would be rejected for it."""
    two = Two(of(proxy.api), of(nodes[1].api, IMPATIENT), tmp_path)
    address = two.faulty.put(data)
    proxy.mood = Mood.LYING
    with pytest.raises(BlobNotFoundError, match="gets different answers"):
        two.store.get(address, limit=LIMIT)


def test_one_that_is_out_of_disk_in_kubos_words_by_a_proxy(two: Two, proxy: MoodyProxy, data: bytes) -> None:
    """Simulated: the proxy answers what Kubo does."""
    before = two.store.put(b"before")
    proxy.mood = Mood.FULL
    with pytest.raises(StoreUnavailableError, match="no space left on device"):
        two.faulty.put(data)
    address = two.store.put(data)
    assert two.store.get(address, limit=LIMIT) == data
    two.rest()
    assert two.faulty.get(before, limit=LIMIT) == b"before"
    assert two.store.replicate_missed() == ReplicationResult(0, 1)
    proxy.mood = Mood.HONEST
    two.rest()
    assert two.store.replicate_missed() == ReplicationResult(1, 0)


def fill(store: BlobStore) -> Iterator[bytes]:
    """Puts megabytes until there is no room for another one."""
    for _ in range(6):
        try:
            yield store.put(os.urandom(1 << 20))
        except StoreUnavailableError:
            return


@pytest.mark.skipif(not has_small_disks(), reason="nobody may mount a tmpfs in a namespace here")
def test_one_whose_disk_is_really_full(nodes: tuple[IpfsNode, IpfsNode], tmp_path: Path) -> None:
    with running_node(tmp_path / "small", disk=6 << 20) as small:
        two = Two(of(small.api), of(nodes[1].api), tmp_path)
        filling = list(fill(two.faulty))
        with pytest.raises(StoreUnavailableError, match="no space left on device"):
            two.faulty.put(os.urandom(1 << 20))
        address = two.store.put(os.urandom(1 << 20))
        assert two.well.has(address)
        assert two.faulty.get(filling[0], limit=LIMIT), "what it has can still be read"
        two.rest()
        assert two.store.replicate_missed() == ReplicationResult(0, 1)
        for blob in filling:
            two.faulty.unpin(blob)
        port = small.api.rsplit("/", 1)[-1]
        requests.post(f"http://127.0.0.1:{port}/api/v0/repo/gc", timeout=30).raise_for_status()
        two.rest()
        assert two.store.replicate_missed() == ReplicationResult(1, 0)
        assert two.faulty.has(address)
