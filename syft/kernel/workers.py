"""Threads over chunks of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import TracebackType
from typing import Self, TypeVar

from gmpy2 import mpz

from syft.kernel.ring import Pool, Ring

S = TypeVar("S")
T = TypeVar("T")


class Workers:
    """Runs a function on chunks of rows, each in a thread of its own while the context lasts.

    Args:
        threads: at most so many at once; 1 for none but the caller's.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def on_chunks(self, work: Callable[[slice], T], count: int, grain: int) -> list[T]:
        """work(slice) for slices that together are range(count), in their order, of about equal size.

        All but the last are multiples of `grain`.
        """
        grains = -(-count // grain)
        chunks = max(min(self._threads, grains), 1)
        edges = [min(grains * chunk // chunks * grain, count) for chunk in range(chunks + 1)]
        return self.on_each(work, [slice(start, stop) for start, stop in pairwise(edges)])

    def on_each(self, work: Callable[[S], T], items: Sequence[S]) -> list[T]:
        """work(item) for every item, in their order."""
        if self._threads == 1 or len(items) == 1:
            return [work(item) for item in items]
        return list(self._started().map(work, items))

    def aside(self, work: Callable[[], T]) -> Callable[[], T]:
        """Begins something that is not needed yet; what is returned waits for its result."""
        if self._threads == 1:
            result = work()
            return lambda: result
        return self._started().submit(work).result

    def _started(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads)
        return self._pool


def transform(ring: Ring, numbers: Sequence[int], work: Callable[[Pool, slice], None]) -> list[mpz]:
    """What `work` makes of the numbers, in their ring and on its threads.

    Args:
        ring: where they are numbers.
        numbers: what is loaded.
        work: changes a pool of them in place; is told which of them it has.
    """

    def on_chunk(part: slice) -> list[mpz]:
        pool = ring.load(numbers[part])
        work(pool, part)
        return ring.unload(pool)

    with Workers(ring.threads) as workers:
        return [number for part in workers.on_chunks(on_chunk, len(numbers), ring.lanes) for number in part]
