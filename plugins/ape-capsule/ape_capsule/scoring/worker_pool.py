"""A pool of processes that score Gradients, so that Campaigns are scored side by side.

A worker receives one Campaign's key pair, one Gradient's ciphertexts and the hidden rows through a pipe that only it
and the Capsule hold, and returns the plaintexts the same way. It keeps nothing, opens no file, store or chain, and
never sees the passphrase, the OpenPGP identity or another Campaign's key. It leaves no core dump, no other process of
the account may read its memory, and it dies with its Capsule, however the Capsule ends.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Self

from ape_capsule.errors import WorkerLostError
from ape_capsule.scoring.job import ScoringJob, ScoringResult, run_job
from syft.paillier import PrivateContext

#: Jobs that wait per worker, beside the one that it runs: no worker idles, and few Gradients are in memory.
_QUEUED_PER_WORKER = 1
#: Options of Linux's prctl(2).
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


class WorkerPool:
    """Worker processes, each with a queue of its own; a context manager that ends them.

    All begin to start at once, since a start takes seconds. A worker that is killed loses its own jobs only: `result`
    reports the loss, and the caller submits them again.

    Args:
        count: number of processes; 0: `submit` runs the job in this process before it returns.
    """

    def __init__(self, count: int = 0) -> None:
        self.count = count
        self._pools: list[ProcessPoolExecutor | None] = [None] * count
        #: Submitted jobs whose result nobody took yet -> index of their worker.
        self._submitted: dict[Future[ScoringResult], int] = {}
        #: Those of them that `wait` has reported.
        self._noticed: set[Future[ScoringResult]] = set()
        for index in range(count):
            self._pool(index).submit(_warm_up)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def has_room(self) -> bool:
        """Whether another job would start soon."""
        return not self.count or len(self._unfinished()) < self.count * (1 + _QUEUED_PER_WORKER)

    def submit(self, job: ScoringJob) -> Future[ScoringResult]:
        """Starts or queues a job. Its result, or the error of `run_job`, is taken with `result`."""
        if not self.count:
            return _run_here(job)
        index = self._least_busy()
        # One worker per core: more threads would compete for the same cores.
        alone = replace(job, context=PrivateContext(job.context.private_key, int(job.context.h), threads=1))
        try:
            future = self._pool(index).submit(run_job, alone)
        except BrokenProcessPool:
            self._pools[index] = None
            future = self._pool(index).submit(run_job, alone)
        self._submitted[future] = index
        return future

    def result(self, future: Future[ScoringResult]) -> ScoringResult:
        """Takes the result of a job that is done.

        Raises:
            WorkerLostError: the worker died during the job: submit it again.
            SyftError: as `run_job`.
        """
        index = self._submitted.pop(future, None)
        self._noticed.discard(future)
        try:
            return future.result()
        except (BrokenProcessPool, CancelledError):
            if index is not None:
                self._pools[index] = None
            raise WorkerLostError from None

    def discard(self, future: Future[ScoringResult]) -> None:
        """Cancels a job if it is still queued, and drops its result."""
        future.cancel()
        self._submitted.pop(future, None)
        self._noticed.discard(future)

    @property
    def is_busy(self) -> bool:
        """Whether `wait` has a job to wait for."""
        return any(future not in self._noticed for future in self._submitted)

    def wait(self, seconds: float) -> bool:
        """Waits at most so long until one more job is done. Returns True if one is."""
        watched = [future for future in self._submitted if future not in self._noticed]
        done, _ = wait(watched, timeout=seconds, return_when=FIRST_COMPLETED)
        self._noticed |= done
        return bool(done)

    def processes(self) -> list[int]:
        """Process ids of the workers."""
        pools = (pool for pool in self._pools if pool is not None)
        return [number for pool in pools for number in list(pool._processes or ())]

    def close(self) -> None:
        """Ends the workers and drops their jobs."""
        for pool in self._pools:
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)
        self._pools, self._submitted, self._noticed = [None] * self.count, {}, set()

    def _unfinished(self) -> list[Future[ScoringResult]]:
        return [future for future in self._submitted if not future.done()]

    def _least_busy(self) -> int:
        indexes = [self._submitted[future] for future in self._unfinished()]
        return min(range(self.count), key=indexes.count)

    def _pool(self, index: int) -> ProcessPoolExecutor:
        pool = self._pools[index]
        if pool is None:
            # Not by fork: a copy of this process would hold its passphrase, its identity and its journal's locks.
            context = multiprocessing.get_context("spawn")
            pool = self._pools[index] = ProcessPoolExecutor(1, context, _begin, (os.getpid(),))
        return pool


def _run_here(job: ScoringJob) -> Future[ScoringResult]:
    future: Future[ScoringResult] = Future()
    try:
        future.set_result(run_job(job))
    except Exception as error:
        future.set_exception(error)
    return future


def _warm_up() -> None:
    """No-op; running it once makes a new worker import everything that scoring needs."""


def _begin(capsule: int) -> None:
    """Prepares a worker for secrets: no core dump, no reader, no life after its Capsule (a process id)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A terminal and a service manager signal the whole group: the Capsule finishes its work, then ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != capsule:
        os._exit(1)
