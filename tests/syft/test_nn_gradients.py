"""Affine maps compared with the minimum of their loss, encrypted Gradients with integers, and public bounds."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syft.errors import ModelSpecError, SlotOverflowError, StatisticsError, TensorMismatchError
from syft.nn import (
    ONE,
    STEP_SIZES,
    AffineMap,
    FixedPoint,
    LocalStatistics,
    apply_delta,
    gradient_descent_map,
    proximal_map,
)
from syft.nn._cholesky import inverse_of_positive_definite
from syft.paillier import IntegerTensor, Packing, row_bound

POINTS = FixedPoint(weight_exponent=10, weight_bound=16, gradient_bits=12)
quick = settings(deadline=None, max_examples=30)


def random_statistics(seed, rows=40, features=5, outputs=2):
    random = np.random.default_rng(seed)
    phi = random.integers(-ONE, ONE + 1, (rows, features))
    return LocalStatistics.from_rows(phi, random.integers(0, ONE + 1, (rows, outputs)))


def random_weights(seed, shape=(5, 2), points=POINTS, exponent=None):
    exponent = points.weight_exponent if exponent is None else exponent
    bound = points.scaled_weight_bound(exponent)
    values = np.random.default_rng(seed).integers(-min(bound, 1 << 40), min(bound, 1 << 40), shape, endpoint=True)
    return IntegerTensor(values, exponent, bound)


def real(map_, weights):
    return (map_.matrix / (1 << map_.bits)) @ weights + map_.offset


@quick
@given(st.integers(0, 10**6), st.sampled_from([1e-3, 1e-2, 1.0, 100.0]))
def test_the_proximal_map_leads_to_the_minimum(seed, mu):
    statistics, weights = random_statistics(seed), random_weights(seed).to_floats()
    moved = weights + real(proximal_map(statistics, mu, 40), weights)
    gram, cross = statistics.means()
    # The derivative of |Phi W - Y|^2 / 2n + mu/2 |W - W0|^2 is 0 there.
    assert np.abs(gram @ moved - cross + mu * (moved - weights)).max() < 1e-6 * max(mu, 1) * 100


@quick
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_gradient_descent_is_its_steps(seed, steps):
    statistics, weights = random_statistics(seed), random_weights(seed).to_floats()
    gram, cross = statistics.means()
    eta = 0.9 / np.linalg.eigvalsh(gram).max()
    expected = weights.copy()
    for _ in range(steps):
        expected -= eta * (gram @ expected - cross)
    assert np.allclose(weights + real(gradient_descent_map(statistics, eta, steps, 40), weights), expected, atol=1e-5)


@quick
@given(st.integers(0, 10**6), st.sampled_from([1, 3, 200]), st.sampled_from([1e-6, 1e-2, 10.0]), st.integers(1, 24))
def test_no_row_of_a_map_is_larger_than_the_public_bound(seed, rows, mu, bits):
    statistics = random_statistics(seed, rows=rows, features=9)
    points = FixedPoint(gradient_bits=bits)
    largest = np.linalg.eigvalsh(statistics.means()[0]).max()
    for map_ in (proximal_map(statistics, mu, bits), gradient_descent_map(statistics, 1 / largest, 7, bits)):
        assert row_bound(map_.matrix) <= points.row_bound(9)


@quick
@given(st.integers(0, 10**6), st.integers(0, 20))
def test_the_delta_is_the_integer_map(seed, finer):
    map_ = proximal_map(random_statistics(seed), 0.05, POINTS.gradient_bits)
    weights = random_weights(seed, exponent=POINTS.weight_exponent + finer)
    delta = map_.delta(weights, POINTS)
    assert delta.exponent == weights.exponent + POINTS.gradient_bits
    delta.check_bound()
    moved = (map_.matrix.astype(object) @ weights.values).tolist()
    for found, product, offset in zip(delta.values.flat, np.ravel(moved), map_.offset.flat, strict=True):
        exact = Fraction(float(offset)) * (1 << delta.exponent)
        assert abs(Fraction(int(found) - int(product)) - exact) <= Fraction(1, 2)


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 10**6), st.sampled_from(STEP_SIZES))
def test_encrypted_gradients_are_the_integer_ones(private, public, seed, step):
    map_ = proximal_map(random_statistics(seed), 0.05, POINTS.gradient_bits)
    weights = random_weights(seed)
    encrypted = public.encrypt(weights, POINTS.packing(public.n_bits, weights.shape))
    delta, clear_delta = map_.delta(encrypted, POINTS), map_.delta(weights, POINTS)
    for found, expected in (
        (delta, clear_delta),
        (
            apply_delta(encrypted, delta, step, POINTS),
            apply_delta(weights, clear_delta, step, POINTS).with_bound(1 << 90),
        ),
    ):
        decrypted = private.decrypt(found.with_bound(expected.bound) if found is not delta else found)
        assert decrypted.values.tolist() == expected.values.tolist()
        assert decrypted.exponent == expected.exponent
        assert decrypted.bound == expected.bound


def test_the_public_side_of_a_gradient_tells_nothing_of_rows(public):
    weights = random_weights(1)
    encrypted = public.encrypt(weights, POINTS.packing(public.n_bits, weights.shape))
    seen = set()
    for seed, rows, mu in ((1, 3, 0.01), (2, 500, 0.3), (3, 40, 50.0)):
        delta = proximal_map(random_statistics(seed, rows=rows), mu, POINTS.gradient_bits).delta(encrypted, POINTS)
        seen.add((delta.shape, delta.packing, delta.exponent, delta.bound))
    assert seen == {(encrypted.shape, encrypted.packing, 22, POINTS.gradient_bound(5, 10))}


@quick
@given(st.integers(8, 30), st.integers(8, 30), st.sampled_from(STEP_SIZES), st.integers(0, 10**6))
def test_applying_a_delta_from_any_version(head_exponent, delta_exponent, step, seed):
    head = random_weights(seed, exponent=head_exponent)
    delta = random_weights(seed + 1, exponent=delta_exponent)
    moved = apply_delta(head, delta, step, POINTS)
    assert moved.exponent == max(head_exponent, delta_exponent + 2)
    assert moved.bound == POINTS.scaled_weight_bound(moved.exponent)
    for new, old, change in zip(moved.values.flat, head.values.flat, delta.values.flat, strict=True):
        exact = Fraction(int(old), 1 << head_exponent) + Fraction(step, 4) * Fraction(int(change), 1 << delta_exponent)
        assert Fraction(int(new), 1 << moved.exponent) == exact


@settings(deadline=None, max_examples=8)
@given(st.integers(8, 24), st.integers(8, 24), st.sampled_from(STEP_SIZES), st.integers(0, 10**6))
def test_ciphertexts_are_moved_by_public_powers_alone(public, head_exponent, delta_exponent, step, seed):
    packing = Packing(200, 2)
    head = public.encrypt(random_weights(seed, exponent=head_exponent), packing)
    delta = public.encrypt(random_weights(seed + 1, exponent=delta_exponent), packing)
    moved = apply_delta(head, delta, step, POINTS)
    i, j = moved.exponent - head_exponent, moved.exponent - delta_exponent - 2
    n2 = int(public.nsquare)
    expected = [
        pow(int(a), 2**i, n2) * pow(int(b), step * 2**j, n2) % n2
        for a, b in zip(head.ciphertexts, delta.ciphertexts, strict=True)
    ]
    assert moved.ciphertexts == expected


def test_a_head_that_was_rebased_takes_older_deltas():
    old = random_weights(1, exponent=30)
    delta = proximal_map(random_statistics(1), 0.1, 12).delta(old, POINTS)
    rebased = old.requantise(10)
    moved = apply_delta(rebased, delta, 4, POINTS)
    assert np.allclose(moved.to_floats(), rebased.to_floats() + delta.to_floats())


@pytest.mark.parametrize("step", [0, 5, -1, 2.5])
def test_steps_are_quarters(step):
    with pytest.raises(TensorMismatchError):
        apply_delta(random_weights(0), random_weights(1), step, POINTS)


def test_a_solution_beyond_the_weight_bound():
    tight = replace(POINTS, weight_bound=1)
    map_ = AffineMap(np.zeros((5, 5), dtype=np.int64), np.full((5, 2), 1.01), 12)
    weights = random_weights(0, points=tight)
    with pytest.raises(StatisticsError, match="bound of 1"):
        map_.delta(weights, tight)
    replace(map_, offset=np.full((5, 2), -1.0)).delta(weights, tight).check_bound()


def test_what_no_honest_map_or_head_is():
    weights = random_weights(0)
    heavy = np.full((5, 5), POINTS.row_bound(5) // 5 + 1, dtype=np.int64)
    with pytest.raises(StatisticsError, match="contraction"):
        AffineMap(heavy, np.zeros((5, 2)), 12).delta(weights, POINTS)
    with pytest.raises(TensorMismatchError, match="11 bits"):
        AffineMap(heavy, np.zeros((5, 2)), 11).delta(weights, POINTS)
    with pytest.raises(TensorMismatchError, match="beyond"):
        AffineMap(np.zeros((5, 5), dtype=np.int64), np.zeros((5, 2)), 12).delta(weights * 2, POINTS)


@pytest.mark.parametrize("mu", [0.0, -1.0, float("nan"), float("inf")])
def test_pulls_that_are_refused(mu):
    with pytest.raises(StatisticsError, match="mu must be"):
        proximal_map(random_statistics(0), mu, 8)


@pytest.mark.parametrize("features", [1, 64, 65, 200])
@pytest.mark.parametrize("mu", [1e-6, 1.0])
def test_the_inverse_of_a_positive_matrix_is_numpys(features, mu):
    rows = np.random.default_rng(features).uniform(-1, 1, (3 * features, features))
    matrix = rows.T @ rows / len(rows) + mu * np.eye(features)
    inverse = inverse_of_positive_definite(matrix)
    assert np.allclose(inverse, np.linalg.inv(matrix), rtol=1e-9, atol=1e-9 * np.abs(inverse).max())
    assert (inverse == inverse.T).all()


def test_a_pull_too_small_for_rows_that_repeat_each_other_is_refused():
    """A Data Scientist chooses mu, so numpy's LinAlgError must become a typed error in a Mine."""
    same = np.full((3, 4), 1024)
    with pytest.raises(StatisticsError, match="mu must be larger"):
        proximal_map(LocalStatistics.from_rows(same, same[:, :1]), 1e-30, 8)


