"""Processes that weigh Gradients, so that Campaigns are scored side by side; or none, and it is done here.

A worker is given a Campaign's key pair, one Gradient's ciphertexts and the hidden rows, through a pipe that only this
process and it hold, and gives the plaintexts back the same way. It keeps nothing, opens no file, store or chain, and
never sees the passphrase, the OpenPGP identity or another Campaign's key. It leaves no core dump, no other process of
the account may look into it, and it dies with its Capsule, however that ends.
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
from ape_capsule.scoring.job import ScoringJob, ScoringResult, weigh
from syft.paillier import PrivateContext

#: Gradients that wait for each worker, beside the one it is at: it never idles, and not all of them lie in memory.
_AHEAD = 1
#: Options of Linux's prctl(2).
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


class WorkerPool:
    """So many processes, which begin to start at once, since that takes seconds; a context that ends them.

    One that is killed takes only what it was at with it: whoever asked is told, and asks again.

    Args:
        count: 0 for none: then this process weighs, and `ask` returns when it has.
    """

    def __init__(self, count: int = 0) -> None:
        self.count = count
        self._pools: list[ProcessPoolExecutor | None] = [None] * count
        self._under_way: dict[Future[ScoringResult], int] = {}
        #: Those under way that `wait` told of, which somebody will take.
        self._noticed: set[Future[ScoringResult]] = set()
        for place in range(count):
            self._pool(place).submit(_be_ready)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def has_room(self) -> bool:
        """Whether another Gradient would not wait long."""
        return not self.count or len(self._going_on()) < self.count * (1 + _AHEAD)

    def ask(self, weighing: ScoringJob) -> Future[ScoringResult]:
        """Begins to weigh; the answer, or the error of `weigh`, is in the future one day. `result` takes it."""
        if not self.count:
            return _done_here(weighing)
        place = self._least_busy()
        # A worker for each core: more threads would only be in each other's way.
        alone = PrivateContext(weighing.context.private_key, int(weighing.context.h), threads=1)
        try:
            future = self._pool(place).submit(weigh, replace(weighing, context=alone))
        except BrokenProcessPool:
            self._pools[place] = None
            future = self._pool(place).submit(weigh, replace(weighing, context=alone))
        self._under_way[future] = place
        return future

    def result(self, future: Future[ScoringResult]) -> ScoringResult:
        """What was weighed, which is done.

        Raises:
            WorkerLostError: the worker died over it: ask again.
            SyftError: as `weigh`.
        """
        place = self._under_way.pop(future, None)
        self._noticed.discard(future)
        try:
            return future.result()
        except (BrokenProcessPool, CancelledError):
            if place is not None:
                self._pools[place] = None
            raise WorkerLostError from None

    def forget(self, future: Future[ScoringResult]) -> None:
        """Nobody takes this one: it is not begun if it waits still, and let go of."""
        future.cancel()
        self._under_way.pop(future, None)
        self._noticed.discard(future)

    @property
    def is_busy(self) -> bool:
        """Whether there is something to wait for."""
        return any(future not in self._noticed for future in self._under_way)

    def wait(self, seconds: float) -> bool:
        """Waits until one more is done, at most so long; whether one is."""
        watched = [future for future in self._under_way if future not in self._noticed]
        done, _ = wait(watched, timeout=seconds, return_when=FIRST_COMPLETED)
        self._noticed |= done
        return bool(done)

    def processes(self) -> list[int]:
        """Ids of the worker processes there are."""
        pools = (pool for pool in self._pools if pool is not None)
        return [number for pool in pools for number in list(pool._processes or ())]

    def close(self) -> None:
        """Ends the workers; what they are at is let go of."""
        for pool in self._pools:
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)
        self._pools, self._under_way, self._noticed = [None] * self.count, {}, set()

    def _going_on(self) -> list[Future[ScoringResult]]:
        return [future for future in self._under_way if not future.done()]

    def _least_busy(self) -> int:
        places = [self._under_way[future] for future in self._going_on()]
        return min(range(self.count), key=places.count)

    def _pool(self, place: int) -> ProcessPoolExecutor:
        pool = self._pools[place]
        if pool is None:
            # Not by fork: a copy of this process would hold its passphrase, its identity and its journal's locks.
            context = multiprocessing.get_context("spawn")
            pool = self._pools[place] = ProcessPoolExecutor(1, context, _begin, (os.getpid(),))
        return pool


def _done_here(weighing: ScoringJob) -> Future[ScoringResult]:
    future: Future[ScoringResult] = Future()
    try:
        future.set_result(weigh(weighing))
    except Exception as error:
        future.set_exception(error)
    return future


def _be_ready() -> None:
    """Nothing: who can do this has imported all that weighing takes."""


def _begin(capsule: int) -> None:
    """What a worker does first: it holds secrets, and must not outlive what gave them to it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A terminal's and a service manager's signals go to all: the Capsule finishes what is under way, and ends it then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != capsule:
        os._exit(1)
