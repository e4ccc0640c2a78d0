"""Sensitivity of local statistics to one row, and the clipping of rows that bounds it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syft.errors import PrivacyError
from syft.integers import Integers, largest_entry

#: Margin for rounding, so that a scaled row never exceeds its bound.
_MARGIN = 1 - 1e-9


@dataclass(frozen=True)
class RowBounds:
    """Clipping bounds of a row: public numbers, which must be chosen without access to the rows.

    A release of rows Phi, n x d, and targets Y, n x k, is one vector of integers:

        the upper triangle of G = Phi' Phi, diagonal included; c Phi' Y; and m n,

    with the weights c = `cross_weight` and m = `count_weight`. All its entries get noise of the same sigma, so the
    weights determine the precision of Phi' Y and n relative to G. Adding or removing one row (phi, y) changes the
    vector by phi_i phi_j for i <= j, by c phi_i y_j, and by m. The squares of these sum to

        (|phi|^4 + sum phi_i^4) / 2 + c^2 |phi|^2 |y|^2 + m^2,

    since |phi|^4 = sum_ij phi_i^2 phi_j^2 counts each pair off the diagonal twice, and the diagonal once. With
    |phi|^2 <= P, |y|^2 <= Q and |phi_i| <= e, and so sum phi_i^4 <= e^2 |phi|^2, the sum is at most

        (P^2 + P min(P, e^2)) / 2 + c^2 P Q + m^2.

    (Sufficient statistics perturbation: Vu and Slavkovic, "Differential privacy for clinical trials", 2009; Wang,
    "Revisiting differentially private linear regression", 2018. They add noise to each part separately.)

    Attributes:
        features_squared: P, largest squared L2 norm of a row of features, 2^20 for 1.0; 1 to 2^46.
        target_squared: Q, largest squared L2 norm of a row of targets, 2^20 for 1.0; 1 to 2^46.
        feature: e, largest absolute feature, 2^10 for 1.0; 1 to 2^15.

    Raises:
        PrivacyError: a bound outside of its range.
    """

    features_squared: int
    target_squared: int
    feature: int

    def __post_init__(self) -> None:
        for name, most in (("features_squared", 1 << 46), ("target_squared", 1 << 46), ("feature", 1 << 15)):
            if not 1 <= getattr(self, name) <= most:
                raise PrivacyError(f"{name} must be an integer from 1 to {most}, not {getattr(self, name)}")

    @property
    def cross_weight(self) -> int:
        """c: the largest weight for which Phi' Y adds at most P^2 / 4 to the squared sensitivity."""
        # The noise of Phi' Y then shrinks by more than that of the other parts grows.
        return max(math.isqrt(self.features_squared // (4 * self.target_squared)), 1)

    @property
    def count_weight(self) -> int:
        """m: the largest weight for which the number of rows adds at most P^2 / 16 to the squared sensitivity."""
        return max(self.features_squared // 4, 1)

    @property
    def sensitivity_squared(self) -> int:
        """The squared L2 sensitivity of a release to one row."""
        length, target = self.features_squared, self.target_squared
        triangle = -(-length * (length + min(length, self.feature**2)) // 2)
        return triangle + self.cross_weight**2 * length * target + self.count_weight**2

    def clip(self, features: Integers, targets: Integers) -> tuple[Integers, Integers]:
        """Rows within the bounds: a row that exceeds one is scaled down, together with its targets, and so counts less.

        Scaling both preserves the ratio of targets to features. Numbers are rounded towards zero.

        Args:
            features: int64, shape (n, d), within 2^15.
            targets: int64, shape (n, k), within 2^15.

        Raises:
            PrivacyError: a number exceeds 2^15.
        """
        if max(largest_entry(features), largest_entry(targets)) > 1 << 15:
            raise PrivacyError("features and targets must be within 2^15")
        factors = np.minimum.reduce(
            [
                _factor(np.sqrt(np.square(features).sum(axis=1)), math.sqrt(self.features_squared)),
                _factor(np.sqrt(np.square(targets).sum(axis=1)), math.sqrt(self.target_squared)),
                _factor(np.abs(features).max(axis=1, initial=0), self.feature),
            ]
        )
        return _scaled(features, factors), _scaled(targets, factors)


def _factor(lengths: NDArray[np.float64], longest: float) -> NDArray[np.float64]:
    """The factor by which each row must be scaled for its length to be at most `longest`."""
    return np.where(lengths > longest, longest * _MARGIN / np.maximum(lengths, 1), 1.0)


def _scaled(rows: Integers, factors: NDArray[np.float64]) -> Integers:
    scaled: Integers = np.trunc(rows * factors[:, None]).astype(np.int64)
    return scaled
