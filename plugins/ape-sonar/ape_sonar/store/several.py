"""One blob store out of several: what one cannot do, the next one does.

Writes go to every store that is up, so that each holds everything; reads come from the first that has the blob. A
store that failed is left alone for a while, so that a dead node costs its time-out once and not at every blob.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from ape_sonar.store.base import BlobNotFoundError, BlobStore, InvalidStoreError, StoreError, StoreUnavailableError

_T = TypeVar("_T")

#: Seconds for which a store that failed is asked only where no other one helped.
_REST_SECONDS = 30.0
#: Rounds over all stores before giving up, and seconds before the second one; doubled for each round after it.
_ROUNDS = 3
_FIRST_PAUSE_SECONDS = 0.25


class SeveralStores:
    """A `BlobStore` over stores that are each other's replicas.

    Where all of them are unavailable, they are tried again, after pauses that grow and are drawn at random
    ("full jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).

    Args:
        stores: in order of preference, at least one.
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
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        pause: Callable[[float], float] = lambda most: random.uniform(0, most),  # noqa: S311 - no secret
    ) -> None:
        if not stores:
            raise InvalidStoreError("", "it lists no store")
        self._stores = tuple(stores)
        self._clock, self._sleep, self._pause = clock, sleep, pause
        self._rests_until: dict[int, float] = {}

    @property
    def uri(self) -> str:
        """What `open_store` takes to open these stores again."""
        return ",".join(store.uri for store in self._stores)

    def address_of(self, data: bytes) -> bytes:
        """The address `data` would get."""
        return self._stores[0].address_of(data)

    def put(self, data: bytes) -> bytes:
        """Publishes `data` on every store that is up; see `BlobStore.put`. Enough when one took it."""
        return self._at_all(lambda store: store.put(data))

    def get(self, address: bytes, *, limit: int) -> bytes:
        """The blob at `address` from the first store that has it; see `BlobStore.get`.

        What is wrong with a blob is believed only where all that answered say the same: otherwise one of them lies,
        or is behind, and the blob counts as not found yet.
        """
        return self._at_first(address, lambda store: store.get(address, limit=limit))

    def has(self, address: bytes) -> bool:
        """Whether one of the stores that answer keeps the blob."""
        return any(self._each(lambda store: store.has(address)))

    def pin(self, address: bytes, *, limit: int) -> None:
        """Pins the blob on every store that is up and finds it; see `BlobStore.pin`. Enough when one did."""
        self._at_all(lambda store: store.pin(address, limit=limit))

    def unpin(self, address: bytes) -> None:
        """Unpins the blob on every store that is up."""
        self._each(lambda store: store.unpin(address))

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

    def _at_all(self, act: Callable[[BlobStore], _T]) -> _T:
        return self._persistently(lambda: self._each(act)[0])

    def _each(self, act: Callable[[BlobStore], _T]) -> list[_T]:
        """What the stores answered: those that do not rest, and the others where none of them did. At least one."""
        answers: list[_T] = []
        faults: list[StoreError] = []
        for place in self._in_turn():
            if answers and self._rests(place):
                continue
            try:
                answers.append(self._at(place, act))
            except StoreError as fault:
                faults.append(fault)
        if answers:
            return answers
        raise next((fault for fault in faults if not isinstance(fault, StoreUnavailableError)), faults[0])

    def _at(self, place: int, act: Callable[[BlobStore], _T]) -> _T:
        try:
            answer = act(self._stores[place])
        except StoreUnavailableError:
            self._rests_until[place] = self._clock() + _REST_SECONDS
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
        return self._rests_until.get(place, -1.0) > self._clock()


def _verdict(address: bytes, faults: Sequence[StoreError], uri: str) -> StoreError:
    """The one error for what each store said of a blob."""
    said = [fault for fault in faults if not isinstance(fault, StoreUnavailableError)]
    if not said:
        return StoreUnavailableError(uri, "; ".join(str(fault) for fault in faults))
    if len({type(fault) for fault in said}) == 1:
        return said[0]
    return BlobNotFoundError(address, f"is told of differently by the stores {uri}: check them, and try again later")
