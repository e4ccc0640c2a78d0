"""Matrices of fixed-point integers, in the clear and encrypted, with the same operators."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from syft.errors import CiphertextInvalidError, PlaintextRangeError, TensorMismatchError
from syft.integers import SignedIntegers, narrowest
from syft.paillier._ciphertext_arithmetic import CiphertextArithmetic
from syft.paillier.packing import Packing

Matrix = SignedIntegers
BigMatrix = NDArray[np.object_]

_LARGEST_FACTOR = (1 << 31) - 1
#: A float64 is an integer of this many bits times a power of two.
_MANTISSA_BITS = 53
_LARGEST_SHIFT = 62


def row_bound(matrix: Matrix) -> int:
    """Largest L1 norm of a row: the factor by which a product with the matrix may grow. Entries are below 2^31."""
    return int(np.abs(narrowest(matrix)).sum(axis=1, dtype=np.int64).max(initial=0))


@dataclass(frozen=True, eq=False)
class IntegerTensor:
    """A matrix of fixed-point numbers in the clear, value = integer / 2^exponent.

    It has the operators of EncryptedTensor, without the checks against slots.

    Attributes:
        values: Python integers of any size, shape (d, k), dtype object; other integer types are converted.
        exponent: binary digits after the point.
        bound: public bound on every |integer|; `check_bound` checks it.

    Raises:
        TensorMismatchError: `values` is not a matrix of integers, or is empty.
    """

    values: BigMatrix
    exponent: int
    bound: int
    __array_ufunc__ = None  # lets `matrix @ tensor` reach __rmatmul__

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.ndim != 2 or not values.size or values.dtype.kind not in "iuO":
            raise TensorMismatchError(
                f"values must be a matrix of integers, not {values.dtype} of shape {values.shape}"
            )
        object.__setattr__(self, "values", values.astype(object))

    @classmethod
    def from_floats(cls, values: NDArray[np.floating[Any]], exponent: int, bound: int) -> Self:
        """A tensor of the nearest fixed-point integers, halves rounded up; exact arithmetic for any exponent.

        Raises:
            TensorMismatchError: `values` is not a matrix of finite numbers.
        """
        if values.ndim != 2 or not np.isfinite(values).all():
            raise TensorMismatchError("values must be a matrix of finite numbers")
        return cls(_scaled(values.astype(np.float64), exponent), exponent, bound)

    @property
    def shape(self) -> tuple[int, int]:
        """(d, k)."""
        rows, columns = self.values.shape
        return rows, columns

    def to_floats(self) -> NDArray[np.float64]:
        """The values as float64, shape (d, k)."""
        floats: NDArray[np.float64] = (self.values / (1 << self.exponent)).astype(np.float64)
        return floats

    def check_bound(self) -> None:
        """Checks that every |integer| is at most the bound.

        Raises:
            PlaintextRangeError: names the first that does not.
        """
        outside = np.argwhere(abs(self.values) > self.bound)
        if len(outside):
            row, column = map(int, outside[0])
            raise PlaintextRangeError(row, column, int(self.values[row, column]).bit_length())

    def shift(self, bits: int) -> Self:
        """The same values with `bits` more binary digits after the point."""
        _require_upwards(bits)
        return replace(self, values=self.values << bits, exponent=self.exponent + bits, bound=self.bound << bits)

    def requantise(self, exponent: int) -> Self:
        """The nearest values with `exponent` binary digits after the point, halves rounded up."""
        drop = self.exponent - exponent
        if drop <= 0:
            return self.shift(-drop)
        half = 1 << (drop - 1)
        return replace(self, values=(self.values + half) >> drop, exponent=exponent, bound=(self.bound >> drop) + 1)

    def with_bound(self, bound: int) -> Self:
        """The same integers with another public bound."""
        return replace(self, bound=bound)

    def __add__(self, other: IntegerTensor) -> IntegerTensor:
        if not isinstance(other, IntegerTensor):
            return NotImplemented
        _require_alike(self.shape, self.exponent, other)
        return replace(self, values=self.values + other.values, bound=self.bound + other.bound)

    def __sub__(self, other: IntegerTensor) -> IntegerTensor:
        if not isinstance(other, IntegerTensor):
            return NotImplemented
        return self + -other

    def __neg__(self) -> IntegerTensor:
        return self * -1

    def __mul__(self, factor: int) -> IntegerTensor:
        if not _is_integer(factor):
            return NotImplemented
        return replace(self, values=self.values * int(factor), bound=self.bound * abs(int(factor)))

    __rmul__ = __mul__

    def affine(self, matrix: Matrix, offset: IntegerTensor) -> IntegerTensor:
        """Matrix @ self + offset."""
        return matrix @ self + offset

    def __rmatmul__(self, matrix: Matrix) -> IntegerTensor:
        _require_chained(matrix, self.shape)
        values = matrix.astype(object) @ self.values
        return replace(self, values=values, bound=self.bound * row_bound(matrix))


@dataclass(frozen=True, eq=False)
class EncryptedTensor:
    """A matrix of fixed-point numbers under Paillier encryption; the integers of a row share one or more plaintexts.

    `a + b`, `a - b`, `-a`, `a * integer`, `matrix @ a` and `a + IntegerTensor` operate on the plaintexts. Each raises
    SlotOverflowError before it computes if the bound of its result does not fit the slots, PlaintextRangeError if an
    IntegerTensor exceeds its own bound, and TensorMismatchError if the operands do not fit each other.

    Results of the operators are not re-randomised: anyone who knows the encrypted operand can search for the plaintext
    operand. Call `rerandomise` before publishing one. Results of `affine` are re-randomised.

    Attributes:
        context: the public key's arithmetic.
        ciphertexts: d x `plaintexts_per_row` numbers modulo n^2, row-major.
        shape: (d, k).
        packing: of the k integers of a row into plaintexts.
        exponent: public binary fixed-point scale, value = integer / 2^exponent.
        bound: public bound on every |integer|. Operators derive it from their operands' bounds; for a received tensor
            it is a claim that only decryption verifies.

    Raises:
        CiphertextInvalidError: the number of ciphertexts does not fit the shape.
        TensorMismatchError: the slots do not fit a plaintext.
        SlotOverflowError: integers up to the bound do not fit a slot.
    """

    context: CiphertextArithmetic
    ciphertexts: list[mpz]
    shape: tuple[int, int]
    packing: Packing
    exponent: int
    bound: int
    __array_ufunc__ = None

    def __post_init__(self) -> None:
        expected = self.shape[0] * self.plaintexts_per_row
        if len(self.ciphertexts) != expected:
            raise CiphertextInvalidError(
                f"shape {self.shape} needs {expected} ciphertexts, not {len(self.ciphertexts)}"
            )
        if self.packing.slots * self.packing.slot_bits > self.context.n_bits - 2:
            raise TensorMismatchError(f"{self.packing} is wider than a plaintext of {self.context.n_bits} bits")
        self.packing.require(self.bound)

    @property
    def plaintexts_per_row(self) -> int:
        """Plaintexts, and ciphertexts, per row."""
        return self.packing.plaintexts(self.shape[1])

    def shift(self, bits: int) -> EncryptedTensor:
        """The same values with `bits` more binary digits after the point."""
        _require_upwards(bits)
        return replace(self * (1 << bits) if bits else self, exponent=self.exponent + bits)

    def with_bound(self, bound: int) -> EncryptedTensor:
        """The same ciphertexts with another public bound, for callers that know a better one."""
        return replace(self, bound=bound)

    def rerandomise(self) -> EncryptedTensor:
        """The same plaintexts under fresh randomness: the ciphertexts no longer reveal their operands."""
        return replace(self, ciphertexts=self.context.rerandomise(self.ciphertexts))

    def affine(self, matrix: Matrix, offset: IntegerTensor) -> EncryptedTensor:
        """Matrix @ self + offset, under fresh randomness."""
        _require_chained(matrix, self.shape)
        shape = (matrix.shape[0], self.shape[1])
        _require_alike(shape, self.exponent, offset)
        bound = self.bound * row_bound(matrix) + offset.bound
        self.packing.require(bound)

        def plaintexts() -> list[int]:
            offset.check_bound()
            return self.packing.pack(offset.values)

        sums = self.context.affine(matrix, self.ciphertexts, self.plaintexts_per_row, plaintexts)
        return replace(self, ciphertexts=sums, shape=shape, bound=bound)

    def ciphertext_bytes(self) -> list[bytes]:
        """Every ciphertext as `context.ciphertext_bytes` big-endian bytes."""
        width = self.context.ciphertext_bytes
        return [int(ciphertext).to_bytes(width, "big") for ciphertext in self.ciphertexts]

    def __add__(self, other: Tensor) -> EncryptedTensor:
        if not isinstance(other, EncryptedTensor | IntegerTensor):
            return NotImplemented
        _require_alike(self.shape, self.exponent, other)
        bound = self.bound + other.bound
        self.packing.require(bound)
        return replace(self, ciphertexts=self._sums(other), bound=bound)

    __radd__ = __add__

    def __sub__(self, other: Tensor) -> EncryptedTensor:
        if not isinstance(other, EncryptedTensor | IntegerTensor):
            return NotImplemented
        return self + -other

    def __rsub__(self, other: IntegerTensor) -> EncryptedTensor:
        return -self + other

    def __neg__(self) -> EncryptedTensor:
        return self * -1

    def __mul__(self, factor: int) -> EncryptedTensor:
        if not _is_integer(factor):
            return NotImplemented
        bound = self.bound * abs(int(factor))
        self.packing.require(bound)
        return replace(self, ciphertexts=self.context.scale(self.ciphertexts, int(factor)), bound=bound)

    __rmul__ = __mul__

    def __rmatmul__(self, matrix: Matrix) -> EncryptedTensor:
        _require_chained(matrix, self.shape)
        bound = self.bound * row_bound(matrix)
        self.packing.require(bound)
        products = self.context.product(matrix, self.ciphertexts, self.plaintexts_per_row)
        return replace(self, ciphertexts=products, shape=(matrix.shape[0], self.shape[1]), bound=bound)

    def _sums(self, other: Tensor) -> list[mpz]:
        if isinstance(other, IntegerTensor):
            other.check_bound()
            return self.context.add_plaintexts(self.ciphertexts, self.packing.pack(other.values))
        if other.context.n != self.context.n or other.packing != self.packing:
            raise TensorMismatchError("the tensors are encrypted under different keys, or packed differently")
        return self.context.add(self.ciphertexts, other.ciphertexts)


Tensor = EncryptedTensor | IntegerTensor


def _require_alike(shape: tuple[int, int], exponent: int, other: Tensor) -> None:
    if shape != other.shape or exponent != other.exponent:
        raise TensorMismatchError(
            f"shape {shape} at exponent {exponent} does not fit shape {other.shape} at exponent {other.exponent}"
        )


def _require_chained(matrix: Matrix, shape: tuple[int, int]) -> None:
    if matrix.size and not -_LARGEST_FACTOR <= int(matrix.min()) <= int(matrix.max()) <= _LARGEST_FACTOR:
        raise TensorMismatchError("an entry of the matrix exceeds 31 bits")
    if matrix.ndim != 2 or matrix.shape[1] != shape[0] or matrix.dtype.kind != "i":
        raise TensorMismatchError(
            f"a {matrix.dtype} matrix of shape {matrix.shape} cannot multiply a tensor of shape {shape}"
        )


def _require_upwards(bits: int) -> None:
    if bits < 0:
        raise TensorMismatchError(f"a shift by {bits} bits would drop digits: use IntegerTensor.requantise")


def _is_integer(factor: object) -> bool:
    return isinstance(factor, int | np.integer) and not isinstance(factor, bool)


def _scaled(values: NDArray[np.float64], exponent: int) -> BigMatrix:
    """The integers nearest to values x 2^exponent, without intermediate floats that could overflow or round."""
    fractions, exponents = np.frexp(values)
    mantissas = np.ldexp(fractions, _MANTISSA_BITS).astype(np.int64)
    shifts = exponents.astype(np.int64) + (exponent - _MANTISSA_BITS)
    # A shift down by more than the limit would give 0 as well.
    down, up = np.clip(-shifts, 0, _LARGEST_SHIFT), np.maximum(shifts, 0)
    nearest = (mantissas + ((np.int64(1) << down) >> 1)) >> down
    scaled: BigMatrix = nearest.astype(object) << up.astype(object)
    return scaled
