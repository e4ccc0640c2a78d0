"""Layer 4: blob stores (embedded, IPFS, replicated, cached) behind one protocol, and typed reads of blobs."""

from sonar_core.store.base import (
    BlobCorruptError,
    BlobError,
    BlobNotFoundError,
    BlobStore,
    BlobTooLargeError,
    InvalidStoreError,
    ReplicationResult,
    StoreError,
    StoreUnavailableError,
)
from sonar_core.store.uri import open_store

__all__ = [
    "BlobCorruptError",
    "BlobError",
    "BlobNotFoundError",
    "BlobStore",
    "BlobTooLargeError",
    "InvalidStoreError",
    "ReplicationResult",
    "StoreError",
    "StoreUnavailableError",
    "open_store",
]
