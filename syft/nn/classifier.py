"""Classifiers: targets, class weights and probabilities of classes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import FeatureError
from syft.integers import Integers
from syft.nn import metrics
from syft.nn._answers import answer_column
from syft.nn._class_weights import ClassWeight, resolve_class_weight, scale_rows, square_roots
from syft.nn._sklearn_tags import classifier_tags
from syft.nn.fixed_point import DEFAULT_SCALES, ONE, FixedPoint
from syft.nn.layers import Standardise
from syft.nn.model import Model


class Classifier(Model):
    """A Model that predicts one class per row: ridge regression on centred one-hot classes.

    Args:
        class_weight: factor by which a row of each class counts: a mapping from classes to numbers, with 1 for classes
            that it leaves out; or "balanced" for rows / (classes x rows of the class), which `fit` and
            `with_class_weights` compute from answers.

    Attributes:
        classes_: the classes, in the order of the outputs.
        class_weight_: their weights as integers, 2^10 for 1.0, or None if all are 1.
    """

    metric = "accuracy"
    class_weight_: Integers | None

    def __init__(
        self,
        inputs: int | None = None,
        outputs: int | None = None,
        *,
        class_weight: ClassWeight = None,
        mu: float = 1e-2,
        fixed_point: FixedPoint = DEFAULT_SCALES,
        standardise: Standardise | None = None,
    ) -> None:
        self.class_weight = class_weight
        super().__init__(inputs, outputs, mu=mu, fixed_point=fixed_point, standardise=standardise)

    def __sklearn_tags__(self) -> Any:
        return classifier_tags()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {**super().get_params(deep), "class_weight": self.class_weight}

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes in the order of the outputs; 0 .. k-1 unless `fit` found others.

        Raises:
            NotFittedError: they are not known yet.
        """
        labels: NDArray[Any] | None = getattr(self, "_labels", None)
        return np.arange(self.shape[1]) if labels is None else labels

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probabilities of the classes, shape (n, classes); each row sums to 1.

        The scores s of least squares on one-hot classes minus 1/k estimate p - 1/k. They are also the first-order
        terms of a softmax around equal scores, softmax(k s) = 1/k + s + O(s^2): the Model is that softmax, linearised,
        and softmax(k s) gives the probabilities. A probability rises with the score of its own class and falls with any
        other; the most probable class is the predicted one. The probabilities are cautious: a score of full certainty
        gives 0.88 with two classes, and 0.9996 with ten.

        Args:
            X: as for `predict`.

        Raises:
            EncryptedModelError, NotFittedError, FeatureError: as for `predict`.
        """
        return self.probabilities(self._rows(X))

    def probabilities(self, rows: Integers) -> NDArray[np.float64]:
        """As `predict_proba`, for integer rows as `predictions` takes them."""
        sums, exponent = self._output_sums(rows)
        # The differences are exact, so that close scores of large weights keep their order.
        differences = metrics.scores(sums - sums.max(axis=1, keepdims=True), exponent)
        exponentials = np.exp(differences * len(self.classes_))
        normalised: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
        return normalised

    def with_class_weights(self, classes: Sequence[Any], answers: Integers) -> Self:
        """A copy of the Model with its class weights as integers, which its spec can state.

        Args:
            classes: the names by which `class_weight` calls the classes, in the order of the outputs.
            answers: indices of classes, int64, shape (n, 1), whose frequencies "balanced" uses. The weights, and so
                the frequencies, become public.

        Raises:
            ModelSpecError: a weight for an unknown class, or outside of its range.
        """
        model = copy.copy(self)
        model.class_weight_ = resolve_class_weight(self.class_weight, classes, answers)
        return model

    def targets(self, answers: Integers) -> Integers:
        classes = self.shape[1]
        if answers.size and not 0 <= int(answers.min()) <= int(answers.max()) < classes:
            raise FeatureError(f"a class is outside of 0 .. {classes - 1}")
        centred: Integers = np.eye(classes, dtype=np.int64)[answers[:, 0]] * ONE - ONE // classes
        return centred

    def training_rows(self, rows: Integers, answers: Integers) -> tuple[Integers, Integers]:
        """Features and targets; those of a class of weight w are multiplied by sqrt(w).

        In integers: by r = floor(sqrt(2^10 w)), both at 2^10, and floor((x r + 2^9) / 2^10), within 2^15.
        """
        features, targets = super().training_rows(rows, answers)
        weights = self._class_weights()
        if weights is None:
            return features, targets
        factors = square_roots(weights)[answers[:, 0]][:, None]
        return scale_rows(features, factors), scale_rows(targets, factors)

    def to_spec(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        spec, tensors = super().to_spec()
        weights = self._class_weights()
        if weights is not None:
            spec["parameters"]["class_weight"] = weights.tolist()
        return spec, tensors

    def _class_weights(self) -> Integers | None:
        if hasattr(self, "class_weight_"):
            return self.class_weight_
        return resolve_class_weight(self.class_weight, range(self.shape[1]), None)

    def _learn_answers(self, y: ArrayLike, rows: int) -> tuple[Integers, int]:
        values = _class_values(y, rows)
        if self.outputs is None:
            labels, indices = np.unique(values, return_inverse=True)
        else:
            labels, indices = np.arange(self.outputs), values
            if values.dtype.kind not in "iub" or not 0 <= int(values.min()) <= int(values.max()) < self.outputs:
                raise FeatureError(f"a Model made for {self.outputs} outputs has the classes 0 .. {self.outputs - 1}")
        answers = indices.astype(np.int64).reshape(-1, 1)
        self._labels = labels
        self.class_weight_ = resolve_class_weight(self.class_weight, labels.tolist(), answers)
        return answers, len(labels)

    def _answers(self, y: ArrayLike, rows: int) -> Integers:
        values, labels = _class_values(y, rows), self.classes_
        # The index -1 of an unknown class never equals a prediction.
        matches = values[:, None] == labels[None, :]
        indices = np.where(matches.any(axis=1), matches.argmax(axis=1), -1)
        return indices.astype(np.int64).reshape(-1, 1)

    def _readable(self, predictions: Integers) -> NDArray[Any]:
        readable: NDArray[Any] = self.classes_[predictions[:, 0]]
        return readable


def _class_values(y: ArrayLike, rows: int) -> NDArray[Any]:
    """Classes as given, one per row: strings or integers. Raises FeatureError."""
    values = answer_column(y, rows)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise FeatureError("y contains NaN or infinity: every row needs a class")
        if (values != np.rint(values)).any():
            # scikit-learn's estimator checks compare the beginning.
            raise FeatureError("Unknown label type: continuous; classes must be strings or integers")
    elif values.dtype.kind not in "iubUSO":
        raise FeatureError(f"classes must be strings or integers, not {values.dtype}")
    return values
