"""Scores as a matter of integers: who has rows and weights gets the same number, in any language.

Features are integers at 2^10, weights integers at 2^exponent, targets integers: the place of a class, or a number at
2^10. A tie goes to the lowest class. Scores are exact fractions rounded down to WAD (1.0 = 10^18).
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from syft.integers import IntegerTensor

#: 1.0 as the chain keeps it.
WAD = 10**18


def outputs(features: NDArray[Any], weights: IntegerTensor) -> NDArray[Any]:
    """features @ weights, exact integers at 2^(10 + weights.exponent).

    Args:
        features: int64, shape (n, d).
        weights: shape (d, k).

    Returns:
        Shape (n, k), int64 or Python integers.
    """


def predicted_classes(features: NDArray[Any], weights: IntegerTensor) -> NDArray[Any]:
    """The class with the largest output, the lowest one on a tie; int64, shape (n,)."""


def predicted_numbers(features: NDArray[Any], weights: IntegerTensor) -> NDArray[Any]:
    """The outputs as integers at 2^10, rounded down, clipped to int64; shape (n, k)."""


def accuracy(features: NDArray[Any], weights: IntegerTensor, targets: NDArray[Any]) -> int:
    """Rows right / rows, WAD rounded down.

    Args:
        features: int64, shape (n, d).
        weights: shape (d, k).
        targets: places of classes, shape (n,) or (n, 1).
    """


def r2(features: NDArray[Any], weights: IntegerTensor, targets: NDArray[Any]) -> int:
    """1 - (sum of squared residuals) / (sum of squares about the mean), pooled over outputs, clipped to [0, 1].

    Args:
        features: int64, shape (n, d).
        weights: shape (d, k).
        targets: integers at 2^10, shape (n, k): numbers or one-hot classes.
    """
