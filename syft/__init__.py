"""Syft: Models that are trained while they are encrypted.

Numpy arrays in, numpy arrays out; it knows nothing of chains, files or networks.
CAVEATS.md says what it does not promise.
"""

from syft.nn import FixedPoint, LinearClassifier, LinearRegression, RandomFeatureClassifier, RandomFeatureRegressor
from syft.paillier import (
    EncryptedTensor,
    IntegerTensor,
    PrivateContext,
    PublicContext,
    generate_paillier_keypair,
)
from syft.spread import Spread

__all__ = [
    "EncryptedTensor",
    "FixedPoint",
    "IntegerTensor",
    "LinearClassifier",
    "LinearRegression",
    "PrivateContext",
    "PublicContext",
    "RandomFeatureClassifier",
    "RandomFeatureRegressor",
    "Spread",
    "generate_paillier_keypair",
]
