"""Models: a frozen feature map and trainable output weights.

The same object serves in the clear, while encrypted, and after delivery.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import EncryptedModelError, FeatureError, ModelSpecError, NotFittedError
from syft.nn import metrics
from syft.nn.convolution import Convolution
from syft.nn.features import Bias, FeatureMap, Fourier, Relu, Standardise
from syft.nn.gradients import DEFAULT_SCALES, AffineMap, FixedPoint, apply_delta, proximal_map
from syft.nn.integers import Integers
from syft.nn.statistics import LocalStatistics
from syft.nn.steps import ONE
from syft.paillier import EncryptedTensor, IntegerTensor, PrivateContext, PublicContext, Tensor

#: Seeded weights are at most this large.
_SMALL_WEIGHT = 2.0**-6
_UNSHOWN = ("fixed_point", "standardise")


@dataclass(frozen=True)
class Evaluation:
    """A score and what it was made of.

    Attributes:
        accuracy: WAD.
        predictions: int64, shape (n, outputs of the metric): a class, or numbers at 2^26.
    """

    accuracy: int
    predictions: Integers


class Model:
    """A Model with `inputs` columns in and `outputs` weights' columns out.

    Use one of the classes of `syft.nn.families`. In the clear they work as scikit-learn's estimators do, on rows in
    [0, 1]; whatever they do, they do in the integers that are encrypted later.

    Args:
        inputs: columns of a row; found by `fit` if left out.
        outputs: classes, or numbers to predict; found by `fit` if left out.
        mu: pull of a Gradient towards the head, > 0 (see `proximal_map`); in `fit` the ridge penalty.
        fixed_point: the public scales.
        standardise: public constants by which columns are standardised before all else.

    Attributes:
        weights_: IntegerTensor, or EncryptedTensor while encrypted, shape (features, outputs).
        features_: the FeatureMap.
        n_features_in_: columns of a row.
    """

    #: How it is scored: one of `syft.nn.metrics.METRICS`.
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
        """Columns of a row. Raises NotFittedError while they are not known."""
        return self._known_features().inputs

    # ------------------------------------------------------------------ in the clear

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there are weights."""
        return hasattr(self, "weights_")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments, as scikit-learn wants them."""
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            "mu": self.mu,
            "fixed_point": self.fixed_point,
            "standardise": self.standardise,
        }

    def set_params(self, **params: Any) -> Self:
        """Changes constructor's arguments; what was learned goes, since it was learned with others.

        Raises:
            ModelSpecError: the constructor knows no such argument.
        """
        known = self.get_params()
        if unknown := sorted(params.keys() - known.keys()):
            raise ModelSpecError(f"{type(self).__name__} has no parameter {unknown[0]!r}: it has {', '.join(known)}")
        changed = type(self)(**{**known, **params})
        vars(self).clear()
        vars(self).update(vars(changed))
        return self

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items() if name not in _UNSHOWN)
        return f"{type(self).__name__}({shown})"

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learns from rows in the clear.

        Args:
            X: shape (n, inputs), in [0, 1].
            y: classes, shape (n,); labels 0 or 1, shape (n, k); or numbers in [0, 1], shape (n,) or (n, k).

        Raises:
            FeatureError: not a table of numbers in [0, 1], or not one answer a row.
            StatisticsError: a weight exceeds the fixed point's bound: mu is too small.
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
        self.start()
        return self.apply(
            self.gradient_map(self.statistics(rows, answers)).delta(self._clear_weights(), self.fixed_point),
            step=4,
        )

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Classes, shape (n,); labels 0 or 1, shape (n, k); or numbers (float64), shape (n,) or (n, k).

        Raises:
            EncryptedModelError: the weights are encrypted.
            NotFittedError: there are no weights.
            FeatureError: not a table of numbers in [0, 1], of as many columns as the Model has inputs.
        """
        return self._readable(self.predictions(self._rows(X)))

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """The Model's metric, from 0 to 1 (see `syft.nn.metrics`)."""
        rows = self._rows(X)
        return self.evaluate(rows, self._answers(y, len(rows))).accuracy / metrics.WAD

    # ------------------------------------------------------------------ on integers

    def start(self, seed: int | None = None) -> Self:
        """Fresh weights: zeros, or small numbers drawn from a seed."""
        shape, exponent = self.shape, self.fixed_point.weight_exponent
        values = (
            np.zeros(shape)
            if seed is None
            else np.random.default_rng(seed).uniform(-_SMALL_WEIGHT, _SMALL_WEIGHT, shape)
        )
        self.weights_ = IntegerTensor.from_floats(values, exponent, self.fixed_point.head_bound(exponent))
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """(features, outputs)."""
        outputs = getattr(self, "_outputs", self.outputs)
        if outputs is None:
            raise NotFittedError("the Model's outputs are not known yet: give them, or fit it")
        return self._known_features().outputs, outputs

    @abstractmethod
    def targets(self, answers: Integers) -> Integers:
        """What the weights are fitted to: int64, shape (n, outputs), 2^10 for 1.0.

        Args:
            answers: int64: classes, shape (n, 1); labels 0 or 1, or numbers at 2^10, shape (n, outputs).
        """

    def training_rows(self, rows: Integers, answers: Integers) -> tuple[Integers, Integers]:
        """What statistics are made of: features, shape (n, features), and targets, shape (n, outputs)."""
        return self._transform(rows), self.targets(answers)

    @abstractmethod
    def predictions(self, rows: Integers, weights: IntegerTensor | None = None) -> Integers:
        """What the Model says of integer rows, as the metric counts it.

        Args:
            rows: int64, shape (n, inputs), 2^10 for 1.0.
            weights: others than the Model's own.
        """

    def evaluate(self, rows: Integers, answers: Integers, weights: IntegerTensor | None = None) -> Evaluation:
        """The exact score on integer rows; see `predictions`."""
        predictions = self.predictions(rows, weights)
        return Evaluation(metrics.score(self.metric, predictions, answers), predictions)

    def statistics(self, rows: Integers, answers: Integers) -> LocalStatistics:
        """Local statistics of integer rows."""
        return LocalStatistics.from_rows(*self.training_rows(rows, answers))

    def gradient_map(self, statistics: LocalStatistics, mu: float | None = None) -> AffineMap:
        """What those statistics make of any weights; with a Mine's own mu (`choose_mu`) instead of the Model's."""
        return proximal_map(statistics, self.mu if mu is None else mu, self.fixed_point.gradient_bits)

    def gradient(self, rows: Integers, answers: Integers) -> Tensor:
        """The Gradient of the Model's weights: encrypted if they are, and then ready to leave."""
        return self.gradient_map(self.statistics(rows, answers)).delta(self.weights_, self.fixed_point)

    def apply(self, delta: Tensor, step: int) -> Self:
        """Moves the weights by step/4 of a Gradient."""
        self.weights_ = apply_delta(self.weights_, delta, step, self.fixed_point)  # type: ignore[arg-type]
        return self

    # ------------------------------------------------------------------ encrypted

    def encrypt(self, context: PublicContext) -> Self:
        """The same Model with encrypted weights."""
        packing = self.fixed_point.packing(context.n_bits, self.shape)
        return self.with_weights(context.encrypt(self._clear_weights(), packing))

    def decrypt(self, context: PrivateContext) -> Self:
        """The same Model in the clear.

        Raises:
            PlaintextRangeError: a weight is beyond its bound.
        """
        if not isinstance(self.weights_, EncryptedTensor):
            raise EncryptedModelError("the Model is not encrypted")
        return self.with_weights(context.decrypt(self.weights_))

    def with_weights(self, weights: Tensor) -> Self:
        """The same Model with other weights of the same shape."""
        if weights.shape != self.shape:
            raise ModelSpecError(f"weights of shape {weights.shape} do not fit a Model of shape {self.shape}")
        twin = copy.copy(self)
        twin.weights_ = weights
        return twin

    # ------------------------------------------------------------------ description

    def to_spec(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What a Campaign spec says of the Model ({class, parameters, features}), and its frozen tensors by name."""
        features, tensors = self._known_features().to_spec()
        parameters = {"inputs": self.n_features_in_, "outputs": self.shape[1], "mu": self.mu}
        return {"class": type(self).__name__, "parameters": parameters, "features": features}, tensors

    @classmethod
    def described(cls, features: FeatureMap, **parameters: Any) -> Self:
        """A Model of a feature map that was described, not drawn, and of the constructor's other arguments."""
        model = cls(**parameters)
        model.inputs, model.features_ = features.inputs, features
        model.standardise = next((step for step in features.steps[:1] if isinstance(step, Standardise)), None)
        return model

    def _draw_features(self, inputs: int) -> FeatureMap:
        first = () if self.standardise is None else (self.standardise,)
        return FeatureMap(inputs, (*first, *self._hidden(inputs), Bias()))

    def _hidden(self, inputs: int) -> tuple[Fourier | Relu | Convolution, ...]:
        """The frozen layers between rows and outputs."""
        return ()

    def _known_features(self) -> FeatureMap:
        features: FeatureMap | None = getattr(self, "features_", None)
        if features is None:
            raise NotFittedError("the Model's inputs are not known yet: give them, or fit it")
        return features

    def _transform(self, rows: Integers) -> Integers:
        return self._known_features().transform(rows)

    def _rows(self, X: ArrayLike) -> Integers:
        """Rows of a Model that has weights, of as many columns as it was fitted to."""
        self._clear_weights()
        rows, columns = quantise(X), self.n_features_in_
        if rows.shape[1] != columns:
            # scikit-learn's words.
            raise FeatureError(
                f"X has {rows.shape[1]} features, but {type(self).__name__} is expecting {columns} features as input"
            )
        return rows

    def _clear_weights(self) -> IntegerTensor:
        weights = getattr(self, "weights_", None)
        if weights is None:
            raise NotFittedError("the Model has no weights: call fit or start")
        if isinstance(weights, EncryptedTensor):
            raise EncryptedModelError("the Model is encrypted: it can be trained, not read")
        return weights  # type: ignore[no-any-return]

    def _learn_answers(self, y: ArrayLike, rows: int) -> tuple[Integers, int]:
        """Answers as integers, as for `targets`, and how many outputs they make; keeps what names them."""
        answers = self._answers(y, rows)
        return answers, answers.shape[1]

    @abstractmethod
    def _answers(self, y: ArrayLike, rows: int) -> Integers:
        """Answers as integers, as for `evaluate`."""

    @abstractmethod
    def _readable(self, predictions: Integers) -> NDArray[Any]: ...


def quantise(X: ArrayLike) -> Integers:
    """Rows in [0, 1] as fixed-point integers; int64, shape (n, columns).

    Raises:
        FeatureError: not a table of numbers that round to [0, 1].
    """
    if hasattr(X, "toarray"):
        raise FeatureError("sparse tables are not taken: a dense one is needed, X.toarray()")
    try:
        given = np.asarray(X)
        rows = np.asarray(given.real, dtype=np.float64)
    except (TypeError, ValueError):
        raise FeatureError("a table of numbers is needed") from None
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
        # NaN and inf in scikit-learn's spelling.
        shown = f"{number}" if np.isfinite(number) else f"{number} (NaN or inf)"
        raise FeatureError(f"row {row}, column {column}: {shown} is not in [0, 1]; scale the columns first")
    integers: Integers = rounded.astype(np.int64)
    return integers
