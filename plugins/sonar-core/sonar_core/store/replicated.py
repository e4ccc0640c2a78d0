"""Several blob stores behind one: replicas with failover.

A write goes to every store that is up, so that each holds all blobs; a read takes the first store that has the blob. A
store that failed is in back-off for a while: a dead node costs one time-out, not one per blob. The blobs that it misses
meanwhile are recorded in a backlog, if one is given, and `replicate_missed` copies them later.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from sonar_core.store.base import (
    BlobNotFoundError,
    BlobStore,
    InvalidStoreError,
    ReplicationResult,
    StoreError,
    StoreUnavailableError,
)
from sonar_core.store.replication_backlog import Backlog, Missed

_T = TypeVar("_T")

#: Shortest back-off of a store that failed, in seconds: until then it is asked only if no other store could answer.
_BACKOFF_SECONDS = 30.0
#: The back-off lasts at least this many times as long as the call that failed: slow failures cost a tenth of the time.
_BACKOFF_FACTOR = 10.0
#: Rounds over all stores before an operation fails, and seconds before the second round; doubled per further round.
_ROUNDS = 3
_FIRST_PAUSE_SECONDS = 0.25
#: Bounds of one `replicate_missed`, per store: blobs, bytes, seconds.
_REPLICATED_AT_ONCE, _REPLICATED_BYTES, _REPLICATION_SECONDS = 16, 64 << 20, 5.0


class ReplicatedStore:
    """A `BlobStore` over replicas.

    If all stores are unavailable, the operation is retried with exponential back-off and full jitter
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).

    Args:
        stores: the replicas in order of preference, at least one.
        backlog: record of the blobs that a store missed; None records nothing, and nothing is copied later.
        clock: a monotonic clock, in seconds.
        sleep: waits for a number of seconds.
        pause: draws a random pause between 0 and its argument, in seconds.

    Raises:
        InvalidStoreError: `stores` is empty.
    """

    def __init__(
        self,
        stores: Sequence[BlobStore],
        *,
        backlog: Backlog | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        pause: Callable[[float], float] = lambda most: random.uniform(0, most),  # noqa: S311 - no secret
    ) -> None:
        if not stores:
            raise InvalidStoreError("", "it lists no store")
        self._stores = tuple(stores)
        self._backlog = backlog
        self._clock, self._sleep, self._pause = clock, sleep, pause
        #: End of the back-off of a store that failed, by its index.
        self._backoff_until: dict[int, float] = {}
        #: The same for copying what it missed, if that failed although the store is up.
        self._replication_backoff_until: dict[int, float] = {}

    @property
    def uri(self) -> str:
        """URI with which `open_store` opens these stores."""
        return ",".join(store.uri for store in self._stores)

    def address_of(self, data: bytes) -> bytes:
        """Content address of `data`."""
        return self._stores[0].address_of(data)

    def put(self, data: bytes) -> bytes:
        """Publishes `data` on every store that is up; see `BlobStore.put`. One store that took it is enough."""
        address = self.address_of(data)
        self._on_all(lambda store: store.put(data), Missed(address, len(data), keeps=True))
        return address

    def get(self, address: bytes, *, limit: int) -> bytes:
        """The blob at `address` from the first store that has it; see `BlobStore.get`.

        An error about the blob itself is raised only if all stores that answered agree on it. If they disagree, one of
        them lies or lags behind: the blob counts as not found yet.
        """
        return self._on_first(address, lambda store: store.get(address, limit=limit))

    def has(self, address: bytes) -> bool:
        """True if a store that answers keeps the blob."""
        return any(self._on_each(lambda store: store.has(address)).values())

    def pinned_bytes(self, address: bytes) -> int:
        """Bytes that the stores that answer have pinned of the blob, all together."""
        return sum(self._on_each(lambda store: store.pinned_bytes(address)).values())

    def pin(self, address: bytes, *, limit: int) -> None:
        """Pins the blob on every store that is up and finds it; see `BlobStore.pin`. One success is enough."""
        self._on_all(lambda store: store.pin(address, limit=limit), Missed(address, limit, keeps=True))

    def unpin(self, address: bytes) -> None:
        """Unpins the blob on every store that is up."""
        self._on_all(lambda store: store.unpin(address), Missed(address, 0, keeps=False))

    def replicate_missed(self) -> ReplicationResult:
        """Copies blobs to stores that missed them and are up again: a bounded number per call."""
        if self._backlog is None:
            return ReplicationResult(0, 0)
        indices = range(len(self._stores))
        ready = [index for index in indices if not self._in_backoff(index) and not self._replication_waits(index)]
        done = sum(self._replicate_to(self._backlog, index) for index in ready)
        return ReplicationResult(done, sum(self._backlog.count(store.uri) for store in self._stores))

    def _replicate_to(self, backlog: Backlog, index: int) -> int:
        """Number of missed blobs settled on one store, until it fails or a bound is reached."""
        end, room, done = self._clock() + _REPLICATION_SECONDS, _REPLICATED_BYTES, 0
        for missed in backlog.oldest(self._stores[index].uri, most=_REPLICATED_AT_ONCE):
            if room <= 0 or self._clock() > end:
                break
            try:
                room -= self._call(index, partial(self._settle, missed))
            except StoreUnavailableError:
                break
            except StoreError:
                # The store is up, but refuses the blob, or no store has it now: it goes to the end of the backlog.
                backlog.add(self._stores[index].uri, missed)
                self._replication_backoff_until[index] = self._clock() + _BACKOFF_SECONDS
                break
            backlog.remove(self._stores[index].uri, missed.address)
            done += 1
        return done

    def _settle(self, missed: Missed, store: BlobStore) -> int:
        """Copies or unpins one missed blob; the bytes that were copied."""
        if not missed.keeps:
            store.unpin(missed.address)
        elif not store.has(missed.address):
            data = self._from_another(store, missed)
            store.put(data)
            return len(data)
        return 0

    def _from_another(self, store: BlobStore, missed: Missed) -> bytes:
        """The blob from another replica that keeps it; the network is not searched. Raises BlobNotFoundError."""
        for index, other in enumerate(self._stores):
            if other is store or self._in_backoff(index):
                continue
            try:
                if self._call(index, lambda one: one.has(missed.address)):
                    return self._call(index, lambda one: one.get(missed.address, limit=missed.longest))
            except StoreError:
                continue
        raise BlobNotFoundError(missed.address, f"is kept by no store but {store.uri} now: it is copied there later")

    def _on_first(self, address: bytes, act: Callable[[BlobStore], _T]) -> _T:
        def first() -> _T:
            errors: list[StoreError] = []
            for index in self._in_turn():
                try:
                    return self._call(index, act)
                except StoreError as error:
                    errors.append(error)
            raise _common_error(address, errors, self.uri)

        return self._with_retries(first)

    def _on_all(self, act: Callable[[BlobStore], object], missed: Missed) -> None:
        """Acts on all stores, and records `missed` for those where that failed."""
        done = self._with_retries(lambda: self._on_each(act))
        if self._backlog is None:
            return
        for index, store in enumerate(self._stores):
            if index in done:
                self._backlog.remove(store.uri, missed.address)
            else:
                self._backlog.add(store.uri, missed)

    def _on_each(self, act: Callable[[BlobStore], _T]) -> dict[int, _T]:
        """The stores' answers by index, at least one. A store in back-off is asked only if no other one answered."""
        answers: dict[int, _T] = {}
        errors: list[StoreError] = []
        for index in self._in_turn():
            if answers and self._in_backoff(index):
                continue
            try:
                answers[index] = self._call(index, act)
            except StoreError as error:
                errors.append(error)
        if answers:
            return answers
        raise next((error for error in errors if not isinstance(error, StoreUnavailableError)), errors[0])

    def _call(self, index: int, act: Callable[[BlobStore], _T]) -> _T:
        """Acts on one store; a failure starts its back-off."""
        begun = self._clock()
        try:
            answer = act(self._stores[index])
        except StoreUnavailableError:
            now = self._clock()
            self._backoff_until[index] = now + max(_BACKOFF_SECONDS, _BACKOFF_FACTOR * (now - begun))
            raise
        self._backoff_until.pop(index, None)
        return answer

    def _with_retries(self, act: Callable[[], _T]) -> _T:
        for earlier in range(_ROUNDS - 1):
            try:
                return act()
            except StoreUnavailableError:
                self._sleep(self._pause(_FIRST_PAUSE_SECONDS * 2**earlier))
        return act()

    def _in_turn(self) -> list[int]:
        """Indices of all stores in order of preference, those in back-off last."""
        return sorted(range(len(self._stores)), key=self._in_backoff)

    def _in_backoff(self, index: int) -> bool:
        return self._backoff_until.get(index, float("-inf")) > self._clock()

    def _replication_waits(self, index: int) -> bool:
        return self._replication_backoff_until.get(index, float("-inf")) > self._clock()


def _common_error(address: bytes, errors: Sequence[StoreError], uri: str) -> StoreError:
    """One error for the answers of all stores about a blob."""
    answered = [error for error in errors if not isinstance(error, StoreUnavailableError)]
    if not answered:
        return StoreUnavailableError(uri, "; ".join(str(error) for error in errors))
    if len({type(error) for error in answered}) == 1:
        return answered[0]
    return BlobNotFoundError(address, f"gets different answers from the stores {uri}: check them, and try again later")
