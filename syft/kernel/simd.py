"""Arithmetic by the kernel: one number to a lane of the vector registers."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import gmpy2
import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from syft.kernel.native import PATHS, Library, Modulus
from syft.kernel.ring import Keys, Places, Pool, Ring

#: Longest base that the kernel has room for, in bits.
MOST_BITS = 8192

#: R > 16 base keeps all halves below 2 base (see numbers.h).
_SPARE_BITS = 4
_NIBBLE_BITS = 4
_WORD_BYTES = 8


class SimdRing(Ring):
    """Pools are rows of digits, dtype uint64, in Montgomery form; modulo a square, pairs x0 + x1 base.

    Neither time nor addresses depend on the numbers: `chain_secret` reads whole tables, `power` takes windows of one
    width. But `chain` reads what its keys say, and `load` and `unload` divide by gmpy2.

    Args:
        library: the compiled kernel.
        path: of PATHS.
        base: odd, from 3 up to MOST_BITS bits.
        halves, threads: see Ring.
    """

    def __init__(self, library: Library, path: str, base: int, halves: int, threads: int) -> None:
        super().__init__(base, halves, threads)
        self._shape = shape = PATHS[path]
        self.name, self.lanes, self.window_bits = path, shape.lanes, shape.window
        self._calls = library.calls(path)
        blocks = -(-(self.base.bit_length() + _SPARE_BITS) // (shape.radix * shape.block))
        self._half = blocks * shape.block
        self._digits = halves * self._half
        self._stride = -(-self._digits // shape.lanes) * shape.lanes
        self._base_digits = np.zeros((1, self._half), dtype=np.uint64)
        self._to_digits(self._base_digits, 0, [self.base])
        range_of_digit = mpz(1) << shape.radix
        inverse = -gmpy2.invert(self.base, range_of_digit) % range_of_digit
        self._modulus = Modulus(self._base_digits.ctypes.data, int(inverse), blocks, halves, self._stride)
        montgomery = (mpz(1) << shape.radix * self._half) % self.modulus
        self._enter = self._plain([montgomery * montgomery % self.modulus])
        self._leave = self._plain([mpz(1)])
        self.one = self._plain([montgomery])[0]

    def load(self, numbers: Sequence[int]) -> Pool:
        pool = self._plain([mpz(number) % self.modulus for number in numbers])
        self.multiply(pool, None, pool, None, self._enter, np.zeros(len(pool), dtype=np.int64))
        return pool

    def unload(self, pool: Pool) -> list[mpz]:
        plain = self.empty(len(pool))
        self.multiply(plain, None, pool, None, self._leave, np.zeros(len(pool), dtype=np.int64))
        low = self._from_digits(plain, 0)
        if self.halves == 1:
            return [x % self.modulus for x in low]
        return [(x + y * self.base) % self.modulus for x, y in zip(low, self._from_digits(plain, 1), strict=True)]

    def empty(self, count: int) -> Pool:
        return np.empty((count, self._stride), dtype=np.uint64)

    def multiply(
        self,
        out: Pool,
        out_at: Places | None,
        left: Pool,
        left_at: Places | None,
        right: Pool,
        right_at: Places | None,
    ) -> None:
        counts = {
            len(pool) if at is None else len(at) for pool, at in ((out, out_at), (left, left_at), (right, right_at))
        }
        if len(counts) != 1:
            raise ValueError(f"lists of different lengths: {sorted(counts)}")
        arguments = []
        for pool, at in ((out, out_at), (left, left_at), (right, right_at)):
            arguments += [self._rows(pool), None if at is None else _places(at, len(pool))]
        self._calls["multiply"](ctypes.byref(self._modulus), *arguments, counts.pop())

    def square(self, pool: Pool, times: int) -> None:
        self._calls["square"](ctypes.byref(self._modulus), self._rows(pool), len(pool), times)

    def subsets(self, table: Pool, pool: Pool, group: int) -> None:
        if len(table) != -(-len(pool) // group) << group:
            raise ValueError(f"a table of {len(table)} rows for groups of {group} of {len(pool)} numbers")
        self._calls["subsets"](
            ctypes.byref(self._modulus),
            self._rows(table),
            self._rows(pool),
            len(pool),
            group,
            self.one.ctypes.data,
        )

    def chain(self, pool: Pool, table: Pool, keys: Places) -> None:
        groups, stride = _grid(keys, len(pool))
        places = _places(keys, len(table))
        self._calls["chain"](
            ctypes.byref(self._modulus), self._rows(pool), len(pool), self._rows(table), places, stride, groups
        )

    def secret_table(self, table: Pool) -> Pool:
        groups = table.reshape(-1, 1 << self.window_bits, self._stride)[:, :, : self._digits]
        return np.ascontiguousarray(groups.transpose(0, 2, 1))

    def chain_secret(self, pool: Pool, table: Pool, keys: Keys) -> None:
        groups, stride = _grid(keys, len(pool))
        if table.shape != (groups, self._digits, 1 << self.window_bits) or not table.flags.c_contiguous:
            raise ValueError(f"{groups} groups of keys for a table of shape {table.shape}")
        if keys.dtype != np.uint8 or (keys.size and int(np.bitwise_or.reduce(keys, axis=None)) >> self.window_bits):
            raise ValueError(f"keys of {keys.dtype} must be of uint8, and of {self.window_bits} bits")
        self._calls["chain_secret"](
            ctypes.byref(self._modulus),
            self._rows(pool),
            len(pool),
            table.ctypes.data,
            keys.ctypes.data,
            stride,
            groups,
        )

    def power(self, pool: Pool, exponent: int) -> None:
        length = -(-exponent.bit_length() // _NIBBLE_BITS)
        pairs = np.frombuffer(exponent.to_bytes(length // 2 + 1, "big"), dtype=np.uint8)
        nibbles = np.stack([pairs >> _NIBBLE_BITS, pairs & 15], axis=1).ravel()[-length:].copy()
        scratch = np.empty((16 * self._digits + 1) * self._shape.lanes, dtype=np.uint64)
        self._calls["power"](
            ctypes.byref(self._modulus),
            self._rows(pool),
            len(pool),
            nibbles.ctypes.data,
            length,
            self.one.ctypes.data,
            scratch.ctypes.data,
        )

    def _plain(self, numbers: Sequence[mpz]) -> Pool:
        """Rows that hold reduced numbers as they are, not in Montgomery form."""
        pool = np.zeros((len(numbers), self._stride), dtype=np.uint64)
        if self.halves == 1:
            self._to_digits(pool, 0, numbers)
            return pool
        for half, part in enumerate(zip(*(gmpy2.f_divmod(number, self.base)[::-1] for number in numbers), strict=True)):
            self._to_digits(pool, half, part)
        return pool

    def _to_digits(self, pool: Pool, half: int, numbers: Sequence[mpz]) -> None:
        width = -(-self.base.bit_length() // 8)
        raw = b"".join([number.to_bytes(width, "little") for number in numbers])
        rows = pool[:, half * self._half :]
        self._calls["to_digits"](
            rows.ctypes.data, pool.shape[1], self._half, raw, width, len(numbers), self._shape.radix
        )

    def _from_digits(self, pool: Pool, half: int) -> list[mpz]:
        width = -(-self._half * self._shape.radix // 8)
        raw = np.empty((len(pool), width), dtype=np.uint8)
        rows = pool[:, half * self._half :]
        self._calls["to_bytes"](
            raw.ctypes.data, width, rows.ctypes.data, self._stride, self._half, len(pool), self._shape.radix
        )
        data = raw.tobytes()
        return [mpz.from_bytes(data[start : start + width], "little") for start in range(0, len(data), width)]

    def _rows(self, pool: Pool) -> int:
        """Where the rows begin: the kernel counts words, and believes what it is told."""
        if pool.dtype != np.uint64 or pool.shape[1:] != (self._stride,) or not pool.flags.c_contiguous:
            raise ValueError(f"{pool.dtype} of shape {pool.shape} is no pool of this ring")
        return int(pool.ctypes.data)


def _places(at: Places, rows: int) -> int:
    if at.dtype != np.int64 or (at.shape[-1] > 1 and at.strides[-1] != _WORD_BYTES):
        raise ValueError("places are rows of adjoining int64")
    # As unsigned numbers, negative ones are the largest.
    if at.size and int(at.view(np.uint64).max()) >= rows:
        raise IndexError(f"places from {at.min()} to {at.max()} in a pool of {rows} rows")
    return int(at.ctypes.data)


def _grid(keys: NDArray[Any], count: int) -> tuple[int, int]:
    """Groups of keys, and from one to the next the distance in keys."""
    if keys.ndim != 2 or keys.shape[1] != count or (count > 1 and keys.strides[1] != keys.itemsize):
        raise ValueError(f"keys of shape {keys.shape} for {count} numbers")
    return keys.shape[0], keys.strides[0] // keys.itemsize
