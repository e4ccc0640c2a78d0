"""Proposed Models, and standardisation by public constants."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

from syft.errors import FeatureError, ModelSpecError
from syft.nn import (
    METRICS,
    ONE,
    FeatureMap,
    LinearClassifier,
    LinearRegression,
    RandomFeatureClassifier,
    Standardise,
    from_spec,
    propose,
    quantise,
)


@given(st.integers(1, 5000), st.integers(1, 20), st.integers(1, 10**7), st.sampled_from(METRICS))
def test_a_proposal_fits_what_it_is_for(inputs, outputs, rows, metric):
    model = propose(inputs, outputs, rows, metric)
    assert (model.inputs, model.outputs, model.metric) == (inputs, outputs, metric)
    hidden = model.get_params().get("features", 0)
    assert hidden <= min(rows, 1024)
    assert 1e-3 <= model.mu <= 1e-1
    assert propose(inputs, outputs, 4 * rows, metric).mu <= model.mu


@pytest.mark.parametrize("load", [load_digits, load_breast_cancer, load_wine, load_iris, load_diabetes])
def test_a_proposal_beats_a_line(load):
    X, y = load(return_X_y=True)
    X = (X - X.min(axis=0)) / np.maximum(X.max(axis=0) - X.min(axis=0), 1e-9)
    metric = "r2" if load is load_diabetes else "accuracy"
    y = (y - y.min()) / (y.max() - y.min()) if metric == "r2" else y
    scores = []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(y))
        test, train = np.split(order, [len(y) // 4])
        model = propose(X.shape[1], 1 if metric == "r2" else int(y.max()) + 1, len(train), metric)
        line = LinearRegression(mu=model.mu) if metric == "r2" else LinearClassifier(mu=model.mu)
        scores.append([one.fit(X[train], y[train]).score(X[test], y[test]) for one in (model, line)])
    proposed, plain = np.mean(scores, axis=0)
    assert proposed > plain


def test_images_get_convolutions():
    model = propose(192, 3, 5000, image=(8, 8, 3))
    assert (model.layer, model.image) == ("convolution", (8, 8, 3))
    assert model.shape == (9 * 113 + 1, 3)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((0, 2, 10), "0 inputs"),
        ((2, 0, 10), "0 outputs"),
        ((2, 2, 0), "0 rows"),
        ((2, 2, 10, "auc"), "metric 'auc'"),
        ((64, 2, 999, "accuracy", (8, 7, 1)), "8 x 7 x 1 have 56 columns, not 64"),
        ((16, 2, 999, "accuracy", (4, 4, 1)), "6 x 6 pixels"),
    ],
)
def test_nothing_to_propose(arguments, why):
    with pytest.raises(ModelSpecError, match=why):
        propose(*arguments)


def test_columns_are_standardised_by_published_constants():
    random = np.random.default_rng(0)
    low, high = np.array([10.0, -5, 0]), np.array([200.0, 5, 1])
    columns = np.c_[random.normal(90, 12, 5000), random.normal(0, 1, 5000), random.integers(0, 2, 5000)]
    step = Standardise.of_moments(columns.mean(axis=0), columns.std(axis=0), low, high)
    found = FeatureMap(3, (step,)).transform(quantise(np.clip((columns - low) / (high - low), 0, 1))) / ONE
    expected = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    assert np.abs(found - expected).max() < 0.03
    assert np.abs(found.mean(axis=0)).max() < 0.02
    assert np.abs(found.std(axis=0) - 1).max() < 0.02


def test_ranges_are_taken_for_evenly_filled():
    rows = np.random.default_rng(0).integers(0, ONE + 1, (20_000, 2))
    found = FeatureMap(2, (Standardise.of_ranges(2),)).transform(rows) / ONE
    assert np.abs(found.mean(axis=0)).max() < 0.03
    assert np.abs(found.std(axis=0) - 1).max() < 0.02


@pytest.mark.parametrize(
    ("moments", "why"),
    [
        (([1, 2], [1], [0, 0], [3, 3]), "different lengths"),
        (([[1]], [[1]], [[0]], [[3]]), "different lengths"),
        ((["a"], [1], [0], [3]), "must be numbers"),
        (([4], [1], [0], [3]), "column 0: mean 4.0"),
        (([1, 1], [1, 0], [0, 0], [3, 3]), "column 1"),
        (([1], [1e-3], [0], [3]), "column 0"),
        (([1], [-1], [0], [3]), "column 0"),
        (([1], [1], [3], [0]), "column 0"),
        (([float("nan")], [1], [0], [3]), "column 0"),
        (([1], [float("inf")], [0], [3]), "column 0"),
    ],
)
def test_constants_that_are_refused(moments, why):
    with pytest.raises(FeatureError, match=why):
        Standardise.of_moments(*moments)


@pytest.mark.parametrize("kind", [LinearRegression, LinearClassifier, RandomFeatureClassifier])
def test_models_standardise_first(kind):
    own = {"features": 16} if "Random" in kind.__name__ else {}
    model = kind(inputs=3, outputs=2, standardise=Standardise.of_ranges(3), **own)
    assert [layer.name for layer in model.features_.layers][:1] == ["standardise"]
    spec, tensors = model.to_spec()
    again = from_spec(json.loads(json.dumps(spec)), tensors)
    assert again.to_spec()[0] == spec
    assert np.array_equal(again.standardise.multiplier, model.standardise.multiplier)
    rows = np.random.default_rng(0).integers(0, ONE + 1, (9, 3))
    for other in (again, clone(model)):
        assert np.array_equal(other.features_.transform(rows), model.features_.transform(rows))


def test_standardising_helps_where_ranges_are_wide():
    """Columns whose values cover a thousandth of their schema's range."""
    X, y = load_wine(return_X_y=True)
    low, high = np.zeros(13), X.max(axis=0) * 40
    constants = Standardise.of_moments(X.mean(axis=0), X.std(axis=0), low, high)
    scores = [
        RandomFeatureClassifier(128, standardise=step).fit(X / high, y).score(X / high, y) for step in (None, constants)
    ]
    assert scores[1] > 0.9 > scores[0]


def test_mu_falls_with_the_root_of_the_rows():
    assert [propose(3, 2, rows).mu for rows in (9, 400, 10**8)] == [0.1, 0.05, 0.001]


def test_the_usual_kernel_is_as_wide_for_standardised_columns():
    """Their variance, and squared distances, are 12 times those of columns uniform on [0, 1]."""
    plain, scaled = (
        RandomFeatureClassifier(50, inputs=4, outputs=2, standardise=step).features_.layers
        for step in (None, Standardise.of_ranges(4))
    )
    assert np.allclose(scaled[1].omega * math.sqrt(12), plain[0].omega, atol=4)
