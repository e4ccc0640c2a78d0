"""Opening a blob store by its URI."""

from __future__ import annotations

from pathlib import Path

from ape_sonar.store.base import BlobStore, InvalidStoreError
from ape_sonar.store.embedded import EmbeddedStore


def open_store(uri: str, *, timeout: float = 60.0) -> BlobStore:
    """The store named by `embedded:PATH`, `ipfs:MULTIADDR`, or the http(s) URL of an IPFS node's RPC API.

    Args:
        uri: a PATH may start with `~`; a relative one counts from the working directory.
        timeout: seconds that one call to an IPFS node may wait for its answer.

    Raises:
        InvalidStoreError: `uri` names no store.
        StoreUnavailableError: the folder of an embedded store cannot be made.
    """
    kind, _, rest = uri.partition(":")
    if kind == "embedded" and rest:
        return EmbeddedStore(Path(rest).expanduser())
    if kind in ("http", "https") or (kind == "ipfs" and rest):
        # Imported late: the default store needs neither ipfshttpclient nor its start-up time.
        from ape_sonar.store.ipfs import IpfsStore

        return IpfsStore(rest if kind == "ipfs" else uri, timeout=timeout)
    raise InvalidStoreError(uri, "it starts with neither embedded:, ipfs:, http: nor https:")
