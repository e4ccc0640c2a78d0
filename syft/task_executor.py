"""Tasks that run in other processes or on other machines, by any `concurrent.futures.Executor`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, TypeVar

from syft.errors import SyftError, TaskExecutorError

T = TypeVar("T")
#: Tasks submitted per worker: one that runs and one that waits.
_TASKS_PER_WORKER = 2


@dataclass(frozen=True)
class TaskExecutor:
    """An executor with its number of workers.

    The workers must be trusted with the rows: they receive features, and matrices computed from features. Syft must be
    installed where they run.

    Attributes:
        executor: any executor; a Dask cluster's is `distributed.Client(...).get_executor()`.
        workers: tasks that it runs at the same time, at least 1.
        threads: threads that each task may use, at least 1.

    Raises:
        TaskExecutorError: workers or threads below 1.
    """

    executor: Executor
    workers: int
    threads: int = 1

    def __post_init__(self) -> None:
        if self.workers < 1 or self.threads < 1:
            raise TaskExecutorError(f"{self.workers} workers with {self.threads} threads each: both must be at least 1")

    def map(self, function: Callable[..., T], *iterables: Iterable[Any]) -> Iterator[T]:
        """Yields function(*arguments) in the order of the arguments, like the built-in map.

        At most two tasks per worker are submitted ahead of the results, so that memory use does not grow with the
        length of the iterables.

        Args:
            function: a module-level function; its arguments must be picklable.
            iterables: one per parameter; the shortest decides.

        Raises:
            TaskExecutorError: a worker was lost or failed, or the executor is shut down; pending tasks are cancelled.
            SyftError: raised by `function` itself.
        """
        pending: deque[Future[T]] = deque()
        try:
            for arguments in zip(*iterables, strict=False):
                if len(pending) >= self.workers * _TASKS_PER_WORKER:
                    yield self._result(pending.popleft())
                pending.append(self._submit(function, arguments))
            while pending:
                yield self._result(pending.popleft())
        finally:
            for future in pending:
                future.cancel()

    def _submit(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> Future[T]:
        try:
            return self.executor.submit(function, *arguments)
        except RuntimeError as error:
            raise TaskExecutorError(f"the executor takes no more tasks: {error}") from error

    def _result(self, future: Future[T]) -> T:
        try:
            return future.result()
        except SyftError:
            raise
        # Each executor has its own errors for a dead worker, and pickle has its own for unpicklable arguments.
        except Exception as error:
            raise TaskExecutorError(f"a worker failed: {type(error).__name__}: {error}") from error