def test_a_pull_whose_inverse_is_no_float_is_refused_for_a_feature_that_never_occurs():
    """An inverse beyond the range of floats must become a typed error too, not an OverflowError."""
    rows = np.array([[1024, 0], [512, 0]])
    with pytest.raises(StatisticsError, match="mu must be larger"):
        proximal_map(LocalStatistics.from_rows(rows, rows[:, :1]), 1e-320, 8)


@pytest.mark.parametrize(("eta", "steps"), [(0.0, 1), (-1.0, 1), (1e9, 1), (float("nan"), 1), (1e-3, 0)])
def test_steps_that_would_not_shrink(eta, steps):
    with pytest.raises(StatisticsError, match="eta"):
        gradient_descent_map(random_statistics(0), eta, steps, 8)


def test_slots_run_full_and_say_so(public):
    weights = random_weights(0)
    packing = POINTS.packing(public.n_bits, weights.shape)
    map_ = proximal_map(random_statistics(0), 0.1, 12)
    head = public.encrypt(weights, packing)
    exponents = []
    while POINTS.fits(5, head.exponent, packing):
        exponents.append(head.exponent)
        head = apply_delta(head, map_.delta(head, POINTS), 4, POINTS)
    assert exponents == list(range(10, head.exponent, 14))
    assert len(exponents) > 10
    with pytest.raises(SlotOverflowError):
        apply_delta(head, map_.delta(head, POINTS), 4, POINTS)


@quick
@given(st.integers(1, 4000), st.integers(1, 100), st.sampled_from([2048, 3072]))
def test_a_fresh_model_has_room_for_a_gradient(features, outputs, n_bits):
    points = FixedPoint()
    packing = points.packing(n_bits, (features, outputs))
    assert points.fits(features, points.weight_exponent, packing)


@pytest.mark.parametrize(
    "change",
    [
        {"weight_exponent": 0},
        {"weight_exponent": 65},
        {"weight_bound": 0},
        {"weight_bound": (1 << 32) + 1},
        {"gradient_bits": 33},
        {"gradient_bits": 8.0},
        {"weight_bound": True},
    ],
)
def test_scales_that_are_refused(change):
    with pytest.raises(ModelSpecError, match=next(iter(change))):
        FixedPoint(**change)
