"""The rows that are trained on, and the key: the same for everybody in a run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.preprocessing import MinMaxScaler

from syft.nn import LinearClassifier, quantise
from syft.nn.exact_products import Integers
from syft.nn.local_statistics import LocalStatistics

_LARGEST_INT16 = (1 << 15) - 1


def rows_of(name: str) -> tuple[Integers, Integers]:
    """Integer rows, shape (n, inputs), and classes, shape (n, 1).

    "wide" has the shape of MNIST, but is drawn from a seed: what it holds changes no time.
    """
    if name == "wide":
        draw = np.random.default_rng(0)
        return quantise(draw.random((2000, 783))), draw.integers(0, 10, (2000, 1))
    X, y = {"digits": load_digits, "breast_cancer": load_breast_cancer}[name](return_X_y=True)
    return quantise(MinMaxScaler(clip=True).fit_transform(X)), y.reshape(-1, 1).astype(np.int64)


def model_of(name: str) -> LinearClassifier:
    """A Model with fresh weights for those rows."""
    rows, classes = rows_of(name)
    return LinearClassifier(rows.shape[1], int(classes.max()) + 1).with_initial_weights(seed=1)


def statistics_of(name: str) -> LocalStatistics:
    return model_of(name).statistics(*rows_of(name))


def scalars_of(name: str) -> dict[str, Any]:
    """The local statistics as a peer multiplies with them: 16-bit integers.

    Returns:
        gram: d lists of d integers; cross: d lists of k integers.
    """
    statistics = statistics_of(name)
    return {"gram": _int16(statistics.gram).tolist(), "cross": _int16(statistics.cross).tolist()}


def _int16(matrix: Integers) -> NDArray[np.int64]:
    return np.rint(matrix / np.abs(matrix).max() * _LARGEST_INT16).astype(np.int64)
