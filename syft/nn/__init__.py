"""Models that are trained while encrypted, and their parts."""

from syft.nn.classifier import Classifier
from syft.nn.cross_validation import MU_GRID, choose_mu
from syft.nn.estimators import (
    MODELS,
    LinearClassifier,
    LinearRegression,
    MultiLabelClassifier,
    RandomFeatureClassifier,
    RandomFeatureMultiLabelClassifier,
    RandomFeatureRegressor,
)
from syft.nn.feature_map import FeatureMap
from syft.nn.fixed_point import FRACTION_BITS, ONE, STEP_SIZES, FixedPoint
from syft.nn.gradients import AffineMap, apply_delta, gradient_descent_map, proximal_map
from syft.nn.layers import Bias, Convolution, Fourier, Relu, Standardise
from syft.nn.local_statistics import LocalStatistics
from syft.nn.metrics import METRICS, PREDICTION_BITS, WAD
from syft.nn.model import Evaluation, Model, quantise
from syft.nn.model_proposal import propose
from syft.nn.model_specs import check_spec, from_spec

__all__ = [
    "FRACTION_BITS",
    "METRICS",
    "MODELS",
    "MU_GRID",
    "ONE",
    "PREDICTION_BITS",
    "STEP_SIZES",
    "WAD",
    "AffineMap",
    "Bias",
    "Classifier",
    "Convolution",
    "Evaluation",
    "FeatureMap",
    "FixedPoint",
    "Fourier",
    "LinearClassifier",
    "LinearRegression",
    "LocalStatistics",
    "Model",
    "MultiLabelClassifier",
    "RandomFeatureClassifier",
    "RandomFeatureMultiLabelClassifier",
    "RandomFeatureRegressor",
    "Relu",
    "Standardise",
    "apply_delta",
    "check_spec",
    "choose_mu",
    "from_spec",
    "gradient_descent_map",
    "propose",
    "proximal_map",
    "quantise",
]
