"""A round on local Dask clusters of 1, 2 and 4 workers, and of 4 workers one of which is killed during the round.

All give the same integers. The workers share this machine's cores, so more workers than cores gain nothing here.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Timer
from typing import Any

import numpy as np
from distributed import Client, LocalCluster

from scripts._bench.data import rows_of
from scripts._bench.syft_tasks import head, mine
from syft import PublicContext, TaskExecutor
from syft.integers import Integers
from syft.nn import LocalStatistics, Model
from syft.paillier import EncryptedTensor

_WORKERS = (1, 2, 4)
_CHUNKS = 8


def scale(key: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Seconds for statistics and for an encrypted matrix product, by workers; `same` compares with this process."""
    arguments = {**key, "data": "wide", "threads": 1}
    context = mine(arguments)
    model, weights = head(arguments, context)
    rows, classes = rows_of("wide")
    here = _Round(context, model, weights, rows, classes)
    return [here.on("this process", None), *(_cluster(here, count) for count in _WORKERS), _cluster(here, 4, True)]


class _Round:
    """The computations, with their results in this process."""

    def __init__(
        self, context: PublicContext, model: Model, weights: EncryptedTensor, rows: Integers, classes: Integers
    ) -> None:
        self._context, self._weights = context, weights
        features, targets = model.features_.transform(rows), model.targets(classes)
        self._chunks = list(zip(*(np.array_split(part, _CHUNKS) for part in (features, targets)), strict=True))
        self._matrix = model.gradient_map(LocalStatistics.from_chunks(self._chunks)).matrix
        self._expected: list[Any] | None = None

    def on(self, name: str, executor: TaskExecutor | None) -> dict[str, Any]:
        statistics, first = _timed(lambda: LocalStatistics.from_chunks(self._chunks, executor))
        context = PublicContext(self._context.public_key, int(self._context.h), threads=1, executor=executor)
        weights = replace(self._weights, context=context)
        product, second = _timed(lambda: self._matrix @ weights)
        found = [statistics.gram.tolist(), statistics.cross.tolist(), product.ciphertexts]
        self._expected = self._expected or found
        return {"where": name, "statistics_s": first, "product_s": second, "same": found == self._expected}


def _cluster(work: _Round, workers: int, kill: bool = False) -> dict[str, Any]:
    cluster = LocalCluster(
        n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    )
    with cluster, Client(cluster) as client:
        executor = TaskExecutor(client.get_executor(), workers)
        # The workers import modules and connect to each other.
        work.on("warm", executor)
        name = f"{workers} workers{', one killed' if kill else ''}"
        if kill:
            victim = next(iter(client.run(os.getpid).values()))
            Timer(0.1, os.kill, (victim, signal.SIGKILL)).start()
        return work.on(name, executor)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return work(), time.perf_counter() - start
