"""Several stores as one, and the cache in front, on stores that fail as they are told; real: test_store_two_nodes."""

import os
from pathlib import Path

import pytest

from sonar_core.base.database import Database
from sonar_core.protocol.content_address import to_cid
from sonar_core.store import (
    BlobCorruptError,
    BlobNotFoundError,
    BlobTooLargeError,
    InvalidStoreError,
    ReplicationResult,
    StoreError,
    StoreUnavailableError,
    open_store,
)
from sonar_core.store.cache import CachedStore
from sonar_core.store.embedded import EmbeddedStore
from sonar_core.store.replicated import ReplicatedStore
from sonar_core.store.replication_backlog import BACKLOG_TABLE, Backlog

LIMIT = 1 << 20
DATA = b"the truth"


class Replica(EmbeddedStore):
    """A store that raises `fault` while there is one, and counts what it was asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fault: StoreError | None = None
        self.asked = 0

    def _fail(self) -> None:
        self.asked += 1
        if self.fault is not None:
            raise self.fault

    def put(self, data: bytes) -> bytes:
        self._fail()
        return super().put(data)

    def get(self, address: bytes, *, limit: int) -> bytes:
        self._fail()
        return super().get(address, limit=limit)

    def has(self, address: bytes) -> bool:
        self._fail()
        return super().has(address)

    def unpin(self, address: bytes) -> None:
        self._fail()
        (self._folder / to_cid(address)).unlink(missing_ok=True)


class Scene:
    """Two replicas behind one store, a journal, and a clock that only sleeping moves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.one, self.other = Replica(folder / "one"), Replica(folder / "other")
        self.now, self.pauses = 0.0, list[float]()
        self.restart()
        self.address = self.store.address_of(DATA)

    def restart(self) -> None:
        """Another process: what is in memory is gone."""
        self.backlog = Backlog(Database(self.folder / "state.sqlite", [BACKLOG_TABLE]))
        self.store = ReplicatedStore(
            (self.one, self.other),
            backlog=self.backlog,
            clock=lambda: self.now,
            sleep=self.sleep,
            pause=lambda most: most,
        )

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


DOWN = StoreUnavailableError("ipfs:/one", "nothing answers there")
FULL = StoreUnavailableError("ipfs:/one", "the node refused: no space left on device")


def corrupt(scene: Scene) -> BlobCorruptError:
    return BlobCorruptError(scene.address, "does not match its address")


def test_what_is_put_is_on_every_store(scene: Scene) -> None:
    address = scene.store.put(DATA)
    assert scene.one.get(address, limit=LIMIT) == scene.other.get(address, limit=LIMIT) == DATA
    assert scene.store.has(address)


@pytest.mark.parametrize("fault", [DOWN, FULL])
def test_one_that_is_down_or_full_is_done_without(scene: Scene, fault: StoreError) -> None:
    scene.one.fault = fault
    address = scene.store.put(DATA)
    assert scene.store.get(address, limit=LIMIT) == DATA
    assert scene.other.has(address)
    assert not scene.pauses


def test_one_that_failed_rests_and_comes_back(scene: Scene) -> None:
    scene.one.fault = DOWN
    scene.store.put(DATA)
    asked = scene.one.asked
    scene.store.put(b"more")
    scene.store.get(scene.address, limit=LIMIT)
    assert scene.one.asked == asked
    scene.one.fault, scene.now = None, scene.now + 31
    scene.store.put(b"most")
    assert scene.one.asked == asked + 1


def test_one_that_lies_is_done_without(scene: Scene) -> None:
    scene.store.put(DATA)
    scene.one.fault = corrupt(scene)
    assert scene.store.get(scene.address, limit=LIMIT) == DATA


def test_a_blob_is_wrong_only_where_all_who_answer_say_so(scene: Scene) -> None:
    scene.one.fault = corrupt(scene)
    with pytest.raises(BlobNotFoundError, match="gets different answers"):
        scene.store.get(scene.address, limit=LIMIT)
    scene.other.fault = corrupt(scene)
    with pytest.raises(BlobCorruptError):
        scene.store.get(scene.address, limit=LIMIT)
    scene.one.fault = scene.other.fault = None
    scene.store.put(DATA)
    with pytest.raises(BlobTooLargeError):
        scene.store.get(scene.address, limit=1)


def test_all_down_is_tried_again_with_growing_pauses_and_then_told(scene: Scene) -> None:
    scene.one.fault = scene.other.fault = DOWN
    with pytest.raises(StoreUnavailableError, match="nothing answers"):
        scene.store.get(scene.address, limit=LIMIT)
    assert scene.pauses == [0.25, 0.5]
    assert scene.one.asked == scene.other.asked == 3
    with pytest.raises(StoreUnavailableError):
        scene.store.put(DATA)


def test_uris(tmp_path: Path) -> None:
    store = open_store("ipfs:/ip4/127.0.0.1/tcp/1,/ip4/127.0.0.1/tcp/2,http://127.0.0.1:3")
    assert store.uri == "ipfs:/ip4/127.0.0.1/tcp/1,ipfs:/ip4/127.0.0.1/tcp/2,http://127.0.0.1:3"
    assert open_store(store.uri).uri == store.uri
    assert open_store(f"embedded:{tmp_path}/a,b").uri == f"embedded:{tmp_path}/a,b"
    for wrong in ("ipfs:/ip4/127.0.0.1/tcp/1,", "/ip4/127.0.0.1/tcp/1", "http://127.0.0.1:3,embedded:/here"):
        with pytest.raises(InvalidStoreError):
            open_store(wrong)


