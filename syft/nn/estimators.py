"""The concrete Models: linear ones, and ones with a frozen hidden layer."""

from __future__ import annotations

import math
from typing import Any, Self

from syft.errors import ModelSpecError
from syft.nn._class_weights import ClassWeight
from syft.nn.classifier import Classifier
from syft.nn.feature_map import FeatureMap
from syft.nn.fixed_point import DEFAULT_SCALES, FixedPoint
from syft.nn.label_classifier import LabelClassifier
from syft.nn.layers import AnyLayer, Bias, Convolution, Fourier, Relu, Standardise
from syft.nn.model import Model
from syft.nn.regressor import Regressor

_LAYERS = ("fourier", "relu", "convolution")
#: Images with a shorter side get patches of 4 x 4 pixels and 3 x 3 cells, larger ones 7 x 7 and 4 x 4.
_SMALL_IMAGE = 16


class _RandomFeatures(Model):
    """A Model with a public, frozen hidden layer before the trainable output layer.

    Args:
        features: units of the hidden layer.
        layer: "fourier", "relu", or "convolution" for images, with features / cells filters, rounded down.
        gamma: of the Fourier features' kernel; None for 3 / inputs, or 1 / (4 inputs) if columns are standardised.
        seed: of the layer.
        image: height, width and channels of the images; None for a square of one channel.
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
        image: tuple[int, int, int] | None = None,
        mu: float = 1e-2,
        fixed_point: FixedPoint = DEFAULT_SCALES,
        standardise: Standardise | None = None,
    ) -> None:
        if layer not in _LAYERS:
            raise ModelSpecError(f"unknown layer {layer!r}: choose {', '.join(_LAYERS)}")
        self.features, self.layer, self.gamma, self.seed, self.image = features, layer, gamma, seed, image
        super().__init__(inputs, outputs, mu=mu, fixed_point=fixed_point, standardise=standardise)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        own = ("features", "layer", "gamma", "seed", "image")
        return {**super().get_params(deep), **{name: getattr(self, name) for name in own}}

    @classmethod
    def from_feature_map(cls, features: FeatureMap, **parameters: Any) -> Self:
        model = super().from_feature_map(features, **parameters)
        model.features = features.outputs - sum(isinstance(layer, Bias) for layer in features.layers)
        for layer in features.layers:
            if layer.name in _LAYERS:
                model.layer = layer.name
            if isinstance(layer, Convolution):
                model.image = layer.image
        return model

    def _hidden_layers(self, inputs: int) -> tuple[AnyLayer, ...]:
        if self.layer == "convolution":
            return (_convolution(self.features, self.image or _square(inputs), self.seed),)
        if self.layer == "relu":
            return (Relu.draw(inputs, self.features, self.seed),)
        default = 3 / inputs if self.standardise is None else 1 / (4 * inputs)
        return (Fourier.draw(inputs, self.features, default if self.gamma is None else self.gamma, self.seed),)


def _convolution(features: int, image: tuple[int, int, int], seed: int) -> Convolution:
    """A convolution with at most `features` features."""
    small = min(image[:2]) < _SMALL_IMAGE
    side, stride, pooling = (4, 1, 3) if small else (7, 2, 4)
    least = side + stride * (pooling - 1)
    if min(image[:2]) < least or image[2] < 1 or features < pooling**2:
        raise ModelSpecError(
            f"a convolution needs images of at least {least} x {least} pixels and at least {pooling**2} features, "
            f"not {image[0]} x {image[1]} x {image[2]} and {features}"
        )
    return Convolution.draw(image, features // pooling**2, seed, side=side, stride=stride, pooling=pooling)


def _square(inputs: int) -> tuple[int, int, int]:
    side = math.isqrt(inputs)
    if side * side != inputs:
        raise ModelSpecError(f"{inputs} columns are not a square image: pass image=(height, width, channels)")
    return side, side, 1


class LinearRegression(Regressor):
    """Ridge regression: one weight per column and number."""


class LinearClassifier(Classifier):
    """Ridge regression on centred one-hot classes: one weight per column and class."""


class MultiLabelClassifier(LabelClassifier):
    """Ridge regression on labels minus 1/2: one weight per column and label."""


class RandomFeatureRegressor(_RandomFeatures, Regressor):
    """A neural network with one frozen hidden layer and linear outputs."""


class RandomFeatureClassifier(_RandomFeatures, Classifier):
    """A neural network with one frozen hidden layer and one linear output per class."""

    def __init__(
        self,
        features: int = 512,
        inputs: int | None = None,
        outputs: int | None = None,
        *,
        layer: str = "fourier",
        gamma: float | None = None,
        seed: int = 0,
        image: tuple[int, int, int] | None = None,
        class_weight: ClassWeight = None,
        mu: float = 1e-2,
        fixed_point: FixedPoint = DEFAULT_SCALES,
        standardise: Standardise | None = None,
    ) -> None:
        super().__init__(
            features,
            inputs,
            outputs,
            layer=layer,
            gamma=gamma,
            seed=seed,
            image=image,
            mu=mu,
            fixed_point=fixed_point,
            standardise=standardise,
        )
        self.class_weight = class_weight


class RandomFeatureMultiLabelClassifier(_RandomFeatures, LabelClassifier):
    """A neural network with one frozen hidden layer and one linear output per label."""


#: The Models that a spec may use, by name.
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
