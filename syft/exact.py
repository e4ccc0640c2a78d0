"""Integer matrix arithmetic that is exact at any size, and fast where machine numbers suffice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import TensorMismatchError

#: Sums of products of integers are exact in float64 below 2^53, whatever their order.
FLOAT_BITS = 53
_INT64_BITS = 63
_LEAST_LIMB = 8


def compact(values: ArrayLike) -> NDArray[Any]:
    """Integers as an int64 array where all fit, else as an array of Python integers.

    Raises:
        TensorMismatchError: something in it is no integer.
    """
    array = np.asarray(values)
    if array.dtype.kind == "i" or (array.dtype.kind == "u" and array.dtype.itemsize < 8):
        return array.astype(np.int64)
    if array.dtype.kind not in "uO" or not all(_is_integer(value) for value in array.flat):
        raise TensorMismatchError(f"integers are expected, not an array of type {array.dtype}")
    if bit_length(array) <= _INT64_BITS:
        return array.astype(np.int64)
    exact = np.empty(array.shape, dtype=object)
    exact.flat = [int(value) for value in array.flat]
    return exact


def bit_length(values: NDArray[Any]) -> int:
    """Bits of the largest absolute value, 0 for an empty array."""
    if values.size == 0:
        return 0
    return max(int(values.max()).bit_length(), int(values.min()).bit_length())


def row_norm(matrix: NDArray[Any]) -> int:
    """The largest L1 norm of a row: by how much a product with the matrix can exceed what it multiplies."""
    if matrix.size == 0:
        return 0
    magnitudes = np.abs(matrix.astype(object)) if bit_length(matrix) > 31 else np.abs(matrix.astype(np.int64))
    return int(magnitudes.sum(axis=1).max())


def exact_matmul(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    """left @ right, exactly.

    The right factor is cut into limbs so small that float64 BLAS adds their products without rounding.

    Args:
        left: integers of shape (n, d), best below 2^31.
        right: integers of any size, shape (d, k).

    Returns:
        Shape (n, k): int64 where all fit, else Python integers.
    """
    left, right = compact(left), compact(right)
    inner_bits = bit_length(left) + left.shape[1].bit_length()
    limb = FLOAT_BITS - inner_bits
    if limb < _LEAST_LIMB or left.dtype == object:
        return compact(left.astype(object) @ right.astype(object))
    floats = left.astype(np.float64)
    fits = inner_bits + bit_length(right) <= _INT64_BITS - 1
    total: Any = 0
    for shift in range(0, max(bit_length(right), 1), limb):
        last = shift + limb >= bit_length(right)
        digits = right >> shift if last else (right >> shift) & ((1 << limb) - 1)
        product = (floats @ digits.astype(np.float64)).astype(np.int64)
        total = total + (product << shift if fits else product.astype(object) << shift)
    return compact(total)


def _is_integer(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
