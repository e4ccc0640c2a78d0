"""Syft: Models that are trained while they are encrypted.

Numpy arrays in, numpy arrays out; it knows nothing of chains, files or networks.
CAVEATS.md says what it does not promise.
"""

from syft.nn import LinearClassifier, LinearRegression, RandomFeatureClassifier, RandomFeatureRegressor
from syft.paillier import (
    EncryptedTensor,
    IntegerTensor,
    PrivateContext,
    PublicContext,
    generate_paillier_keypair,
)

__all__ = [
    "EncryptedTensor",
    "IntegerTensor",
    "LinearClassifier",
    "LinearRegression",
    "PrivateContext",
    "PublicContext",
    "RandomFeatureClassifier",
    "RandomFeatureRegressor",
    "generate_paillier_keypair",
]
