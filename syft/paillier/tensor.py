"""Matrices of encrypted integers, and the arithmetic that needs no key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import gmpy2
import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from syft.errors import TensorMismatchError
from syft.exact import row_norm
from syft.integers import IntegerTensor
from syft.paillier.multiexp import multi_exponentiate
from syft.paillier.packing import Packing


class Context(Protocol):
    """What a tensor needs of its key: `PublicContext` and `PrivateContext` are such."""

    @property
    def n(self) -> mpz:
        """The modulus."""

    @property
    def nsquare(self) -> mpz:
        """The modulus of ciphertexts."""

    @property
    def n_length(self) -> int:
        """Bits of n."""

    def obfuscators(self, count: int) -> list[mpz]:
        """Fresh n-th residues: encryptions of zero."""


@dataclass(frozen=True, slots=True, eq=False)
class EncryptedTensor:
    """A d x k matrix of signed integers, encrypted; several columns share one ciphertext.

    The operators do the same to the integers inside as they do to an `IntegerTensor`. What they give is not
    re-randomised: call `rerandomise` before anything leaves the house.

    Attributes:
        context: the key.
        ciphertexts: d x plaintexts-per-row numbers below n^2, row-major.
        shape: (d, k).
        packing: how columns share a ciphertext.
        exponent: public binary point: a value is its integer / 2^exponent.
        bound: public bound on the absolute value of every integer inside. It is a claim until the key's owner has
            decrypted; arithmetic keeps it true when it was true of the operands.

    Raises:
        TensorMismatchError: the number of ciphertexts does not fit the shape.
        SlotOverflowError: integers up to `bound` do not fit a slot.
    """

    # numpy hands `array @ tensor` to __rmatmul__ instead of taking the tensor apart.
    __array_ufunc__ = None

    context: Context = field(repr=False)
    ciphertexts: list[mpz] = field(repr=False)
    shape: tuple[int, int]
    packing: Packing
    exponent: int
    bound: int

    def __post_init__(self) -> None:
        rows, columns = self.shape
        expected = rows * self.packing.plaintexts(columns)
        if rows < 1 or columns < 1 or len(self.ciphertexts) != expected:
            raise TensorMismatchError(
                f"{len(self.ciphertexts)} ciphertexts, but shape {self.shape} takes {expected}"
            )
        if self.packing.slot_bits * self.packing.slots > self.context.n_length - 2:
            raise TensorMismatchError(
                f"{self.packing.slots} slots of {self.packing.slot_bits} bits do not fit a plaintext of "
                f"{self.context.n_length} bits"
            )
        self.packing.require(self.bound)

    @property
    def plaintexts_per_row(self) -> int:
        """Ciphertexts that one row takes."""
        return self.packing.plaintexts(self.shape[1])

    def __add__(self, other: EncryptedTensor | IntegerTensor) -> Self:
        """Sum with a tensor of equal shape and exponent, encrypted or not."""
        if not isinstance(other, EncryptedTensor | IntegerTensor):
            return NotImplemented
        self._require_alike(other)
        bound = self.bound + other.bound
        self.packing.require(bound)
        modulus = self.context.nsquare
        if isinstance(other, EncryptedTensor):
            factors = other.ciphertexts
        else:
            factors = [1 + m * self.context.n for m in self.packing.pack(other.values)]
        products = [a * b % modulus for a, b in zip(self.ciphertexts, factors, strict=True)]
        return self._with(products, self.exponent, bound)

    __radd__ = __add__

    def __neg__(self) -> Self:
        return self * -1

    def __sub__(self, other: EncryptedTensor | IntegerTensor) -> Self:
        """Difference with a tensor of equal shape and exponent, encrypted or not."""
        if not isinstance(other, EncryptedTensor | IntegerTensor):
            return NotImplemented
        return self + -other

    def __rsub__(self, other: IntegerTensor) -> Self:
        return -self + other

    def __mul__(self, factor: int) -> Self:
        """Every integer inside times one public integer."""
        if not isinstance(factor, int | np.integer) or isinstance(factor, bool):
            return NotImplemented
        factor = int(factor)
        bound = self.bound * abs(factor)
        self.packing.require(bound)
        powers = [gmpy2.powmod(c, factor, self.context.nsquare) for c in self.ciphertexts]
        return self._with(powers, self.exponent, bound)

    __rmul__ = __mul__

    def shift(self, bits: int) -> Self:
        """The same values at an exponent that is `bits` higher: every integer times 2^bits.

        Raises:
            TensorMismatchError: negative bits; only the key's owner can drop binary digits.
        """
        if bits < 0:
            raise TensorMismatchError(f"an encrypted tensor cannot be shifted by {bits} bits")
        shifted = self * (1 << bits) if bits else self
        return self._with(shifted.ciphertexts, self.exponent + bits, shifted.bound)

    def __rmatmul__(self, matrix: NDArray[Any]) -> Self:
        """`matrix @ self` for an integer matrix of shape (M, d): the result has shape (M, k).

        The bound of the result follows from the largest row norm of the matrix, and so tells it; a private
        matrix needs `left_multiply` with a public bound.
        """
        matrix = np.asarray(matrix)
        return self.left_multiply(matrix, self.bound * row_norm(matrix))

    def left_multiply(self, matrix: NDArray[Any], bound: int) -> Self:
        """`matrix @ self` with a public bound on the integers of the result.

        Args:
            matrix: integers of shape (M, d), |entry| < 2^31.
            bound: at least `self.bound` times the largest L1 norm of a row.

        Raises:
            TensorMismatchError: not a matrix of integers, or not d columns.
            SlotOverflowError: the row norms do not allow `bound`, or `bound` does not fit a slot.
        """
        least = self.bound * row_norm(matrix)
        if matrix.ndim != 2 or matrix.shape[1] != self.shape[0]:
            raise TensorMismatchError(f"a matrix of shape {matrix.shape} times {self.shape}")
        if bound < least:
            raise TensorMismatchError(
                f"the product may reach {least.bit_length()} bits, more than the bound of {bound.bit_length()}"
            )
        self.packing.require(bound)
        width, modulus = self.plaintexts_per_row, self.context.nsquare
        parts = [
            multi_exponentiate(self.ciphertexts[part::width], matrix.astype(np.int64), modulus)
            for part in range(width)
        ]
        interleaved = [parts[part][row] for row in range(len(matrix)) for part in range(width)]
        return type(self)(
            self.context, interleaved, (len(matrix), self.shape[1]), self.packing, self.exponent, bound
        )

    def rerandomise(self) -> Self:
        """The same integers under fresh randomness: nothing but the integers links the two."""
        modulus = self.context.nsquare
        fresh = self.context.obfuscators(len(self.ciphertexts))
        products = [c * noise % modulus for c, noise in zip(self.ciphertexts, fresh, strict=True)]
        return self._with(products, self.exponent, self.bound)

    def ciphertext_bytes(self) -> list[bytes]:
        """Every ciphertext as 2 x n_length / 8 big-endian bytes, row-major."""
        width = 2 * self.context.n_length // 8
        return [int(c).to_bytes(width, "big") for c in self.ciphertexts]

    def _with(self, ciphertexts: Sequence[mpz], exponent: int, bound: int) -> Self:
        return type(self)(self.context, list(ciphertexts), self.shape, self.packing, exponent, bound)

    def _require_alike(self, other: EncryptedTensor | IntegerTensor) -> None:
        if self.shape != other.shape:
            raise TensorMismatchError(f"shapes {self.shape} and {other.shape} differ")
        if self.exponent != other.exponent:
            raise TensorMismatchError(
                f"exponents {self.exponent} and {other.exponent} differ: shift the one with the smaller"
            )
        if isinstance(other, EncryptedTensor):
            if self.context.n != other.context.n:
                raise TensorMismatchError("the tensors are encrypted under different keys")
            if self.packing != other.packing:
                raise TensorMismatchError(f"packings {self.packing} and {other.packing} differ")
