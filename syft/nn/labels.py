"""Multi-label classifiers: several answers of yes or no for every row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import FeatureError
from syft.nn import metrics
from syft.nn.answers import table
from syft.nn.integers import Integers, matmul_big
from syft.nn.models import Model
from syft.nn.scikit_learn import classifier_tags
from syft.nn.steps import ONE
from syft.paillier import IntegerTensor


class LabelClassifier(Model):
    """A Model that says of every label whether a row has it: ridge regression on labels less 1/2."""

    metric = "hamming"

    def __sklearn_tags__(self) -> Any:
        return classifier_tags(multi_label=True)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """How probable each label is, shape (n, labels), rising with its score s.

        1 / (1 + exp(-4 s)): as for a `Classifier` of two classes, whose scores are s and -s.

        Args:
            X: as for `predict`.

        Raises:
            EncryptedModelError, NotFittedError, FeatureError: as for `predict`.
        """
        weights = self._clear_weights()
        sums = matmul_big(self._transform(self._rows(X)), weights.values)
        probable: NDArray[np.float64] = 0.5 + 0.5 * np.tanh(2 * metrics.scores(sums, weights.exponent))
        return probable

    def targets(self, answers: Integers) -> Integers:
        if answers.shape[1] != self.shape[1]:
            raise FeatureError(f"{answers.shape[1]} labels a row, where the Model has {self.shape[1]} outputs")
        if answers.size and not 0 <= int(answers.min()) <= int(answers.max()) <= 1:
            raise FeatureError("a label is 0 or 1")
        centred: Integers = answers * ONE - ONE // 2
        return centred

    def predictions(self, rows: Integers, weights: IntegerTensor | None = None) -> Integers:
        return metrics.predict_labels(self._transform(rows), weights or self._clear_weights())

    def _answers(self, y: ArrayLike, rows: int) -> Integers:
        values = table(y, rows)
        if values.dtype.kind not in "iubf" or not np.isin(values, (0, 1)).all():
            raise FeatureError("labels are 0 or 1, one column for each")
        return values.astype(np.int64)

    def _readable(self, predictions: Integers) -> NDArray[Any]:
        return predictions
