"""Models: a frozen feature map and trainable output weights.

The same object serves in the clear, while encrypted, and after delivery.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import EncryptedModelError, FeatureError, ModelSpecError, NotFittedError
from syft.nn import metrics
from syft.nn.features import FRACTION_BITS, ONE, Bias, FeatureMap, Fourier, Relu, Tensors, check_step
from syft.nn.gradients import AffineMap, FixedPoint, apply_delta, proximal_map
from syft.nn.integers import Integers
from syft.nn.statistics import LocalStatistics
from syft.paillier import EncryptedTensor, IntegerTensor, PrivateContext, PublicContext, Tensor

#: Seeded weights are at most this large.
_SMALL_WEIGHT = 2.0**-6


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

    Use one of the four classes below. In the clear they work as scikit-learn's estimators do, on rows in [0, 1];
    whatever they do, they do in the integers that are encrypted later.

    Args:
        inputs: columns of a row; found by `fit` if left out.
        outputs: classes, or numbers to predict; found by `fit` if left out.
        mu: pull of a Gradient towards the head, > 0 (see `proximal_map`); in `fit` the ridge penalty.
        fixed_point: the public scales.

    Attributes:
        weights_: IntegerTensor, or EncryptedTensor while encrypted, shape (features, outputs).
        features_: the FeatureMap.
    """

    #: "accuracy" or "r2".
    metric: ClassVar[str]

    weights_: Tensor
    features_: FeatureMap

    def __init__(
        self,
        inputs: int | None = None,
        outputs: int | None = None,
        *,
        mu: float = 1e-2,
        fixed_point: FixedPoint | None = None,
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.mu = mu
        self.fixed_point = fixed_point or FixedPoint()
        if inputs is not None:
            self.features_ = self._draw_features(inputs)

    # ------------------------------------------------------------------ in the clear

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments, as scikit-learn wants them."""
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            "mu": self.mu,
            "fixed_point": self.fixed_point,
        }

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learns from rows in the clear.

        Args:
            X: shape (n, inputs), in [0, 1]; clipped.
            y: classes 0 .. k-1, or numbers in [0, 1], shape (n,) or (n, 1).
        """
        rows, targets = quantise(X), self._quantise_targets(y)
        self.inputs = rows.shape[1]
        self.outputs = self.outputs or self._count_outputs(targets)
        self.features_ = self._draw_features(self.inputs)
        self.start()
        return self.apply(
            self.gradient_map(self.statistics(rows, targets)).delta(self._clear_weights(), self.fixed_point),
            step=4,
        )

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Classes (int64), or numbers at the targets' scale (float64), shape (n,)."""
        return self._readable(self.predictions(quantise(X)))

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Share of rows right, or r2 clipped to [0, 1]."""
        return self.evaluate(quantise(X), self._quantise_targets(y)).accuracy / metrics.WAD

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
        if self.outputs is None or self.inputs is None:
            raise NotFittedError("the Model's inputs and outputs are not known yet: give both, or fit it")
        return self.features_.outputs, self.outputs

    @abstractmethod
    def targets(self, answers: Integers) -> Integers:
        """What the weights are fitted to: int64, shape (n, outputs), 2^10 for 1.0.

        Args:
            answers: int64, shape (n, 1): classes, or numbers at 2^10.
        """

    @abstractmethod
    def predictions(self, rows: Integers, weights: IntegerTensor | None = None) -> Integers:
        """What the Model says of integer rows, as the metric counts it.

        Args:
            rows: int64, shape (n, inputs), 2^10 for 1.0.
            weights: others than the Model's own.
        """

    @abstractmethod
    def evaluate(self, rows: Integers, answers: Integers, weights: IntegerTensor | None = None) -> Evaluation:
        """The exact score on integer rows; see `predictions`."""

    def statistics(self, rows: Integers, answers: Integers) -> LocalStatistics:
        """Local statistics of integer rows."""
        return LocalStatistics.from_rows(self.features_.transform(rows), self.targets(answers))

    def gradient_map(self, statistics: LocalStatistics) -> AffineMap:
        """What those statistics make of any weights."""
        return proximal_map(statistics, self.mu, self.fixed_point.gradient_bits)

    def gradient(self, rows: Integers, answers: Integers) -> Tensor:
        """The Gradient of the Model's weights: encrypted if they are, and then not yet re-randomised."""
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
        features, tensors = self.features_.to_spec()
        parameters = {"inputs": self.inputs, "outputs": self.outputs, "mu": self.mu}
        return {"class": type(self).__name__, "parameters": parameters, "features": features}, tensors

    def _draw_features(self, inputs: int) -> FeatureMap:
        return FeatureMap(inputs, (Bias(),))

    def _clear_weights(self) -> IntegerTensor:
        weights = getattr(self, "weights_", None)
        if weights is None:
            raise NotFittedError("the Model has no weights: call fit or start")
        if isinstance(weights, EncryptedTensor):
            raise EncryptedModelError("the Model is encrypted: it can be trained, not read")
        return weights  # type: ignore[no-any-return]

    @abstractmethod
    def _count_outputs(self, answers: Integers) -> int: ...
    @abstractmethod
    def _quantise_targets(self, y: ArrayLike) -> Integers: ...
    @abstractmethod
    def _readable(self, predictions: Integers) -> NDArray[Any]: ...


class _Classifier(Model):
    metric = "accuracy"

    def targets(self, answers: Integers) -> Integers:
        classes = self.shape[1]
        if answers.size and not 0 <= int(answers.min()) <= int(answers.max()) < classes:
            raise FeatureError(f"a class outside of 0 .. {classes - 1}")
        centred: Integers = np.eye(classes, dtype=np.int64)[answers[:, 0]] * ONE - ONE // classes
        return centred

    def predictions(self, rows: Integers, weights: IntegerTensor | None = None) -> Integers:
        return metrics.predict_classes(self.features_.transform(rows), weights or self._clear_weights())

    def evaluate(self, rows: Integers, answers: Integers, weights: IntegerTensor | None = None) -> Evaluation:
        predictions = self.predictions(rows, weights)
        return Evaluation(metrics.accuracy(predictions, answers), predictions)

    def _count_outputs(self, answers: Integers) -> int:
        return int(answers.max()) + 1

    def _quantise_targets(self, y: ArrayLike) -> Integers:
        return np.asarray(y).astype(np.int64).reshape(-1, 1)

    def _readable(self, predictions: Integers) -> NDArray[Any]:
        return predictions[:, 0]


class _Regressor(Model):
    metric = "r2"

    def targets(self, answers: Integers) -> Integers:
        return answers

    def predictions(self, rows: Integers, weights: IntegerTensor | None = None) -> Integers:
        return metrics.predict_numbers(self.features_.transform(rows), weights or self._clear_weights())

    def evaluate(self, rows: Integers, answers: Integers, weights: IntegerTensor | None = None) -> Evaluation:
        predictions = self.predictions(rows, weights)
        return Evaluation(metrics.r2(predictions, answers), predictions)

    def _count_outputs(self, answers: Integers) -> int:
        return answers.shape[1]

    def _quantise_targets(self, y: ArrayLike) -> Integers:
        numbers = np.asarray(y, dtype=np.float64)
        return quantise(numbers.reshape(-1, 1) if numbers.ndim == 1 else numbers)

    def _readable(self, predictions: Integers) -> NDArray[Any]:
        numbers = predictions / (1 << metrics.PREDICTION_BITS)
        return numbers[:, 0] if numbers.shape[1] == 1 else numbers


class _RandomFeatures(Model):
    """A hidden layer that is public and frozen, in front of the trainable output layer.

    Args:
        features: units of the hidden layer.
        layer: "fourier" or "relu".
        gamma: width of the Fourier features' kernel for rows in [0, 1]; 3 / inputs if left out.
        seed: of the layer.
    """

    def __init__(
        self,
        features: int = 512,
        inputs: int | None = None,
        outputs: int | None = None,
        *,
        layer: str = "fourier",
        gamma: float | None = None,
        seed: int = 0,
        mu: float = 1e-2,
        fixed_point: FixedPoint | None = None,
    ) -> None:
        if layer not in ("fourier", "relu"):
            raise ModelSpecError(f"unknown layer {layer!r}: choose fourier or relu")
        self.features, self.layer, self.gamma, self.seed = features, layer, gamma, seed
        super().__init__(inputs, outputs, mu=mu, fixed_point=fixed_point)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        own = {"features": self.features, "layer": self.layer, "gamma": self.gamma, "seed": self.seed}
        return {**super().get_params(deep), **own}

    def _draw_features(self, inputs: int) -> FeatureMap:
        if self.layer == "relu":
            return FeatureMap(inputs, (Relu.draw(inputs, self.features, self.seed), Bias()))
        gamma = self.gamma if self.gamma is not None else 3 / inputs
        return FeatureMap(inputs, (Fourier.draw(inputs, self.features, gamma, self.seed), Bias()))


class LinearRegression(_Regressor):
    """One weight a column: ridge regression."""


class LinearClassifier(_Classifier):
    """One weight a column and class: ridge regression on centred one-hot classes."""


class RandomFeatureRegressor(_RandomFeatures, _Regressor):
    """A neural network of one frozen hidden layer and linear outputs."""


class RandomFeatureClassifier(_RandomFeatures, _Classifier):
    """A neural network of one frozen hidden layer and a linear output a class."""


_MODELS: dict[str, type[Model]] = {
    model.__name__: model
    for model in (LinearRegression, LinearClassifier, RandomFeatureRegressor, RandomFeatureClassifier)
}
_MOST_COLUMNS = 1 << 16


def quantise(X: ArrayLike) -> Integers:
    """Rows in [0, 1] as fixed-point integers, clipped; int64, shape (n, columns).

    Raises:
        FeatureError: not a table of finite numbers.
    """
    rows = np.asarray(X, dtype=np.float64)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise FeatureError("rows must be a table of finite numbers")
    integers: Integers = np.rint(np.clip(rows, 0, 1) * (1 << FRACTION_BITS)).astype(np.int64)
    return integers


def check_spec(spec: Mapping[str, Any]) -> None:
    """Checks a Model's description ({class, parameters, features}) without its tensors.

    Raises:
        ModelSpecError: an unknown class or parameter.
        FeatureError: an unknown step, or a step with unknown parameters.
    """
    _model_class(spec)
    _parameters(spec)
    for step in spec["features"]:
        check_step(step)


def from_spec(spec: Mapping[str, Any], tensors: Tensors, fixed_point: FixedPoint | None = None) -> Model:
    """The Model that a spec describes, without weights.

    Args:
        spec: {class, parameters, features}, as `Model.to_spec` gives it.
        tensors: the frozen tensors by name.
        fixed_point: the public scales.

    Raises:
        ModelSpecError, FeatureError: it describes none.
    """
    check_spec(spec)
    parameters = _parameters(spec)
    model_class = _model_class(spec)
    # The features come from the spec, so no layer is drawn: plain construction of the base, then the described map.
    model = model_class.__new__(model_class)
    Model.__init__(model, None, parameters["outputs"], mu=parameters["mu"], fixed_point=fixed_point)
    model.inputs = parameters["inputs"]
    model.features_ = FeatureMap.from_spec(parameters["inputs"], spec["features"], tensors)
    return model


def _model_class(spec: Mapping[str, Any]) -> type[Model]:
    name = spec.get("class")
    if set(spec) != {"class", "parameters", "features"} or name not in _MODELS:
        raise ModelSpecError(f"unknown Model {name!r}: choose from {', '.join(_MODELS)}")
    return _MODELS[name]


def _parameters(spec: Mapping[str, Any]) -> dict[str, Any]:
    parameters = dict(spec["parameters"])
    if set(parameters) != {"inputs", "outputs", "mu"}:
        raise ModelSpecError(f"a Model's parameters are inputs, outputs and mu; got {', '.join(sorted(parameters))}")
    for key in ("inputs", "outputs"):
        value = parameters[key]
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_COLUMNS:
            raise ModelSpecError(f"{key} must be a whole number from 1 to {_MOST_COLUMNS}")
    mu = parameters["mu"]
    if not isinstance(mu, int | float) or isinstance(mu, bool) or not 0 < mu < 1e6:
        raise ModelSpecError("mu must be a positive number")
    return {**parameters, "mu": float(mu)}
