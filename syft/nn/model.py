"""The base class of Models: a frozen feature map and trainable output weights."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import EncryptedModelError, FeatureError, ModelSpecError, NotFittedError
from syft.integers import Integers
from syft.nn import metrics
from syft.nn._exact_products import matmul_big
from syft.nn.feature_map import FeatureMap
from syft.nn.fixed_point import DEFAULT_SCALES, ONE, FixedPoint
from syft.nn.gradients import AffineMap, apply_delta, proximal_map
from syft.nn.layers import AnyLayer, Bias, Standardise
from syft.nn.local_statistics import LocalStatistics
from syft.paillier import EncryptedTensor, IntegerTensor, PrivateContext, PublicContext, Tensor

#: Largest absolute value of random initial weights.
_LARGEST_INITIAL_WEIGHT = 2.0**-6
_NOT_IN_REPR = ("fixed_point", "standardise")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A score with the predictions that it was computed from.

    Attributes:
        accuracy: in WAD, 10^18 for 1.0.
        predictions: int64: classes, shape (n, 1); labels, or numbers at 2^26 for 1.0, shape (n, outputs).
    """

    accuracy: int
    predictions: Integers


class Model(ABC):
    """A Model from rows of `inputs` columns to `outputs` classes, labels or numbers.

    Use one of the classes of `syft.nn.estimators`. They work as scikit-learn's estimators do on rows in [0, 1], and
    compute everything in the integers that are later encrypted. The same class serves in the clear, while encrypted,
    and after delivery.

    `fit` and `set_params` change the Model and return it, as scikit-learn's contract requires. Every other method
    leaves the Model as it is; those that return a Model return a changed copy.

    Args:
        inputs: columns per row; `fit` finds it if None.
        outputs: number of classes, labels or numbers; `fit` finds it if None.
        mu: pull of a Gradient towards the weights it starts from, > 0 (see `proximal_map`); the ridge penalty of `fit`.
        fixed_point: the public scales.
        standardise: a first layer that standardises columns by public constants, or None.

    Attributes:
        weights_: IntegerTensor, or EncryptedTensor while encrypted, shape (features, outputs).
        features_: the FeatureMap.
        n_features_in_: columns per row.
    """

    #: Its metric: one of `syft.nn.metrics.METRICS`.
    metric: ClassVar[str]

    weights_: Tensor
    features_: FeatureMap
    _outputs: int

    def __init__(
        self,
        inputs: int | None = None,
        outputs: int | None = None,
        *,
        mu: float = 1e-2,
        fixed_point: FixedPoint = DEFAULT_SCALES,
        standardise: Standardise | None = None,
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.mu = mu
        self.standardise = standardise
        self.fixed_point = fixed_point
        if inputs is not None:
            self.features_ = self._draw_features(inputs)

    @property
    def n_features_in_(self) -> int:
        """Columns per row. Raises NotFittedError if they are not known yet."""
        return self._known_features().inputs

    # ------------------------------------------------------------------ scikit-learn's interface

    def __sklearn_is_fitted__(self) -> bool:
        """Returns True if the Model has weights."""
        return hasattr(self, "weights_")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments; `deep` is ignored."""
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            "mu": self.mu,
            "fixed_point": self.fixed_point,
            "standardise": self.standardise,
        }

    def set_params(self, **params: Any) -> Self:
        """Changes arguments of the constructor, and discards everything learned with others.

        Raises:
            ModelSpecError: the constructor has no such argument.
        """
        known = self.get_params()
        if unknown := sorted(params.keys() - known.keys()):
            raise ModelSpecError(f"{type(self).__name__} has no parameter {unknown[0]!r}: it has {', '.join(known)}")
        changed = type(self)(**{**known, **params})
        vars(self).clear()
        vars(self).update(vars(changed))
        return self

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items() if name not in _NOT_IN_REPR)
        return f"{type(self).__name__}({shown})"

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fits the weights to rows in the clear.

        Args:
            X: shape (n, inputs), in [0, 1].
            y: classes, shape (n,); labels 0 or 1, shape (n, k); or numbers in [0, 1], shape (n,) or (n, k).

        Raises:
            FeatureError: X is not a table of numbers in [0, 1], or y does not have one valid answer per row.
            StatisticsError: a weight exceeds `fixed_point.weight_bound`: mu is too small.
        """
        rows = quantise(X)
        if not len(rows):
            raise FeatureError("0 rows: a Model learns from at least one")
        answers, outputs = self._learn_answers(y, len(rows))
        if self.inputs not in (None, rows.shape[1]) or self.outputs not in (None, outputs):
            raise FeatureError(
                f"{rows.shape[1]} columns and {outputs} outputs do not fit a Model that was made for "
                f"inputs={self.inputs} and outputs={self.outputs}"
            )
        self._outputs, self.features_ = outputs, self._draw_features(rows.shape[1])
        initial = self.with_initial_weights()
        self.weights_ = initial.apply(initial.gradient(rows, answers), step_size=4).weights_
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Classes, shape (n,); labels 0 or 1, shape (n, k); or numbers (float64), shape (n,) or (n, k).

        Raises:
            EncryptedModelError: the weights are encrypted.
            NotFittedError: the Model has no weights.
            FeatureError: X is not a table of numbers in [0, 1] with `inputs` columns.
        """
        return self._readable(self.predictions(self._rows(X)))

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """The Model's metric on rows and answers, in [0, 1] (see `syft.nn.metrics`)."""
        rows = self._rows(X)
        return self.evaluate(rows, self._answers(y, len(rows))).accuracy / metrics.WAD

    # ------------------------------------------------------------------ integer rows

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the weights: (features, outputs). Raises NotFittedError if it is not known yet."""
        outputs = getattr(self, "_outputs", self.outputs)
        if outputs is None:
            raise NotFittedError("the Model's number of outputs is not known: pass outputs, or call fit")
        return self._known_features().outputs, outputs

    @abstractmethod
    def targets(self, answers: Integers) -> Integers:
        """The numbers that the weights are fitted to: int64, shape (n, outputs), 2^10 for 1.0.

        Args:
            answers: int64: indices of classes, shape (n, 1); labels 0 or 1, or numbers at 2^10, shape (n, outputs).

        Raises:
            FeatureError: answers that do not fit the outputs.
        """

    def training_rows(self, rows: Integers, answers: Integers) -> tuple[Integers, Integers]:
        """Features, shape (n, features), and targets, shape (n, outputs), for local statistics."""
        return self._transform(rows), self.targets(answers)

    def predictions(self, rows: Integers, weights: IntegerTensor | None = None) -> Integers:
        """Predictions for integer rows, in the form that the metric takes.

        Args:
            rows: int64, shape (n, inputs), 2^10 for 1.0.
            weights: used instead of the Model's own, if given.

        Raises:
            EncryptedModelError, NotFittedError: the Model has no weights in the clear, and none are given.
        """
        return metrics.predict(self.metric, self._transform(rows), weights or self._clear_weights())

    def evaluate(self, rows: Integers, answers: Integers, weights: IntegerTensor | None = None) -> Evaluation:
        """The exact score on integer rows; arguments as for `targets` and `predictions`."""
        predictions = self.predictions(rows, weights)
        return Evaluation(metrics.score(self.metric, predictions, answers), predictions)

    def statistics(self, rows: Integers, answers: Integers) -> LocalStatistics:
        """Local statistics of integer rows; arguments as for `training_rows`."""
        return LocalStatistics.from_rows(*self.training_rows(rows, answers))

    def gradient_map(self, statistics: LocalStatistics, mu: float | None = None) -> AffineMap:
        """The affine map of these statistics; with a Mine's own mu (`choose_mu`) if given."""
        return proximal_map(statistics, self.mu if mu is None else mu, self.fixed_point.gradient_bits)

    def gradient(self, rows: Integers, answers: Integers) -> Tensor:
        """The Gradient of the Model's weights; if they are encrypted, it is re-randomised and may be published."""
        return self.gradient_map(self.statistics(rows, answers)).delta(self.weights_, self.fixed_point)

    # ------------------------------------------------------------------ copies with other weights

    def with_initial_weights(self, seed: int | None = None) -> Self:
        """A copy with weights of zero, or small random weights drawn by numpy's PCG64 from a seed."""
        shape, exponent, largest = self.shape, self.fixed_point.weight_exponent, _LARGEST_INITIAL_WEIGHT
        values = np.zeros(shape) if seed is None else np.random.default_rng(seed).uniform(-largest, largest, shape)
        bound = self.fixed_point.scaled_weight_bound(exponent)
        return self.with_weights(IntegerTensor.from_floats(values, exponent, bound))

    def with_weights(self, weights: Tensor) -> Self:
        """A copy with these weights. Raises ModelSpecError if their shape differs from the Model's."""
        if weights.shape != self.shape:
            raise ModelSpecError(f"weights of shape {weights.shape} do not fit a Model of shape {self.shape}")
        model = copy.copy(self)
        model.weights_ = weights
        return model

    def apply(self, delta: Tensor, step_size: int) -> Self:
        """A copy with step_size / 4 of a Gradient added to the weights; see `apply_delta`."""
        weights = apply_delta(self.weights_, delta, step_size, self.fixed_point)  # type: ignore[arg-type]
        return self.with_weights(weights)

    def encrypt(self, context: PublicContext) -> Self:
        """A copy with encrypted weights."""
        packing = self.fixed_point.packing(context.n_bits, self.shape)
        return self.with_weights(context.encrypt(self._clear_weights(), packing))

    def decrypt(self, context: PrivateContext) -> Self:
        """A copy with weights in the clear.

        Raises:
            EncryptedModelError: the weights are not encrypted.
            PlaintextRangeError: a weight exceeds its bound.
        """
        if not isinstance(self.weights_, EncryptedTensor):
            raise EncryptedModelError("the Model is not encrypted")
        return self.with_weights(context.decrypt(self.weights_))

    # ------------------------------------------------------------------ specs

    def to_spec(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The Model's part of a Campaign spec, {class, parameters, features}, and its frozen tensors by name."""
        features, tensors = self._known_features().to_spec()
        parameters = {"inputs": self.n_features_in_, "outputs": self.shape[1], "mu": self.mu}
        return {"class": type(self).__name__, "parameters": parameters, "features": features}, tensors

    @classmethod
    def from_feature_map(cls, features: FeatureMap, **parameters: Any) -> Self:
        """A Model with a given feature map, and the constructor's other arguments."""
        model = cls(**parameters)
        model.inputs, model.features_ = features.inputs, features
        model.standardise = next((layer for layer in features.layers[:1] if isinstance(layer, Standardise)), None)
        return model

    # ------------------------------------------------------------------ for subclasses

    def _draw_features(self, inputs: int) -> FeatureMap:
        first = () if self.standardise is None else (self.standardise,)
        return FeatureMap(inputs, (*first, *self._hidden_layers(inputs), Bias()))

    def _hidden_layers(self, inputs: int) -> tuple[AnyLayer, ...]:
        """The frozen layers between standardisation and bias."""
        return ()

    def _known_features(self) -> FeatureMap:
        features: FeatureMap | None = getattr(self, "features_", None)
        if features is None:
            raise NotFittedError("the Model's number of inputs is not known: pass inputs, or call fit")
        return features

    def _transform(self, rows: Integers) -> Integers:
        return self._known_features().transform(rows)

    def _rows(self, X: ArrayLike) -> Integers:
        """Rows as integers, after checks that the Model has weights in the clear and `inputs` fits."""
        self._clear_weights()
        rows, columns = quantise(X), self.n_features_in_
        if rows.shape[1] != columns:
            # scikit-learn's estimator checks compare this message.
            raise FeatureError(
                f"X has {rows.shape[1]} features, but {type(self).__name__} is expecting {columns} features as input"
            )
        return rows

    def _output_sums(self, rows: Integers) -> tuple[NDArray[np.object_], int]:
        """Exact sums of features x weights for integer rows, shape (n, outputs), and the weights' exponent."""
        weights = self._clear_weights()
        return matmul_big(self._transform(rows), weights.values), weights.exponent

    def _clear_weights(self) -> IntegerTensor:
        weights = getattr(self, "weights_", None)
        if weights is None:
            raise NotFittedError("the Model has no weights: call fit or with_initial_weights")
        if isinstance(weights, EncryptedTensor):
            raise EncryptedModelError("the Model is encrypted: decrypt it first")
        return weights  # type: ignore[no-any-return]

    def _learn_answers(self, y: ArrayLike, rows: int) -> tuple[Integers, int]:
        """Answers as for `targets`, and the number of outputs; stores the names of classes."""
        answers = self._answers(y, rows)
        return answers, answers.shape[1]

    @abstractmethod
    def _answers(self, y: ArrayLike, rows: int) -> Integers:
        """Answers as for `targets`, from user input. Raises FeatureError."""

    @abstractmethod
    def _readable(self, predictions: Integers) -> NDArray[Any]:
        """Predictions in the form that `predict` returns."""


def quantise(X: ArrayLike) -> Integers:
    """Rows in [0, 1] as fixed-point integers, 2^10 for 1.0; int64, shape (n, columns).

    Raises:
        FeatureError: X is not a dense table of numbers that round to [0, 1].
    """
    # Some messages are scikit-learn's, whose estimator checks compare them.
    if hasattr(X, "toarray"):
        raise FeatureError("sparse tables are not supported: use X.toarray()")
    try:
        given = np.asarray(X)
        rows = np.asarray(given.real, dtype=np.float64)
    except (TypeError, ValueError):
        raise FeatureError("X is not a table of numbers") from None
    if given.dtype.kind == "c":
        raise FeatureError("Complex data not supported")
    if rows.ndim != 2:
        raise FeatureError(f"a table of numbers is needed, not an array of shape {rows.shape}. Reshape your data")
    if not rows.shape[1]:
        raise FeatureError(f"0 feature(s) (shape={rows.shape}) while a minimum of 1 is required.")
    rounded = np.rint(rows * ONE)
    outside = np.argwhere(~((rounded >= 0) & (rounded <= ONE)))
    if len(outside):
        row, column = map(int, outside[0])
        number = rows[row, column]
        shown = f"{number}" if np.isfinite(number) else f"{number} (NaN or inf)"
        raise FeatureError(f"row {row}, column {column}: {shown} is not in [0, 1]; scale the columns first")
    integers: Integers = rounded.astype(np.int64)
    return integers
