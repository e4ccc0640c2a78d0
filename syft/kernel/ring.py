"""What arithmetic modulo m or m^2 offers to the algorithms, whoever does it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from syft.kernel.workers import Workers

#: Numbers by the row, in the form that suits their ring: slices and index arrays work as for any array.
Pool = NDArray[Any]
Places = NDArray[np.int64]
Keys = NDArray[np.uint8]


class Ring(ABC):
    """The integers modulo base^halves, many at a time.

    Algorithms say which rows of which pools to multiply; a ring does it. All rings give the same integers.

    Args:
        base: odd, at least 3.
        halves: 1 or 2.
        threads: how many threads the algorithms may use, at least 1.

    Attributes:
        name: "gmpy2", or the kernel's path: "ifma" or "avx2".
        lanes: numbers that are multiplied at once.
        window_bits: bits of a key of `chain_secret`.
        modulus: base^halves.
        workers: the threads that algorithms use.
        one: a row that holds 1.
    """

    name: str
    lanes: int
    window_bits: int
    one: Pool | mpz

    def __init__(self, base: int, halves: int, threads: int) -> None:
        self.base, self.halves, self.threads = mpz(base), halves, threads
        self.workers = Workers(threads)
        self.modulus = self.base**halves

    @abstractmethod
    def load(self, numbers: Sequence[int]) -> Pool:
        """A pool of integers, reduced."""

    @abstractmethod
    def unload(self, pool: Pool) -> list[mpz]:
        """The integers of a pool, 0 <= x < modulus."""

    @abstractmethod
    def empty(self, count: int) -> Pool:
        """Room for `count` numbers."""

    def ones(self, count: int) -> Pool:
        """`count` rows that hold 1."""
        pool = self.empty(count)
        pool[:] = self.one
        return pool

    def transform(self, numbers: Sequence[int], work: Callable[[Pool, slice], None]) -> list[mpz]:
        """What `work` makes of the numbers, on all threads.

        Args:
            numbers: what is loaded.
            work: changes a pool of them in place; is told which of them it has.
        """

        def on_chunk(part: slice) -> list[mpz]:
            pool = self.load(numbers[part])
            work(pool, part)
            return self.unload(pool)

        return [number for part in self.workers.on_chunks(on_chunk, len(numbers), self.lanes) for number in part]

    @abstractmethod
    def multiply(
        self,
        out: Pool,
        out_at: Places | None,
        left: Pool,
        left_at: Places | None,
        right: Pool,
        right_at: Places | None,
    ) -> None:
        """out[out_at] = left[left_at] * right[right_at], row by row; None stands for all rows in their order.

        No row that is written may be read for a later one.
        """

    @abstractmethod
    def square(self, pool: Pool, times: int) -> None:
        """Pool = pool^(2^times)."""

    @abstractmethod
    def subsets(self, table: Pool, pool: Pool, group: int) -> None:
        """Fills a table with the products of all subsets of every `group` numbers of the pool, one after the other.

        2^group rows for each group; bit t of a row's place in them says whether the group's number t is in its subset.
        Rows that stand for more numbers than the last group has are not filled.
        """

    @abstractmethod
    def chain(self, pool: Pool, table: Pool, keys: Places) -> None:
        """pool[i] *= prod_g table[keys[g, i]]."""

    @abstractmethod
    def secret_table(self, table: Pool) -> Pool:
        """Groups of 2^window_bits rows, one after the other, made ready for `chain_secret`."""

    @abstractmethod
    def chain_secret(self, pool: Pool, table: Pool, keys: Keys) -> None:
        """pool[i] *= the row keys[g, i] of group g, for every g; hides the keys as far as the ring can."""

    @abstractmethod
    def power(self, pool: Pool, exponent: int) -> None:
        """Pool = pool^exponent, for exponent >= 1; hides the exponent, but for its length, as far as the ring can."""
