"""Multi-label classifiers: several yes-or-no answers per row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import FeatureError
from syft.integers import Integers
from syft.nn import metrics
from syft.nn._answers import answer_table
from syft.nn._sklearn_tags import classifier_tags
from syft.nn.fixed_point import ONE
from syft.nn.model import Model


class LabelClassifier(Model):
    """A Model that predicts for every label if a row has it: ridge regression on labels minus 1/2."""

    metric = "hamming"

    def __sklearn_tags__(self) -> Any:
        return classifier_tags(multi_label=True)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probabilities of the labels, shape (n, labels): 1 / (1 + exp(-4 s)) for a label of score s.

        This is the probability that a `Classifier` of two classes gives for scores s and -s.

        Args:
            X: as for `predict`.

        Raises:
            EncryptedModelError, NotFittedError, FeatureError: as for `predict`.
        """
        return self.probabilities(self._rows(X))

    def probabilities(self, rows: Integers) -> NDArray[np.float64]:
        """As `predict_proba`, for integer rows as `predictions` takes them."""
        sums, exponent = self._output_sums(rows)
        probabilities: NDArray[np.float64] = 0.5 + 0.5 * np.tanh(2 * metrics.scores(sums, exponent))
        return probabilities

    def targets(self, answers: Integers) -> Integers:
        if answers.shape[1] != self.shape[1]:
            raise FeatureError(f"{answers.shape[1]} labels per row, but the Model has {self.shape[1]} outputs")
        if answers.size and not 0 <= int(answers.min()) <= int(answers.max()) <= 1:
            raise FeatureError("a label must be 0 or 1")
        centred: Integers = answers * ONE - ONE // 2
        return centred

    def _answers(self, y: ArrayLike, rows: int) -> Integers:
        values = answer_table(y, rows)
        if values.dtype.kind not in "iubf" or not np.isin(values, (0, 1)).all():
            raise FeatureError("y must have one column of 0 and 1 per label")
        return values.astype(np.int64)

    def _readable(self, predictions: Integers) -> NDArray[Any]:
        return predictions
