"""Multiplications of a round, and their share of its time at the kernel's own rate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
from gmpy2 import mpz

from scripts._bench.data import rows_of
from scripts._bench.syft_tasks import head, mine
from syft.kernel import Indices, Keys, Pool, Ring

_BATCH, _TIMES = 4096, 9


class CountingRing(Ring):
    """A ring that counts multiplications and squarings, and forwards them to another ring.

    Attributes:
        count: multiplications and squarings so far.
    """

    def __init__(self, inner: Ring) -> None:
        self._inner, self.count = inner, 0
        self.name, self.lanes = inner.name, inner.lanes
        self.window_bits, self.one = inner.window_bits, inner.one
        super().__init__(int(inner.base), inner.halves, inner.threads)

    def load(self, numbers: Sequence[int]) -> Pool:
        return self._inner.load(numbers)

    def unload(self, pool: Pool) -> list[mpz]:
        return self._inner.unload(pool)

    def empty(self, count: int) -> Pool:
        return self._inner.empty(count)

    def multiply(self, out: Pool, out_at: Indices | None, *rest: Any) -> None:
        self.count += len(out if out_at is None else out_at)
        self._inner.multiply(out, out_at, *rest)

    def square(self, pool: Pool, times: int) -> None:
        self.count += len(pool) * times
        self._inner.square(pool, times)

    def subsets(self, table: Pool, pool: Pool, group: int) -> None:
        for start in range(0, len(pool), group):
            numbers = min(len(pool) - start, group)
            self.count += (1 << numbers) - 1 - numbers
        self._inner.subsets(table, pool, group)

    def chain(self, pool: Pool, table: Pool, keys: Indices) -> None:
        self.count += keys.size
        self._inner.chain(pool, table, keys)

    def secret_table(self, table: Pool) -> Pool:
        return self._inner.secret_table(table)

    def chain_secret(self, pool: Pool, table: Pool, keys: Keys) -> None:
        self.count += keys.size
        self._inner.chain_secret(pool, table, keys)

    def power(self, pool: Pool, exponent: int) -> None:
        self.count += len(pool) * exponent.bit_length()
        self._inner.power(pool, exponent)


def seconds_per_multiplication(ring: Ring) -> float:
    """Seconds per multiplication of a pool that exceeds the processor's cache."""
    draw = np.random.default_rng(0)
    numbers = [int.from_bytes(draw.bytes(int(ring.modulus).bit_length() // 8 - 1), "big") for _ in range(_BATCH)]
    pool, out = ring.load(numbers), ring.empty(_BATCH)
    times = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        ring.multiply(out, None, pool, None, pool, None)
        times.append((time.perf_counter() - start) / _BATCH)
    return median(times)


def multiplication_share(arguments: dict[str, Any]) -> dict[str, Any]:
    """Multiplications of one round, and the share of its time that they take at the kernel's rate."""
    context = mine({**arguments, "threads": 1})
    rate = seconds_per_multiplication(context.ring)
    # Replaced before any table is computed, since tables keep their ring.
    context.ring = counting = CountingRing(context.ring)
    model, weights = head(arguments, context)
    affine_map = model.gradient_map(model.statistics(*rows_of(arguments["data"])))
    times = []
    for _ in range(_TIMES // 2):
        counting.count = 0
        start = time.perf_counter()
        affine_map.delta(weights, model.fixed_point)
        times.append(time.perf_counter() - start)
    seconds = median(times)
    return {
        "multiplications": counting.count,
        "seconds_per_multiplication": rate,
        "seconds": seconds,
        "share": counting.count * rate / seconds,
    }
