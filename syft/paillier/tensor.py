"""Tensors of fixed-point integers, in the clear and encrypted, with the same operators."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from syft.errors import CiphertextInvalidError, TensorMismatchError
from syft.paillier.multiexp import multi_exponentiate
from syft.paillier.packing import Packing

if TYPE_CHECKING:
    from syft.paillier.contexts import PublicContext

Matrix = NDArray[np.int64]
BigMatrix = NDArray[np.object_]


def row_bound(matrix: Matrix) -> int:
    """Largest L1 norm of a row: how much a product with the matrix may grow."""
    return int(np.abs(matrix).sum(axis=1).max(initial=0))


@dataclass(frozen=True)
class IntegerTensor:
    """Weights in the clear: value = integer / 2^exponent.

    Attributes:
        values: Python integers of any size, shape (d, k), dtype object.
        exponent: binary digits after the point.
        bound: no |integer| is larger.
    """

    values: BigMatrix
    exponent: int
    bound: int
    __array_ufunc__ = None  # lets `matrix @ tensor` reach __rmatmul__

    @classmethod
    def from_floats(cls, values: NDArray[np.floating[Any]], exponent: int, bound: int) -> Self:
        """The nearest fixed-point integers; exact for any exponent, since a float is a fraction of a power of two."""
        scaled = [[round(_ldexp(float(value), exponent)) for value in row] for row in values]
        return cls(_objects(scaled, values.shape), exponent, bound)

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.values.shape
        return rows, columns

    def to_floats(self) -> NDArray[np.float64]:
        """The values as float64, shape (d, k)."""
        scale = 1 << self.exponent
        return np.array([[int(value) / scale for value in row] for row in self.values], dtype=np.float64).reshape(
            self.shape
        )

    def shift(self, bits: int) -> Self:
        """The same values with `bits` more digits after the point."""
        return replace(self, values=self.values << bits, exponent=self.exponent + bits, bound=self.bound << bits)

    def requantise(self, exponent: int) -> Self:
        """The nearest values with `exponent` digits after the point; halves go up."""
        drop = self.exponent - exponent
        if drop <= 0:
            return self.shift(-drop)
        half = 1 << (drop - 1)
        return replace(self, values=(self.values + half) >> drop, exponent=exponent, bound=(self.bound >> drop) + 1)

    def with_bound(self, bound: int) -> Self:
        return replace(self, bound=bound)

    def __add__(self, other: IntegerTensor) -> IntegerTensor:
        _require_alike(self, other)
        return replace(self, values=self.values + other.values, bound=self.bound + other.bound)

    def __sub__(self, other: IntegerTensor) -> IntegerTensor:
        return self + -other

    def __neg__(self) -> IntegerTensor:
        return self * -1

    def __mul__(self, factor: int) -> IntegerTensor:
        return replace(self, values=self.values * factor, bound=self.bound * abs(factor))

    __rmul__ = __mul__

    def __rmatmul__(self, matrix: Matrix) -> IntegerTensor:
        _require_chained(matrix, self.shape)
        values = matrix.astype(object) @ self.values
        return replace(self, values=values, bound=self.bound * row_bound(matrix))


@dataclass(frozen=True)
class EncryptedTensor:
    """Weights under Paillier encryption: the integers of a row share one or more plaintexts.

    `a + b`, `a - b`, `-a`, `a * integer`, `matrix @ a` and `a + IntegerTensor` act on what is encrypted. Each raises
    SlotOverflowError, before computing, if its result's bound does not fit the slots.

    Results are not re-randomised: whoever publishes one calls `rerandomise` first, or anyone who knows the operands
    can search for the plaintext operand.

    Attributes:
        context: public key and what belongs to it.
        ciphertexts: d x plaintexts-per-row numbers modulo n^2, row-major.
        shape: (d, k).
        packing: how k integers share plaintexts.
        exponent: public binary fixed-point scale, value = integer / 2^exponent.
        bound: public bound on every |integer|.
    """

    context: PublicContext
    ciphertexts: list[mpz]
    shape: tuple[int, int]
    packing: Packing
    exponent: int
    bound: int
    __array_ufunc__ = None

    def __post_init__(self) -> None:
        expected = self.shape[0] * self.plaintexts_per_row
        if len(self.ciphertexts) != expected:
            raise CiphertextInvalidError(f"{len(self.ciphertexts)} ciphertexts where {self.shape} needs {expected}")
        self.packing.require(self.bound)

    @property
    def plaintexts_per_row(self) -> int:
        return self.packing.plaintexts(self.shape[1])

    def shift(self, bits: int) -> EncryptedTensor:
        """The same values with `bits` more digits after the point."""
        return replace(self * (1 << bits), exponent=self.exponent + bits)

    def with_bound(self, bound: int) -> EncryptedTensor:
        """The same ciphertexts under another public bound, for who knows better than the operators can."""
        return replace(self, bound=bound)

    def rerandomise(self) -> EncryptedTensor:
        """The same plaintexts under fresh randomness: nobody can tell how the ciphertexts came about."""
        return replace(self, ciphertexts=self.context.rerandomise(self.ciphertexts))

    def ciphertext_bytes(self) -> list[bytes]:
        """Every ciphertext as big-endian bytes of the width of n^2."""
        width = self.context.ciphertext_bytes
        return [int(ciphertext).to_bytes(width, "big") for ciphertext in self.ciphertexts]

    def __add__(self, other: EncryptedTensor | IntegerTensor) -> EncryptedTensor:
        _require_alike(self, other)
        bound = self.bound + other.bound
        self.packing.require(bound)
        n2 = self.context.nsquare
        addends = self._addends(other)
        sums = [a * b % n2 for a, b in zip(self.ciphertexts, addends, strict=True)]
        return replace(self, ciphertexts=sums, bound=bound)

    def __sub__(self, other: EncryptedTensor | IntegerTensor) -> EncryptedTensor:
        return self + -other

    def __neg__(self) -> EncryptedTensor:
        return self * -1

    def __mul__(self, factor: int) -> EncryptedTensor:
        bound = self.bound * abs(factor)
        self.packing.require(bound)
        return replace(self, ciphertexts=self.context.raw_powers(self.ciphertexts, factor), bound=bound)

    __rmul__ = __mul__

    def __rmatmul__(self, matrix: Matrix) -> EncryptedTensor:
        _require_chained(matrix, self.shape)
        bound = self.bound * row_bound(matrix)
        self.packing.require(bound)
        width, n2 = self.plaintexts_per_row, self.context.nsquare
        columns = [multi_exponentiate(self.ciphertexts[part::width], matrix, n2) for part in range(width)]
        products = [column[row] for row in range(matrix.shape[0]) for column in columns]
        return replace(self, ciphertexts=products, shape=(matrix.shape[0], self.shape[1]), bound=bound)

    def _addends(self, other: EncryptedTensor | IntegerTensor) -> list[mpz]:
        if isinstance(other, IntegerTensor):
            packed = (m for row in other.values for m in self.packing.pack_row(row))
            return [self.context.raw_encode(m) for m in packed]
        if other.context.n != self.context.n or other.packing != self.packing:
            raise TensorMismatchError("the tensors are encrypted under different keys, or packed differently")
        return other.ciphertexts


Tensor = EncryptedTensor | IntegerTensor


def _require_alike(left: Tensor, right: Tensor) -> None:
    if left.shape != right.shape or left.exponent != right.exponent:
        raise TensorMismatchError(
            f"shape {left.shape} at exponent {left.exponent} does not fit "
            f"shape {right.shape} at exponent {right.exponent}"
        )


def _require_chained(matrix: Matrix, shape: tuple[int, int]) -> None:
    if matrix.ndim != 2 or matrix.shape[1] != shape[0] or matrix.dtype != np.int64:
        raise TensorMismatchError(
            f"a {matrix.dtype} matrix of shape {matrix.shape} cannot multiply a tensor of shape {shape}"
        )


def _objects(rows: list[list[int]], shape: tuple[int, ...]) -> BigMatrix:
    values = np.empty(shape, dtype=object)
    values[...] = rows
    return values


def _ldexp(value: float, exponent: int) -> int | float:
    """Value x 2^exponent, as an exact integer where a float would overflow or round."""
    numerator, denominator = value.as_integer_ratio()
    scaled = numerator << exponent
    quotient, rest = divmod(scaled, denominator)
    return quotient + (1 if 2 * rest >= denominator else 0)
