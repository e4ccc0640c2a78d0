"""What every blob store promises, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sonar_core.base.errors import SonarError
from sonar_core.protocol.content_address import to_cid


@dataclass(frozen=True, slots=True)
class ReplicationResult:
    """What `BlobStore.replicate_missed` made up for.

    Attributes:
        blobs: that a store had missed, and has now.
        left: that stores still miss.
    """

    blobs: int
    left: int


class BlobStore(Protocol):
    """Blobs by content address. Whatever comes out of `get` hashes to the address that was asked for.

    An address is the 32-byte digest of `sonar_core.protocol.content_address`; another length raises
    InvalidAddressError. Every method but `address_of` raises StoreUnavailableError if the store cannot be used.
    """

    @property
    def uri(self) -> str:
        """What `open_store` takes to open this store again."""

    def address_of(self, data: bytes) -> bytes:
        """The address `data` would get. Publishes nothing, asks nobody."""

    def put(self, data: bytes) -> bytes:
        """Publishes `data` and keeps it (pinned). Returns its address. Doing it twice changes nothing.

        Raises:
            BlobCorruptError: the store filed it under another address.
        """

    def get(self, address: bytes, *, limit: int) -> bytes:
        """The blob at `address`, at most `limit` bytes long, verified.

        Raises:
            BlobNotFoundError: nobody who could be asked has it.
            BlobTooLargeError: it is longer than `limit`. No more than that was held in memory.
            BlobCorruptError: what is there does not hash to `address`.
        """

    def has(self, address: bytes) -> bool:
        """Whether this very store keeps the blob (pinned, where there are pins); nobody else is asked."""

    def pinned_bytes(self, address: bytes) -> int:
        """Bytes that this very store has pinned of the blob, all its nodes together; 0 where there are no pins."""

    def pin(self, address: bytes, *, limit: int) -> None:
        """Fetches the blob as `get` does, with its errors, and keeps it from being collected."""

    def unpin(self, address: bytes) -> None:
        """Allows the blob to be collected. Nothing happens when it is not pinned."""

    def replicate_missed(self) -> ReplicationResult:
        """Makes up for a little of what one of several stores missed while it was down; a single one missed nothing."""


class StoreError(SonarError):
    """Root of everything that can go wrong with a blob store."""


class InvalidStoreError(StoreError, ValueError):
    """A store URI that names no store.

    Attributes:
        uri: what was given.
        why: the rule it breaks.
    """

    def __init__(self, uri: object, why: str) -> None:
        super().__init__(uri, why)
        self.uri = uri
        self.why = why

    def __str__(self) -> str:
        return (
            f"{self.uri!r:.200} names no blob store: {self.why}; "
            "write embedded:PATH, ipfs:/ip4/127.0.0.1/tcp/5001 or http://127.0.0.1:5001 "
            "(several IPFS nodes: with commas between)"
        )


class StoreUnavailableError(StoreError, ConnectionError):
    """A store that cannot be used at all: node down, folder not writable, no answer in time.

    Attributes:
        uri: the store.
        why: what happened, and what to do.
    """

    def __init__(self, uri: str, why: str) -> None:
        super().__init__(uri, why)
        self.uri = uri
        self.why = why

    def __str__(self) -> str:
        return f"blob store {self.uri} is unavailable: {self.why}"


class BlobError(StoreError):
    """Something wrong with one blob.

    Attributes:
        address: its address, 32 bytes.
        why: what is wrong, and what to do.
    """

    def __init__(self, address: bytes, why: str) -> None:
        super().__init__(address, why)
        self.address = address
        self.why = why

    def __str__(self) -> str:
        return f"blob {to_cid(self.address)} {self.why}"


class BlobNotFoundError(BlobError, LookupError):
    """A blob that nobody who was asked has."""


class BlobTooLargeError(BlobError, ValueError):
    """A blob longer than its reader allows.

    Attributes:
        limit: the most bytes allowed.
    """

    def __init__(self, address: bytes, limit: int) -> None:
        super().__init__(address, f"is longer than the {limit} bytes allowed here: it was not read")
        self.args = (address, limit)
        self.limit = limit


class BlobCorruptError(BlobError, ValueError):
    """Bytes that do not hash to the address they are filed under."""
