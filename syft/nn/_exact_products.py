"""Exact integer matrix products by floating-point BLAS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from syft.errors import FeatureError
from syft.integers import Integers, largest_entry

#: Integers below this are exact as float64, and so are sums of products that stay below it.
_FLOAT_LIMIT = 1 << 53
#: Integers below this fit int64.
_INT64_LIMIT = 1 << 63
#: Rows that are multiplied at a time: bounds the memory of the float copies.
_BLOCK = 4096


def matmul(left: Integers, right: Integers) -> Integers:
    """The exact product of two int64 matrices.

    Args:
        left: shape (n, d).
        right: shape (d, k).

    Raises:
        FeatureError: a product could exceed 63 bits.
    """
    largest = largest_entry(left) * largest_entry(right) * max(left.shape[1], 1)
    if largest < _FLOAT_LIMIT:
        return (left.astype(np.float64) @ right.astype(np.float64)).astype(np.int64)
    if largest >= _INT64_LIMIT:
        raise FeatureError(f"a product of {largest.bit_length()} bits does not fit 64-bit integers")
    return left @ right


def gram(left: Integers, right: Integers) -> Integers:
    """The exact product left' @ right, computed in blocks of rows whose sums are exact as floats.

    Args:
        left: shape (n, d).
        right: shape (n, k).

    Raises:
        FeatureError: a product of two entries exceeds 53 bits, or a sum could exceed 63 bits.
    """
    largest = max(largest_entry(left) * largest_entry(right), 1)
    if largest >= _FLOAT_LIMIT:
        raise FeatureError(f"products of {largest.bit_length()} bits are too large for statistics")
    if largest * len(left) >= _INT64_LIMIT:
        raise FeatureError(
            f"sums over {len(left)} rows of products of {largest.bit_length()} bits do not fit 64-bit integers"
        )
    block = min(_FLOAT_LIMIT // largest, _BLOCK)
    total = np.zeros((left.shape[1], right.shape[1]), dtype=np.int64)
    for start in range(0, len(left), block):
        rows = slice(start, start + block)
        total += (left[rows].T.astype(np.float64) @ right[rows].astype(np.float64)).astype(np.int64)
    return total


def matmul_big(left: Integers, right: NDArray[np.object_]) -> NDArray[np.object_]:
    """The exact product with Python integers of any size, computed limb by limb as float64.

    Args:
        left: shape (n, d), int64.
        right: shape (d, k), dtype object.

    Raises:
        FeatureError: a product of an entry of `left` with an 8-bit limb could exceed 53 bits.
    """
    sum_bits = (largest_entry(left) * max(left.shape[1], 1)).bit_length()
    limb_bits = 53 - sum_bits
    if limb_bits < 8:
        raise FeatureError(f"row sums of {sum_bits} bits leave no room for exact products")
    mask, floats = (1 << limb_bits) - 1, left.astype(np.float64)
    result = np.zeros((left.shape[0], right.shape[1]), dtype=object)
    remaining, shift = right.copy(), 0
    while remaining.size and not all(value in (0, -1) for value in remaining.flat):
        result += (floats @ (remaining & mask).astype(np.float64)).astype(np.int64).astype(object) << shift
        remaining, shift = remaining >> limb_bits, shift + limb_bits
    result += (floats @ remaining.astype(np.float64)).astype(np.int64).astype(object) << shift
    return result
