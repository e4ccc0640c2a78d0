"""Models: a frozen feature map and trainable output weights.

The same object serves in the clear, while encrypted, and after delivery.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import EncryptedModelError, FeatureError, ModelSpecError, NotFittedError
from syft.nn import metrics
from syft.nn.features import ONE, Bias, FeatureMap, Fourier, Relu, Tensors, check_step
from syft.nn.gradients import AffineMap, FixedPoint, apply_delta, proximal_map
from syft.nn.integers import Integers
from syft.nn.statistics import LocalStatistics
from syft.paillier import EncryptedTensor, IntegerTensor, PrivateContext, PublicContext, Tensor

#: Seeded weights are at most this large.
_SMALL_WEIGHT = 2.0**-6
_DEFAULT_SCALES = FixedPoint()


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
        fixed_point: FixedPoint = _DEFAULT_SCALES,
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.mu = mu
        self.fixed_point = fixed_point
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

    def set_params(self, **params: Any) -> Self:
        """Changes constructor's arguments; what was learned goes, since it was learned with others.

        Raises:
            ModelSpecError: the constructor knows no such argument.
        """
        known = self.get_params()
        if unknown := sorted(params.keys() - known.keys()):
            raise ModelSpecError(f"{type(self).__name__} has no parameter {unknown[0]!r}: it has {', '.join(known)}")
        vars(self).clear()
        type(self).__init__(self, **{**known, **params})
        return self

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items() if name != "fixed_point")
        return f"{type(self).__name__}({shown})"

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learns from rows in the clear.

        Args:
            X: shape (n, inputs), in [0, 1].
            y: classes 0 .. k-1, shape (n,); or numbers in [0, 1], shape (n,) or (n, k).

        Raises:
            FeatureError: not a table of numbers in [0, 1], or not one answer a row.
            StatisticsError: a weight exceeds the fixed point's bound: mu is too small.
        """
        rows, targets = quantise(X), self._quantise_targets(y)
        if len(rows) != len(targets) or not len(rows):
            raise FeatureError(f"{len(rows)} rows and {len(targets)} answers: one answer a row is needed")
        self.inputs = rows.shape[1]
        self.outputs = self.outputs or self._count_outputs(targets)
        self.features_ = self._draw_features(self.inputs)
        self.start()
        return self.apply(
            self.gradient_map(self.statistics(rows, targets)).delta(self._clear_weights(), self.fixed_point),
            step=4,
        )

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Classes (int64), or numbers at the targets' scale (float64), shape (n,).

        Raises:
            EncryptedModelError: the weights are encrypted.
            NotFittedError: there are no weights.
            FeatureError: not a table of numbers in [0, 1], of as many columns as the Model has inputs.
        """
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
        return LocalStatistics.from_rows(self._transform(rows), self.targets(answers))

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

    @classmethod
    def _with_features(cls, features: FeatureMap, outputs: int, mu: float, fixed_point: FixedPoint) -> Self:
        """A Model of a feature map that was described, not drawn."""
        model = cls(outputs=outputs, mu=mu, fixed_point=fixed_point)
        model.inputs, model.features_ = features.inputs, features
        return model

    def _draw_features(self, inputs: int) -> FeatureMap:
        return FeatureMap(inputs, (Bias(),))

    def _transform(self, rows: Integers) -> Integers:
        if self.inputs is None:
            raise NotFittedError("the Model's inputs are not known yet: give them, or fit it")
        return self.features_.transform(rows)

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
        return metrics.predict_classes(self._transform(rows), weights or self._clear_weights())

    def evaluate(self, rows: Integers, answers: Integers, weights: IntegerTensor | None = None) -> Evaluation:
        predictions = self.predictions(rows, weights)
        return Evaluation(metrics.accuracy(predictions, answers), predictions)

    def _count_outputs(self, answers: Integers) -> int:
        return int(answers.max()) + 1

    def _quantise_targets(self, y: ArrayLike) -> Integers:
        answers = np.asarray(y)
        if answers.dtype.kind not in "iub" or answers.size != len(answers) or (answers.size and answers.min() < 0):
            raise FeatureError("classes must be whole numbers from 0 up, one a row")
        return answers.astype(np.int64).reshape(-1, 1)

    def _readable(self, predictions: Integers) -> NDArray[Any]:
        return predictions[:, 0]


class _Regressor(Model):
    metric = "r2"

    def targets(self, answers: Integers) -> Integers:
        return answers

    def predictions(self, rows: Integers, weights: IntegerTensor | None = None) -> Integers:
        return metrics.predict_numbers(self._transform(rows), weights or self._clear_weights())

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
        fixed_point: FixedPoint = _DEFAULT_SCALES,
    ) -> None:
        if layer not in ("fourier", "relu"):
            raise ModelSpecError(f"unknown layer {layer!r}: choose fourier or relu")
        self.features, self.layer, self.gamma, self.seed = features, layer, gamma, seed
        super().__init__(inputs, outputs, mu=mu, fixed_point=fixed_point)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        own = {"features": self.features, "layer": self.layer, "gamma": self.gamma, "seed": self.seed}
        return {**super().get_params(deep), **own}

    @classmethod
    def _with_features(cls, features: FeatureMap, outputs: int, mu: float, fixed_point: FixedPoint) -> Self:
        model = super()._with_features(features, outputs, mu, fixed_point)
        model.features = features.outputs - sum(isinstance(step, Bias) for step in features.steps)
        model.layer = "relu" if any(isinstance(step, Relu) for step in features.steps) else "fourier"
        return model

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
    """Rows in [0, 1] as fixed-point integers; int64, shape (n, columns).

    Raises:
        FeatureError: not a table of numbers in [0, 1].
    """
    try:
        rows = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        raise FeatureError("a table of numbers is needed") from None
    if rows.ndim != 2:
        raise FeatureError(f"a table of numbers is needed, not an array of shape {rows.shape}")
    outside = np.argwhere(~((rows >= 0) & (rows <= 1)))
    if len(outside):
        row, column = map(int, outside[0])
        raise FeatureError(f"row {row}, column {column}: {rows[row, column]} is not in [0, 1]; scale the columns first")
    integers: Integers = np.rint(rows * ONE).astype(np.int64)
    return integers


def check_spec(spec: Mapping[str, Any]) -> None:
    """Checks a Model's description ({class, parameters, features}) without its tensors.

    Raises:
        ModelSpecError: an unknown class or parameter.
        FeatureError: an unknown step, or a step with unknown parameters.
    """
    _model_class(spec)
    _parameters(spec)
    for place, step in enumerate(_of_kind(spec["features"], Sequence, "features")):
        try:
            check_step(_of_kind(step, Mapping, "a feature step"))
        except FeatureError as error:
            raise FeatureError(str(error), place) from None


def from_spec(spec: Mapping[str, Any], tensors: Tensors, fixed_point: FixedPoint = _DEFAULT_SCALES) -> Model:
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
    feature_map = FeatureMap.from_spec(parameters["inputs"], spec["features"], tensors)
    return _model_class(spec)._with_features(feature_map, parameters["outputs"], parameters["mu"], fixed_point)


def _model_class(spec: Mapping[str, Any]) -> type[Model]:
    if set(spec) != {"class", "parameters", "features"}:
        raise ModelSpecError(f"a Model is described by class, parameters and features; got {', '.join(map(str, spec))}")
    name = spec["class"]
    if not isinstance(name, str) or name not in _MODELS:
        raise ModelSpecError(f"unknown Model {name!r}: choose from {', '.join(_MODELS)}")
    return _MODELS[name]


def _parameters(spec: Mapping[str, Any]) -> dict[str, Any]:
    parameters = dict(_of_kind(spec["parameters"], Mapping, "parameters"))
    if set(parameters) != {"inputs", "outputs", "mu"}:
        raise ModelSpecError(
            f"a Model's parameters are inputs, outputs and mu; got {', '.join(sorted(map(str, parameters)))}"
        )
    for key in ("inputs", "outputs"):
        value = parameters[key]
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_COLUMNS:
            raise ModelSpecError(f"{key} must be a whole number from 1 to {_MOST_COLUMNS}")
    mu = parameters["mu"]
    if not isinstance(mu, int | float) or isinstance(mu, bool) or not 0 < mu < 1e6:
        raise ModelSpecError("mu must be a positive number")
    return {**parameters, "mu": float(mu)}


def _of_kind(value: Any, kind: type, what: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, str):
        raise ModelSpecError(f"{what} must be a {kind.__name__.lower()}, not {value!r}")
    return value
