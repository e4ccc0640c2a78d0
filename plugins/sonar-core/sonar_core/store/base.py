"""The protocol of blob stores, and their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sonar_core.base.errors import SonarError
from sonar_core.protocol.content_address import to_cid


@dataclass(frozen=True, slots=True)
class ReplicationResult:
    """Result of `BlobStore.replicate_missed`.

    Attributes:
        blobs: number of blobs that were copied to a store that had missed them.
        left: number of blobs that stores still miss.
    """

    blobs: int
    left: int


class BlobStore(Protocol):
    """Blobs by content address. The result of `get` always hashes to the address.

    An address is a 32-byte digest (`sonar_core.protocol.content_address`); another length raises InvalidAddressError.
    Every method but `address_of` raises StoreUnavailableError if the store cannot be used.
    """

    @property
    def uri(self) -> str:
        """URI with which `open_store` opens this store."""

    def address_of(self, data: bytes) -> bytes:
        """Content address of `data`, computed locally; nothing is published."""

    def put(self, data: bytes) -> bytes:
        """Publishes and pins `data`; its address. Idempotent.

        Raises:
            BlobCorruptError: the store computed another address.
        """

    def get(self, address: bytes, *, limit: int) -> bytes:
        """The blob at `address`, at most `limit` bytes long, verified.

        Raises:
            BlobNotFoundError: no reachable node has it.
            BlobTooLargeError: it is longer than `limit`; no more than `limit` bytes were held in memory.
            BlobCorruptError: the stored bytes do not hash to `address`.
        """

    def has(self, address: bytes) -> bool:
        """True if this store itself keeps the blob (pinned, if it has pins); no other node is asked."""

    def pinned_bytes(self, address: bytes) -> int:
        """Bytes of the blob that this store itself has pinned, over all its nodes; 0 if it has no pins."""

    def pin(self, address: bytes, *, limit: int) -> None:
        """Fetches the blob, with the errors of `get`, and protects it from garbage collection."""

    def unpin(self, address: bytes) -> None:
        """Allows garbage collection of the blob; a no-op if it is not pinned."""

    def replicate_missed(self) -> ReplicationResult:
        """Copies some of the blobs that a replica missed while it was down; a no-op for a single store."""


class StoreError(SonarError):
    """Root of the errors of blob stores."""


class InvalidStoreError(StoreError, ValueError):
    """An invalid store URI.

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
    """A store that cannot be used: node down, folder not writable, time-out.

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
    """Root of the errors of a single blob.

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
    """A blob that no reachable node has."""


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
    """Bytes that do not hash to their address."""
