"""Choice of mu by cross-validation, from local statistics alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from syft.errors import StatisticsError
from syft.nn.local_statistics import LocalStatistics

#: Powers of the square root of ten, from 10^-5 to 10.
MU_GRID = tuple(10.0 ** (power / 2) for power in range(-10, 3))


def choose_mu(folds: Sequence[LocalStatistics], grid: Sequence[float] = MU_GRID) -> float:
    """The mu of a grid with the least squared error of ridge regression on held-out folds; the largest of equals.

    Each fold is held out once. The statistics of the other rows are exactly those of all rows minus the fold's. The
    squared error of weights W on a fold is tr(W' G W) - 2 tr(W' C) plus a constant, so no row is read again. (The
    result is that of scikit-learn's RidgeCV, for alpha = mu x rows.)

    The choice discloses up to log2(len(grid)) bits about the Mine's rows: it is not published, but whoever decrypts
    the Gradient may infer it. With differential privacy, the folds must be noisy too.

    Args:
        folds: statistics of disjoint random parts of the rows, two or more.
        grid: candidates, each positive and finite.

    Raises:
        StatisticsError: fewer than two folds, a fold without rows, folds of different shapes, an empty grid, or a
            candidate that is not positive and finite.
    """
    if len(folds) < 2 or not all(fold.rows for fold in folds):
        raise StatisticsError("cross-validation needs at least two folds, each with rows")
    if not grid or not all(0 < mu < math.inf for mu in grid):
        raise StatisticsError("a grid of mu needs at least one number, each positive and finite")
    total = folds[0]
    for fold in folds[1:]:
        total = total + fold
    errors = sum((_errors(total - fold, fold, grid) for fold in folds), start=np.zeros(len(grid)))
    return max(mu for mu, error in zip(grid, errors, strict=True) if error == errors.min())


def _errors(seen: LocalStatistics, held_out: LocalStatistics, grid: Sequence[float]) -> NDArray[np.float64]:
    """Squared error on held-out rows, minus that of zero weights, for each mu."""
    gram, cross = seen.means()
    values, vectors = np.linalg.eigh(gram)
    turned = vectors.T @ cross
    own_gram, own_cross = (part * held_out.rows for part in held_out.means())
    own_gram, own_cross = vectors.T @ own_gram @ vectors, vectors.T @ own_cross
    errors = []
    for mu in grid:
        weights = turned / (np.clip(values, 0, None) + mu)[:, None]
        errors.append(float((weights * (own_gram @ weights - 2 * own_cross)).sum()))
    return np.array(errors)
