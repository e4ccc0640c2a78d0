"""Fixed-base exponentiation by a precomputed table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from syft.kernel import Keys, Pool, Ring, slices
from syft.paillier._multi_exponentiation import multiply_all, subset_tables

#: Windows that a thread takes at a time: some milliseconds of work for the numbers of a large Gradient.
_WINDOWS_PER_TASK = 16


class FixedBasePower:
    """base^e for many secret exponents e, each by one multiplication per window and no squaring.

    Brickell, Gordon, McCurley and Wilson, "Fast exponentiation with precomputation" (1992): the table holds
    base^(v 2^(w j)) for every window j and every digit v. For 1024-bit exponents and 6-bit windows it has 171 x 64
    entries, and a power costs 171 multiplications.

    Args:
        ring: of the powers.
        base: the base.
        exponent_bits: bit length of the largest exponent.
        cofactor: factor of the result if the exponent has bit `exponent_bits`, one more than the base's, set; None if
            exponents have no such bit.
    """

    def __init__(self, ring: Ring, base: int, exponent_bits: int, cofactor: int | None = None) -> None:
        self._ring = ring
        bases = self._doublings(base, exponent_bits)
        if cofactor is not None:
            bases = np.concatenate([bases, ring.load([cofactor])])
        self._windows = -(-len(bases) // ring.window_bits)
        window = ring.window_bits

        def tables(part: slice) -> Pool:
            return ring.secret_table(subset_tables(ring, bases[part.start * window : part.stop * window], window))

        self._table = np.concatenate(ring.thread_pool.map_slices(tables, self._windows, grain=1))

    def powers(self, exponents: Sequence[int]) -> Pool:
        """A pool of base^exponents[i], for 0 <= exponent < 2^exponent_bits; one bit more with a cofactor."""
        keys = self._keys(exponents)
        ring = self._ring

        def multiply(windows: Iterator[slice]) -> Pool | None:
            pool = None
            for part in windows:
                pool = ring.ones(len(exponents)) if pool is None else pool
                ring.chain_secret(pool, self._table[part], keys[part])
            return pool

        # Threads divide the windows, not the numbers: the shares are equal, however few numbers there are.
        return multiply_all(ring, ring.thread_pool.share(multiply, slices(self._windows, _WINDOWS_PER_TASK)))

    def _doublings(self, base: int, count: int) -> Pool:
        """base^(2^i) for i < count: sequentially for the first of each window, then for all windows at once."""
        ring, window = self._ring, self._ring.window_bits
        firsts = ring.load([base])
        rows = [firsts.copy()]
        for _ in range(-(-count // window) - 1):
            ring.square(firsts, window)
            rows.append(firsts.copy())
        columns = [np.concatenate(rows)]
        for _ in range(window - 1):
            following = columns[-1].copy()
            ring.square(following, 1)
            columns.append(following)
        interleaved: Pool = np.stack(columns, axis=1).reshape(-1, *firsts.shape[1:])
        return interleaved[:count]

    def _keys(self, exponents: Sequence[int]) -> Keys:
        """The digits of the exponents, lowest first; shape (windows, exponents)."""
        window = self._ring.window_bits
        width = -(-self._windows * window // 8)
        raw = np.frombuffer(b"".join([e.to_bytes(width, "little") for e in exponents]), dtype=np.uint8)
        bits = np.unpackbits(raw.reshape(len(exponents), width), axis=1, bitorder="little")
        digits = bits[:, : self._windows * window].reshape(len(exponents), self._windows, window)
        weights = (1 << np.arange(window)).astype(np.uint8)
        return np.ascontiguousarray((digits @ weights).T)