def test_one_that_hangs_costs_a_tenth_of_the_time(scene: Scene) -> None:
    def hang(data: bytes) -> bytes:
        scene.now += 60
        raise DOWN

    put, scene.one.put = scene.one.put, hang  # type: ignore[method-assign]
    scene.store.put(DATA)
    scene.one.put = put  # type: ignore[method-assign]
    scene.now += 590
    scene.store.put(b"more")
    assert scene.one.asked == 0
    scene.now += 11
    scene.store.put(b"most")
    assert scene.one.asked == 1


# ---------------------------------------------------------------------- what one of them missed


def while_one_is_down(scene: Scene, *blobs: bytes) -> list[bytes]:
    scene.one.fault = DOWN
    addresses = [scene.store.put(blob) for blob in blobs]
    scene.one.fault, scene.now = None, scene.now + 31
    return addresses


def test_what_one_missed_is_copied_to_it_after_a_restart_as_well(scene: Scene) -> None:
    addresses = while_one_is_down(scene, DATA, b"more")
    assert not any(scene.one.has(address) for address in addresses)
    scene.restart()
    assert scene.store.replicate_missed() == ReplicationResult(2, 0)
    assert [scene.one.get(address, limit=LIMIT) for address in addresses] == [DATA, b"more"]
    assert scene.store.replicate_missed() == ReplicationResult(0, 0)


def test_nothing_is_copied_to_one_that_rests_or_is_still_down(scene: Scene) -> None:
    while_one_is_down(scene, DATA)
    scene.one.fault = DOWN
    asked = scene.one.asked
    assert scene.store.replicate_missed() == scene.store.replicate_missed() == ReplicationResult(0, 1)
    assert scene.one.asked == asked + 1, "it failed once, and rests"


def test_a_look_copies_a_bounded_number_of_blobs_and_bytes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    while_one_is_down(scene, *(bytes([number]) for number in range(20)))
    assert scene.store.replicate_missed() == ReplicationResult(16, 4)
    assert scene.store.replicate_missed() == ReplicationResult(4, 0)
    monkeypatch.setattr("sonar_core.store.replicated._REPLICATED_BYTES", 15)
    while_one_is_down(scene, *(bytes([number]) * 10 for number in range(5)))
    assert [scene.store.replicate_missed() for _ in range(3)] == [
        ReplicationResult(2, 3),
        ReplicationResult(2, 1),
        ReplicationResult(1, 0),
    ]


def test_what_nobody_has_keeps_nothing_else_back(scene: Scene) -> None:
    lost, kept = while_one_is_down(scene, b"lost", b"kept")
    scene.other.unpin(lost)
    assert scene.store.replicate_missed() == ReplicationResult(0, 2)
    assert scene.store.replicate_missed() == ReplicationResult(0, 2), "it waits for a while"
    scene.now += 31
    assert scene.store.replicate_missed() == ReplicationResult(1, 1)
    assert scene.one.has(kept)
    scene.other.put(b"lost")
    scene.now += 31
    assert scene.store.replicate_missed() == ReplicationResult(1, 0)


def test_what_is_wanted_last_counts(scene: Scene) -> None:
    """Published while one is down and let go of since, or the other way round."""
    (address,) = while_one_is_down(scene, DATA)
    scene.store.unpin(address)
    assert scene.store.replicate_missed() == ReplicationResult(0, 0)
    assert not scene.one.has(address)
    scene.store.put(DATA)
    scene.one.fault = DOWN
    scene.store.unpin(address)
    scene.one.fault, scene.now = None, scene.now + 31
    assert scene.one.has(address)
    assert scene.store.replicate_missed() == ReplicationResult(1, 0)
    assert not scene.one.has(address)


def test_without_a_journal_nothing_is_made_up_for(tmp_path: Path) -> None:
    one, other = Replica(tmp_path / "one"), Replica(tmp_path / "other")
    one.fault = DOWN
    store = ReplicatedStore((one, other))
    store.put(DATA)
    one.fault = None
    assert store.replicate_missed() == ReplicationResult(0, 0)


# ---------------------------------------------------------------------- the cache


def cached(tmp_path: Path, capacity: int = 1000) -> tuple[Replica, CachedStore]:
    far = Replica(tmp_path / "far")
    return far, CachedStore(far, tmp_path / "cache", capacity=capacity)


def test_what_was_read_is_read_without_the_store(tmp_path: Path) -> None:
    far, store = cached(tmp_path)
    address = far.put(DATA)
    assert store.get(address, limit=LIMIT) == DATA
    far.fault = DOWN
    assert store.get(address, limit=LIMIT) == DATA
    with pytest.raises(BlobTooLargeError):
        store.get(address, limit=1)


def test_a_copy_that_was_changed_is_fetched_anew(tmp_path: Path) -> None:
    _, store = cached(tmp_path)
    address = store.put(DATA)
    copy = tmp_path / "cache" / to_cid(address)
    copy.write_bytes(b"a lie")
    assert store.get(address, limit=LIMIT) == DATA
    assert copy.read_bytes() == DATA


def test_the_longest_unused_go_first(tmp_path: Path) -> None:
    far, store = cached(tmp_path)
    first, second = (store.put(bytes([letter]) * 400) for letter in b"ab")
    os.utime(tmp_path / "cache" / to_cid(first), (1, 1))
    os.utime(tmp_path / "cache" / to_cid(second), (2, 2))
    store.get(first, limit=LIMIT)
    third = store.put(b"c" * 400)
    far.fault = DOWN
    assert len(store.get(first, limit=LIMIT)) == len(store.get(third, limit=LIMIT)) == 400
    with pytest.raises(StoreUnavailableError):
        store.get(second, limit=LIMIT)


def test_a_cache_that_cannot_be_used_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"no folder")
    _, store = cached(tmp_path)
    address = store.put(DATA)
    assert store.get(address, limit=LIMIT) == DATA
