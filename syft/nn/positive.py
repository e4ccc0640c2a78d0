"""The inverse of a symmetric positive definite matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from syft.errors import StatisticsError

_Matrix = NDArray[np.float64]

#: So small triangles are left to numpy.
_SMALL = 64


def inverse_of_positive(matrix: _Matrix) -> _Matrix:
    """The inverse, symmetric to the last bit; half the time of one that knows nothing of the matrix.

    By the factor of Cholesky, as LAPACK's potri does, which numpy does not offer.

    Args:
        matrix: symmetric and positive definite, shape (d, d); its lower triangle is read.

    Raises:
        StatisticsError: it is not positive definite, or so nearly not that floats do not show it.
    """
    singular = StatisticsError("a Gram matrix with so little mu is singular: mu must be larger")
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
    """By halves, which are products of matrices: those are what a BLAS is fast at."""
    if len(lower) <= _SMALL:
        return np.linalg.inv(lower)
    half = len(lower) // 2
    inverse = np.zeros_like(lower)
    inverse[:half, :half] = first = _inverse_of_triangle(lower[:half, :half])
    inverse[half:, half:] = second = _inverse_of_triangle(lower[half:, half:])
    inverse[half:, :half] = -second @ (lower[half:, :half] @ first)
    return inverse
