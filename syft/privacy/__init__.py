"""Differential privacy of local statistics."""

from syft.privacy.accounting import LARGEST_EPSILON, Budget, delta_of, epsilon_of
from syft.privacy.discrete_gaussian import discrete_gaussian
from syft.privacy.release import Release, sigma_for
from syft.privacy.sensitivity import RowBounds

__all__ = [
    "LARGEST_EPSILON",
    "Budget",
    "Release",
    "RowBounds",
    "delta_of",
    "discrete_gaussian",
    "epsilon_of",
    "sigma_for",
]
