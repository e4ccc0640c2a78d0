"""Noisy local statistics, which serve any number of Gradients at no further cost."""

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
from syft.integers import Integers, largest_entry
from syft.nn.local_statistics import LocalStatistics
from syft.privacy.discrete_gaussian import LARGEST_SIGMA, RandomBytes, discrete_gaussian
from syft.privacy.sensitivity import RowBounds
from syft.task_executor import TaskExecutor

_LARGEST = 1 << 62


def sigma_for(bounds: RowBounds, rho: Fraction) -> int:
    """The least integer sigma for which a release of rows within the bounds is rho-zCDP.

    Raises:
        PrivacyError: rho is not positive, or so small that sigma exceeds 2^46.
    """
    if rho <= 0:
        raise PrivacyError(f"rho must be positive, not {rho}")
    least = math.ceil(bounds.sensitivity_squared / (2 * rho))
    sigma = math.isqrt(least - 1) + 1
    if sigma > LARGEST_SIGMA:
        raise PrivacyError(
            f"rho = {float(rho):.3g} needs a sigma of {sigma.bit_length()} bits, and at most 46 are supported"
        )
    return sigma


@dataclass(frozen=True, eq=False)
class Release:
    """A differentially private release of local statistics. Anything computed from it costs no further privacy.

    Attributes:
        gram: Phi' Phi plus noise, int64, 2^20 for 1.0, symmetric, shape (d, d).
        cross: Phi' Y, times `bounds.cross_weight`, plus noise; int64, shape (d, k).
        count: the number of rows, times `bounds.count_weight`, plus noise.
        bounds: to which the rows were clipped.
        sigma: of the discrete Gaussian noise on every number; entries below gram's diagonal copy those above.
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
        executor: TaskExecutor | None = None,
    ) -> Self:
        """Clips the rows, computes their statistics and adds noise. Every call spends rho: keep the result.

        Args:
            chunks: features (n, d) and targets (n, k), int64, 2^10 for 1.0, as for `LocalStatistics.from_chunks`.
            bounds: to which rows are clipped.
            rho: largest cost of the release, in zCDP.
            random_bytes: the source of randomness; the operating system's by default.
            executor: computes the exact statistics; None computes them in this process, which always draws the noise.

        Raises:
            PrivacyError: rho is not positive, or so small that sigma exceeds 2^46.
            TaskExecutorError: a worker was lost or failed.
            StatisticsError: no rows, or a sum exceeds 62 bits.
        """
        exact = LocalStatistics.from_chunks((bounds.clip(*chunk) for chunk in chunks), executor)
        sigma, triangle = sigma_for(bounds, rho), np.triu_indices(len(exact.gram))
        upper, cross = exact.gram[triangle], exact.cross.ravel()
        count = exact.rows * bounds.count_weight
        if max(largest_entry(upper), largest_entry(cross) * bounds.cross_weight, count) >= _LARGEST:
            raise StatisticsError("too many rows: a sum exceeds 62 bits")
        noise = discrete_gaussian(sigma, len(upper) + len(cross) + 1, random_bytes)
        gram = np.zeros_like(exact.gram)
        gram[triangle] = upper + noise[: len(upper)]
        gram.T[triangle] = gram[triangle]
        noisy_cross = cross * bounds.cross_weight + noise[len(upper) : -1]
        return cls(gram, noisy_cross.reshape(exact.cross.shape), count + int(noise[-1]), bounds, sigma)

    @property
    def rho(self) -> Fraction:
        """The cost of the release in zCDP: sensitivity^2 / (2 sigma^2)."""
        return Fraction(self.bounds.sensitivity_squared, 2 * self.sigma**2)

    def statistics(self) -> LocalStatistics:
        """Statistics for a Gradient, by post-processing that costs no privacy.

        The Gram matrix is the nearest one whose eigenvalues are at least sigma sqrt(d), half of the noise's largest
        eigenvalue (Wigner's semicircle has the radius 2 sigma sqrt(d)). It is positive definite again, and directions
        dominated by noise hardly change a Model. The aim is that of the adaptive ridge of AdaSSP (Wang, "Revisiting
        differentially private linear regression", 2018), but directions with little noise are not shrunk.

        Raises:
            StatisticsError: an entry exceeds 62 bits.
        """
        values, vectors = np.linalg.eigh(self.gram.astype(np.float64))
        floor = self.sigma * math.sqrt(len(values))
        gram = _rounded((vectors * np.maximum(values, floor)) @ vectors.T)
        rows = max(round(Fraction(self.count, self.bounds.count_weight)), 1)
        return LocalStatistics(gram, _rounded(self.cross / self.bounds.cross_weight), rows)


def _rounded(numbers: NDArray[np.float64]) -> Integers:
    if np.abs(numbers).max(initial=0.0) >= _LARGEST:
        raise StatisticsError("a noisy statistic exceeds 62 bits")
    integers: Integers = np.rint(numbers).astype(np.int64)
    return integers
