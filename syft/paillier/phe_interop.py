"""Conversion to and from python-paillier's `EncryptedNumber`.

The value of an EncryptedNumber is integer x 16^exponent, one number per ciphertext; that of an EncryptedTensor is
integer / 2^exponent.
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
        TensorMismatchError: a ciphertext of the tensor holds more than one integer.
    """
    if tensor.packing.slots != 1:
        raise TensorMismatchError(f"phe has one number per ciphertext, this tensor has {tensor.packing.slots}")
    shifted = tensor.shift(-tensor.exponent % _BITS_OF_BASE)
    exponent, key, columns = -shifted.exponent // _BITS_OF_BASE, tensor.context.public_key, tensor.shape[1]
    numbers = [EncryptedNumber(key, int(ciphertext), exponent) for ciphertext in shifted.ciphertexts]
    return [numbers[start : start + columns] for start in range(0, len(numbers), columns)]


def from_encrypted_numbers(
    context: PublicContext, rows: Sequence[Sequence[EncryptedNumber]], bound: int
) -> EncryptedTensor:
    """A tensor of EncryptedNumbers, one per ciphertext.

    Its exponent is the finest of theirs, and at least 0.

    Args:
        context: of their public key.
        rows: d rows of k numbers.
        bound: bound on the absolute value of the tensor's integers, which phe does not record.

    Raises:
        CiphertextInvalidError: a number is encrypted under another key, or is not a ciphertext.
        TensorMismatchError: no numbers, or rows of different lengths.
    """
    numbers = [number for row in rows for number in row]
    if not numbers or len({len(row) for row in rows}) != 1:
        raise TensorMismatchError("rows of equal length with at least one number are needed")
    for index, number in enumerate(numbers):
        if number.public_key != context.public_key:
            raise CiphertextInvalidError("encrypted under another key", index)
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
