"""The Models there are: what their outputs mean, behind a linear layer alone or behind a hidden one too."""

from __future__ import annotations

from typing import Any, Self

from syft.errors import ModelSpecError
from syft.nn.classes import Classifier, ClassWeight
from syft.nn.features import Bias, FeatureMap, Fourier, Relu
from syft.nn.gradients import DEFAULT_SCALES, FixedPoint
from syft.nn.labels import LabelClassifier
from syft.nn.models import Model
from syft.nn.regression import Regressor


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
        fixed_point: FixedPoint = DEFAULT_SCALES,
    ) -> None:
        if layer not in ("fourier", "relu"):
            raise ModelSpecError(f"unknown layer {layer!r}: choose fourier or relu")
        self.features, self.layer, self.gamma, self.seed = features, layer, gamma, seed
        super().__init__(inputs, outputs, mu=mu, fixed_point=fixed_point)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        own = {"features": self.features, "layer": self.layer, "gamma": self.gamma, "seed": self.seed}
        return {**super().get_params(deep), **own}

    @classmethod
    def described(cls, features: FeatureMap, **parameters: Any) -> Self:
        model = super().described(features, **parameters)
        model.features = features.outputs - sum(isinstance(step, Bias) for step in features.steps)
        model.layer = "relu" if any(isinstance(step, Relu) for step in features.steps) else "fourier"
        return model

    def _draw_features(self, inputs: int) -> FeatureMap:
        if self.layer == "relu":
            return FeatureMap(inputs, (Relu.draw(inputs, self.features, self.seed), Bias()))
        gamma = self.gamma if self.gamma is not None else 3 / inputs
        return FeatureMap(inputs, (Fourier.draw(inputs, self.features, gamma, self.seed), Bias()))


class LinearRegression(Regressor):
    """One weight a column and number: ridge regression."""


class LinearClassifier(Classifier):
    """One weight a column and class: ridge regression on centred one-hot classes."""


class MultiLabelClassifier(LabelClassifier):
    """One weight a column and label: ridge regression on labels less 1/2."""


class RandomFeatureRegressor(_RandomFeatures, Regressor):
    """A neural network of one frozen hidden layer and linear outputs."""


class RandomFeatureClassifier(_RandomFeatures, Classifier):
    """A neural network of one frozen hidden layer and a linear output a class."""

    def __init__(
        self,
        features: int = 512,
        inputs: int | None = None,
        outputs: int | None = None,
        *,
        layer: str = "fourier",
        gamma: float | None = None,
        seed: int = 0,
        class_weight: ClassWeight = None,
        mu: float = 1e-2,
        fixed_point: FixedPoint = DEFAULT_SCALES,
    ) -> None:
        super().__init__(features, inputs, outputs, layer=layer, gamma=gamma, seed=seed, mu=mu, fixed_point=fixed_point)
        self.class_weight = class_weight


class RandomFeatureMultiLabelClassifier(_RandomFeatures, LabelClassifier):
    """A neural network of one frozen hidden layer and a linear output a label."""


#: By the names that a spec calls them.
MODELS: dict[str, type[Model]] = {
    model.__name__: model
    for model in (
        LinearRegression,
        LinearClassifier,
        MultiLabelClassifier,
        RandomFeatureRegressor,
        RandomFeatureClassifier,
        RandomFeatureMultiLabelClassifier,
    )
}
