"""Opens a blob store by its URI."""

from __future__ import annotations

from pathlib import Path

from sonar_core.store.base import BlobStore, InvalidStoreError
from sonar_core.store.embedded import EmbeddedStore
from sonar_core.store.replicated import ReplicatedStore
from sonar_core.store.replication_backlog import Backlog


def open_store(uri: str, *, timeout: float = 60.0, backlog: Backlog | None = None) -> BlobStore:
    """The store named by `embedded:PATH`, `ipfs:MULTIADDR`, or the http(s) URL of an IPFS node's RPC API.

    Several IPFS nodes, separated by commas (`ipfs:/ip4/10.0.0.1/tcp/5001,https://ipfs.example`), are replicas
    (`ReplicatedStore`).

    Args:
        uri: PATH may start with `~`; a relative one starts at the working directory.
        timeout: limit for the answer to one call to an IPFS node, in seconds.
        backlog: record of the writes that one of several nodes missed, for `BlobStore.replicate_missed`.

    Raises:
        InvalidStoreError: `uri` names no store.
        StoreUnavailableError: the folder of an embedded store cannot be created.
    """
    kind, _, rest = uri.partition(":")
    if kind == "embedded" and rest:
        return EmbeddedStore(Path(rest).expanduser())
    first, *others = uri.split(",")
    names = [first, *(f"ipfs:{name}" if name.startswith("/") else name for name in others)]
    nodes = [_ipfs_node(name, uri, timeout) for name in names]
    return nodes[0] if len(nodes) == 1 else ReplicatedStore(nodes, backlog=backlog)


def _ipfs_node(name: str, uri: str, timeout: float) -> BlobStore:
    kind, _, rest = name.partition(":")
    if kind in ("http", "https") or (kind == "ipfs" and rest):
        # Imported late: the default store needs neither ipfshttpclient nor its start-up time.
        from sonar_core.store.ipfs import IpfsStore

        return IpfsStore(rest if kind == "ipfs" else name, timeout=timeout)
    raise InvalidStoreError(uri, "it starts with neither embedded:, ipfs:, http: nor https:")
