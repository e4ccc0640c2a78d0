"""Scores as exact integers: whoever has the rows and the weights gets the same number, in any language."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from syft.nn.integers import Integers, matmul_big
from syft.nn.steps import FRACTION_BITS
from syft.paillier import IntegerTensor

#: An accuracy of 1.0.
WAD = 10**18
#: Binary digits after the point of a predicted number.
PREDICTION_BITS = 26

_SCORE_BITS = 40
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
    return _rounded(matmul_big(features, weights.values), weights.exponent, PREDICTION_BITS)


def scores(sums: NDArray[Any], exponent: int) -> NDArray[np.float64]:
    """Sums of features x weights at that exponent as floats, to 2^-40 and within 2^22."""
    return _rounded(sums, exponent, _SCORE_BITS) / (1 << _SCORE_BITS)


def predict_labels(features: Integers, weights: IntegerTensor) -> Integers:
    """The labels of every row: 1 where the sum is above zero, else 0.

    Returns:
        int64, shape (n, k).
    """
    return np.asarray(matmul_big(features, weights.values) > 0, dtype=np.int64)


def accuracy(predictions: Integers, targets: Integers) -> int:
    """Rows right / rows, rounded down to WAD.

    Args:
        predictions, targets: classes, int64, shape (n, 1), n >= 1.
    """
    return int((predictions == targets).all(axis=1).sum()) * WAD // len(targets)


def hamming(predictions: Integers, targets: Integers) -> int:
    """Labels right / (rows x labels), rounded down to WAD: 1 less the Hamming loss.

    A row moves it by 1 / rows at most, as it does an accuracy.

    Args:
        predictions, targets: labels 0 or 1, int64, shape (n, k), n >= 1.
    """
    return int((predictions == targets).sum()) * WAD // targets.size


def r2(predictions: Integers, targets: Integers) -> int:
    """The share of the targets' variance that is explained, clipped to [0, 1], rounded down to WAD.

    Of several outputs the squares are summed up first: an output counts by its variance.

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


_BY_NAME = {metric.__name__: metric for metric in (accuracy, hamming, r2)}
#: What a Model can be scored by: functions of this module, which agree with scikit-learn's accuracy_score, with 1 less
#: its hamming_loss, and with its r2_score(multioutput="variance_weighted") clipped to [0, 1].
METRICS = tuple(_BY_NAME)


def score(metric: str, predictions: Integers, targets: Integers) -> int:
    """The score by one of METRICS, in WAD; predictions and targets are as that function takes them."""
    return _BY_NAME[metric](predictions, targets)


def _rounded(sums: NDArray[Any], exponent: int, bits: int) -> Integers:
    """Sums of features x weights at 2^bits, rounded down and clipped to 62 bits."""
    finer = FRACTION_BITS + exponent - bits
    scaled = sums >> finer if finer >= 0 else sums << -finer
    clipped = [[min(max(value, -_LARGEST_PREDICTION), _LARGEST_PREDICTION) for value in row] for row in scaled.tolist()]
    return np.array(clipped, dtype=np.int64).reshape(sums.shape)


def _sum_of_squares(numbers: NDArray[Any]) -> int:
    return sum(int(number) ** 2 for number in numbers.flat)
