"""Threads that share work among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar

S = TypeVar("S")
T = TypeVar("T")


def parts(count: int, at_once: int) -> list[slice]:
    """Slices of so many each that together are range(count), the last one shorter."""
    return [slice(start, min(start + at_once, count)) for start in range(0, count, at_once)]


class Workers:
    """So many threads at most, the caller's own among them; the process starts others when there is work for them.

    Who waits for work that no thread has begun does it by itself. So work may hand out work, however deep, and
    everybody waits only for what is being done.

    Args:
        threads: 1 for none but the caller's.
    """

    def __init__(self, threads: int) -> None:
        self._helpers = threads - 1

    def on_each(self, work: Callable[[S], T], items: Sequence[S]) -> list[T]:
        """work(item) for every item, in their order."""
        if not self._helpers:
            return [work(item) for item in items]
        begun = [self._begin(work, item) for item in items[1:]]
        return [*map(work, items[:1]), *(outcome() for outcome in begun)]

    def on_chunks(self, work: Callable[[slice], T], count: int, grain: int) -> list[T]:
        """work(slice) for slices that together are range(count), in their order, of about equal size.

        There are as many as threads; all but the last are multiples of `grain`.
        """
        grains = -(-count // grain)
        chunks = max(min(self._helpers + 1, grains), 1)
        edges = [min(grains * chunk // chunks * grain, count) for chunk in range(chunks + 1)]
        return self.on_each(work, [slice(start, stop) for start, stop in pairwise(edges)])

    def share(self, work: Callable[[Iterator[S]], T | None], items: Sequence[S]) -> list[T]:
        """Every thread that is free takes items as long as there are any; what those made of theirs who had some.

        Args:
            work: makes something of the items that it takes, None of none.
            items: more than threads, so that a thread that comes late finds some.
        """
        # A list's iterator gives every item to one thread: `next` is one step of the interpreter.
        left = iter(list(items))
        made = self.on_each(lambda _: work(left), range(self._helpers + 1))
        return [one for one in made if one is not None]

    def aside(self, work: Callable[[], T]) -> Callable[[], T]:
        """Begins something that is not needed yet; what is returned waits for its result, and is called once."""
        if self._helpers:
            return self._begin(work)
        result = work()
        return lambda: result

    def _begin(self, work: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        future: Future[T] = _executor(self._helpers).submit(work, *arguments)
        return lambda: work(*arguments) if future.cancel() else future.result()


@cache
def _executor(helpers: int) -> ThreadPoolExecutor:
    """The same for all who have so many: a Capsule has a ring for each prime of each Campaign."""
    return ThreadPoolExecutor(helpers, thread_name_prefix="syft")
