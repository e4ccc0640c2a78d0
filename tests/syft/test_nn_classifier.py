"""Probabilities and class weights, compared with independent implementations of their definitions."""

import json
from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.utils.class_weight import compute_class_weight

from syft.errors import EncryptedModelError, ModelSpecError, NotFittedError
from syft.nn import ONE, LinearClassifier, RandomFeatureClassifier, from_spec, quantise
from syft.nn._class_weights import LARGEST_CLASS_WEIGHT, resolve_class_weight
from syft.paillier import IntegerTensor

quick = settings(deadline=None, max_examples=50)


def halves(X, y):
    X = (X - X.min(axis=0)) / np.maximum(X.max(axis=0) - X.min(axis=0), 1e-9)
    order = np.random.default_rng(0).permutation(len(y))
    first, second = np.array_split(order, 2)
    return (X[first], y[first]), (X[second], y[second])


@pytest.fixture(scope="module")
def tumours():
    return halves(*load_breast_cancer(return_X_y=True))


def with_scores(scores, exponent=16):
    """A Model of one column per class with exactly these scores, and the rows for which it has them."""
    weights = [[round(Fraction(score) * (1 << exponent)) for score in scores], [0] * len(scores)]
    model = LinearClassifier(inputs=1, outputs=len(scores))
    return model.with_weights(IntegerTensor(np.array(weights, dtype=object), exponent, 1 << (exponent + 8)))


scores = st.lists(st.floats(-3, 3), min_size=2, max_size=6)


@quick
@given(scores, st.integers(0, 5), st.floats(1e-3, 1))
def test_probabilities_sum_up_to_one_and_rise_with_the_score(values, index, rise):
    index %= len(values)
    before = with_scores(values).predict_proba([[1.0]])[0]
    raised = [value + rise * (i == index) for i, value in enumerate(values)]
    after = with_scores(raised).predict_proba([[1.0]])[0]
    assert before.sum() == pytest.approx(1)
    assert (before > 0).all()
    assert after[index] > before[index]
    assert all(after[i] < before[i] for i in range(len(values)) if i != index)


@quick
@given(scores)
def test_the_most_probable_class_is_the_predicted_one(values):
    model = with_scores(values, exponent=40)
    probable = model.predict_proba([[1.0]])[0]
    assert probable[model.predict([[1.0]])[0]] == probable.max()


@quick
@given(st.integers(2, 6), st.integers(0, 10**6))
def test_small_scores_are_probabilities_less_their_average(classes, seed):
    values = np.random.default_rng(seed).uniform(-1e-4, 1e-4, classes)
    values -= values.mean()
    found = with_scores(values, exponent=40).predict_proba([[1.0]])[0]
    assert np.abs(found - 1 / classes - values).max() < 1e-6


def test_scores_beyond_floats_are_still_probabilities():
    model = with_scores([0, 0]).with_weights(
        IntegerTensor(np.array([[1 << 2000, 0], [0, 0]], dtype=object), 16, 1 << 2001)
    )
    assert model.predict_proba([[1.0], [0.0]]).tolist() == [[1, 0], [0.5, 0.5]]


@pytest.mark.parametrize("load", [load_digits, load_breast_cancer])
def test_probabilities_are_about_as_good_as_those_of_logistic_regression(load):
    train, test = halves(*load(return_X_y=True))
    found = RandomFeatureClassifier(256).fit(*train).predict_proba(test[0])
    peer = LogisticRegression(max_iter=1000).fit(*train).predict_proba(test[0])
    assert log_loss(test[1], found) < 1.75 * log_loss(test[1], peer)


def test_probabilities_of_a_model_that_cannot_be_read(public):
    with pytest.raises(NotFittedError):
        LinearClassifier().predict_proba([[0.5]])
    with pytest.raises(NotFittedError):
        LinearClassifier().classes_  # noqa: B018 - it raises
    with pytest.raises(EncryptedModelError):
        LinearClassifier(inputs=1, outputs=2).with_initial_weights().encrypt(public).predict_proba([[0.5]])


