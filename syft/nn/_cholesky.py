"""Inversion of symmetric positive definite matrices by their Cholesky factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from syft.errors import StatisticsError

_Matrix = NDArray[np.float64]

#: Triangles up to this size are inverted by numpy.
_LEAF_SIZE = 64


def inverse_of_positive_definite(matrix: _Matrix) -> _Matrix:
    """The inverse of a matrix, exactly symmetric, in half the time of `np.linalg.inv`.

    The method is that of LAPACK's potri, which numpy does not offer.

    Args:
        matrix: symmetric and positive definite, shape (d, d); only its lower triangle is read.

    Raises:
        StatisticsError: the matrix is not positive definite in float64.
    """
    singular = StatisticsError("the Gram matrix plus mu is singular: mu must be larger")
    try:
        half = _inverse_of_triangle(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        raise singular from None
    with np.errstate(over="ignore"):
        inverse = half.T @ half
    if not np.isfinite(inverse).all():
        raise singular
    return inverse


def _inverse_of_triangle(lower: _Matrix) -> _Matrix:
    """The inverse of a lower triangle, by recursion on its halves, so that BLAS does most of the work."""
    if len(lower) <= _LEAF_SIZE:
        return np.linalg.inv(lower)
    half = len(lower) // 2
    inverse = np.zeros_like(lower)
    inverse[:half, :half] = first = _inverse_of_triangle(lower[:half, :half])
    inverse[half:, half:] = second = _inverse_of_triangle(lower[half:, half:])
    inverse[half:, :half] = -second @ (lower[half:, :half] @ first)
    return inverse
