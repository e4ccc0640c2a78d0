"""Validation of answers: the array `y` of targets that a Model is fitted to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import FeatureError


def answer_column(y: ArrayLike, rows: int) -> NDArray[Any]:
    """Answers with one value per row, shape (rows,).

    Raises:
        FeatureError: not a column of `rows` answers.
    """
    values = answer_table(y, rows)
    if values.shape[1] != 1:
        raise FeatureError(f"y has shape {np.shape(y)}: exactly one answer per row is needed")
    return values[:, 0]


def answer_table(y: ArrayLike, rows: int) -> NDArray[Any]:
    """Answers as a table, shape (rows, k); a list becomes one column.

    Raises:
        FeatureError: not a table of `rows` rows.
    """
    # Messages that name no remedy are scikit-learn's, whose estimator checks compare them.
    if y is None:
        raise FeatureError("requires y to be passed, but the target y is None")
    try:
        values = np.asarray(y)
    except ValueError:
        raise FeatureError("y is not a table: its rows have different lengths") from None
    if values.dtype.kind == "c":
        raise FeatureError("Complex data not supported")
    if values.ndim not in (1, 2) or not values.size:
        raise FeatureError(f"y has shape {values.shape}: one answer, or one list of answers, per row is needed")
    if len(values) != rows:
        raise FeatureError(f"{rows} rows and {len(values)} answers: one answer per row is needed")
    return values.reshape(rows, -1)
