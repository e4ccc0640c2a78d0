"""Answers as people give them: one for each row, checked before a Model learns from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import FeatureError


def one_each(y: ArrayLike, rows: int) -> NDArray[Any]:
    """One answer for each row, shape (n,).

    Raises:
        FeatureError: not a column of as many answers as rows.
    """
    values = table(y, rows)
    if values.shape[1] != 1:
        raise FeatureError(f"y has shape {np.shape(y)}: one answer a row is needed")
    return values[:, 0]


def table(y: ArrayLike, rows: int) -> NDArray[Any]:
    """As many rows of answers as there are rows, shape (n, k); one column for a list.

    Raises:
        FeatureError: not such a table.
    """
    if y is None:
        # scikit-learn's words.
        raise FeatureError("requires y to be passed, but the target y is None")
    try:
        values = np.asarray(y)
    except ValueError:
        raise FeatureError("y is not a table: its rows have different lengths") from None
    if values.dtype.kind == "c":
        raise FeatureError("Complex data not supported")
    if values.ndim not in (1, 2) or not values.size:
        raise FeatureError(f"y has shape {values.shape}: one answer, or one row of answers, a row is needed")
    if len(values) != rows:
        raise FeatureError(f"{rows} rows and {len(values)} answers: one answer a row is needed")
    return values.reshape(rows, -1)
