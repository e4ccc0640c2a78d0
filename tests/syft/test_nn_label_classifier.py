"""Multi-label classifiers in the clear and encrypted, and their validation of labels."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import Ridge
from sklearn.metrics import hamming_loss, log_loss

from syft.errors import FeatureError
from syft.nn import (
    FixedPoint,
    LinearClassifier,
    MultiLabelClassifier,
    RandomFeatureMultiLabelClassifier,
    from_spec,
    quantise,
)
from syft.paillier import IntegerTensor

POINTS = FixedPoint(weight_exponent=10, weight_bound=64, gradient_bits=8)
MODELS = [MultiLabelClassifier(), RandomFeatureMultiLabelClassifier(128)]


@pytest.fixture(scope="module")
def topics():
    X, y = make_multilabel_classification(400, n_features=12, n_classes=3, random_state=1)
    return X / X.max(axis=0), y


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_labels_are_learned(model, topics):
    X, y = topics
    fitted = clone(model).fit(X[:300], y[:300])
    found = fitted.predict(X[300:])
    assert found.shape == (100, 3)
    assert fitted.score(X[300:], y[300:]) == pytest.approx(1 - hamming_loss(y[300:], found), abs=1e-15)
    assert fitted.score(X[300:], y[300:]) > 1 - 0.6 * np.abs(y[300:] - y[:300].mean(axis=0).round()).mean()
    probable = fitted.predict_proba(X[300:])
    assert np.array_equal(probable > 0.5, found == 1)
    for label in range(3):
        assert log_loss(y[300:, label], probable[:, label]) < 0.62


def test_it_is_ridge_on_centred_labels(topics):
    X, y = topics
    fitted = MultiLabelClassifier(mu=0.05).fit(X, y)
    rows = np.c_[quantise(X) / 1024, np.ones(len(X))]
    peer = Ridge(alpha=0.05 * len(X), fit_intercept=False).fit(rows, y - 0.5)
    assert np.abs(fitted.weights_.to_floats() - peer.coef_.T).max() < 1e-4


def test_one_label_is_a_column(topics):
    X, y = topics
    fitted = MultiLabelClassifier().fit(X, y[:, 0])
    assert fitted.predict(X).shape == (400, 1)
    assert np.array_equal(fitted.predict(X), MultiLabelClassifier().fit(X, y).predict(X)[:, :1])


def test_labels_are_learned_while_encrypted(topics, private, public):
    X, y = topics
    rows, answers = quantise(X), y.astype(np.int64)
    clear = MultiLabelClassifier(inputs=12, outputs=3, fixed_point=POINTS).with_initial_weights()
    hidden = clear.encrypt(public)
    for part in (slice(0, 200), slice(200, 400)):
        hidden = hidden.apply(hidden.gradient(rows[part], answers[part]), 4)
        clear = clear.apply(clear.gradient(rows[part], answers[part]), 4)
    delivered = hidden.decrypt(private)
    assert delivered.weights_.values.tolist() == clear.weights_.values.tolist()
    assert delivered.score(X, y) > 0.75


@pytest.mark.parametrize("kind", [MultiLabelClassifier, RandomFeatureMultiLabelClassifier])
def test_a_described_model_is_the_same_model(kind):
    model = kind(inputs=4, outputs=3)
    spec, tensors = model.to_spec()
    again = from_spec(json.loads(json.dumps(spec)), tensors)
    assert type(again) is kind
    assert again.to_spec()[0] == spec


@pytest.mark.parametrize(
    "y", [[[0, 2]], [[0.5, 1]], [["a", "b"]], [[0, float("nan")]], [[-1, 0]], None, [[0, 1], [1, 0]]]
)
def test_labels_that_are_refused(y):
    with pytest.raises(FeatureError):
        MultiLabelClassifier().fit([[0.1]], y)


@pytest.mark.parametrize("answers", [[[0]], [[0, 1, 0]], [[0, 2]], [[-1, 1]]])
def test_integer_labels_that_are_refused(answers):
    model = MultiLabelClassifier(inputs=1, outputs=2)
    with pytest.raises(FeatureError, match="label"):
        model.statistics(np.array([[5]]), np.array(answers))


@settings(deadline=None, max_examples=30)
@given(st.floats(-3, 3))
def test_a_label_is_as_probable_as_the_second_of_two_classes(score):
    number = round(score * (1 << 16))
    label, classes = (
        kind(inputs=1, outputs=len(column)).with_weights(
            IntegerTensor(np.array([column, [0] * len(column)], dtype=object), 16, 1 << 20)
        )
        for kind, column in ((MultiLabelClassifier, [number]), (LinearClassifier, [-number, number]))
    )
    assert label.predict_proba([[1.0]])[0, 0] == pytest.approx(classes.predict_proba([[1.0]])[0, 1])
