"""A folder of blobs in front of a store that is far away: at most so many bytes, the longest unused go first."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ape_sonar.address import to_cid
from ape_sonar.store.base import BlobCorruptError, BlobNotFoundError, BlobStore, Mended, StoreUnavailableError
from ape_sonar.store.embedded import EmbeddedStore


class CachedStore:
    """A `BlobStore` that keeps on disk what it has read and written lately.

    What is read from the folder is hashed again, so whatever happens to it costs a fetch and no more: a folder that
    cannot be used, on a full disk for one, is as good as none. Any number of processes may share it.

    Args:
        store: where blobs are.
        folder: of the cache, and of nothing else; made when missing.
        capacity: most bytes of all blobs in the folder; a longer blob is not kept.
    """

    def __init__(self, store: BlobStore, folder: Path, *, capacity: int) -> None:
        self._store, self._folder, self._capacity = store, folder, capacity

    @property
    def uri(self) -> str:
        """That of the store behind."""
        return self._store.uri

    def address_of(self, data: bytes) -> bytes:
        """The address `data` would get."""
        return self._store.address_of(data)

    def put(self, data: bytes) -> bytes:
        """Publishes `data` on the store behind, and keeps a copy."""
        address = self._store.put(data)
        self._keep(data)
        return address

    def get(self, address: bytes, *, limit: int) -> bytes:
        """The blob at `address`; see `BlobStore.get`."""
        with suppress(BlobNotFoundError, BlobCorruptError, StoreUnavailableError):
            data = self._kept().get(address, limit=limit)
            with suppress(OSError):
                os.utime(self._folder / to_cid(address))
            return data
        data = self._store.get(address, limit=limit)
        self._keep(data)
        return data

    def has(self, address: bytes) -> bool:
        """Whether the store behind keeps the blob."""
        return self._store.has(address)

    def pin(self, address: bytes, *, limit: int) -> None:
        """Pins the blob on the store behind."""
        self._store.pin(address, limit=limit)

    def unpin(self, address: bytes) -> None:
        """Unpins the blob on the store behind; the copy goes as well."""
        self._store.unpin(address)
        with suppress(OSError):
            (self._folder / to_cid(address)).unlink(missing_ok=True)

    def mend(self) -> Mended:
        """As the store behind does it."""
        return self._store.mend()

    def _kept(self) -> EmbeddedStore:
        return EmbeddedStore(self._folder)

    def _keep(self, data: bytes) -> None:
        if len(data) > self._capacity:
            return
        with suppress(StoreUnavailableError, OSError):
            self._kept().put(data)
            self._trim()

    def _trim(self) -> None:
        """Removes the longest unused blobs until the others fit."""
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
