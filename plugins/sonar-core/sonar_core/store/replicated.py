"""One blob store out of several: what one cannot do, the next one does.

Writes go to every store that is up, so that each holds everything; reads come from the first that has the blob. A
store that failed is left alone for a while, so that a dead node costs its time-out once and not at every blob. What it
missed meanwhile is noted in a backlog, where there is one, and made up for by `mend`.
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

#: Seconds for which a store that failed is asked only where no other one helped.
_REST_SECONDS = 30.0
#: A store that fails slowly rests for so many times as long as it took: it costs no more than a tenth of the time.
_REST_TIMES = 10.0
#: Rounds over all stores before giving up, and seconds before the second one; doubled for each round after it.
_ROUNDS = 3
_FIRST_PAUSE_SECONDS = 0.25
#: What `mend` does at most for each store before its caller goes on: blobs, bytes of them, seconds.
_MENDED_AT_ONCE, _MENDED_BYTES, _MENDING_SECONDS = 16, 64 << 20, 5.0


class ReplicatedStore:
    """A `BlobStore` over stores that are each other's replicas.

    Where all of them are unavailable, they are tried again, after pauses that grow and are drawn at random
    ("full jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).

    Args:
        stores: in order of preference, at least one.
        backlog: where it is noted what a store missed; without one it is not made up for.
        clock: seconds that only grow.
        sleep: waits for so many seconds.
        pause: draws the seconds to wait from 0 up to its argument.

    Raises:
        InvalidStoreError: there is no store.
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
        self._rests_until: dict[int, float] = {}
        #: Until when nothing is made up for, by the place of a store where that failed, though the store is up.
        self._waits_until: dict[int, float] = {}

    @property
    def uri(self) -> str:
        """What `open_store` takes to open these stores again."""
        return ",".join(store.uri for store in self._stores)

    def address_of(self, data: bytes) -> bytes:
        """The address `data` would get."""
        return self._stores[0].address_of(data)

    def put(self, data: bytes) -> bytes:
        """Publishes `data` on every store that is up; see `BlobStore.put`. Enough when one took it."""
        address = self.address_of(data)
        self._at_all(lambda store: store.put(data), Missed(address, len(data), keeps=True))
        return address

    def get(self, address: bytes, *, limit: int) -> bytes:
        """The blob at `address` from the first store that has it; see `BlobStore.get`.

        What is wrong with a blob is believed only where all that answered say the same: otherwise one of them lies,
        or is behind, and the blob counts as not found yet.
        """
        return self._at_first(address, lambda store: store.get(address, limit=limit))

    def has(self, address: bytes) -> bool:
        """Whether one of the stores that answer keeps the blob."""
        return any(self._each(lambda store: store.has(address)).values())

    def pinned_bytes(self, address: bytes) -> int:
        """What the stores that answer have pinned of the blob."""
        return sum(self._each(lambda store: store.pinned_bytes(address)).values())

    def pin(self, address: bytes, *, limit: int) -> None:
        """Pins the blob on every store that is up and finds it; see `BlobStore.pin`. Enough when one did."""
        self._at_all(lambda store: store.pin(address, limit=limit), Missed(address, limit, keeps=True))

    def unpin(self, address: bytes) -> None:
        """Unpins the blob on every store that is up."""
        self._at_all(lambda store: store.unpin(address), Missed(address, 0, keeps=False))

    def mend(self) -> ReplicationResult:
        """Makes up for what stores that are up again have missed: a little at each call, and the rest at the next."""
        if self._backlog is None:
            return ReplicationResult(0, 0)
        up = [place for place in range(len(self._stores)) if not self._rests(place) and not self._waits(place)]
        done = sum(self._mend_one(self._backlog, place) for place in up)
        return ReplicationResult(done, sum(self._backlog.count(store.uri) for store in self._stores))

    def _mend_one(self, backlog: Backlog, place: int) -> int:
        """Makes up for what one store missed, until it fails or enough was done; for how many blobs."""
        end, room, done = self._clock() + _MENDING_SECONDS, _MENDED_BYTES, 0
        for missed in backlog.of(self._stores[place].uri, most=_MENDED_AT_ONCE):
            if room <= 0 or self._clock() > end:
                break
            try:
                room -= self._at(place, partial(self._make_up, missed))
            except StoreUnavailableError:
                break
            except StoreError:
                # It is up, and yet will not have the blob, or nobody has it now: let others come first.
                backlog.note(self._stores[place].uri, missed)
                self._waits_until[place] = self._clock() + _REST_SECONDS
                break
            backlog.forget(self._stores[place].uri, missed.address)
            done += 1
        return done

    def _make_up(self, missed: Missed, store: BlobStore) -> int:
        """Bytes that were copied; none where the store has what it should, or lets go of it."""
        if not missed.keeps:
            store.unpin(missed.address)
        elif not store.has(missed.address):
            data = self._from_another(store, missed)
            store.put(data)
            return len(data)
        return 0

    def _from_another(self, store: BlobStore, missed: Missed) -> bytes:
        """The blob from another store that keeps it: none is looked for far away. Raises BlobNotFoundError."""
        for place, other in enumerate(self._stores):
            if other is store or self._rests(place):
                continue
            try:
                if self._at(place, lambda one: one.has(missed.address)):
                    return self._at(place, lambda one: one.get(missed.address, limit=missed.longest))
            except StoreError:
                continue
        raise BlobNotFoundError(missed.address, f"is kept by no store but {store.uri} now: it is copied there later")

    def _at_first(self, address: bytes, act: Callable[[BlobStore], _T]) -> _T:
        def first() -> _T:
            faults: list[StoreError] = []
            for place in self._in_turn():
                try:
                    return self._at(place, act)
                except StoreError as fault:
                    faults.append(fault)
            raise _verdict(address, faults, self.uri)

        return self._persistently(first)

    def _at_all(self, act: Callable[[BlobStore], object], missed: Missed) -> None:
        """Acts on all stores; what those missed that did not do it is noted."""
        done = self._persistently(lambda: self._each(act))
        if self._backlog is None:
            return
        for place, store in enumerate(self._stores):
            if place in done:
                self._backlog.forget(store.uri, missed.address)
            else:
                self._backlog.note(store.uri, missed)

    def _each(self, act: Callable[[BlobStore], _T]) -> dict[int, _T]:
        """What the stores answered, by their places: those that do not rest, and the others where none of them did.

        At least one.
        """
        answers: dict[int, _T] = {}
        faults: list[StoreError] = []
        for place in self._in_turn():
            if answers and self._rests(place):
                continue
            try:
                answers[place] = self._at(place, act)
            except StoreError as fault:
                faults.append(fault)
        if answers:
            return answers
        raise next((fault for fault in faults if not isinstance(fault, StoreUnavailableError)), faults[0])

    def _at(self, place: int, act: Callable[[BlobStore], _T]) -> _T:
        begun = self._clock()
        try:
            answer = act(self._stores[place])
        except StoreUnavailableError:
            now = self._clock()
            self._rests_until[place] = now + max(_REST_SECONDS, _REST_TIMES * (now - begun))
            raise
        self._rests_until.pop(place, None)
        return answer

    def _persistently(self, act: Callable[[], _T]) -> _T:
        for earlier in range(_ROUNDS - 1):
            try:
                return act()
            except StoreUnavailableError:
                self._sleep(self._pause(_FIRST_PAUSE_SECONDS * 2**earlier))
        return act()

    def _in_turn(self) -> list[int]:
        """Those that do not rest before those that do, each in order of preference."""
        return sorted(range(len(self._stores)), key=self._rests)

    def _rests(self, place: int) -> bool:
        return self._rests_until.get(place, float("-inf")) > self._clock()

    def _waits(self, place: int) -> bool:
        return self._waits_until.get(place, float("-inf")) > self._clock()


def _verdict(address: bytes, faults: Sequence[StoreError], uri: str) -> StoreError:
    """The one error for what each store said of a blob."""
    said = [fault for fault in faults if not isinstance(fault, StoreUnavailableError)]
    if not said:
        return StoreUnavailableError(uri, "; ".join(str(fault) for fault in faults))
    if len({type(fault) for fault in said}) == 1:
        return said[0]
    return BlobNotFoundError(address, f"is told of differently by the stores {uri}: check them, and try again later")
