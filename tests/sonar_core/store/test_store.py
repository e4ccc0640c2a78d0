"""The embedded store, store URIs, and what both stores have in common."""

import multiprocessing
import os
import pickle
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonar_core.base.errors import SonarError
from sonar_core.protocol.content_address import InvalidAddressError, to_cid
from sonar_core.store import (
    BlobCorruptError,
    BlobNotFoundError,
    BlobTooLargeError,
    InvalidStoreError,
    StoreUnavailableError,
    open_store,
)
from sonar_core.store.embedded import EmbeddedStore
from sonar_core.store.unixfs import address_of

DATA = b"a gradient"
LIMIT = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def store(folder: Path) -> EmbeddedStore:
    return EmbeddedStore(folder)


@given(st.binary(max_size=300))
def test_what_is_put_is_got(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    store = EmbeddedStore(tmp_path_factory.getbasetemp() / "shared")
    address = store.put(data)
    assert address == store.address_of(data) == address_of(data)
    assert store.get(address, limit=len(data)) == data


def test_an_address_is_known_before_anything_is_published(store: EmbeddedStore, folder: Path) -> None:
    address = store.address_of(DATA)
    assert list(folder.iterdir()) == []
    assert not store.has(address)
    with pytest.raises(BlobNotFoundError, match=to_cid(address)):
        store.get(address, limit=LIMIT)
    assert store.put(DATA) == address
    assert store.has(address)


def test_putting_twice_leaves_one_file_untouched(store: EmbeddedStore, folder: Path) -> None:
    path = folder / to_cid(store.put(DATA))
    before = path.stat()
    store.put(DATA)
    assert [path] == list(folder.iterdir())
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_limit_is_the_longest_blob_read(store: EmbeddedStore) -> None:
    address = store.put(DATA)
    assert store.get(address, limit=len(DATA)) == DATA
    with pytest.raises(BlobTooLargeError) as caught:
        store.get(address, limit=len(DATA) - 1)
    assert (caught.value.address, caught.value.limit) == (address, len(DATA) - 1)


def test_a_huge_file_is_not_read(store: EmbeddedStore, folder: Path) -> None:
    address = store.address_of(DATA)
    with (folder / to_cid(address)).open("wb") as sparse:
        sparse.truncate(1 << 40)
    with pytest.raises(BlobTooLargeError):
        store.get(address, limit=LIMIT)


@pytest.mark.parametrize("other", [b"", DATA[:-1], DATA + b"\0", DATA[::-1]])
def test_a_changed_file_is_refused_and_repaired(store: EmbeddedStore, folder: Path, other: bytes) -> None:
    address = store.put(DATA)
    (folder / to_cid(address)).write_bytes(other)
    with pytest.raises(BlobCorruptError, match="was changed"):
        store.get(address, limit=LIMIT)
    store.put(DATA)
    assert store.get(address, limit=LIMIT) == DATA


def test_pinning_asks_for_the_blob_and_unpinning_keeps_it(store: EmbeddedStore) -> None:
    with pytest.raises(BlobNotFoundError):
        store.pin(store.address_of(DATA), limit=LIMIT)
    address = store.put(DATA)
    store.pin(address, limit=LIMIT)
    store.unpin(address)
    assert store.get(address, limit=LIMIT) == DATA


def test_a_failed_write_leaves_nothing(store: EmbeddedStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailableError, match="No space left on device"):
        store.put(DATA)
    assert list(folder.iterdir()) == []


def test_what_a_killed_writer_left_is_swept_and_what_another_writes_is_not(folder: Path) -> None:
    EmbeddedStore(folder)
    old, young = folder / ".incoming-old", folder / ".incoming-young"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    EmbeddedStore(folder)
    assert list(folder.iterdir()) == [young]


def _put_many(folder: Path, seed: int) -> None:
    store = EmbeddedStore(folder)
    for number in range(40):
        data = bytes([number]) * 5000
        assert store.get(store.put(data), limit=LIMIT) == data, seed


def test_processes_share_a_folder(folder: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_put_many, args=(folder, seed)) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert {path.name for path in folder.iterdir()} == {
        to_cid(address_of(bytes([number]) * 5000)) for number in range(40)
    }


def test_a_folder_that_goes_away(store: EmbeddedStore, folder: Path) -> None:
    address = store.put(DATA)
    (folder / to_cid(address)).unlink()
    folder.rmdir()
    with pytest.raises(StoreUnavailableError, match="is gone"):
        store.get(address, limit=LIMIT)
    with pytest.raises(StoreUnavailableError, match="is gone"):
        store.put(DATA)


def test_a_path_that_can_be_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailableError, match="check the folder"):
        open_store(f"embedded:{tmp_path / 'file'}")
    with pytest.raises(StoreUnavailableError, match="check the folder"):
        open_store(f"embedded:{tmp_path / 'file' / 'below'}")


@pytest.mark.parametrize("address", [b"", bytes(31), "Qm" + "1" * 44])
def test_what_is_no_address_is_refused(store: EmbeddedStore, address: bytes) -> None:
    for use in (
        lambda: store.get(address, limit=LIMIT),
        lambda: store.has(address),
        lambda: store.unpin(address),
    ):
        with pytest.raises(InvalidAddressError):
            use()


def test_a_uri_opens_the_same_store_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("embedded:some/blobs")
    address = store.put(DATA)
    monkeypatch.chdir("/")
    assert open_store(store.uri).get(address, limit=LIMIT) == DATA

    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_store("embedded:~/some/blobs").has(address)


@pytest.mark.parametrize(
    "uri",
    [
        "ipfs:/ip4/127.0.0.1/tcp/5001",
        "ipfs:/dns/node.example/tcp/443/https",
        "http://127.0.0.1:5001",
        "https://node.example/kubo/api/v0",
        "http://[::1]:5001/",
    ],
)
def test_addresses_of_nodes(uri: str) -> None:
    store = open_store(uri)
    assert store.uri == uri
    assert store.address_of(DATA) == address_of(DATA)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "blobs",
        "embedded:",
        "ipfs:",
        "ipfs:127.0.0.1:5001",
        "ipfs:/ip4/127.0.0.1",
        "ipfs:/ip4/127.0.0.1/udp/5001",
        "ipfs:/ip4/300.0.0.1/tcp/5001",
        "ipfs:ftp://127.0.0.1:5001",
        "http://",
        "http://127.0.0.1:99999",
        "http://user:secret@127.0.0.1:5001",
        "http://127.0.0.1:5001/?a=b",
        "s3://bucket",
    ],
)
def test_what_names_no_store_is_refused(uri: str) -> None:
    with pytest.raises(InvalidStoreError, match="write embedded:PATH") as caught:
        open_store(uri)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        BlobNotFoundError(bytes(32), "is gone"),
        BlobTooLargeError(bytes(32), 7),
        BlobCorruptError(bytes(32), "is odd"),
        StoreUnavailableError("embedded:x", "no"),
        InvalidStoreError("x", "no"),
        InvalidAddressError("x", "no"),
    ],
)
def test_errors_are_one_line_of_one_tree_and_travel_between_processes(error: SonarError) -> None:
    assert isinstance(error, SonarError)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
    assert "\n" not in str(error)
