"""The default store: a folder of blobs on this machine, shared by any number of processes, without a daemon.

A blob is one file named by its CID. Files appear whole (`write_atomically`) and are verified by their hash when read:
neither a crash nor a change by hand yields other bytes.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sonar_core.base.atomic_files import remove_leftovers, write_atomically
from sonar_core.protocol.content_address import to_cid
from sonar_core.store.base import (
    BlobCorruptError,
    BlobNotFoundError,
    BlobTooLargeError,
    ReplicationResult,
    StoreUnavailableError,
)
from sonar_core.store.unixfs import address_of


class EmbeddedStore:
    """A `BlobStore` in a folder, which is created if it is missing.

    Several parties may share the folder, so no blob is ever removed: `unpin` does nothing.

    Raises:
        StoreUnavailableError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        with self._available():
            self._folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self._folder)

    @property
    def uri(self) -> str:
        """URI with which `open_store` opens this store."""
        return f"embedded:{self._folder}"

    def address_of(self, data: bytes) -> bytes:
        """Content address of `data`."""
        return address_of(data)

    def put(self, data: bytes) -> bytes:
        """Stores `data`; a file of that name with other content is replaced."""
        address = address_of(data)
        path = self._path(address)
        with self._available():
            if not _holds(path, data):
                write_atomically(path, data)
        return address

    def get(self, address: bytes, *, limit: int) -> bytes:
        """The blob at `address`; see `BlobStore.get`."""
        path = self._path(address)
        try:
            with self._available(), path.open("rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError:
            raise BlobNotFoundError(
                address, f"is not in {self.uri}: check the store, or wait until it is published"
            ) from None
        if len(data) > limit:
            raise BlobTooLargeError(address, limit)
        if address_of(data) != address:
            raise BlobCorruptError(
                address,
                f"does not match its address: {path} was changed; remove it and put the blob again",
            )
        return data

    def has(self, address: bytes) -> bool:
        """True if a file of that name exists; its content is verified by `get` only."""
        with self._available():
            return self._path(address).is_file()

    def pinned_bytes(self, address: bytes) -> int:
        """0: an embedded store has no pins, and keeps every blob."""
        self._path(address)
        return 0

    def pin(self, address: bytes, *, limit: int) -> None:
        """Checks that the blob exists; see `BlobStore.pin`."""
        self.get(address, limit=limit)

    def unpin(self, address: bytes) -> None:
        """No-op: other processes may still need the blob."""
        self._path(address)

    def replicate_missed(self) -> ReplicationResult:
        """No-op: a single store has no replicas."""
        return ReplicationResult(0, 0)

    def _path(self, address: bytes) -> Path:
        return self._folder / to_cid(address)

    @contextmanager
    def _available(self) -> Iterator[None]:
        """Translates OSError to StoreUnavailableError, but for FileNotFoundError inside an existing folder."""
        try:
            yield
        except FileNotFoundError:
            if self._folder.is_dir():
                raise
            raise StoreUnavailableError(self.uri, "the folder is gone; open the store again") from None
        except OSError as error:
            raise StoreUnavailableError(
                self.uri, f"{error.strerror or error}; check the folder, its permissions and the disk"
            ) from error


def _holds(path: Path, data: bytes) -> bool:
    """True if `path` is a regular file with exactly these bytes."""
    try:
        status = path.stat()
        return stat.S_ISREG(status.st_mode) and status.st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False
