"""How much a Mine trusts its own rows: mu by cross-validation, from statistics alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from syft.errors import StatisticsError
from syft.nn.statistics import LocalStatistics

#: Powers of the square root of ten from 10^-5 to 10.
MU_GRID = tuple(10.0 ** (power / 2) for power in range(-10, 3))


def choose_mu(folds: Sequence[LocalStatistics], grid: Sequence[float] = MU_GRID) -> float:
    """The mu of a grid whose ridge has the least squared error on rows it has not seen; of equals the largest.

    Each fold is held out once. The statistics of the other rows are those of all less the fold's, exactly, and the
    error of weights W on a fold is tr(W' G W) - 2 tr(W' C) and a constant: no row is read again (as scikit-learn's
    RidgeCV, for alpha = mu x rows).

    What the choice tells: it is a number of the Mine's rows, of log2(len(grid)) bits. It is not published and no part
    of a Gradient, but who decrypts the Gradient may infer it. Under differential privacy folds have to be noisy too.

    Args:
        folds: statistics of disjoint rows, two or more, drawn at random.
        grid: of mu, each positive.

    Raises:
        StatisticsError: fewer than two folds, one without rows, or of different shapes; a grid that is empty or has a
            mu that is not positive and finite.
    """
    if len(folds) < 2 or not all(fold.rows for fold in folds):
        raise StatisticsError("cross-validation needs two folds or more, and rows in each")
    if not grid or not all(0 < mu < math.inf for mu in grid):
        raise StatisticsError("a grid of mu has one number or more, each positive and finite")
    total = folds[0]
    for fold in folds[1:]:
        total = total + fold
    errors = sum((_errors(total - fold, fold, grid) for fold in folds), start=np.zeros(len(grid)))
    return max(mu for mu, error in zip(grid, errors, strict=True) if error == errors.min())


def _errors(seen: LocalStatistics, held_out: LocalStatistics, grid: Sequence[float]) -> NDArray[np.float64]:
    """Squared errors on held-out rows, less what they are at zero weights, for each mu."""
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
