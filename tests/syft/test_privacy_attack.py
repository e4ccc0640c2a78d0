"""Membership inference by an attacker that knows all rows but one, and the Gradient in the clear, as a Capsule does.

The attacker computes the Gradient with and without the attacked row, and decides for the one that is nearer to the
observed Gradient. This is the strongest attacker that differential privacy considers.
"""

import math

import numpy as np
import pytest
from scipy import stats

from syft import LinearClassifier
from syft.nn import ONE, LocalStatistics
from syft.privacy import Budget, Release, RowBounds

_TRIALS = 600
_DELTA = 1e-5
BOUNDS = RowBounds(features_squared=3 * ONE**2, target_squared=ONE**2 // 2, feature=ONE)


def source(seed):
    return np.random.default_rng(seed).bytes


@pytest.fixture(scope="module")
def people():
    """Features and targets of 40 rows; the last is the attacked row, as extreme as the bounds allow."""
    generator = np.random.default_rng(1)
    rows = generator.integers(0, ONE // 4, (40, 2))
    rows[-1] = ONE
    model = LinearClassifier(inputs=2, outputs=2, mu=0.01).with_initial_weights(seed=2)
    return model, model.features_.transform(rows), model.targets((rows.sum(axis=1) > ONE // 4).astype(int)[:, None])


def gradient(model, statistics):
    delta = model.gradient_map(statistics).delta(model.weights_, model.fixed_point)
    return np.array(delta.values.tolist(), dtype=float).ravel()


def advantage(hits_inside, hits_outside):
    """Membership advantage: the true positive rate minus the false positive rate; 1 for certainty, 0 for guessing."""
    return float(np.mean(hits_inside) - np.mean(hits_outside))


def guesses(model, seen, inside, outside):
    return [np.linalg.norm(one - inside) < np.linalg.norm(one - outside) for one in seen]


def test_without_noise_a_gradient_gives_membership_away(people):
    model, features, targets = people
    inside = gradient(model, LocalStatistics.from_rows(features, targets))
    outside = gradient(model, LocalStatistics.from_rows(features[:-1], targets[:-1]))
    said_inside = guesses(model, [gradient(model, LocalStatistics.from_rows(features, targets))], inside, outside)
    without = LocalStatistics.from_rows(features[:-1], targets[:-1])
    said_outside = guesses(model, [gradient(model, without)], inside, outside)
    assert advantage(said_inside, said_outside) == 1.0


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_with_noise_it_hardly_does(people, epsilon):
    model, features, targets = people
    rho = Budget(epsilon, _DELTA).rho
    inside = gradient(model, LocalStatistics.from_rows(features, targets))
    outside = gradient(model, LocalStatistics.from_rows(features[:-1], targets[:-1]))

    def seen(count, first_seed):
        return [
            gradient(model, Release.draw([(features[:count], targets[:count])], BOUNDS, rho, source(seed)).statistics())
            for seed in range(first_seed, first_seed + _TRIALS)
        ]

    won = advantage(guesses(model, seen(40, 0), inside, outside), guesses(model, seen(39, 10_000), inside, outside))
    assert won <= _allowed(epsilon) + 3 * math.sqrt(0.5 / _TRIALS)


@pytest.mark.parametrize("epsilon", [0.5, 2.0, 8.0])
def test_the_best_attack_on_the_release_itself_wins_what_its_noise_allows_and_no_more(people, epsilon):
    """The likelihood-ratio test on a whole release, whose advantage has a closed form.

    Too little noise, or dependent noise, would give a larger advantage.
    """
    _, features, targets = people
    rho, upper = Budget(epsilon, _DELTA).rho, np.triu_indices(features.shape[1])

    def vector(release):
        return np.concatenate([release.gram[upper], release.cross.ravel(), [release.count]]).astype(float)

    def exact(count):
        known = LocalStatistics.from_rows(features[:count], targets[:count])
        weighted = (known.cross * BOUNDS.cross_weight).ravel()
        return np.concatenate([known.gram[upper], weighted, [count * BOUNDS.count_weight]]).astype(float)

    change, middle = exact(40) - exact(39), (exact(40) + exact(39)) / 2

    def said_inside(count, first_seed):
        return [
            (vector(Release.draw([(features[:count], targets[:count])], BOUNDS, rho, source(seed))) - middle) @ change
            > 0
            for seed in range(first_seed, first_seed + _TRIALS)
        ]

    won = advantage(said_inside(40, 0), said_inside(39, 10_000))
    distance = np.linalg.norm(change)
    assert distance**2 == pytest.approx(BOUNDS.sensitivity_squared, rel=1e-2), "the row in doubt is the worst one"
    sigma = Release.draw([(features, targets)], BOUNDS, rho, source(1)).sigma
    expected = 2 * stats.norm.cdf(distance / (2 * sigma)) - 1
    assert won == pytest.approx(expected, abs=3 * math.sqrt(0.5 / _TRIALS))
    assert expected <= _allowed(epsilon)


def _allowed(epsilon):
    """Largest advantage under (epsilon, delta) (Kairouz, Oh and Viswanath, "The composition theorem", 2015)."""
    return (math.exp(epsilon) - 1 + 2 * _DELTA) / (math.exp(epsilon) + 1)
