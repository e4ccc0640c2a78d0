"""Blob stores: one protocol, an embedded store and IPFS behind it."""

from ape_sonar.store.base import (
    BlobCorruptError,
    BlobError,
    BlobNotFoundError,
    BlobStore,
    BlobTooLargeError,
    InvalidStoreError,
    Mended,
    StoreError,
    StoreUnavailableError,
)
from ape_sonar.store.uri import open_store

__all__ = [
    "BlobCorruptError",
    "BlobError",
    "BlobNotFoundError",
    "BlobStore",
    "BlobTooLargeError",
    "InvalidStoreError",
    "Mended",
    "StoreError",
    "StoreUnavailableError",
    "open_store",
]
