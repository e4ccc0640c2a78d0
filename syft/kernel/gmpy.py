"""Arithmetic by gmpy2: always there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import gmpy2
import numpy as np
from gmpy2 import mpz

from syft.kernel.ring import Keys, Places, Pool, Ring

NAME = "gmpy2"

_EVERY = slice(None)


class GmpyRing(Ring):
    """Pools are arrays of mpz, dtype object.

    Constant in time is `power` alone (GMP's mpz_powm_sec); products depend on their operands, tables on their keys.
    Threads share products, as gmpy2 lets go of the interpreter's lock when told to, but not `power`.
    """

    def __init__(self, base: int, halves: int, threads: int) -> None:
        super().__init__(base, halves, threads)
        self.name, self.lanes, self.window_bits, self.one = NAME, 1, 8, mpz(1)
        modulus = self.modulus
        self._product = np.frompyfunc(lambda a, b: a * b % modulus, 2, 1)
        self._square = np.frompyfunc(lambda a: a * a % modulus, 1, 1)

    def load(self, numbers: Sequence[int]) -> Pool:
        pool = self.empty(len(numbers))
        pool[:] = [mpz(number) % self.modulus for number in numbers]
        return pool

    def unload(self, pool: Pool) -> list[mpz]:
        return list(pool.tolist())

    def empty(self, count: int) -> Pool:
        return np.empty(count, dtype=object)

    def multiply(
        self,
        out: Pool,
        out_at: Places | None,
        left: Pool,
        left_at: Places | None,
        right: Pool,
        right_at: Places | None,
    ) -> None:
        with self._unlocked():
            out[_all_or(out_at)] = self._product(left[_all_or(left_at)], right[_all_or(right_at)])

    def square(self, pool: Pool, times: int) -> None:
        with self._unlocked():
            for _ in range(times):
                self._square(pool, out=pool)

    def subsets(self, table: Pool, pool: Pool, group: int) -> None:
        rows = table.reshape(-1, 1 << group)
        rows[:, 0] = self.one
        with self._unlocked():
            for place in range(group):
                own, half = pool[place::group], 1 << place
                with_own, without = rows[: len(own), half:], rows[: len(own), :half]
                with_own[:, 0] = own
                self._product(without[:, 1:], own[:, None], out=with_own[:, 1:half])

    def chain(self, pool: Pool, table: Pool, keys: Places) -> None:
        with self._unlocked():
            for places in keys:
                self._product(pool, table[places], out=pool)

    def secret_table(self, table: Pool) -> Pool:
        return table.reshape(-1, 1 << self.window_bits)

    def chain_secret(self, pool: Pool, table: Pool, keys: Keys) -> None:
        with self._unlocked():
            for rows, places in zip(table, keys, strict=True):
                self._product(pool, rows[places], out=pool)

    def power(self, pool: Pool, exponent: int) -> None:
        pool[:] = [gmpy2.powmod_sec(number, exponent, self.modulus) for number in pool]

    def _unlocked(self) -> AbstractContextManager[object]:
        return gmpy2.context(gmpy2.get_context(), allow_release_gil=self.threads > 1)  # type: ignore[no-any-return]


def _all_or(places: Places | None) -> Places | slice:
    return _EVERY if places is None else places
