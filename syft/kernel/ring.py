"""Interface of the arithmetic modulo m or m^2 that the algorithms use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from syft.kernel._thread_pool import ThreadPool

#: An array of ring elements, one per row, in the ring's own representation; slices and index arrays work as usual.
Pool = NDArray[Any]
Indices = NDArray[np.int64]
Keys = NDArray[np.uint8]


class Ring(ABC):
    """The integers modulo base^halves, with batch operations.

    All implementations give the same integers.

    Args:
        base: odd, at least 3.
        halves: 1 or 2.
        threads: threads that algorithms may use, at least 1.

    Attributes:
        name: "gmpy2", or the kernel's path: "ifma" or "avx2".
        lanes: numbers that are multiplied at once.
        window_bits: bits of a key of `chain_secret`.
        modulus: base^halves.
        thread_pool: the threads that algorithms use.
        one: a row that holds 1.
    """

    name: str
    lanes: int
    window_bits: int
    one: Pool | mpz

    def __init__(self, base: int, halves: int, threads: int) -> None:
        self.base, self.halves, self.threads = mpz(base), halves, threads
        self.thread_pool = ThreadPool(threads)
        self.modulus = self.base**halves

    @abstractmethod
    def load(self, numbers: Sequence[int]) -> Pool:
        """A pool of the numbers, reduced modulo the modulus."""

    @abstractmethod
    def unload(self, pool: Pool) -> list[mpz]:
        """The integers of a pool, 0 <= x < modulus."""

    @abstractmethod
    def empty(self, count: int) -> Pool:
        """An uninitialised pool of `count` rows."""

    def ones(self, count: int) -> Pool:
        """A pool of `count` rows that hold 1."""
        pool = self.empty(count)
        pool[:] = self.one
        return pool

    def transform(self, numbers: Sequence[int], function: Callable[[Pool, slice], None]) -> list[mpz]:
        """Loads numbers, changes them in place and unloads them, on all threads.

        Args:
            numbers: to load.
            function: receives a pool of some of the numbers, and the slice of `numbers` that it holds.
        """

        def on_slice(part: slice) -> list[mpz]:
            pool = self.load(numbers[part])
            function(pool, part)
            return self.unload(pool)

        return [number for part in self.thread_pool.map_slices(on_slice, len(numbers), self.lanes) for number in part]

    @abstractmethod
    def multiply(
        self,
        out: Pool,
        out_at: Indices | None,
        left: Pool,
        left_at: Indices | None,
        right: Pool,
        right_at: Indices | None,
    ) -> None:
        """out[out_at] = left[left_at] * right[right_at], row by row; None means all rows in order.

        A row that is written must not be an operand of a later row.
        """

    @abstractmethod
    def square(self, pool: Pool, times: int) -> None:
        """Pool = pool^(2^times)."""

    @abstractmethod
    def subsets(self, table: Pool, pool: Pool, group: int) -> None:
        """Fills a table with the products of all subsets of each `group` consecutive numbers of the pool.

        The table has 2^group rows per group. Row s of a group is the product of those numbers t of the group for which
        bit t of s is set. If the last group is incomplete, rows for its missing numbers are left as they are.
        """

    @abstractmethod
    def chain(self, pool: Pool, table: Pool, keys: Indices) -> None:
        """pool[i] *= prod_g table[keys[g, i]]."""

    @abstractmethod
    def secret_table(self, table: Pool) -> Pool:
        """Converts consecutive groups of 2^window_bits rows to the layout that `chain_secret` reads."""

    @abstractmethod
    def chain_secret(self, pool: Pool, table: Pool, keys: Keys) -> None:
        """pool[i] *= prod_g (row keys[g, i] of group g); hides the keys from timing as far as the ring can."""

    @abstractmethod
    def power(self, pool: Pool, exponent: int) -> None:
        """Pool = pool^exponent, exponent >= 1; hides the exponent except its length, as far as the ring can."""
