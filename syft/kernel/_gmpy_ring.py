"""Ring arithmetic by gmpy2, which is always available."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import gmpy2
import numpy as np
from gmpy2 import mpz

from syft.kernel.ring import Indices, Keys, Pool, Ring

NAME = "gmpy2"

_ALL = slice(None)


class GmpyRing(Ring):
    """A ring whose pools are arrays of mpz, dtype object.

    Only `power` is constant in time (GMP's mpz_powm_sec): products depend on their operands, and look-ups on their
    keys. gmpy2 releases the interpreter's lock during products if told to, so threads speed up products but not
    `power`.
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
        out_at: Indices | None,
        left: Pool,
        left_at: Indices | None,
        right: Pool,
        right_at: Indices | None,
    ) -> None:
        with self._unlocked():
            out[_or_all(out_at)] = self._product(left[_or_all(left_at)], right[_or_all(right_at)])

    def square(self, pool: Pool, times: int) -> None:
        with self._unlocked():
            for _ in range(times):
                self._square(pool, out=pool)

    def subsets(self, table: Pool, pool: Pool, group: int) -> None:
        rows = table.reshape(-1, 1 << group)
        rows[:, 0] = self.one
        with self._unlocked():
            for bit in range(group):
                members, half = pool[bit::group], 1 << bit
                with_member, without = rows[: len(members), half:], rows[: len(members), :half]
                with_member[:, 0] = members
                self._product(without[:, 1:], members[:, None], out=with_member[:, 1:half])

    def chain(self, pool: Pool, table: Pool, keys: Indices) -> None:
        with self._unlocked():
            for indices in keys:
                self._product(pool, table[indices], out=pool)

    def secret_table(self, table: Pool) -> Pool:
        return table.reshape(-1, 1 << self.window_bits)

    def chain_secret(self, pool: Pool, table: Pool, keys: Keys) -> None:
        with self._unlocked():
            for rows, indices in zip(table, keys, strict=True):
                self._product(pool, rows[indices], out=pool)

    def power(self, pool: Pool, exponent: int) -> None:
        pool[:] = [gmpy2.powmod_sec(number, exponent, self.modulus) for number in pool]

    def _unlocked(self) -> AbstractContextManager[object]:
        """A gmpy2 context that releases the interpreter's lock if there are other threads to run."""
        return gmpy2.context(gmpy2.get_context(), allow_release_gil=self.threads > 1)  # type: ignore[no-any-return]


def _or_all(indices: Indices | None) -> Indices | slice:
    return _ALL if indices is None else indices
