"""Metrics compared with exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import hamming_loss, r2_score
from strategies import integers

from syft.nn import PREDICTION_BITS, WAD, LinearClassifier, metrics
from syft.paillier import IntegerTensor

quick = settings(deadline=None, max_examples=60)


@st.composite
def scored(draw):
    """Random features, and weights of any size at any exponent, as lists."""
    rows, inner, columns = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    bound = (1 << draw(st.integers(1, 200))) - 1
    table = st.lists(st.lists(integers(1 << 15), min_size=inner, max_size=inner), min_size=rows, max_size=rows)
    weights = st.lists(st.lists(integers(bound), min_size=columns, max_size=columns), min_size=inner, max_size=inner)
    return draw(table), draw(weights), draw(st.integers(0, 190))


def sums(features, weights):
    return [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*weights, strict=True)]
        for row in features
    ]


def tensor(weights, exponent):
    return IntegerTensor(np.array(weights, dtype=object), exponent, 1 << 200)


@quick
@given(scored())
def test_the_lowest_of_the_largest_sums_is_the_class(case):
    features, weights, exponent = case
    found = metrics.predict_classes(np.array(features, dtype=np.int64), tensor(weights, exponent))
    assert found.tolist() == [[row.index(max(row))] for row in sums(features, weights)]


@quick
@given(scored())
def test_numbers_are_sums_rounded_down(case):
    features, weights, exponent = case
    found = metrics.predict_numbers(np.array(features, dtype=np.int64), tensor(weights, exponent))
    for row, line in zip(found.tolist(), sums(features, weights), strict=True):
        for number, total in zip(row, line, strict=True):
            exact = Fraction(total * (1 << PREDICTION_BITS), 1 << (10 + exponent))
            assert number == max(-(1 << 62), min(1 << 62, exact.__floor__()))


def test_a_tie_goes_to_the_lowest_class():
    features = np.array([[1024, 0], [0, 1024]], dtype=np.int64)
    weights = tensor([[5, 7, 7], [-1, -1, -1]], 0)
    assert metrics.predict_classes(features, weights).tolist() == [[1], [0]]


classes = st.integers(1, 30).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 3), min_size=n, max_size=n) for _ in range(2)])
)


@quick
@given(classes)
def test_accuracy_is_rows_right_over_rows(pair):
    found, wanted = pair
    right = sum(a == b for a, b in zip(found, wanted, strict=True))
    column = [np.array(values, dtype=np.int64).reshape(-1, 1) for values in pair]
    assert metrics.accuracy(*column) == (Fraction(right, len(found)) * WAD).__floor__()


@quick
@given(classes, st.integers(1, 3))
def test_the_hamming_score_is_one_less_the_hamming_loss(pair, labels):
    found, wanted = (np.array(values)[:, None] % np.arange(2, labels + 2) > 0 for values in pair)
    expected = 1 - Fraction(int((found != wanted).sum()), found.size)
    assert metrics.hamming(found.astype(np.int64), wanted.astype(np.int64)) == (expected * WAD).__floor__()
    assert float(expected) == pytest.approx(1 - hamming_loss(wanted, found))


@quick
@given(scored())
def test_labels_are_sums_above_zero(case):
    features, weights, exponent = case
    found = metrics.predict_labels(np.array(features, dtype=np.int64), tensor(weights, exponent))
    assert found.tolist() == [[int(one > 0) for one in row] for row in sums(features, weights)]


tables = st.tuples(st.integers(1, 8), st.integers(1, 3)).flatmap(
    lambda shape: st.tuples(
        *[
            st.lists(
                st.lists(integers(bound), min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
            )
            for bound in (1 << 28, 1 << 11)
        ]
    )
)


@quick
@given(tables)
def test_r2_is_an_exact_fraction(pair):
    predictions, targets = pair
    missed = sum(
        (Fraction(p, 1 << PREDICTION_BITS) - Fraction(t, 1 << 10)) ** 2
        for row, line in zip(predictions, targets, strict=True)
        for p, t in zip(row, line, strict=True)
    )
    columns = [[Fraction(t, 1 << 10) for t in column] for column in zip(*targets, strict=True)]
    spread = sum((t - sum(column) / len(column)) ** 2 for column in columns for t in column)
    exact = (1 - missed / spread) if spread else Fraction(missed == 0)
    expected = (max(Fraction(0), exact) * WAD).__floor__()
    assert metrics.r2(np.array(predictions, dtype=np.int64), np.array(targets, dtype=np.int64)) == expected


def test_r2_of_several_outputs_is_scikit_learns_weighted_by_variance():
    random = np.random.default_rng(0)
    targets = random.integers(0, 1025, (50, 3)) // [1, 2, 20]
    found = (targets << (PREDICTION_BITS - 10)) + random.integers(-(1 << 24), 1 << 24, (50, 3))
    expected = r2_score(targets / 1024, found / (1 << PREDICTION_BITS), multioutput="variance_weighted")
    assert metrics.r2(found, targets) / WAD == pytest.approx(expected)


def test_r2_of_perfect_average_and_useless_predictions():
    targets = np.array([[0], [1024], [2048]], dtype=np.int64)
    exact = targets << (PREDICTION_BITS - 10)
    assert metrics.r2(exact, targets) == WAD
    assert metrics.r2(np.full_like(exact, 1 << PREDICTION_BITS), targets) == 0
    assert metrics.r2(-exact, targets) == 0
    # Targets without variance: the score is 1 if all predictions are right, else 0.
    assert metrics.r2(exact[:1], targets[:1]) == WAD
    assert metrics.r2(exact[:1] + 1, targets[:1]) == 0


def test_r2_of_one_hot_classes():
    """The targets of a classifier's outputs may be scored as numbers."""
    model = LinearClassifier(inputs=1, outputs=2)
    targets = model.targets(np.array([[0], [1], [1]], dtype=np.int64))
    assert metrics.r2(targets << (PREDICTION_BITS - 10), targets) == WAD


def test_scores_follow_the_vectors(vectors):
    vector = vectors("features")
    features = np.array(vector["features"], dtype=np.int64)
    values = [[int(value, 16) for value in row] for row in vector["weights"]]
    weights = tensor(values, vector["weight_exponent"])
    found = metrics.predict_classes(features, weights)
    assert found[:, 0].tolist() == vector["classes"]
    assert metrics.accuracy(found, np.array(vector["class_targets"]).reshape(-1, 1)) == int(vector["accuracy"])
    numbers = metrics.predict_numbers(features, tensor([row[:1] for row in values], vector["weight_exponent"]))
    assert numbers[:, 0].tolist() == vector["numbers"]
    assert metrics.r2(numbers, np.array(vector["number_targets"]).reshape(-1, 1)) == int(vector["r2"])


@pytest.mark.parametrize("exponent", [0, 16, 190])
def test_numbers_beyond_62_bits_are_clipped(exponent):
    features = np.array([[1 << 15], [-(1 << 15)]], dtype=np.int64)
    found = metrics.predict_numbers(features, tensor([[1 << (exponent + 40)]], exponent))
    assert found.tolist() == [[1 << 62], [-(1 << 62)]]
