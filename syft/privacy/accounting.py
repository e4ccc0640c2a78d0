"""What noise costs: zero-concentrated differential privacy (zCDP), and the epsilon and delta it stands for.

Releases are counted in rho, which simply adds up, also where a later question depends on earlier answers (Bun and
Steinke, "Concentrated differential privacy: simplifications, extensions, and lower bounds", 2016, lemma 1.7).

Why not the analytic Gaussian mechanism (Balle and Wang 2018): its proof is about the continuous Gaussian. That of
Canonne, Kamath and Steinke, "The discrete Gaussian for differential privacy" (2020), theorem 14, is about independent
discrete Gaussians of one sigma on integer vectors at most Delta apart in L2 norm, which are Delta^2 / (2 sigma^2)-zCDP;
their corollary 13 turns that into epsilon and delta. At epsilon 1 and delta 10^-6 it asks for 7 % more noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from syft.errors import PrivacyError

LARGEST_EPSILON = 1000.0
#: More than enough to bring any two floats together.
_HALVINGS = 200


@dataclass(frozen=True)
class Budget:
    """A promise: whoever sees all that is released tells the data set from one with a row more or less at most so well.

    (Dwork and Roth, "The algorithmic foundations of differential privacy", 2014, definition 2.4.)

    Attributes:
        epsilon: above 0, at most 1000.
        delta: above 0, below 1; should be far below one over the number of rows.

    Raises:
        PrivacyError: a number out of its range.
    """

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        if not 0 < self.epsilon <= LARGEST_EPSILON:
            raise PrivacyError(f"epsilon must be above 0 and at most {LARGEST_EPSILON:g}, not {self.epsilon}")
        _check_delta(self.delta)

    @cached_property
    def rho(self) -> Fraction:
        """The most zCDP that keeps the promise."""
        return Fraction(_last(lambda rho: delta_of(rho, self.epsilon) <= self.delta, self.epsilon + 1))

    def epsilon_of(self, rho: Fraction) -> float:
        """The epsilon that a rho stands for, at this budget's delta."""
        return epsilon_of(float(rho), self.delta)


def delta_of(rho: float, epsilon: float) -> float:
    """The delta with which rho-zCDP gives (epsilon, delta)-differential privacy; corollary 13.

    The least over alpha > 1 of exp((alpha - 1)(alpha rho - epsilon)) (1 - 1/alpha)^alpha / (alpha - 1). Each alpha
    gives a sound bound, so that a search which stops early errs on the safe side.

    Args:
        rho, epsilon: 0 or more, finite.
    """
    if rho == 0:
        return 0.0

    def falls(order: float) -> bool:
        """Whether the logarithm, which is convex, still falls at alpha = 1 + order."""
        return (2 * order + 1) * rho - epsilon + math.log(order) - math.log1p(order) < 0

    order = max(_last(falls, (epsilon + 1) / rho + 1), 1e-300)
    alpha = 1 + order
    exponent = order * (alpha * rho - epsilon + math.log(order / alpha)) - math.log(alpha)
    return min(math.exp(min(exponent, 0.0)), 1.0)


def epsilon_of(rho: float, delta: float) -> float:
    """The least epsilon for which rho-zCDP gives (epsilon, delta)-differential privacy.

    Args:
        rho: 0 or more.
        delta: above 0, below 1.

    Raises:
        PrivacyError: a number out of its range.
    """
    _check_delta(delta)
    if not 0 <= rho < math.inf:
        raise PrivacyError(f"rho must be 0 or more, not {rho}")
    # Bun and Steinke's plainer bound, proposition 1.3: what is looked for lies below it.
    plain = rho + 2 * math.sqrt(rho * -math.log(delta))
    if delta_of(rho, 0.0) <= delta:
        return 0.0
    return plain - _last(lambda less: delta_of(rho, plain - less) <= delta, plain)


def _last(holds: Callable[[float], bool], most: float) -> float:
    """The largest number from 0 to `most` of which it holds, where it holds up to some number; 0 where of none."""
    low, high = 0.0, most
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _check_delta(delta: float) -> None:
    if not 0 < delta < 1:
        raise PrivacyError(f"delta must be above 0 and below 1, not {delta}")
