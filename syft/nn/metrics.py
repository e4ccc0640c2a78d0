"""Metrics in exact integer arithmetic: every party that has the rows and the weights gets the same score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from syft.integers import Integers
from syft.nn._exact_products import matmul_big
from syft.nn.fixed_point import FRACTION_BITS
from syft.paillier import IntegerTensor

#: Integer that represents a score of 1.0.
WAD = 10**18
#: Binary digits after the point of a predicted number.
PREDICTION_BITS = 26

_SCORE_BITS = 40
_LARGEST_PREDICTION = 1 << 62


def predict_classes(features: Integers, weights: IntegerTensor) -> Integers:
    """The class with the largest sum for every row; on a tie, the lowest.

    Args:
        features: int64, shape (n, d), 2^10 for 1.0.
        weights: shape (d, k).

    Returns:
        int64, shape (n, 1).
    """
    sums = matmul_big(features, weights.values)
    # argmax returns the first of equal maxima.
    return np.asarray(sums.argmax(axis=1), dtype=np.int64).reshape(-1, 1)


def predict_numbers(features: Integers, weights: IntegerTensor) -> Integers:
    """The predicted numbers of every row, 2^26 for 1.0, rounded down and clipped to 62 bits.

    Args:
        features, weights: as for `predict_classes`.

    Returns:
        int64, shape (n, k).
    """
    return _rounded(matmul_big(features, weights.values), weights.exponent, PREDICTION_BITS)


def scores(sums: NDArray[Any], exponent: int) -> NDArray[np.float64]:
    """Sums of features x weights as floats, rounded down to 2^-40 and clipped to 2^22.

    Args:
        sums: Python integers, dtype object, at 2^(10 + exponent) for 1.0.
        exponent: of the weights.
    """
    return _rounded(sums, exponent, _SCORE_BITS) / (1 << _SCORE_BITS)


def predict_labels(features: Integers, weights: IntegerTensor) -> Integers:
    """The labels of every row: 1 if the sum is above zero, else 0.

    Args:
        features, weights: as for `predict_classes`.

    Returns:
        int64, shape (n, k).
    """
    return np.asarray(matmul_big(features, weights.values) > 0, dtype=np.int64)


def accuracy(predictions: Integers, targets: Integers) -> int:
    """Correct rows / rows, in WAD, rounded down.

    Args:
        predictions, targets: classes, int64, shape (n, 1), n >= 1.
    """
    return int((predictions == targets).all(axis=1).sum()) * WAD // len(targets)


def hamming(predictions: Integers, targets: Integers) -> int:
    """Correct labels / (rows x labels), in WAD, rounded down: 1 minus the Hamming loss.

    One row changes it by at most 1 / rows, like an accuracy.

    Args:
        predictions, targets: labels 0 or 1, int64, shape (n, k), n >= 1.
    """
    return int((predictions == targets).sum()) * WAD // targets.size


def r2(predictions: Integers, targets: Integers) -> int:
    """Coefficient of determination, clipped to [0, 1], in WAD, rounded down.

    Squares are summed over all outputs first, so that each output counts by its variance.

    Args:
        predictions: int64, shape (n, k), 2^26 for 1.0.
        targets: int64, shape (n, k), 2^10 for 1.0, n >= 1.
    """
    wanted = targets.astype(object) << (PREDICTION_BITS - FRACTION_BITS)
    rows = len(targets)
    residual = _sum_of_squares(predictions.astype(object) - wanted)
    # rows x (sum of squares around the mean), which is an integer.
    total = rows * _sum_of_squares(wanted) - sum(int(column) ** 2 for column in wanted.sum(axis=0))
    if total == 0:
        return WAD if residual == 0 else 0
    return max(0, (total - rows * residual) * WAD // total)


_BY_NAME = {"accuracy": (predict_classes, accuracy), "hamming": (predict_labels, hamming), "r2": (predict_numbers, r2)}
#: Names of the metrics. They agree with scikit-learn's accuracy_score, with 1 minus its hamming_loss, and with its
#: r2_score(multioutput="variance_weighted") clipped to [0, 1].
METRICS = tuple(_BY_NAME)


def score(metric: str, predictions: Integers, targets: Integers) -> int:
    """The score by one of METRICS, in WAD; predictions and targets as for the function of that name."""
    _, scored = _BY_NAME[metric]
    return scored(predictions, targets)


def predict(metric: str, features: Integers, weights: IntegerTensor) -> Integers:
    """Predictions in the form that a metric takes; features and weights as for `predict_classes`."""
    predicted, _ = _BY_NAME[metric]
    return predicted(features, weights)


def _rounded(sums: NDArray[Any], exponent: int, bits: int) -> Integers:
    """Sums of features x weights, rescaled to 2^bits for 1.0, rounded down and clipped to 62 bits."""
    finer = FRACTION_BITS + exponent - bits
    scaled = sums >> finer if finer >= 0 else sums << -finer
    clipped = [[min(max(value, -_LARGEST_PREDICTION), _LARGEST_PREDICTION) for value in row] for row in scaled.tolist()]
    return np.array(clipped, dtype=np.int64).reshape(sums.shape)


def _sum_of_squares(numbers: NDArray[Any]) -> int:
    return sum(int(number) ** 2 for number in numbers.flat)
