"""Models that are trained while encrypted, and what they are made of."""

from syft.nn.features import FRACTION_BITS, ONE, Bias, FeatureMap, Fourier, Relu, Standardise
from syft.nn.gradients import STEPS, AffineMap, FixedPoint, apply_delta, gradient_descent_map, proximal_map
from syft.nn.metrics import PREDICTION_BITS, WAD
from syft.nn.models import (
    Evaluation,
    LinearClassifier,
    LinearRegression,
    Model,
    RandomFeatureClassifier,
    RandomFeatureRegressor,
    check_spec,
    from_spec,
    quantise,
)
from syft.nn.statistics import LocalStatistics

__all__ = [
    "FRACTION_BITS",
    "ONE",
    "PREDICTION_BITS",
    "STEPS",
    "WAD",
    "AffineMap",
    "Bias",
    "Evaluation",
    "FeatureMap",
    "FixedPoint",
    "Fourier",
    "LinearClassifier",
    "LinearRegression",
    "LocalStatistics",
    "Model",
    "RandomFeatureClassifier",
    "RandomFeatureRegressor",
    "Relu",
    "Standardise",
    "apply_delta",
    "check_spec",
    "from_spec",
    "gradient_descent_map",
    "proximal_map",
    "quantise",
]
