"""scikit-learn's estimator checks, and its tools applied to Syft's estimators."""

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.datasets import load_wine
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator

from syft import nn


class _InRange:
    """A Model with a scaling of its inputs to [0, 1], since the checks draw numbers outside of it.

    Inputs that are not arrays of finite numbers are passed on unchanged.
    """

    def fit(self, X, y):
        self._range = _ends(X)
        return super().fit(_unit(X, self._range), y)

    def predict(self, X):
        return super().predict(self._scaled(X))

    def score(self, X, y):
        return super().score(self._scaled(X), y)

    def _scaled(self, X):
        return _unit(X, getattr(self, "_range", None))


class _Classifies(_InRange):
    def predict_proba(self, X):
        return super().predict_proba(self._scaled(X))


class _Regresses(_InRange):
    def fit(self, X, y):
        self._answer_ends = _ends(y)
        return super().fit(X, _unit(y, self._answer_ends))

    def predict(self, X):
        low, high = self._answer_ends
        return super().predict(X) * (high - low) + low

    def score(self, X, y):
        return super().score(X, _unit(y, self._answer_ends))


def _ends(numbers):
    try:
        array = np.asarray(numbers)
    except ValueError:
        return None
    fit = array.dtype.kind in "iuf" and array.size and np.isfinite(array).all()
    return (float(array.min()), float(array.max())) if fit else None


def _unit(numbers, ends):
    if ends is None or _ends(numbers) is None:
        return numbers
    low, high = ends
    return np.clip((np.asarray(numbers, dtype=np.float64) - low) / ((high - low) or 1), 0, 1)


class LinearClassifier(_Classifies, nn.LinearClassifier):
    pass


class LinearRegression(_Regresses, nn.LinearRegression):
    pass


class RandomFeatureClassifier(_Classifies, nn.RandomFeatureClassifier):
    pass


class RandomFeatureRegressor(_Regresses, nn.RandomFeatureRegressor):
    pass


ESTIMATORS = [LinearClassifier(), LinearRegression(), RandomFeatureClassifier(32), RandomFeatureRegressor(32)]

#: Checks that do not apply, with reasons.
EXPECTED = {
    "check_estimators_unfitted": "Syft has a NotFittedError of its own, since it does not need scikit-learn",
    "check_dtype_object": "a table of other things than numbers is a FeatureError, a ValueError and no TypeError",
    "check_parameters_default_constructible": "fixed_point has a default of its own type, a frozen dataclass",
}
OF_CLASSIFIERS = {
    "check_supervised_y_2d": "a column of answers is as good as a list: there is nothing to warn of",
    "check_class_weight_classifiers": "it asks for a weight below 2^-10, where the grid of class weights ends",
}
OF_HIDDEN_LAYERS = {
    "check_do_not_raise_errors_in_init_or_set_params": "an unknown layer is refused where it is named",
}


@pytest.mark.filterwarnings(
    "ignore:.*during set_params of param", "ignore:.*SCIPY_ARRAY_API", "ignore:.*does not inherit"
)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_the_checks_of_scikit_learn(estimator):
    expected = dict(EXPECTED)
    expected.update(OF_CLASSIFIERS if is_classifier(estimator) else {})
    expected.update(OF_HIDDEN_LAYERS if hasattr(estimator, "layer") else {})
    results = check_estimator(estimator, expected_failed_checks=expected)
    assert {result["check_name"] for result in results if result["status"] == "xfail"} == expected.keys()
    assert sum(result["status"] == "passed" for result in results) >= 45


@pytest.fixture(scope="module")
def wines():
    return load_wine(return_X_y=True)


def test_the_tools_of_scikit_learn(wines):
    chain = make_pipeline(MinMaxScaler(clip=True), nn.RandomFeatureClassifier(64))
    assert is_classifier(chain)
    assert not is_classifier(nn.LinearRegression())
    scores = cross_val_score(chain, *wines, cv=StratifiedKFold(3, shuffle=True, random_state=0))
    assert scores.min() > 0.9
    search = GridSearchCV(chain, {"randomfeatureclassifier__mu": [1e-3, 1e2]}, cv=3).fit(*wines)
    assert search.best_params_ == {"randomfeatureclassifier__mu": 1e-3}


def test_labels_of_any_kind_come_back(wines):
    X, y = wines
    names = np.array(["barolo", "grignolino", "barbera"])[y]
    chain = make_pipeline(MinMaxScaler(), nn.LinearClassifier()).fit(X, names)
    assert chain[-1].classes_.tolist() == ["barbera", "barolo", "grignolino"]
    assert accuracy_score(names, chain.predict(X)) == chain.score(X, names)
    assert chain.score(X, names) > 0.9
    assert chain.score(X, np.full(len(X), "dolcetto")) == 0
    probable = chain.predict_proba(X)
    assert np.array_equal(chain[-1].classes_[probable.argmax(axis=1)], chain.predict(X))
    assert log_loss(names, probable) < 0.5
