"""Scores as exact integers: whoever has the rows and the weights gets the same number, in any language."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from syft.nn.features import FRACTION_BITS
from syft.nn.integers import Integers, matmul_big
from syft.paillier import IntegerTensor

#: An accuracy of 1.0.
WAD = 10**18
#: Binary digits after the point of a predicted number.
PREDICTION_BITS = 26

_LARGEST_PREDICTION = 1 << 62


def predict_classes(features: Integers, weights: IntegerTensor) -> Integers:
    """The class of every row: the one with the largest sum, on a tie the lowest.

    Args:
        features: int64, shape (n, d), 2^10 for 1.0.
        weights: shape (d, k).

    Returns:
        int64, shape (n, 1).
    """
    sums = matmul_big(features, weights.values)
    # argmax gives the first of equals.
    return np.asarray(sums.argmax(axis=1), dtype=np.int64).reshape(-1, 1)


def predict_numbers(features: Integers, weights: IntegerTensor) -> Integers:
    """The predicted numbers of every row, 2^26 for 1.0, rounded down and clipped to 62 bits.

    Returns:
        int64, shape (n, k).
    """
    sums = matmul_big(features, weights.values)
    finer = FRACTION_BITS + weights.exponent - PREDICTION_BITS
    scaled = sums >> finer if finer >= 0 else sums << -finer
    clipped = [[min(max(value, -_LARGEST_PREDICTION), _LARGEST_PREDICTION) for value in row] for row in scaled.tolist()]
    return np.array(clipped, dtype=np.int64).reshape(sums.shape)


def accuracy(predictions: Integers, targets: Integers) -> int:
    """Rows right / rows, rounded down to WAD.

    Args:
        predictions, targets: classes, int64, shape (n, 1), n >= 1.
    """
    return int((predictions == targets).all(axis=1).sum()) * WAD // len(targets)


def r2(predictions: Integers, targets: Integers) -> int:
    """The share of the targets' variance that is explained, clipped to [0, 1], rounded down to WAD.

    Over all outputs together.

    Args:
        predictions: int64, shape (n, k), 2^26 for 1.0.
        targets: int64, shape (n, k), 2^10 for 1.0, n >= 1.
    """
    wanted = targets.astype(object) << (PREDICTION_BITS - FRACTION_BITS)
    rows = len(targets)
    missed = _sum_of_squares(predictions.astype(object) - wanted)
    # rows x (sum of squares around the mean), a whole number.
    spread = rows * _sum_of_squares(wanted) - sum(int(total) ** 2 for total in wanted.sum(axis=0))
    if spread == 0:
        return WAD if missed == 0 else 0
    return max(0, (spread - rows * missed) * WAD // spread)


def _sum_of_squares(numbers: NDArray[Any]) -> int:
    return sum(int(number) ** 2 for number in numbers.flat)
