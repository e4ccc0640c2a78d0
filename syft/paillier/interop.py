"""Scalars to and from python-paillier, so that whoever has phe can work with what Syft encrypts.

phe's value is integer x 16^exponent, Syft's integer / 2^exponent, and phe has one number to a ciphertext.
"""

from __future__ import annotations

from collections.abc import Sequence

from gmpy2 import mpz
from phe import EncryptedNumber

from syft.errors import CiphertextInvalidError, TensorMismatchError
from syft.paillier.packing import Packing
from syft.paillier.public_context import PublicContext
from syft.paillier.tensor import EncryptedTensor

_BITS_OF_BASE = 4


def to_encrypted_numbers(tensor: EncryptedTensor) -> list[list[EncryptedNumber]]:
    """The tensor's integers as d rows of k EncryptedNumbers, under the same randomness.

    Raises:
        TensorMismatchError: several integers share a ciphertext.
    """
    if tensor.packing.slots != 1:
        raise TensorMismatchError(f"phe has one number to a ciphertext, this tensor {tensor.packing.slots}")
    fitting = tensor.shift(-tensor.exponent % _BITS_OF_BASE)
    exponent, key, columns = -fitting.exponent // _BITS_OF_BASE, tensor.context.public_key, tensor.shape[1]
    numbers = [EncryptedNumber(key, int(ciphertext), exponent) for ciphertext in fitting.ciphertexts]
    return [numbers[start : start + columns] for start in range(0, len(numbers), columns)]


def from_encrypted_numbers(
    context: PublicContext, rows: Sequence[Sequence[EncryptedNumber]], bound: int
) -> EncryptedTensor:
    """A tensor of phe's numbers, one integer to a ciphertext, at the finest of their exponents and at least 0.

    Args:
        context: the key.
        rows: d rows of k numbers.
        bound: on the absolute value of the tensor's integers: phe knows none.

    Raises:
        CiphertextInvalidError: a number is encrypted under another key, or is no ciphertext.
        TensorMismatchError: rows of different length, or none.
    """
    numbers = [number for row in rows for number in row]
    if not numbers or len({len(row) for row in rows}) != 1:
        raise TensorMismatchError("a matrix of numbers is needed: equal rows, at least one number")
    for place, number in enumerate(numbers):
        if number.public_key != context.public_key:
            raise CiphertextInvalidError("encrypted under another key", place)
    exponent = min(0, *(number.exponent for number in numbers))
    aligned = [
        mpz(number.decrease_exponent_to(exponent).ciphertext(be_secure=False))
        if number.exponent > exponent
        else mpz(number.ciphertext(be_secure=False))
        for number in numbers
    ]
    context.check_ciphertexts(aligned)
    packing = Packing(context.n_bits - 2, 1)
    return EncryptedTensor(context, aligned, (len(rows), len(rows[0])), packing, -exponent * _BITS_OF_BASE, bound)
