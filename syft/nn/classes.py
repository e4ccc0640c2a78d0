"""Classifiers: what their outputs mean, how probable each class is, and how much each counts."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import FeatureError, ModelSpecError
from syft.nn import metrics
from syft.nn.answers import one_each
from syft.nn.features import Standardise
from syft.nn.gradients import DEFAULT_SCALES, FixedPoint
from syft.nn.integers import Integers, matmul_big
from syft.nn.models import Model
from syft.nn.scikit_learn import classifier_tags
from syft.nn.steps import FRACTION_BITS, LARGEST_FEATURE, ONE
from syft.paillier import IntegerTensor

#: Largest weight of a class, at 2^10: 1,024.
LARGEST_CLASS_WEIGHT = 1 << 20

ClassWeight = Literal["balanced"] | Mapping[Any, float] | None


class Classifier(Model):
    """A Model that tells classes apart: ridge regression on centred one-hot classes.

    Args:
        class_weight: how much a row of each class counts: a mapping from classes to numbers, 1 for those it leaves
            out, or "balanced", which makes up for their frequencies, rows / (classes x rows of the class), and has to
            be resolved by some answers: `fit` and `weigh` do so.

    Attributes:
        classes_: the classes, in the order of the outputs.
        class_weight_: their weights as whole numbers, 2^10 for 1.0, or None where all are 1.
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
        """How probable each class is, shape (n, classes); each row sums up to 1.

        The scores s of least squares on one-hot classes less 1/k estimate p - 1/k. Those are also the first-order
        terms of a softmax around equal scores, softmax(k s) = 1/k + s + O(s^2): the Model is that linearised softmax,
        so softmax(k s) gives its probabilities back. They rise with the class's own score and fall with any other, and
        the most probable class is the predicted one. They are cautious: a score of full certainty gives 0.88 with two
        classes, and 0.9996 with ten.

        Args:
            X: as for `predict`.

        Raises:
            EncryptedModelError, NotFittedError, FeatureError: as for `predict`.
        """
        weights = self._clear_weights()
        sums = matmul_big(self._transform(self._rows(X)), weights.values)
        # The differences are exact: close scores of large weights keep their order.
        behind = metrics.scores(sums - sums.max(axis=1, keepdims=True), weights.exponent)
        shares = np.exp(behind * len(self.classes_))
        normalised: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
        return normalised

    def weigh(self, classes: Sequence[Any], answers: Integers) -> Self:
        """The same Model with its class weights resolved: whole numbers that its spec can state.

        Args:
            classes: what `class_weight` calls the classes, in the order of the outputs.
            answers: places of classes, int64, shape (n, 1), whose frequencies "balanced" makes up for. They become
                public, as far as the weights tell them.

        Raises:
            ModelSpecError: a weight for an unknown class, or out of its range.
        """
        twin = copy.copy(self)
        twin.class_weight_ = resolve(self.class_weight, classes, answers)
        return twin

    def targets(self, answers: Integers) -> Integers:
        classes = self.shape[1]
        if answers.size and not 0 <= int(answers.min()) <= int(answers.max()) < classes:
            raise FeatureError(f"a class outside of 0 .. {classes - 1}")
        centred: Integers = np.eye(classes, dtype=np.int64)[answers[:, 0]] * ONE - ONE // classes
        return centred

    def training_rows(self, rows: Integers, answers: Integers) -> tuple[Integers, Integers]:
        """Features and targets; those of a class of weight w are multiplied by its square root.

        In integers: by r = floor(sqrt(2^10 w)), both at 2^10, and floor((x r + 2^9) / 2^10), within 2^15.
        """
        features, targets = super().training_rows(rows, answers)
        weights = self._class_weights()
        if weights is None:
            return features, targets
        roots = np.array([math.isqrt(int(weight) << FRACTION_BITS) for weight in weights], dtype=np.int64)
        counts = roots[answers[:, 0]][:, None]
        return _times(features, counts), _times(targets, counts)

    def predictions(self, rows: Integers, weights: IntegerTensor | None = None) -> Integers:
        return metrics.predict_classes(self._transform(rows), weights or self._clear_weights())

    def to_spec(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        spec, tensors = super().to_spec()
        weights = self._class_weights()
        if weights is not None:
            spec["parameters"]["class_weight"] = weights.tolist()
        return spec, tensors

    def _class_weights(self) -> Integers | None:
        if hasattr(self, "class_weight_"):
            return self.class_weight_
        return resolve(self.class_weight, range(self.shape[1]), None)

    def _learn_answers(self, y: ArrayLike, rows: int) -> tuple[Integers, int]:
        values = _class_values(y, rows)
        if self.outputs is None:
            labels, places = np.unique(values, return_inverse=True)
        else:
            labels, places = np.arange(self.outputs), values
            if values.dtype.kind not in "iub" or not 0 <= int(values.min()) <= int(values.max()) < self.outputs:
                raise FeatureError(f"a Model made for {self.outputs} outputs has the classes 0 .. {self.outputs - 1}")
        answers = places.astype(np.int64).reshape(-1, 1)
        self._labels, self.class_weight_ = labels, resolve(self.class_weight, labels.tolist(), answers)
        return answers, len(labels)

    def _answers(self, y: ArrayLike, rows: int) -> Integers:
        values, labels = _class_values(y, rows), self.classes_
        # What was never learned is never right: a class of no place.
        matches = values[:, None] == labels[None, :]
        places = np.where(matches.any(axis=1), matches.argmax(axis=1), -1)
        return places.astype(np.int64).reshape(-1, 1)

    def _readable(self, predictions: Integers) -> NDArray[Any]:
        readable: NDArray[Any] = self.classes_[predictions[:, 0]]
        return readable


def resolve(class_weight: ClassWeight, classes: Sequence[Any], answers: Integers | None) -> Integers | None:
    """Weights of classes as whole numbers, 2^10 for 1.0, int64, shape (k,); None where all are 1.

    Args:
        class_weight: as for `Classifier`.
        classes: its names for them, in order.
        answers: places of classes, shape (n, 1); only "balanced" needs them.

    Raises:
        ModelSpecError: neither "balanced" nor a mapping of these classes to numbers from 2^-10 to 2^10; "balanced"
            without answers.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        if answers is None:
            raise ModelSpecError('class_weight="balanced" is resolved by answers: call fit, or weigh')
        return _balanced(np.bincount(answers[:, 0], minlength=len(classes)))
    if not isinstance(class_weight, Mapping):
        raise ModelSpecError(f'class_weight is "balanced", a mapping, or left out, not {class_weight!r}')
    places = {label: place for place, label in enumerate(classes)}
    weights = np.full(len(classes), ONE, dtype=np.int64)
    for label, weight in class_weight.items():
        if label not in places:
            raise ModelSpecError(f"class_weight names {label!r}, which is none of the classes")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 1 / ONE <= weight <= ONE:
            raise ModelSpecError(f"the weight of class {label!r} must be a number from 2^-10 to 2^10, not {weight!r}")
        weights[places[label]] = round(weight * ONE)
    return weights


def _balanced(counts: Integers) -> Integers:
    """Rows / (classes x rows of the class), rounded to 2^-10, halves up; 1 for a class without rows."""
    rows, classes = int(counts.sum()), len(counts)
    exact = [(2 * rows * ONE + classes * int(n)) // (2 * classes * int(n)) if n else ONE for n in counts]
    return np.clip(np.array(exact, dtype=np.int64), 1, LARGEST_CLASS_WEIGHT)


def _times(numbers: Integers, roots: Integers) -> Integers:
    product = (numbers * roots + ONE // 2) >> FRACTION_BITS
    return np.clip(product, -LARGEST_FEATURE, LARGEST_FEATURE)


def _class_values(y: ArrayLike, rows: int) -> NDArray[Any]:
    values = one_each(y, rows)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise FeatureError("y contains NaN or infinity: every row needs a class")
        if (values != np.rint(values)).any():
            # scikit-learn's words.
            raise FeatureError("Unknown label type: continuous; classes are texts or whole numbers")
    elif values.dtype.kind not in "iubUSO":
        raise FeatureError(f"classes are texts or whole numbers, not {values.dtype}")
    return values
