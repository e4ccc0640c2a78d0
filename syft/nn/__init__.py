"""Models that are trained while encrypted, and what they are made of."""

from syft.nn.classes import Classifier
from syft.nn.convolution import Convolution
from syft.nn.families import (
    MODELS,
    LinearClassifier,
    LinearRegression,
    MultiLabelClassifier,
    RandomFeatureClassifier,
    RandomFeatureMultiLabelClassifier,
    RandomFeatureRegressor,
)
from syft.nn.features import Bias, FeatureMap, Fourier, Relu, Standardise
from syft.nn.gradients import STEPS, AffineMap, FixedPoint, apply_delta, gradient_descent_map, proximal_map
from syft.nn.metrics import METRICS, PREDICTION_BITS, WAD
from syft.nn.models import Evaluation, Model, quantise
from syft.nn.proposal import propose
from syft.nn.ridge import MU_GRID, choose_mu
from syft.nn.specs import check_spec, from_spec
from syft.nn.statistics import LocalStatistics
from syft.nn.steps import FRACTION_BITS, ONE
from syft.nn.text import HashedNgrams
from syft.nn.tokens import TokenTable

__all__ = [
    "FRACTION_BITS",
    "METRICS",
    "MODELS",
    "MU_GRID",
    "ONE",
    "PREDICTION_BITS",
    "STEPS",
    "WAD",
    "AffineMap",
    "Bias",
    "Classifier",
    "Convolution",
    "Evaluation",
    "FeatureMap",
    "FixedPoint",
    "Fourier",
    "HashedNgrams",
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
    "TokenTable",
    "apply_delta",
    "check_spec",
    "choose_mu",
    "from_spec",
    "gradient_descent_map",
    "propose",
    "proximal_map",
    "quantise",
]
