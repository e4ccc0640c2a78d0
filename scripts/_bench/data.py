"""The data sets, which are the same for all libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.preprocessing import MinMaxScaler

from syft.integers import Integers
from syft.nn import LinearClassifier, LocalStatistics, quantise

_LARGEST_INT16 = (1 << 15) - 1


def rows_of(name: str) -> tuple[Integers, Integers]:
    """Integer rows, shape (n, inputs), and classes, shape (n, 1).

    "wide" has the shape of MNIST but random contents, which do not affect times.
    """
    if name == "wide":
        draw = np.random.default_rng(0)
        return quantise(draw.random((2000, 783))), draw.integers(0, 10, (2000, 1))
    X, y = {"digits": load_digits, "breast_cancer": load_breast_cancer}[name](return_X_y=True)
    return quantise(MinMaxScaler(clip=True).fit_transform(X)), y.reshape(-1, 1).astype(np.int64)


def model_of(name: str) -> LinearClassifier:
    """A Model with random initial weights for those rows."""
    rows, classes = rows_of(name)
    return LinearClassifier(rows.shape[1], int(classes.max()) + 1).with_initial_weights(seed=1)


def statistics_of(name: str) -> LocalStatistics:
    """Local statistics of those rows."""
    return model_of(name).statistics(*rows_of(name))


def scalars_of(name: str) -> dict[str, Any]:
    """Local statistics as 16-bit integers, by which a peer multiplies.

    Returns:
        gram: d lists of d integers; cross: d lists of k integers.
    """
    statistics = statistics_of(name)
    return {"gram": _int16(statistics.gram).tolist(), "cross": _int16(statistics.cross).tolist()}


def _int16(matrix: Integers) -> NDArray[np.int64]:
    return np.rint(matrix / np.abs(matrix).max() * _LARGEST_INT16).astype(np.int64)
