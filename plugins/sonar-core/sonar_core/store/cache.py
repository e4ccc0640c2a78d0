"""An LRU cache of blobs in a folder, in front of a remote store."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sonar_core.protocol.content_address import to_cid
from sonar_core.store.base import (
    BlobCorruptError,
    BlobNotFoundError,
    BlobStore,
    ReplicationResult,
    StoreUnavailableError,
)
from sonar_core.store.embedded import EmbeddedStore


class BlobCache:
    """Copies of blobs in a folder, which several processes may share. An unusable folder counts as an empty cache.

    Args:
        folder: the cache's own folder, created if it is missing.
        capacity: most bytes of all blobs in the folder; a longer blob is not kept.
    """

    def __init__(self, folder: Path, *, capacity: int) -> None:
        self._folder, self._capacity = folder, capacity

    def get(self, address: bytes, *, limit: int) -> bytes | None:
        """The blob, verified by its hash, or None if there is no copy. Raises BlobTooLargeError."""
        with suppress(BlobNotFoundError, BlobCorruptError, StoreUnavailableError):
            data = EmbeddedStore(self._folder).get(address, limit=limit)
            with suppress(OSError):
                os.utime(self._path(address))
            return data
        return None

    def keep(self, data: bytes) -> None:
        """Stores a copy, and evicts the least recently used ones until the rest fits."""
        if len(data) > self._capacity:
            return
        with suppress(StoreUnavailableError, OSError):
            EmbeddedStore(self._folder).put(data)
            self._trim()

    def drop(self, address: bytes) -> None:
        """Removes the copy, if one exists."""
        with suppress(OSError):
            self._path(address).unlink(missing_ok=True)

    def size(self, address: bytes) -> int:
        """Bytes of the copy; 0 if there is none."""
        try:
            return self._path(address).stat().st_size
        except OSError:
            return 0

    def _path(self, address: bytes) -> Path:
        return self._folder / to_cid(address)

    def _trim(self) -> None:
        """Evicts the least recently used blobs until the rest fits."""
        files = []
        for path in self._folder.glob("Qm*"):
            # Another process may have removed it.
            with suppress(FileNotFoundError):
                status = path.stat()
                files.append((status.st_mtime_ns, status.st_size, path))
        room = self._capacity
        for _, size, path in sorted(files, reverse=True):
            room -= size
            if room < 0:
                path.unlink(missing_ok=True)


class CachedStore:
    """A `BlobStore` with an LRU cache on disk in front of another store.

    Cached blobs are verified by their hash: a damaged or unusable folder (a full disk) costs a fetch and nothing else.

    Args:
        store: the store behind.
        folder, capacity: of the cache (`BlobCache`).
    """

    def __init__(self, store: BlobStore, folder: Path, *, capacity: int) -> None:
        self._store, self._cache = store, BlobCache(folder, capacity=capacity)

    @property
    def uri(self) -> str:
        """URI of the store behind."""
        return self._store.uri

    def address_of(self, data: bytes) -> bytes:
        """Content address of `data`."""
        return self._store.address_of(data)

    def put(self, data: bytes) -> bytes:
        """Publishes `data` on the store behind, and keeps a copy."""
        address = self._store.put(data)
        self._cache.keep(data)
        return address

    def get(self, address: bytes, *, limit: int) -> bytes:
        """The blob at `address`; see `BlobStore.get`."""
        data = self._cache.get(address, limit=limit)
        if data is None:
            data = self._store.get(address, limit=limit)
            self._cache.keep(data)
        return data

    def has(self, address: bytes) -> bool:
        """True if the store behind keeps the blob."""
        return self._store.has(address)

    def pinned_bytes(self, address: bytes) -> int:
        """Bytes that the store behind has pinned; a cached copy is no pin."""
        return self._store.pinned_bytes(address)

    def pin(self, address: bytes, *, limit: int) -> None:
        """Pins the blob on the store behind."""
        self._store.pin(address, limit=limit)

    def unpin(self, address: bytes) -> None:
        """Unpins the blob on the store behind, and removes the copy."""
        self._store.unpin(address)
        self._cache.drop(address)

    def replicate_missed(self) -> ReplicationResult:
        """Replicates on the store behind."""
        return self._store.replicate_missed()
