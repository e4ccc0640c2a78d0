"""Exact integer matrix products at the speed of BLAS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from syft.errors import FeatureError

Integers = NDArray[np.int64]

#: Integers up to this size are exact as float64, and so are sums of products that stay below it.
_EXACT = 1 << 53
#: Below this, integers fit int64.
_FITS = 1 << 63
#: Rows that are multiplied at once: bounds the memory of the float copies.
_BLOCK = 4096


def matmul(left: Integers, right: Integers) -> Integers:
    """The product of two int64 matrices, exactly.

    Args:
        left: shape (n, d).
        right: shape (d, k).

    Raises:
        FeatureError: a product could exceed 63 bits.
    """
    largest = largest_entry(left) * largest_entry(right) * max(left.shape[1], 1)
    if largest < _EXACT:
        return (left.astype(np.float64) @ right.astype(np.float64)).astype(np.int64)
    if largest >= _FITS:
        raise FeatureError(f"a product of {largest.bit_length()} bits does not fit 64-bit integers")
    return left @ right


def gram(left: Integers, right: Integers) -> Integers:
    """The product left' @ right, exactly: rows are taken in blocks whose sums are exact as floats.

    Args:
        left: shape (n, d).
        right: shape (n, k).

    Raises:
        FeatureError: an entry so large that a single product is not exact, or a sum beyond 63 bits.
    """
    largest = max(largest_entry(left) * largest_entry(right), 1)
    if largest >= _EXACT:
        raise FeatureError(f"entries whose products have {largest.bit_length()} bits are too large for statistics")
    if largest * len(left) >= _FITS:
        raise FeatureError(f"{len(left)} rows: sums of products of {largest.bit_length()} bits exceed 64-bit integers")
    block = min(_EXACT // largest, _BLOCK)
    total = np.zeros((left.shape[1], right.shape[1]), dtype=np.int64)
    for start in range(0, len(left), block):
        rows = slice(start, start + block)
        total += (left[rows].T.astype(np.float64) @ right[rows].astype(np.float64)).astype(np.int64)
    return total


def matmul_big(left: Integers, right: NDArray[np.object_]) -> NDArray[np.object_]:
    """The product with Python integers of any size, exactly: limb by limb through float64.

    Args:
        left: shape (n, d).
        right: shape (d, k), dtype object.
    """
    headroom = (largest_entry(left) * max(left.shape[1], 1)).bit_length()
    limb_bits = 53 - headroom
    if limb_bits < 8:
        raise FeatureError(f"features of {headroom} bits leave no room for exact products")
    mask, floats = (1 << limb_bits) - 1, left.astype(np.float64)
    result = np.zeros((left.shape[0], right.shape[1]), dtype=object)
    rest, shift = right.copy(), 0
    while rest.size and not all(value in (0, -1) for value in rest.flat):
        result += (floats @ (rest & mask).astype(np.float64)).astype(np.int64).astype(object) << shift
        rest, shift = rest >> limb_bits, shift + limb_bits
    result += (floats @ rest.astype(np.float64)).astype(np.int64).astype(object) << shift
    return result


def largest_entry(matrix: Integers) -> int:
    """The largest absolute value, 0 for an empty matrix; numpy's abs has none for -2^63."""
    return max(abs(int(matrix.max(initial=0))), abs(int(matrix.min(initial=0))))
