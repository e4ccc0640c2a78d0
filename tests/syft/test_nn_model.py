"""Models in the clear, under encryption, as specs, and after delivery."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import Ridge

from syft.errors import (
    EncryptedModelError,
    FeatureError,
    ModelSpecError,
    NotFittedError,
    SyftError,
    TensorMismatchError,
)
from syft.nn import (
    ONE,
    FixedPoint,
    LinearClassifier,
    LinearRegression,
    Model,
    RandomFeatureClassifier,
    RandomFeatureRegressor,
    check_spec,
    from_spec,
    quantise,
)
from syft.paillier import EncryptedTensor, IntegerTensor

POINTS = FixedPoint(weight_exponent=10, weight_bound=64, gradient_bits=8)
CLASSIFIERS = [LinearClassifier(), RandomFeatureClassifier(64), RandomFeatureClassifier(64, layer="relu")]
REGRESSORS = [LinearRegression(), RandomFeatureRegressor(64), RandomFeatureRegressor(64, layer="relu")]


def unit(columns):
    low, high = columns.min(axis=0), columns.max(axis=0)
    return (columns - low) / (high - low)


@pytest.fixture(scope="module")
def flowers():
    X, y = load_iris(return_X_y=True)
    return unit(X), y


@pytest.fixture(scope="module")
def patients():
    X, y = load_diabetes(return_X_y=True)
    return unit(X), unit(y)


@pytest.mark.parametrize("model", CLASSIFIERS, ids=repr)
def test_classes_are_learned(model, flowers):
    fitted = clone(model).fit(*flowers)
    assert fitted.score(*flowers) > (0.8 if isinstance(model, LinearClassifier) else 0.93)
    assert fitted.score(*flowers) == pytest.approx((fitted.predict(flowers[0]) == flowers[1]).mean(), abs=1e-12)
    assert fitted.predict(flowers[0]).dtype == np.int64
    assert fitted.weights_.shape == (fitted.features_.outputs, 3)


@pytest.mark.parametrize("model", REGRESSORS, ids=repr)
def test_numbers_are_learned(model, patients):
    fitted = clone(model).fit(*patients)
    assert fitted.score(*patients) > 0.45
    assert fitted.predict(patients[0]).shape == (442,)


def test_linear_regression_is_ridge(patients):
    X, y = patients
    rows = quantise(X) / ONE
    extended = np.c_[rows, np.ones(len(rows))]
    peer = Ridge(alpha=0.05 * len(rows), fit_intercept=False).fit(extended, quantise(y[:, None])[:, 0] / ONE)
    fitted = LinearRegression(mu=0.05).fit(X, y)
    assert np.abs(fitted.weights_.to_floats()[:, 0] - peer.coef_).max() < 1e-4
    assert np.abs(fitted.predict(X) - peer.predict(extended)).max() < 1e-3


def test_several_numbers_at_once(patients):
    X, y = patients
    both = LinearRegression().fit(X, np.c_[y, X[:, 2]])
    assert both.predict(X).shape == (442, 2)
    assert np.allclose(both.predict(X)[:, 0], LinearRegression().fit(X, y).predict(X), atol=1e-6)


@pytest.mark.parametrize(
    "model", [LinearClassifier(fixed_point=POINTS), RandomFeatureClassifier(12, fixed_point=POINTS)]
)
def test_the_same_class_encrypted_trained_and_delivered(model, flowers, private, public):
    X, y = flowers
    rows, answers = quantise(X), y.reshape(-1, 1)
    clear = type(model)(**{**model.get_params(), "inputs": 4, "outputs": 3}).with_initial_weights(seed=3)
    hidden = clear.encrypt(public)
    assert isinstance(hidden.weights_, EncryptedTensor)
    for part, step in ((slice(0, None, 2), 3), (slice(1, None, 2), 4)):
        gradients = [m.gradient(rows[part], answers[part]) for m in (hidden, clear)]
        hidden = hidden.apply(gradients[0], step)
        clear = clear.apply(gradients[1], step)
    delivered = hidden.decrypt(private)
    assert delivered.weights_.values.tolist() == clear.weights_.values.tolist()
    assert delivered.weights_.exponent == clear.weights_.exponent
    assert np.array_equal(delivered.predict(X), clear.predict(X))
    assert delivered.score(X, y) > 0.6


def test_an_encrypted_model_is_not_read(flowers, public):
    X, y = flowers
    hidden = LinearClassifier(inputs=4, outputs=3, fixed_point=POINTS).with_initial_weights().encrypt(public)
    for read in (
        lambda: hidden.predict(X),
        lambda: hidden.score(X, y),
        lambda: hidden.evaluate(quantise(X), y.reshape(-1, 1)),
        lambda: hidden.encrypt(public),
    ):
        with pytest.raises(EncryptedModelError):
            read()


def test_models_without_weights(flowers, private):
    for use in (lambda m: m.predict(flowers[0]), lambda m: m.score(*flowers), lambda m: m.gradient(None, None)):
        with pytest.raises(NotFittedError):
            use(LinearClassifier(outputs=3))
    with pytest.raises(NotFittedError):
        LinearClassifier().with_initial_weights()
    with pytest.raises(EncryptedModelError):
        LinearClassifier(inputs=4, outputs=3).with_initial_weights().decrypt(private)


@pytest.mark.parametrize("kind", [LinearRegression, LinearClassifier, RandomFeatureClassifier, RandomFeatureRegressor])
def test_a_described_model_is_the_same_model(kind, flowers):
    own = {"features": 20, "layer": "relu"} if "Random" in kind.__name__ else {}
    model = kind(inputs=4, outputs=3, mu=0.25, **own)
    spec, tensors = model.to_spec()
    again = from_spec(json.loads(json.dumps(spec)), tensors, POINTS)
    assert type(again) is kind
    assert again.shape == model.shape
    assert again.fixed_point == POINTS
    rows = quantise(flowers[0])
    assert np.array_equal(again.features_.transform(rows), model.features_.transform(rows))
    assert {**again.get_params(), "fixed_point": None, "gamma": None} == {
        **model.get_params(),
        "fixed_point": None,
        "gamma": None,
    }
    assert again.to_spec()[0] == spec


GOOD = {
    "class": "LinearClassifier",
    "parameters": {"inputs": 2, "outputs": 3, "mu": 0.5},
    "features": [{"step": "bias"}],
}


def parameters(**changes):
    return {**GOOD, "parameters": {**GOOD["parameters"], **changes}}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({**GOOD, "class": "Model"}, "unknown Model 'Model'"),
        ({**GOOD, "class": "os.system"}, "unknown Model"),
        ({**GOOD, "class": ["LinearClassifier"]}, "unknown Model"),
        ({**GOOD, "code": "x"}, "got class, parameters, features, code"),
        ({"class": "LinearClassifier"}, "spec has class"),
        (parameters(inputs=0), "inputs must be"),
        (parameters(inputs=1 << 40), "inputs must be"),
        (parameters(outputs=True), "outputs must be"),
        (parameters(outputs=2.0), "outputs must be"),
        (parameters(mu=0), "mu must be"),
        (parameters(mu="1"), "mu must be"),
        (parameters(mu=float("nan")), "mu must be"),
        (parameters(depth=3), "got depth, inputs, mu, outputs"),
        (parameters(class_weight="balanced"), "class_weight must be a sequence"),
        (parameters(class_weight={0: 1}), "class_weight must be a sequence"),
        (parameters(class_weight=[1024, 1024]), "class_weight must be 3 integers"),
        (parameters(class_weight=[1024, 0, 1024]), "class_weight must be 3 integers"),
        (parameters(class_weight=[1024, 1.5, 1024]), "class_weight must be 3 integers"),
        (parameters(class_weight=[1024, True, 1024]), "class_weight must be 3 integers"),
        (parameters(class_weight=[1 << 21, 1, 1]), "class_weight must be 3 integers"),
        ({**parameters(class_weight=[1, 1, 1]), "class": "LinearRegression"}, "got class_weight, inputs"),
        ({**parameters(class_weight=[1, 1, 1]), "class": "MultiLabelClassifier"}, "got class_weight, inputs"),
        ({**GOOD, "parameters": [1]}, "parameters must be a mapping"),
        ({**GOOD, "features": "bias"}, "features must be a sequence"),
        ({**GOOD, "features": [{"step": "bias"}, {"step": "shell"}]}, "layer 1: unknown layer 'shell'"),
        ({**GOOD, "features": ["bias"]}, "a layer must be a mapping"),
    ],
)
def test_specs_that_are_refused(spec, why):
    for check in (check_spec, lambda s: from_spec(s, {})):
        with pytest.raises((ModelSpecError, FeatureError), match=why):
            check(spec)


@pytest.mark.parametrize(
    ("X", "why"),
    [
        ([[0.5, 1.5]], "row 0, column 1: 1.5 is not in"),
        ([[0.5], [float("nan")]], "row 1, column 0: nan"),
        ([[-0.001]], "row 0, column 0"),
        ([0.5], "shape"),
        ([["a"]], "table of numbers"),
        ([[0.1], [0.2, 0.3]], "table of numbers"),
    ],
)
def test_rows_that_are_refused(X, why):
    with pytest.raises(FeatureError, match=why):
        quantise(X)


@pytest.mark.parametrize(
    ("y", "why"),
    [
        ([0.5, 1.0], "continuous"),
        ([0, float("nan")], "NaN"),
        ([0j, 1j], "Complex"),
        ([[0, 1], [1, 0]], "one answer per row"),
        ([0, 1, 2], "2 rows and 3 answers"),
        ([[0], [1, 2]], "different lengths"),
        ([], "shape"),
        (None, "y is None"),
    ],
)
def test_classes_that_are_refused(y, why):
    with pytest.raises(FeatureError, match=why):
        LinearClassifier().fit([[0.1], [0.2]], y)


@pytest.mark.parametrize("y", [[0, -1], [0, 2], ["a", "b"], [0.0, 1.0]])
def test_classes_of_a_model_that_was_made_for_some(y):
    with pytest.raises(FeatureError, match=r"classes 0 \.\. 1"):
        LinearClassifier(outputs=2).fit([[0.1], [0.2]], y)


def test_a_model_that_was_made_for_other_rows(flowers):
    for given in ({"inputs": 3}, {"inputs": 4, "outputs": 2}):
        with pytest.raises(FeatureError, match=r"made for|classes 0"):
            LinearClassifier(**given).fit(*flowers)


def test_classes_are_learned_as_centred_numbers():
    targets = LinearClassifier(inputs=1, outputs=3).targets(np.array([[2], [0]]))
    assert targets.tolist() == [[-341, -341, 683], [683, -341, -341]]


def test_a_class_that_the_model_does_not_have():
    model = LinearClassifier(inputs=1, outputs=2).with_initial_weights()
    with pytest.raises(FeatureError, match=r"0 \.\. 1"):
        model.statistics(np.array([[5]]), np.array([[2]]))


def test_columns_that_the_model_does_not_have(flowers):
    fitted = LinearClassifier().fit(*flowers)
    with pytest.raises(FeatureError, match="X has 3 features, but LinearClassifier is expecting 4"):
        fitted.predict(flowers[0][:, :3])


def test_parameters_as_scikit_learn_wants_them():
    model = RandomFeatureClassifier(33, gamma=0.5, layer="fourier", inputs=2, outputs=2)
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(features=44) is model
    assert model.get_params()["features"] == 44
    assert model.shape == (45, 2)
    with pytest.raises(ModelSpecError, match="no parameter 'depth'"):
        model.set_params(depth=3)
    with pytest.raises(ModelSpecError, match="unknown layer"):
        RandomFeatureClassifier(layer="tanh")
    assert repr(LinearClassifier(mu=0.5)) == "LinearClassifier(inputs=None, outputs=None, mu=0.5, class_weight=None)"


def test_seeded_weights_are_small_and_repeat():
    model = LinearClassifier(inputs=6, outputs=3)
    first, second, other = (model.with_initial_weights(seed).weights_.values.tolist() for seed in (1, 1, 2))
    assert first == second != other
    assert 0 < np.abs(np.array(first)).max() <= 1 << (16 - 6)
    assert not model.with_initial_weights().weights_.values.any()


def test_weights_of_another_shape():
    model = LinearClassifier(inputs=2, outputs=3).with_initial_weights()
    with pytest.raises(SyftError, match=r"\(2, 3\)"):
        model.with_weights(IntegerTensor(np.zeros((2, 3), dtype=np.int64), 16, 1))
    with pytest.raises(TensorMismatchError):
        model.apply(IntegerTensor(np.zeros((2, 3), dtype=np.int64), 24, 1), 4)


def test_methods_that_return_a_model_leave_the_old_one_unchanged(private, public):
    """All but `fit` and `set_params`, which return the Model itself, as scikit-learn requires."""
    rows, answers = np.full((3, 2), 512), np.array([[0], [1], [1]])
    model = LinearClassifier(inputs=2, outputs=2, class_weight="balanced", fixed_point=POINTS)
    model = model.with_class_weights([0, 1], answers).with_initial_weights(seed=1)
    before = dict(vars(model))
    hidden = model.encrypt(public)
    copies = [
        model.with_initial_weights(),
        model.with_weights(hidden.weights_),
        model.with_class_weights([0, 1], answers[:2]),
        model.apply(model.gradient(rows, answers), step_size=4),
        hidden,
        hidden.decrypt(private),
    ]
    assert all(type(copy) is LinearClassifier and copy is not model for copy in copies)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())
    assert model.set_params(mu=0.5) is model
    assert model.fit(rows / ONE, answers[:, 0]) is model


def test_a_model_of_no_kind_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        Model()


def test_splitting_one_improvement_changes_no_class():
    """Statistics add up: two Mines with half of the rows each have the statistics of one Mine with all rows."""
    X, y = load_breast_cancer(return_X_y=True)
    rows, answers = quantise(unit(X)), y.reshape(-1, 1)
    model: Model = LinearClassifier(inputs=30, outputs=2).with_initial_weights()
    half = len(rows) // 2
    whole = model.statistics(rows, answers)
    parts = model.statistics(rows[:half], answers[:half]) + model.statistics(rows[half:], answers[half:])
    assert model.gradient_map(whole).matrix.tolist() == model.gradient_map(parts).matrix.tolist()
