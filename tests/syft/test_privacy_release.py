"""Sensitivity, clipping and releases, compared with loops over Python integers."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from syft.errors import PrivacyError, StatisticsError
from syft.nn import LocalStatistics
from syft.privacy import Budget, Release, RowBounds, sigma_for

ONE = 1 << 10
BOUNDS = RowBounds(features_squared=3 * ONE**2, target_squared=ONE**2 // 2, feature=ONE)
#: A rho for which sigma is 1, so that the noise is a few units of 2^-20.
LAVISH = Fraction(10**30)


def source(seed):
    return np.random.default_rng(seed).bytes


def table(seed, rows=200, features=4, outputs=2, most=ONE):
    generator = np.random.default_rng(seed)
    return generator.integers(-most, most + 1, (rows, features)), generator.integers(-most, most + 1, (rows, outputs))


def released_vector(features, targets, bounds):
    """The vector to which noise is added, by loops over Python integers."""
    rows = [list(map(int, row)) for row in features]
    answers = [list(map(int, row)) for row in targets]
    d, k = features.shape[1], targets.shape[1]
    upper = [sum(row[i] * row[j] for row in rows) for i in range(d) for j in range(i, d)]
    cross = [
        bounds.cross_weight * sum(row[i] * answer[j] for row, answer in zip(rows, answers, strict=True))
        for i in range(d)
        for j in range(k)
    ]
    return [*upper, *cross, bounds.count_weight * len(rows)]


# ------------------------------------------------------------------ sensitivity


@st.composite
def neighbours(draw):
    """Random bounds, a data set, and one more row, as long and as unbalanced as the bounds allow."""
    bounds = RowBounds(draw(st.integers(1, 1 << 24)), draw(st.integers(1, 1 << 22)), draw(st.integers(1, 1 << 12)))
    d, k = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    entry = st.one_of(st.integers(-(1 << 15), 1 << 15), st.sampled_from([0, bounds.feature, -(1 << 15), 1 << 15]))
    row = st.lists(entry, min_size=d + k, max_size=d + k)
    rows = np.array(draw(st.lists(row, min_size=2, max_size=4)), dtype=np.int64)
    return bounds, rows[:, :d], rows[:, d:]


@given(neighbours())
@settings(max_examples=300, deadline=None)
def test_no_row_changes_more_than_the_sensitivity(case):
    bounds, features, targets = case
    features, targets = bounds.clip(features, targets)
    more = released_vector(features, targets, bounds)
    fewer = released_vector(features[1:], targets[1:], bounds)
    assert sum((a - b) ** 2 for a, b in zip(more, fewer, strict=True)) <= bounds.sensitivity_squared


@given(neighbours())
@settings(max_examples=200, deadline=None)
def test_clipped_rows_keep_to_the_bounds_and_their_direction(case):
    bounds, features, targets = case
    clipped, answers = bounds.clip(features, targets)
    for row, answer, short, said in zip(features, targets, clipped, answers, strict=True):
        row, answer, short, said = ([int(value) for value in part] for part in (row, answer, short, said))
        assert sum(x * x for x in short) <= bounds.features_squared
        assert sum(x * x for x in said) <= bounds.target_squared
        assert max(map(abs, short)) <= bounds.feature
        fits = sum(x * x for x in row) <= bounds.features_squared and max(map(abs, row)) <= bounds.feature
        if fits and sum(x * x for x in answer) <= bounds.target_squared:
            assert (short, said) == (row, answer)
            continue
        share = min(
            math.sqrt(bounds.features_squared / max(sum(x * x for x in row), 1)),
            math.sqrt(bounds.target_squared / max(sum(x * x for x in answer), 1)),
            bounds.feature / max(*map(abs, row), 1),
        )
        for before, after in zip([*row, *answer], [*short, *said], strict=True):
            assert after == pytest.approx(before * share, abs=1.001)


@pytest.mark.parametrize("feature", [1, ONE // 2, ONE, 4 * ONE])
def test_the_sensitivity_is_no_larger_than_it_must_be(feature):
    """The worst row has as many entries of the largest size as its norm allows."""
    count = 16 if feature <= ONE else 1
    bounds = RowBounds(count * feature**2, ONE**2, feature)
    row, answer = np.full((1, count), feature), np.array([[0, ONE]])
    assert [part.tolist() for part in bounds.clip(row, answer)] == [row.tolist(), answer.tolist()]
    change = sum(value**2 for value in released_vector(row, answer, bounds))
    assert change == pytest.approx(bounds.sensitivity_squared, rel=1e-6)


@pytest.mark.parametrize("wrong", [{"features_squared": 0}, {"target_squared": 1 << 47}, {"feature": -3}])
def test_bounds_out_of_range_are_refused(wrong):
    with pytest.raises(PrivacyError, match=next(iter(wrong))):
        RowBounds(**{"features_squared": 4, "target_squared": 4, "feature": 4, **wrong})


def test_entries_that_could_overflow_are_refused():
    huge = np.full((1, 2), (1 << 15) + 1)
    for features, targets in ((huge, huge * 0), (huge * 0, huge)):
        with pytest.raises(PrivacyError, match="within 2"):
            BOUNDS.clip(features, targets)


# ------------------------------------------------------------------ releases


def test_without_noise_it_is_the_statistics_of_clipped_rows():
    features, targets = table(1)
    release = Release.draw([(features[:70], targets[:70]), (features[70:], targets[70:])], BOUNDS, LAVISH, source(1))
    exact = LocalStatistics.from_rows(*BOUNDS.clip(features, targets))
    assert release.sigma == 1
    assert np.abs(release.gram - exact.gram).max() <= 6
    assert np.abs(release.cross - exact.cross * BOUNDS.cross_weight).max() <= 6
    assert abs(release.count - 200 * BOUNDS.count_weight) <= 6
    found = release.statistics()
    assert found.rows == 200
    assert np.abs(found.gram - exact.gram).max() <= 8
    assert np.abs(found.cross - exact.cross).max() <= 6


def test_every_number_gets_its_own_noise_of_the_stated_size():
    features, targets = table(2, features=40, outputs=3)
    rho = Budget(1.0, 1e-6).rho
    release = Release.draw([(features, targets)], BOUNDS, rho, source(3))
    exact = LocalStatistics.from_rows(*BOUNDS.clip(features, targets))
    upper = np.triu_indices(40)
    noise = np.concatenate(
        [
            (release.gram - exact.gram)[upper],
            (release.cross - exact.cross * BOUNDS.cross_weight).ravel(),
            [release.count - exact.rows * BOUNDS.count_weight],
        ]
    )
    assert stats.kstest(noise / release.sigma, "norm").pvalue > 1e-3
    assert len(noise) == 820 + 120 + 1
    assert len(set(noise.tolist())) > 930, "a few are equal by chance, no more"
    assert (release.gram == release.gram.T).all()


def test_no_number_goes_without_noise_nor_shares_another_s():
    """Over many releases, the noise of each entry is Gaussian of the stated sigma, and entries are uncorrelated."""
    features, targets = table(8, rows=9, features=3)
    rho, upper = Budget(1.0, 1e-6).rho, np.triu_indices(3)
    releases = [Release.draw([(features, targets)], BOUNDS, rho, source(seed)) for seed in range(500)]
    vectors = np.array([[*one.gram[upper], *one.cross.ravel(), one.count] for one in releases], dtype=float)
    noise = (vectors - released_vector(*BOUNDS.clip(features, targets), BOUNDS)) / releases[0].sigma
    assert noise.shape == (500, 6 + 6 + 1)
    assert all(stats.kstest(column, "norm").pvalue > 1e-4 for column in noise.T)
    assert np.abs(np.corrcoef(noise.T) - np.eye(13)).max() < 0.2


@given(st.fractions(Fraction(1, 10**9), 10**6), st.integers(1, 1 << 30))
@settings(deadline=None)
def test_sigma_is_the_least_that_keeps_rho(rho, length):
    bounds = RowBounds(length, ONE**2, ONE)
    try:
        sigma = sigma_for(bounds, rho)
    except PrivacyError:
        assert bounds.sensitivity_squared / (2 * rho) > 1 << 91
        return
    assert Fraction(bounds.sensitivity_squared, 2 * sigma**2) <= rho
    assert sigma == 1 or Fraction(bounds.sensitivity_squared, 2 * (sigma - 1) ** 2) > rho


def test_it_states_what_it_spent():
    rho = Budget(0.7, 1e-7).rho
    release = Release.draw([table(4)], BOUNDS, rho, source(4))
    assert release.rho == Fraction(BOUNDS.sensitivity_squared, 2 * release.sigma**2)
    assert rho * (1 - Fraction(1, 10**5)) < release.rho <= rho


@pytest.mark.parametrize("rho", [Fraction(0), Fraction(-1), Fraction(1, 10**30)])
def test_a_rho_that_no_noise_can_keep_is_refused(rho):
    with pytest.raises(PrivacyError, match="rho"):
        Release.draw([table(4)], BOUNDS, rho)


def test_no_rows_are_no_release():
    with pytest.raises(StatisticsError, match="no rows"):
        Release.draw([], BOUNDS, Fraction(1))


@pytest.mark.parametrize("epsilon", [0.01, 1.0, 100.0])
def test_statistics_are_positive_definite_above_the_noise_and_the_same_each_time(epsilon):
    release = Release.draw([table(5, rows=50, features=12)], BOUNDS, Budget(epsilon, 1e-6).rho, source(6))
    found = release.statistics()
    least = np.linalg.eigvalsh(found.gram.astype(float)).min()
    assert least >= release.sigma * math.sqrt(12) * (1 - 1e-6) - 12
    assert (found.gram == found.gram.T).all()
    assert found.rows >= 1
    again = release.statistics()
    assert (again.gram.tolist(), again.cross.tolist(), again.rows) == (
        found.gram.tolist(),
        found.cross.tolist(),
        found.rows,
    )


def test_it_is_the_nearest_matrix_with_that_floor():
    """No other matrix with such eigenvalues is nearer in the Frobenius norm: compared with many random ones."""
    release = Release.draw([table(7, rows=30, features=5)], BOUNDS, Budget(2.0, 1e-6).rho, source(8))
    floor = release.sigma * math.sqrt(5)
    found = release.statistics().gram.astype(float)
    distance = np.linalg.norm(found - release.gram)
    generator = np.random.default_rng(9)
    for size in (1e-4, 1e-2, 1.0) * 50:
        step = generator.normal(size=(5, 5)) * size * floor
        values, vectors = np.linalg.eigh(found + step + step.T)
        other = (vectors * np.maximum(values, floor)) @ vectors.T
        assert np.linalg.norm(other - release.gram) >= distance * (1 - 1e-9)
