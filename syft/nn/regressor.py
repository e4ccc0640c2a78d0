"""Regressors: Models that predict numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import FeatureError
from syft.integers import Integers
from syft.nn import metrics
from syft.nn._answers import answer_table
from syft.nn._sklearn_tags import regressor_tags
from syft.nn.model import Model, quantise


class Regressor(Model):
    """A Model that predicts one or several numbers per row: ridge regression on each."""

    metric = "r2"

    def __sklearn_tags__(self) -> Any:
        return regressor_tags()

    def targets(self, answers: Integers) -> Integers:
        if answers.shape[1] != self.shape[1]:
            raise FeatureError(f"{answers.shape[1]} numbers per row, but the Model has {self.shape[1]} outputs")
        return answers

    def _answers(self, y: ArrayLike, rows: int) -> Integers:
        return quantise(answer_table(y, rows))

    def _readable(self, predictions: Integers) -> NDArray[Any]:
        numbers: NDArray[np.float64] = predictions / (1 << metrics.PREDICTION_BITS)
        return numbers[:, 0] if numbers.shape[1] == 1 else numbers
