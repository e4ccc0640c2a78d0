"""Work spread over processes or machines, by any executor of the standard library's interface."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, TypeVar

from syft.errors import SpreadError, SyftError

T = TypeVar("T")
#: Tasks under way for each worker: one that runs, and one that waits for it.
_AHEAD = 2


@dataclass(frozen=True)
class Spread:
    """Where work goes that can be done elsewhere.

    The workers must be trusted with the rows: they see features, and matrices made of them. They need syft installed.

    Attributes:
        executor: any; a Dask cluster's is `distributed.Client(...).get_executor()`.
        workers: how many tasks it runs at once, at least 1.
        threads: how many threads each may use, at least 1.

    Raises:
        SpreadError: no workers, or no threads.
    """

    executor: Executor
    workers: int
    threads: int = 1

    def __post_init__(self) -> None:
        if self.workers < 1 or self.threads < 1:
            raise SpreadError(f"{self.workers} workers with {self.threads} threads each: at least 1 of both is needed")

    def map(self, work: Callable[..., T], *arguments: Iterable[Any]) -> Iterator[T]:
        """work(*one of each), in their order.

        No more is taken from the arguments than a few tasks ahead, so that memory stays flat.

        Args:
            work: a function of a module, with arguments that can be pickled.
            arguments: as for the built-in map.

        Raises:
            SpreadError: a worker was lost for good, or cannot do it; nothing is left under way.
            SyftError: what `work` itself raises.
        """
        under_way: deque[Future[T]] = deque()
        try:
            for one in zip(*arguments, strict=False):
                if len(under_way) >= self.workers * _AHEAD:
                    yield self._result(under_way.popleft())
                under_way.append(self._submit(work, one))
            while under_way:
                yield self._result(under_way.popleft())
        finally:
            for future in under_way:
                future.cancel()

    def _submit(self, work: Callable[..., T], one: tuple[Any, ...]) -> Future[T]:
        try:
            return self.executor.submit(work, *one)
        except RuntimeError as error:
            raise SpreadError(f"the executor takes no more work: {error}") from error

    def _result(self, future: Future[T]) -> T:
        try:
            return future.result()
        except SyftError:
            raise
        # Each executor has errors of its own for a worker that died, and pickle for what cannot travel.
        except Exception as error:
            raise SpreadError(f"a worker failed: {type(error).__name__}: {error}") from error
