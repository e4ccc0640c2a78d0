"""Ring arithmetic by the C kernel: one number per lane of the vector registers."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import gmpy2
import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from syft.kernel._shared_library import PATHS, Library, Modulus
from syft.kernel.ring import Indices, Keys, Pool, Ring

#: Longest base that the kernel supports, in bits.
MOST_BITS = 8192

#: R > 16 base keeps all halves below 2 base (see numbers.h).
_SPARE_BITS = 4
_NIBBLE_BITS = 4
_WORD_BYTES = 8


class SimdRing(Ring):
    """A ring whose pools are rows of digits, dtype uint64, in Montgomery form; modulo a square, pairs x0 + x1 base.

    Neither time nor addresses depend on the numbers: `chain_secret` reads whole tables, and `power` uses windows of one
    width. Exceptions: `chain` reads the rows that its keys name, and `load` and `unload` divide by gmpy2.

    Args:
        library: the compiled kernel.
        path: one of PATHS.
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
        out_at: Indices | None,
        left: Pool,
        left_at: Indices | None,
        right: Pool,
        right_at: Indices | None,
    ) -> None:
        counts = {
            len(pool) if at is None else len(at) for pool, at in ((out, out_at), (left, left_at), (right, right_at))
        }
        if len(counts) != 1:
            raise ValueError(f"multiply: index lists of different lengths {sorted(counts)}")
        arguments = []
        for pool, at in ((out, out_at), (left, left_at), (right, right_at)):
            arguments += [self._rows(pool), None if at is None else _index_address(at, len(pool))]
        self._calls["multiply"](ctypes.byref(self._modulus), *arguments, counts.pop())

    def square(self, pool: Pool, times: int) -> None:
        self._calls["square"](ctypes.byref(self._modulus), self._rows(pool), len(pool), times)

    def subsets(self, table: Pool, pool: Pool, group: int) -> None:
        if len(table) != -(-len(pool) // group) << group:
            raise ValueError(
                f"subsets: a table of {len(table)} rows does not fit {len(pool)} numbers in groups of {group}"
            )
        self._calls["subsets"](
            ctypes.byref(self._modulus),
            self._rows(table),
            self._rows(pool),
            len(pool),
            group,
            self.one.ctypes.data,
        )

    def chain(self, pool: Pool, table: Pool, keys: Indices) -> None:
        groups, stride = _grid(keys, len(pool))
        indices = _index_address(keys, len(table))
        self._calls["chain"](
            ctypes.byref(self._modulus), self._rows(pool), len(pool), self._rows(table), indices, stride, groups
        )

    def secret_table(self, table: Pool) -> Pool:
        groups = table.reshape(-1, 1 << self.window_bits, self._stride)[:, :, : self._digits]
        return np.ascontiguousarray(groups.transpose(0, 2, 1))

    def chain_secret(self, pool: Pool, table: Pool, keys: Keys) -> None:
        groups, stride = _grid(keys, len(pool))
        if table.shape != (groups, self._digits, 1 << self.window_bits) or not table.flags.c_contiguous:
            raise ValueError(f"chain_secret: {groups} groups of keys do not fit a table of shape {table.shape}")
        if keys.dtype != np.uint8 or (keys.size and int(np.bitwise_or.reduce(keys, axis=None)) >> self.window_bits):
            raise ValueError(f"chain_secret: keys of {keys.dtype} must be uint8 of at most {self.window_bits} bits")
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
        """A pool of reduced numbers that are not in Montgomery form."""
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
        """Address of a pool, after the checks that the kernel itself does not make."""
        if pool.dtype != np.uint64 or pool.shape[1:] != (self._stride,) or not pool.flags.c_contiguous:
            raise ValueError(f"an array of {pool.dtype} and shape {pool.shape} is not a pool of this ring")
        return int(pool.ctypes.data)


def _index_address(indices: Indices, rows: int) -> int:
    """Address of an array of row indices, after a check of its layout and range."""
    if indices.dtype != np.int64 or (indices.shape[-1] > 1 and indices.strides[-1] != _WORD_BYTES):
        raise ValueError("row indices must be contiguous int64")
    # As unsigned numbers, negative indices are the largest.
    if indices.size and int(indices.view(np.uint64).max()) >= rows:
        raise IndexError(f"row indices from {indices.min()} to {indices.max()} in a pool of {rows} rows")
    return int(indices.ctypes.data)


def _grid(keys: NDArray[Any], count: int) -> tuple[int, int]:
    """The number of groups of keys, and the distance from one group to the next in keys."""
    if keys.ndim != 2 or keys.shape[1] != count or (count > 1 and keys.strides[1] != keys.itemsize):
        raise ValueError(f"keys of shape {keys.shape} for {count} numbers")
    return keys.shape[0], keys.strides[0] // keys.itemsize
