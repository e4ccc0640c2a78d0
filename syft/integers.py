"""Matrices of integers in the clear: what an encrypted tensor holds inside, with the same operators."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import PlaintextRangeError, TensorMismatchError
from syft.exact import compact, exact_matmul, row_norm


@dataclass(frozen=True, slots=True, eq=False)
class IntegerTensor:
    """A d x k matrix of signed integers at a public binary point; the plaintext twin of `EncryptedTensor`.

    Attributes:
        values: shape (d, k); int64 where all fit, else Python integers.
        exponent: a value is its integer / 2^exponent.
        bound: public bound on the absolute value of every integer.

    Raises:
        TensorMismatchError: not a matrix of integers.
        PlaintextRangeError: an integer is outside of the bound; names row and column.
    """

    __array_ufunc__ = None

    values: NDArray[Any]
    exponent: int
    bound: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", compact(self.values))
        if self.values.ndim != 2 or 0 in self.values.shape:
            raise TensorMismatchError(f"a matrix is expected, not shape {self.values.shape}")
        outside = np.argwhere((self.values > self.bound) | (self.values < -self.bound))
        if len(outside):
            row, column = (int(index) for index in outside[0])
            raise PlaintextRangeError(row, column, int(self.values[row, column]).bit_length())

    @classmethod
    def from_float(cls, values: ArrayLike, exponent: int, bound: int) -> Self:
        """Floats rounded to the nearest integer at `exponent`, halves to even.

        Raises:
            TensorMismatchError: not a matrix of finite numbers.
            PlaintextRangeError: an integer is outside of the bound.
        """
        floats = np.asarray(values, dtype=np.float64)
        if not np.isfinite(floats).all():
            raise TensorMismatchError("a weight is not a finite number")
        scaled = np.rint(np.ldexp(floats, exponent))
        integers = np.empty(floats.shape, dtype=object)
        integers.flat = [int(value) for value in scaled.flat]
        return cls(integers, exponent, bound)

    @property
    def shape(self) -> tuple[int, int]:
        """(d, k)."""
        rows, columns = self.values.shape
        return rows, columns

    def __add__(self, other: IntegerTensor) -> Self:
        if not isinstance(other, IntegerTensor):
            return NotImplemented
        if self.shape != other.shape or self.exponent != other.exponent:
            raise TensorMismatchError(
                f"shapes {self.shape} and {other.shape}, exponents {self.exponent} and {other.exponent} differ"
            )
        total = self.values.astype(object) + other.values.astype(object)
        return type(self)(total, self.exponent, self.bound + other.bound)

    def __neg__(self) -> Self:
        return self * -1

    def __sub__(self, other: IntegerTensor) -> Self:
        if not isinstance(other, IntegerTensor):
            return NotImplemented
        return self + -other

    def __mul__(self, factor: int) -> Self:
        if not isinstance(factor, int | np.integer) or isinstance(factor, bool):
            return NotImplemented
        factor = int(factor)
        return type(self)(self.values.astype(object) * factor, self.exponent, self.bound * abs(factor))

    __rmul__ = __mul__

    def shift(self, bits: int) -> Self:
        """The same values at an exponent that is `bits` higher."""
        if bits < 0:
            raise TensorMismatchError(f"a shift by {bits} bits drops digits: use requantise")
        return type(self)((self * (1 << bits)).values, self.exponent + bits, self.bound << bits)

    def requantise(self, exponent: int) -> Self:
        """The values rounded to another exponent, halves upwards, as a rebase does."""
        drop = self.exponent - exponent
        if drop <= 0:
            return self.shift(-drop)
        half = 1 << (drop - 1)
        rounded = (self.values.astype(object) + half) >> drop
        return type(self)(rounded, exponent, (self.bound + half) >> drop)

    def __rmatmul__(self, matrix: NDArray[Any]) -> Self:
        """`matrix @ self` for an integer matrix of shape (M, d)."""
        matrix = np.asarray(matrix)
        return self.left_multiply(matrix, self.bound * row_norm(matrix))

    def left_multiply(self, matrix: NDArray[Any], bound: int) -> Self:
        """`matrix @ self` with a public bound on the result, as `EncryptedTensor.left_multiply`."""
        least = self.bound * row_norm(matrix)
        if matrix.ndim != 2 or matrix.shape[1] != self.shape[0]:
            raise TensorMismatchError(f"a matrix of shape {matrix.shape} times {self.shape}")
        if bound < least:
            raise TensorMismatchError(
                f"the product may reach {least.bit_length()} bits, more than the bound of {bound.bit_length()}"
            )
        return type(self)(exact_matmul(matrix, self.values), self.exponent, bound)

    def rerandomise(self) -> Self:
        """Itself: integers in the clear have no randomness. Here so that one code serves both twins."""
        return self

    def to_float(self) -> NDArray[np.float64]:
        """The values as floats."""
        floats: NDArray[np.float64] = (self.values / (1 << self.exponent)).astype(np.float64)
        return floats
