"""Wrappers of store and node that report every call to an observer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from web3 import Web3
from web3.middleware import Web3Middleware
from web3.types import RPCEndpoint, RPCResponse

from sonar_core.base.errors import one_line
from sonar_core.service.observer import Observer
from sonar_core.store import BlobCorruptError, BlobStore, ReplicationResult, StoreUnavailableError

_LAYER = "sonar-watch"


class InstrumentedStore:
    """A `BlobStore` in front of another one. A blob that is not there is an answer, not a failure of the store."""

    def __init__(self, store: BlobStore, observer: Observer) -> None:
        self._store, self._observer = store, observer

    @property
    def uri(self) -> str:
        """The store's own."""
        return self._store.uri

    def address_of(self, data: bytes) -> bytes:
        """The address `data` would get."""
        return self._store.address_of(data)

    def put(self, data: bytes) -> bytes:
        """As the store does it."""
        with self._told("put"):
            return self._store.put(data)

    def get(self, address: bytes, *, limit: int) -> bytes:
        """As the store does it."""
        with self._told("get"):
            return self._store.get(address, limit=limit)

    def has(self, address: bytes) -> bool:
        """As the store does it."""
        with self._told("has"):
            return self._store.has(address)

    def pinned_bytes(self, address: bytes) -> int:
        """As the store does it."""
        with self._told("size"):
            return self._store.pinned_bytes(address)

    def pin(self, address: bytes, *, limit: int) -> None:
        """As the store does it."""
        with self._told("pin"):
            self._store.pin(address, limit=limit)

    def unpin(self, address: bytes) -> None:
        """As the store does it."""
        with self._told("unpin"):
            self._store.unpin(address)

    def replicate_missed(self) -> ReplicationResult:
        """As the store does it; not reported."""
        return self._store.replicate_missed()

    @contextmanager
    def _told(self, call: str) -> Iterator[None]:
        begun, failure = time.perf_counter(), None
        try:
            yield
        except (StoreUnavailableError, BlobCorruptError) as error:
            failure = one_line(error)
            raise
        finally:
            self._observer.called("store", call, time.perf_counter() - begun, failure)


@contextmanager
def watched_node(web3: Web3, observer: Observer) -> Iterator[None]:
    """Reports each call to the node while the context lasts.

    A call that the node refuses (a revert, an unknown block) is an answer. Of a failure only its type is reported: the
    message holds the node's URL.
    """

    class Watch(Web3Middleware):
        def wrap_make_request(self, make_request: Callable[[RPCEndpoint, Any], RPCResponse]) -> Any:
            def request(method: RPCEndpoint, params: Any) -> RPCResponse:
                begun, failure = time.perf_counter(), None
                try:
                    return make_request(method, params)
                except OSError as error:
                    failure = type(error).__name__
                    raise
                finally:
                    observer.called("node", method, time.perf_counter() - begun, failure)

            return request

    web3.middleware_onion.add(Watch, _LAYER)
    try:
        yield
    finally:
        web3.middleware_onion.remove(_LAYER)
