"""A thread pool whose tasks may submit tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar

S = TypeVar("S")
T = TypeVar("T")


def slices(count: int, size: int) -> list[slice]:
    """Consecutive slices of `size` items that together are range(count); the last may be shorter."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


class ThreadPool:
    """A pool of `threads` threads, the caller's own included; the others are started when they are first needed.

    A thread that waits for a task which has not begun runs the task itself. Therefore tasks may submit tasks to any
    depth without deadlock.

    Args:
        threads: at least 1; 1 means that only the caller's thread works.
    """

    def __init__(self, threads: int) -> None:
        self._helpers = threads - 1

    def map(self, function: Callable[[S], T], items: Sequence[S]) -> list[T]:
        """function(item) for every item, in order."""
        if not self._helpers:
            return [function(item) for item in items]
        results = [self._submit(function, item) for item in items[1:]]
        return [*map(function, items[:1]), *(result() for result in results)]

    def map_slices(self, function: Callable[[slice], T], count: int, grain: int) -> list[T]:
        """function(slice) for slices of about equal size that together are range(count), in order.

        There is one slice per thread; the lengths of all but the last are multiples of `grain`.
        """
        grains = -(-count // grain)
        number = max(min(self._helpers + 1, grains), 1)
        edges = [min(grains * index // number * grain, count) for index in range(number + 1)]
        return self.map(function, [slice(start, stop) for start, stop in pairwise(edges)])

    def share(self, function: Callable[[Iterator[S]], T | None], items: Sequence[S]) -> list[T]:
        """Runs function(iterator) in every thread, with one iterator that all of them take items from.

        Args:
            function: consumes the iterator and returns one result for the items that it took, or None if it took none.
            items: more than threads, so that a thread that starts late still finds some.

        Returns:
            The results that are not None.
        """
        # A list's iterator gives each item to exactly one thread: `next` is one step of the interpreter.
        iterator = iter(list(items))
        results = self.map(lambda _: function(iterator), range(self._helpers + 1))
        return [result for result in results if result is not None]

    def submit(self, function: Callable[[], T]) -> Callable[[], T]:
        """Starts a task; the returned callable waits for its result and must be called once."""
        if self._helpers:
            return self._submit(function)
        result = function()
        return lambda: result

    def _submit(self, function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        future: Future[T] = _executor(self._helpers).submit(function, *arguments)
        return lambda: function(*arguments) if future.cancel() else future.result()


@cache
def _executor(helpers: int) -> ThreadPoolExecutor:
    """One executor per number of threads: a Capsule has a ring for each prime of each Campaign."""
    return ThreadPoolExecutor(helpers, thread_name_prefix="syft")
