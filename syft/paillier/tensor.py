"""Tensors of fixed-point integers, in the clear and encrypted, with the same operators."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from syft.errors import CiphertextInvalidError, PlaintextRangeError, TensorMismatchError
from syft.paillier.packing import Packing
from syft.whole import SignedIntegers, shortest

if TYPE_CHECKING:
    from syft.paillier.public_context import PublicContext

Matrix = SignedIntegers
BigMatrix = NDArray[np.object_]

_LARGEST_FACTOR = (1 << 31) - 1
#: A float64 is a whole number of so many bits, times a power of two.
_MANTISSA_BITS = 53
_MOST_SHIFTED = 62


def row_bound(matrix: Matrix) -> int:
    """Largest L1 norm of a row: how much a product with the matrix may grow. Entries are below 2^31."""
    return int(np.abs(shortest(matrix)).sum(axis=1, dtype=np.int64).max(initial=0))


@dataclass(frozen=True)
class IntegerTensor:
    """Weights in the clear, value = integer / 2^exponent: the twin of EncryptedTensor, with the same operators.

    Attributes:
        values: Python integers of any size, shape (d, k), dtype object; a matrix of int64 is converted.
        exponent: binary digits after the point.
        bound: the public bound that every |integer| should keep: see `check_bound`.

    Raises:
        TensorMismatchError: not a matrix of integers.
    """

    values: BigMatrix
    exponent: int
    bound: int
    __array_ufunc__ = None  # lets `matrix @ tensor` reach __rmatmul__

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.ndim != 2 or not values.size or values.dtype.kind not in "iuO":
            raise TensorMismatchError(f"a matrix of integers is needed, not {values.dtype} of shape {values.shape}")
        object.__setattr__(self, "values", values.astype(object))

    @classmethod
    def from_floats(cls, values: NDArray[np.floating[Any]], exponent: int, bound: int) -> Self:
        """The nearest fixed-point integers, halves upwards; exact for any exponent, as a float is a dyadic fraction.

        Raises:
            TensorMismatchError: not a matrix of finite numbers.
        """
        if values.ndim != 2 or not np.isfinite(values).all():
            raise TensorMismatchError("a matrix of finite numbers is needed")
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
        """Checks that every integer keeps the bound.

        Raises:
            PlaintextRangeError: names the first that does not.
        """
        outside = np.argwhere(abs(self.values) > self.bound)
        if len(outside):
            row, column = map(int, outside[0])
            raise PlaintextRangeError(row, column, int(self.values[row, column]).bit_length())

    def shift(self, bits: int) -> Self:
        """The same values with `bits` more digits after the point."""
        _require_upwards(bits)
        return replace(self, values=self.values << bits, exponent=self.exponent + bits, bound=self.bound << bits)

    def requantise(self, exponent: int) -> Self:
        """The nearest values with `exponent` digits after the point; halves go up."""
        drop = self.exponent - exponent
        if drop <= 0:
            return self.shift(-drop)
        half = 1 << (drop - 1)
        return replace(self, values=(self.values + half) >> drop, exponent=exponent, bound=(self.bound >> drop) + 1)

    def with_bound(self, bound: int) -> Self:
        """The same integers under another public bound."""
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


@dataclass(frozen=True)
class EncryptedTensor:
    """Weights under Paillier encryption: the integers of a row share one or more plaintexts.

    `a + b`, `a - b`, `-a`, `a * integer`, `matrix @ a` and `a + IntegerTensor` act on what is encrypted. Each raises
    SlotOverflowError, before computing, if its result's bound does not fit the slots; an IntegerTensor that breaks its
    own bound is a PlaintextRangeError.

    Their results are not re-randomised: whoever publishes one calls `rerandomise` first, or anyone who knows the
    operands can search for the plaintext operand. Those of `affine` are.

    Attributes:
        context: public key and what belongs to it.
        ciphertexts: d x plaintexts-per-row numbers modulo n^2, row-major.
        shape: (d, k).
        packing: how k integers share plaintexts.
        exponent: public binary fixed-point scale, value = integer / 2^exponent.
        bound: public bound on every |integer|: a claim, until the key's owner has decrypted; arithmetic keeps it true.

    Raises:
        CiphertextInvalidError: not as many ciphertexts as the shape needs.
        TensorMismatchError: slots that do not fit a plaintext.
        SlotOverflowError: integers up to the bound do not fit a slot.
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
        if self.packing.slots * self.packing.slot_bits > self.context.n_bits - 2:
            raise TensorMismatchError(f"{self.packing} is wider than a plaintext of {self.context.n_bits} bits")
        self.packing.require(self.bound)

    @property
    def plaintexts_per_row(self) -> int:
        """Ciphertexts that hold one row."""
        return self.packing.plaintexts(self.shape[1])

    def shift(self, bits: int) -> EncryptedTensor:
        """The same values with `bits` more digits after the point."""
        _require_upwards(bits)
        return replace(self * (1 << bits) if bits else self, exponent=self.exponent + bits)

    def with_bound(self, bound: int) -> EncryptedTensor:
        """The same ciphertexts under another public bound, for who knows better than the operators can."""
        return replace(self, bound=bound)

    def rerandomise(self) -> EncryptedTensor:
        """The same plaintexts under fresh randomness: nobody can tell how the ciphertexts came about."""
        return replace(self, ciphertexts=self.context.rerandomise(self.ciphertexts))

    def affine(self, matrix: Matrix, offset: IntegerTensor) -> EncryptedTensor:
        """Matrix @ self + offset under fresh randomness: the offset is encrypted while the product is computed."""
        _require_chained(matrix, self.shape)
        shape, context, width = (matrix.shape[0], self.shape[1]), self.context, self.plaintexts_per_row
        _require_alike(shape, self.exponent, offset)
        workers = context.ring.workers
        # Randomness waits for nothing: it comes first.
        residues = workers.aside(lambda: context.residue_pool(shape[0] * width))
        offset.check_bound()
        bound = self.bound * row_bound(matrix) + offset.bound
        self.packing.require(bound)
        encrypted = workers.aside(lambda: context.add_to_pool(residues(), self.packing.pack(offset.values)))
        sums = context.unload_sums(context.product_pool(self.ciphertexts, matrix, width), encrypted())
        return replace(self, ciphertexts=sums, shape=shape, bound=bound)

    def ciphertext_bytes(self) -> list[bytes]:
        """Every ciphertext as big-endian bytes of the width of n^2."""
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
        return replace(self, ciphertexts=self.context.raw_powers(self.ciphertexts, int(factor)), bound=bound)

    __rmul__ = __mul__

    def __rmatmul__(self, matrix: Matrix) -> EncryptedTensor:
        _require_chained(matrix, self.shape)
        bound = self.bound * row_bound(matrix)
        self.packing.require(bound)
        products = self.context.product_pool(self.ciphertexts, matrix, self.plaintexts_per_row)
        shape = (matrix.shape[0], self.shape[1])
        return replace(self, ciphertexts=self.context.ring.unload(products), shape=shape, bound=bound)

    def _sums(self, other: Tensor) -> list[mpz]:
        if isinstance(other, IntegerTensor):
            other.check_bound()
            plaintexts = self.packing.pack(other.values)
            return [self.context.raw_add(c, m) for c, m in zip(self.ciphertexts, plaintexts, strict=True)]
        if other.context.n != self.context.n or other.packing != self.packing:
            raise TensorMismatchError("the tensors are encrypted under different keys, or packed differently")
        n2 = self.context.nsquare
        return [a * b % n2 for a, b in zip(self.ciphertexts, other.ciphertexts, strict=True)]


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
        raise TensorMismatchError(f"a shift by {bits} bits would drop digits: only an IntegerTensor can be requantised")


def _is_integer(factor: object) -> bool:
    return isinstance(factor, int | np.integer) and not isinstance(factor, bool)


def _scaled(values: NDArray[np.float64], exponent: int) -> BigMatrix:
    """Values x 2^exponent, to the nearest integers, without a float that could overflow or round on the way."""
    fractions, exponents = np.frexp(values)
    whole = np.ldexp(fractions, _MANTISSA_BITS).astype(np.int64)
    places = exponents.astype(np.int64) + (exponent - _MANTISSA_BITS)
    # What is shifted out of 64 bits is less than a half.
    down, up = np.clip(-places, 0, _MOST_SHIFTED), np.maximum(places, 0)
    nearest = (whole + ((np.int64(1) << down) >> 1)) >> down
    scaled: BigMatrix = nearest.astype(object) << up.astype(object)
    return scaled
