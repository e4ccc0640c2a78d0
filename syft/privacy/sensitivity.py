"""How much one row can change what is released, and how rows are kept to that."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syft.errors import PrivacyError
from syft.nn.integers import Integers, largest_entry

#: Room for rounding when a row is made shorter: it never ends up longer than allowed.
_SHY = 1 - 1e-9


@dataclass(frozen=True)
class RowBounds:
    """The largest row that counts in full: public numbers, chosen without a look at any row.

    What is released of rows Phi, n x d, and targets Y, n x k, is one vector of integers:

        the upper triangle of G = Phi' Phi, diagonal included; c Phi' Y; and m n,

    with the weights c = `cross_weight` and m = `count_weight`. All of it gets noise of one sigma, so that the weights
    say how precise Phi' Y and n are in relation to G. One row (phi, y) more or less changes that vector by phi_i phi_j
    for i <= j, by c phi_i y_j and by m, whose squares sum up to

        (|phi|^4 + sum phi_i^4) / 2 + c^2 |phi|^2 |y|^2 + m^2,

    since of |phi|^4 = sum_ij phi_i^2 phi_j^2 each pair off the diagonal is counted once instead of twice, and the
    diagonal wholly. With |phi|^2 <= P, |y|^2 <= Q and |phi_i| <= e, so that sum phi_i^4 <= e^2 |phi|^2, it is at most

        (P^2 + P min(P, e^2)) / 2 + c^2 P Q + m^2.

    (Sufficient statistics perturbation: Vu and Slavkovic, "Differential privacy for clinical trials", 2009; Wang,
    "Revisiting differentially private linear regression", 2018. They add noise to each part by itself.)

    Attributes:
        features_squared: P, largest squared L2 norm of a row of features, 2^10 for 1.0 and so 2^20 here; 1 to 2^46.
        target_squared: Q, the same of a row of targets; 1 to 2^46.
        feature: e, largest absolute feature; 1 to 2^15.

    Raises:
        PrivacyError: a bound out of its range.
    """

    features_squared: int
    target_squared: int
    feature: int

    def __post_init__(self) -> None:
        for name, most in (("features_squared", 1 << 46), ("target_squared", 1 << 46), ("feature", 1 << 15)):
            if not 1 <= getattr(self, name) <= most:
                raise PrivacyError(f"{name} must be a whole number from 1 to {most}, not {getattr(self, name)}")

    @property
    def cross_weight(self) -> int:
        """So large that Phi' Y adds at most P^2 / 4: its noise shrinks by more than that of the rest grows."""
        return max(math.isqrt(self.features_squared // (4 * self.target_squared)), 1)

    @property
    def count_weight(self) -> int:
        """So large that the number of rows adds at most P^2 / 16."""
        return max(self.features_squared // 4, 1)

    @property
    def sensitivity_squared(self) -> int:
        """The squared L2 norm of what one row can change, at most."""
        length, target = self.features_squared, self.target_squared
        triangle = -(-length * (length + min(length, self.feature**2)) // 2)
        return triangle + self.cross_weight**2 * length * target + self.count_weight**2

    def clip(self, features: Integers, targets: Integers) -> tuple[Integers, Integers]:
        """Rows that keep to the bounds: a longer one is scaled down with its target, and so counts for less.

        Scaling both leaves the answer that a row speaks for what it is; rounding is towards zero.

        Args:
            features: int64, shape (n, d), within 2^15.
            targets: int64, shape (n, k), within 2^15.

        Raises:
            PrivacyError: numbers beyond 2^15.
        """
        if max(largest_entry(features), largest_entry(targets)) > 1 << 15:
            raise PrivacyError("features and targets must be within 2^15")
        shares = np.minimum.reduce(
            [
                _share(np.sqrt(np.square(features).sum(axis=1)), math.sqrt(self.features_squared)),
                _share(np.sqrt(np.square(targets).sum(axis=1)), math.sqrt(self.target_squared)),
                _share(np.abs(features).max(axis=1, initial=0), self.feature),
            ]
        )
        return _scaled(features, shares), _scaled(targets, shares)


def _share(lengths: NDArray[np.float64], longest: float) -> NDArray[np.float64]:
    """By how much each row must shrink for its length to be at most `longest`."""
    return np.where(lengths > longest, longest * _SHY / np.maximum(lengths, 1), 1.0)


def _scaled(rows: Integers, shares: NDArray[np.float64]) -> Integers:
    scaled: Integers = np.trunc(rows * shares[:, None]).astype(np.int64)
    return scaled
