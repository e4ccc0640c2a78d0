"""Whole numbers: from strangers, and many of them."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

SignedIntegers = NDArray[np.signedinteger[Any]]


def is_whole(value: object, least: int, most: int) -> TypeGuard[int]:
    """Whether something is a whole number from `least` to `most`. A bool is none, though Python counts it as one."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def shortest(integers: SignedIntegers) -> SignedIntegers:
    """The same in the shortest signed type that has room for twice as much; |integer| < 2^62.

    To read a large matrix takes longer than to do sums with it.
    """
    # numpy's abs has none for the least number of a type.
    largest = max(int(integers.max(initial=0)), -int(integers.min(initial=0)))
    return integers.astype(np.min_scalar_type(-largest - (1 << largest.bit_length()) - 1), copy=False)
