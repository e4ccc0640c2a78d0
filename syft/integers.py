"""Integer arrays and checks that the rest of Syft shares."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
SignedIntegers = NDArray[np.signedinteger[Any]]


def is_integer_in(value: object, least: int, most: int) -> TypeGuard[int]:
    """Returns True if a value is an int (not a bool) from `least` to `most`."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def largest_entry(array: SignedIntegers) -> int:
    """The largest absolute value of an array; 0 if it is empty."""
    # numpy's abs overflows on the least number of a type.
    return max(int(array.max(initial=0)), -int(array.min(initial=0)))


def narrowest(integers: SignedIntegers) -> SignedIntegers:
    """The same integers in the narrowest signed type that also holds twice each of them; |integer| < 2^62.

    Arithmetic on a large matrix is limited by memory bandwidth: narrower entries are processed faster.
    """
    largest = largest_entry(integers)
    return integers.astype(np.min_scalar_type(-largest - (1 << largest.bit_length()) - 1), copy=False)
