"""Choice of mu, compared with RidgeCV and with cross-validation on the rows themselves."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score

from syft import TaskExecutor
from syft.errors import StatisticsError
from syft.nn import MU_GRID, ONE, LinearRegression, LocalStatistics, choose_mu, quantise


def statistics(features, targets, indices=slice(None)):
    return LocalStatistics.from_rows(features[indices], targets[indices])


def random_rows(seed, rows=60, features=4, noise=200):
    random = np.random.default_rng(seed)
    phi = random.integers(-ONE, ONE + 1, (rows, features))
    targets = phi @ random.integers(-2, 3, (features, 2)) // 2 + random.integers(-noise, noise + 1, (rows, 2))
    return phi, targets


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 20), st.integers(1, 40))
def test_statistics_without_some_rows_are_those_of_the_others(seed, start, count):
    phi, targets = random_rows(seed)
    left_out = np.zeros(len(phi), dtype=bool)
    left_out[start : start + count] = True
    found = statistics(phi, targets) - statistics(phi, targets, left_out)
    expected = statistics(phi, targets, ~left_out)
    assert found.gram.tolist() == expected.gram.tolist()
    assert found.cross.tolist() == expected.cross.tolist()
    assert found.rows == expected.rows


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([10, 200, 3000, 20_000]))
def test_the_choice_is_that_of_scikit_learns_ridge(seed, noise):
    phi, targets = random_rows(seed, noise=noise)
    parts = np.array_split(np.arange(len(phi)), 5)
    errors = []
    for mu in MU_GRID:
        ridge = Ridge(alpha=mu * (len(phi) - 12), fit_intercept=False)
        scores = cross_val_score(ridge, phi / ONE, targets / ONE, cv=KFold(5), scoring="neg_mean_squared_error")
        errors.append(-scores.mean())
    found = choose_mu([statistics(phi, targets, part) for part in parts])
    assert errors[MU_GRID.index(found)] == pytest.approx(min(errors), rel=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 6), st.lists(st.integers(1, 59), max_size=3))
def test_folds_are_parts_of_the_rows_and_together_all_of_them(seed, count, cuts):
    phi, targets = random_rows(seed)
    edges = [0, *sorted(set(cuts)), 60]
    chunks = [(phi[a:b], targets[a:b]) for a, b in pairwise(edges)]
    folds = LocalStatistics.folds(chunks, count, np.random.default_rng(seed))
    dealt = np.random.default_rng(seed)
    indices = np.concatenate([dealt.integers(count, size=len(part)) for part, _ in chunks])
    assert len(folds) == count
    for fold, found in enumerate(folds):
        expected = statistics(phi, targets, indices == fold)
        assert found.gram.tolist() == expected.gram.tolist()
        assert found.cross.tolist() == expected.cross.tolist()
        assert found.rows == expected.rows
    with ThreadPoolExecutor(2) as pool:
        spread = LocalStatistics.folds(chunks, count, np.random.default_rng(seed), TaskExecutor(pool, 2))
    assert [fold.gram.tolist() for fold in spread] == [fold.gram.tolist() for fold in folds]


def test_no_rows_have_no_folds():
    with pytest.raises(StatisticsError, match="no rows"):
        LocalStatistics.folds([], 3, np.random.default_rng(0))


def test_noise_asks_for_caution():
    choices = []
    for noise in (1, 3_000, 30_000):
        phi, targets = random_rows(1, noise=noise)
        choices.append(choose_mu([statistics(phi, targets, slice(fold, None, 3)) for fold in range(3)]))
    assert choices[0] < choices[1] < choices[2]


def test_of_equals_the_largest():
    phi, targets = random_rows(0)
    nothing = np.zeros_like(targets)
    assert choose_mu([statistics(phi, nothing)] * 2, [0.1, 10, 1]) == 10


def test_a_mine_uses_its_own_mu():
    X, y = load_diabetes(return_X_y=True)
    rows = quantise((X - X.min(axis=0)) / (X.max(axis=0) - X.min(axis=0)))
    answers = quantise(((y - y.min()) / (y.max() - y.min()))[:, None])
    model = LinearRegression(inputs=10, outputs=1, mu=10).with_initial_weights()
    order = np.random.default_rng(0).permutation(len(rows))
    train, test = order[:300], order[300:]
    folds = [model.statistics(rows[part], answers[part]) for part in np.array_split(train, 5)]
    whole = model.statistics(rows[train], answers[train])
    scores = []
    for mu in (None, choose_mu(folds)):
        delta = model.gradient_map(whole, mu).delta(model.weights_, model.fixed_point)
        scores.append(model.apply(delta, 4).evaluate(rows[test], answers[test]).accuracy)
    assert scores[1] > max(scores[0], 0.35 * 10**18)


@pytest.mark.parametrize(
    ("folds", "grid", "why"),
    [
        ([60], MU_GRID, "two folds"),
        ([60, 0], MU_GRID, "each with rows"),
        ([30, 30], [], "at least one number"),
        ([30, 30], [0.1, 0], "positive"),
        ([30, 30], [float("inf")], "finite"),
    ],
)
def test_choices_that_are_refused(folds, grid, why):
    phi, targets = random_rows(3)
    with pytest.raises(StatisticsError, match=why):
        choose_mu([statistics(phi, targets, slice(count)) for count in folds], grid)


def test_rows_that_are_not_there():
    phi, targets = random_rows(3)
    with pytest.raises(StatisticsError, match="60 rows cannot be taken from 5"):
        statistics(phi, targets, slice(5)) - statistics(phi, targets)
    with pytest.raises(StatisticsError, match="shapes"):
        statistics(phi, targets) - statistics(phi[:, :3], targets)
