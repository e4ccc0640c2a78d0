"""Noisy local statistics: drawn once, and then good for any number of Gradients."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np
from numpy.typing import NDArray

from syft.errors import PrivacyError, StatisticsError
from syft.nn.integers import Integers, largest_entry
from syft.nn.statistics import LocalStatistics
from syft.privacy.discrete_gaussian import LARGEST_SIGMA, RandomBytes, discrete_gaussian
from syft.privacy.sensitivity import RowBounds
from syft.spread import Spread

_LARGEST = 1 << 62


def sigma_for(bounds: RowBounds, rho: Fraction) -> int:
    """The least whole sigma with which a release of rows within the bounds is rho-zCDP.

    Raises:
        PrivacyError: rho is not positive, or so small that sigma exceeds 2^46.
    """
    if rho <= 0:
        raise PrivacyError(f"rho must be positive, not {rho}")
    least = math.ceil(bounds.sensitivity_squared / (2 * rho))
    sigma = math.isqrt(least - 1) + 1
    if sigma > LARGEST_SIGMA:
        raise PrivacyError(
            f"rho = {float(rho):.3g} asks for a sigma of {sigma.bit_length()} bits: at most 46 are taken"
        )
    return sigma


@dataclass(frozen=True)
class Release:
    """What may be known of a data set: all that follows from it costs nothing more.

    Attributes:
        gram: Phi' Phi plus noise, int64 at 2^20, symmetric, shape (d, d).
        cross: Phi' Y, times the bounds' `cross_weight`, plus noise; int64, shape (d, k).
        count: the number of rows, times the bounds' `count_weight`, plus noise.
        bounds: that the rows were clipped to.
        sigma: of the discrete Gaussian noise on every number, those below gram's diagonal being copies.
    """

    gram: Integers
    cross: Integers
    count: int
    bounds: RowBounds
    sigma: int

    @classmethod
    def draw(
        cls,
        chunks: Iterable[tuple[Integers, Integers]],
        bounds: RowBounds,
        rho: Fraction,
        random_bytes: RandomBytes = secrets.token_bytes,
        spread: Spread | None = None,
    ) -> Self:
        """Clips the rows, sums them up and adds noise. Each call spends its rho anew: keep what it returns.

        Args:
            chunks: features (n, d) and targets (n, k), int64, 2^10 for 1.0, as for `LocalStatistics.from_chunks`.
            bounds: of a row.
            rho: of zCDP, the most that may be spent.
            random_bytes: the source of randomness; the operating system's by default.
            spread: where the rows are summed up; None for this process, where the noise is drawn in any case.

        Raises:
            PrivacyError: a rho that asks for too much noise.
            SpreadError: a worker was lost for good.
            StatisticsError: no rows, or so many that a sum exceeds 62 bits.
        """
        exact = LocalStatistics.from_chunks((bounds.clip(*chunk) for chunk in chunks), spread)
        sigma, places = sigma_for(bounds, rho), np.triu_indices(len(exact.gram))
        upper, cross = exact.gram[places], exact.cross.ravel()
        count = exact.rows * bounds.count_weight
        if max(largest_entry(upper), largest_entry(cross) * bounds.cross_weight, count) >= _LARGEST:
            raise StatisticsError("too many rows: a sum exceeds 62 bits")
        noise = discrete_gaussian(sigma, len(upper) + len(cross) + 1, random_bytes)
        gram = np.zeros_like(exact.gram)
        gram[places] = upper + noise[: len(upper)]
        gram.T[places] = gram[places]
        noisy_cross = cross * bounds.cross_weight + noise[len(upper) : -1]
        return cls(gram, noisy_cross.reshape(exact.cross.shape), count + int(noise[-1]), bounds, sigma)

    @property
    def rho(self) -> Fraction:
        """What it has spent, in zCDP: sensitivity^2 / (2 sigma^2)."""
        return Fraction(self.bounds.sensitivity_squared, 2 * self.sigma**2)

    def statistics(self) -> LocalStatistics:
        """Statistics fit for a Gradient: post-processing, which spends nothing.

        The Gram matrix is the nearest one without an eigenvalue below sigma sqrt(d), half of the noise's own largest
        (Wigner's semicircle reaches 2 sigma sqrt(d)): it is positive definite again, and directions of which the noise
        leaves nothing to be known hardly move a Model. The same aim as the adaptive ridge of AdaSSP (Wang,
        "Revisiting differentially private linear regression", 2018), without shrinking what is known well.

        Raises:
            StatisticsError: numbers so large that they leave 63 bits.
        """
        values, vectors = np.linalg.eigh(self.gram.astype(np.float64))
        floor = self.sigma * math.sqrt(len(values))
        gram = _rounded((vectors * np.maximum(values, floor)) @ vectors.T)
        rows = max(round(Fraction(self.count, self.bounds.count_weight)), 1)
        return LocalStatistics(gram, _rounded(self.cross / self.bounds.cross_weight), rows)


def _rounded(numbers: NDArray[np.float64]) -> Integers:
    if np.abs(numbers).max(initial=0.0) >= _LARGEST:
        raise StatisticsError("noisy statistics beyond 62 bits")
    integers: Integers = np.rint(numbers).astype(np.int64)
    return integers
