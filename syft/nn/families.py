"""The Models there are: what their outputs mean, behind a linear layer alone or behind a hidden one too."""

from __future__ import annotations

import math
from typing import Any, Self

from syft.errors import ModelSpecError
from syft.nn.classes import Classifier, ClassWeight
from syft.nn.convolution import Convolution
from syft.nn.features import Bias, FeatureMap, Fourier, Relu, Standardise
from syft.nn.gradients import DEFAULT_SCALES, FixedPoint
from syft.nn.labels import LabelClassifier
from syft.nn.models import Model
from syft.nn.regression import Regressor

_LAYERS = ("fourier", "relu", "convolution")
#: Images with shorter sides have patches of 4 x 4 pixels and 3 x 3 cells, larger ones of 7 x 7 and 4 x 4.
_SMALL_IMAGE = 16


class _RandomFeatures(Model):
    """A hidden layer that is public and frozen, in front of the trainable output layer.

    Args:
        features: units of the hidden layer.
        layer: "fourier", "relu", or for images "convolution", with as many filters as make up the features.
        gamma: width of the Fourier features' kernel; if left out 3 / inputs, or of standardised columns 1 / (4 inputs).
        seed: of the layer.
        image: height, width and channels of the images; a square in one channel if left out.
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
    def described(cls, features: FeatureMap, **parameters: Any) -> Self:
        model = super().described(features, **parameters)
        model.features = features.outputs - sum(isinstance(step, Bias) for step in features.steps)
        for step in features.steps:
            if step.name in _LAYERS:
                model.layer = step.name
            if isinstance(step, Convolution):
                model.image = step.image
        return model

    def _hidden(self, inputs: int) -> tuple[Fourier | Relu | Convolution, ...]:
        if self.layer == "convolution":
            return (_convolution(self.features, self.image or _square(inputs), self.seed),)
        if self.layer == "relu":
            return (Relu.draw(inputs, self.features, self.seed),)
        usual = 3 / inputs if self.standardise is None else 1 / (4 * inputs)
        return (Fourier.draw(inputs, self.features, usual if self.gamma is None else self.gamma, self.seed),)


def _convolution(features: int, image: tuple[int, int, int], seed: int) -> Convolution:
    """Filters for images of that size, as many as make no more features than asked for."""
    small = min(image[:2]) < _SMALL_IMAGE
    side, stride, pooling = (4, 1, 3) if small else (7, 2, 4)
    least = side + stride * (pooling - 1)
    if min(image[:2]) < least or image[2] < 1 or features < pooling**2:
        raise ModelSpecError(
            f"a convolution needs images of {least} x {least} pixels or more and {pooling**2} features or more; "
            f"it is given {image[0]} x {image[1]} x {image[2]} and {features}"
        )
    return Convolution.draw(image, features // pooling**2, seed, side=side, stride=stride, pooling=pooling)


def _square(inputs: int) -> tuple[int, int, int]:
    side = math.isqrt(inputs)
    if side * side != inputs:
        raise ModelSpecError(f"{inputs} columns are no square image: give image=(height, width, channels)")
    return side, side, 1


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