@quick
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_balanced_weights_are_those_of_scikit_learn_on_the_grid(indices):
    answers = np.array(indices).reshape(-1, 1)
    present = np.unique(indices)
    exact = dict(zip(present, compute_class_weight("balanced", classes=present, y=indices), strict=True))
    found = resolve_class_weight("balanced", range(4), answers)
    for index, weight in enumerate(found):
        # scikit-learn counts the classes that occur, Syft all classes.
        expected = exact[index] * len(present) / 4 * ONE if index in exact else ONE
        assert abs(weight - expected) <= 0.5 + 1e-9


def test_weighted_rows_in_plain_integers():
    random = np.random.default_rng(4)
    rows, answers = random.integers(0, ONE + 1, (30, 3)), random.integers(0, 3, (30, 1))
    weights = [1, 2600, LARGEST_CLASS_WEIGHT]
    model = LinearClassifier(inputs=3, outputs=3, class_weight={0: 1 / ONE, 1: 2600 / ONE, 2: 1024})
    statistics = model.statistics(rows, answers)
    gram, cross = [[0] * 4 for _ in range(4)], [[0] * 3 for _ in range(4)]
    for row, (index,) in zip(rows.tolist(), answers.tolist(), strict=True):
        root = isqrt(weights[index] * ONE)
        features = [min((number * root + 512) // 1024, 1 << 15) for number in [*row, ONE]]
        targets = [((1024 * (c == index) - 341) * root + 512) // 1024 for c in range(3)]
        for i in range(4):
            for j in range(4):
                gram[i][j] += features[i] * features[j]
            for j in range(3):
                cross[i][j] += features[i] * targets[j]
    assert statistics.gram.tolist() == gram
    assert statistics.cross.tolist() == cross
    assert statistics.rows == 30


def test_weighted_fit_is_weighted_ridge(tumours):
    (X, y), _ = tumours
    fitted = LinearClassifier(mu=0.05, class_weight={0: 4, 1: 0.25}).fit(X, y)
    rows = np.c_[quantise(X) / ONE, np.ones(len(X))]
    peer = Ridge(alpha=0.05 * len(X), fit_intercept=False)
    peer.fit(rows, np.eye(2)[y] - 0.5, sample_weight=np.where(y == 0, 4, 0.25))
    assert np.abs(fitted.weights_.to_floats() - peer.coef_.T).max() < 5e-3


def test_balance_helps_the_rare_class(tumours):
    (X, y), (others, wanted) = tumours
    few = np.r_[np.flatnonzero(y == 0)[:8], np.flatnonzero(y == 1)]
    found = [
        balanced_accuracy_score(wanted, LinearClassifier(class_weight=weight).fit(X[few], y[few]).predict(others))
        for weight in (None, "balanced")
    ]
    assert found[1] > found[0] + 0.1


@pytest.mark.parametrize("kind", [LinearClassifier, RandomFeatureClassifier])
def test_weights_are_public_and_come_back(kind, tumours):
    (X, y), _ = tumours
    own = {"features": 8} if "Random" in kind.__name__ else {}
    answers = y.reshape(-1, 1)
    model = kind(inputs=30, outputs=2, class_weight="balanced", **own).with_class_weights([False, True], answers)
    spec, tensors = model.to_spec()
    assert spec["parameters"]["class_weight"] == resolve_class_weight("balanced", range(2), answers).tolist()
    again = from_spec(json.loads(json.dumps(spec)), tensors)
    assert again.to_spec()[0] == spec
    rows = quantise(X)
    for part, expected in zip(again.training_rows(rows, answers), model.training_rows(rows, answers), strict=True):
        assert np.array_equal(part, expected)
    assert "class_weight" not in kind(inputs=30, outputs=2, **own).to_spec()[0]["parameters"]


@pytest.mark.parametrize(
    ("class_weight", "why"),
    [
        ("heavy", "balanced"),
        ([1, 2], "balanced"),
        ({2: 1}, "names 2"),
        ({0: 0}, "weight of class 0"),
        ({0: 2000}, "weight of class 0"),
        ({0: float("nan")}, "weight of class 0"),
        ({0: True}, "weight of class 0"),
        ({0: "1"}, "weight of class 0"),
        ("balanced", "needs answers"),
    ],
)
def test_weights_that_are_refused(class_weight, why):
    model = LinearClassifier(inputs=1, outputs=2, class_weight=class_weight)
    with pytest.raises(ModelSpecError, match=why):
        model.to_spec()
    with pytest.raises(ModelSpecError, match=why):
        model.statistics(np.array([[5]]), np.array([[0]]))
