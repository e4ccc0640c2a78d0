"""Feature maps: their integer arithmetic, and their validation of specs and rows."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syft.errors import FeatureError
from syft.nn import ONE, Bias, FeatureMap, Fourier, Relu, Standardise
from syft.nn.feature_map import check_layer
from syft.nn.fixed_point import LARGEST_FEATURE
from syft.nn.layers import MOST_FEATURES

MAP = FeatureMap(
    3,
    (
        Standardise(np.array([100, 200, 300]), np.array([2048, 1024, 512]), 10),
        Fourier.draw(3, 8, 0.5, 1),
        Relu.draw(8, 6, 2),
        Bias(),
    ),
)


@st.composite
def tables(draw, columns, largest=ONE):
    count = draw(st.integers(0, 5))
    entry = st.integers(-largest, largest)
    row = st.lists(entry, min_size=columns, max_size=columns)
    values = draw(st.lists(row, min_size=count, max_size=count))
    return np.array(values, dtype=np.int64).reshape(count, columns)


@settings(deadline=None)
@given(tables(3, LARGEST_FEATURE))
def test_features_stay_in_range(rows):
    features = MAP.transform(rows)
    assert features.shape == (len(rows), MAP.outputs) == (len(rows), 7)
    assert features.dtype == np.int64
    assert np.abs(features).max(initial=0) <= LARGEST_FEATURE
    assert (features[:, -1] == ONE).all()


@settings(deadline=None)
@given(tables(3))
def test_a_described_map_is_the_same_map(rows):
    steps, tensors = MAP.to_spec()
    again = FeatureMap.from_spec(3, json.loads(json.dumps(steps)), tensors)
    assert np.array_equal(again.transform(rows), MAP.transform(rows))


def test_features_follow_the_vectors(vectors):
    vector = vectors("features")
    tensors = {name: np.array(values, dtype=np.int32) for name, values in vector["tensors"].items()}
    feature_map = FeatureMap.from_spec(vector["inputs"], vector["steps"], tensors)
    assert feature_map.transform(np.array(vector["rows"], dtype=np.int64)).tolist() == vector["features"]


def test_fourier_features_approximate_the_kernel():
    random = np.random.default_rng(5)
    rows = random.integers(0, ONE + 1, (20, 4))
    features = FeatureMap(4, (Fourier.draw(4, 4096, 0.7, 3),)).transform(rows) / ONE
    differences = (rows[:, None, :] - rows[None, :, :]) / ONE
    kernel = np.exp(-0.7 * (differences**2).sum(axis=2))
    assert np.abs(features @ features.T * 2 / 4096 - kernel).max() < 0.1


def test_a_fourier_layer_is_the_cosine_it_says():
    layer = Fourier.draw(2, 50, 0.9, 8)
    rows = np.random.default_rng(1).integers(0, ONE + 1, (30, 2))
    turn = len(layer.table) << layer.shift
    exact = np.cos(2 * math.pi * (rows @ layer.omega + layer.phase) / turn)
    assert np.abs(layer.apply(rows) / ONE - exact).max() < 2 * math.pi / len(layer.table) + 1 / ONE


def test_layers_depend_on_their_seed_alone():
    for draw in (lambda seed: Fourier.draw(3, 5, 0.5, seed).omega, lambda seed: Relu.draw(3, 5, seed).weights):
        assert np.array_equal(draw(1), draw(1))
        assert not np.array_equal(draw(1), draw(2))


def test_relu_is_neither_dead_nor_linear_for_rows_in_range():
    rows = np.random.default_rng(2).integers(0, ONE + 1, (200, 10))
    features = Relu.draw(10, 64, 4).apply(rows)
    active = (features > 0).mean(axis=0)
    assert ((active > 0.02) & (active < 0.98)).mean() > 0.7
    assert features.max() < LARGEST_FEATURE


def spec_with(**changes):
    steps, tensors = MAP.to_spec()
    return [{**steps[1], **changes}], {k: v for k, v in tensors.items() if k.startswith("fourier")}


def fourier_tensors(**changes):
    _, tensors = spec_with()
    return {**tensors, **{f"fourier_1_{name}": value for name, value in changes.items()}}


@pytest.mark.parametrize(
    ("step", "tensors", "why"),
    [
        ({"step": "eval"}, {}, "unknown layer 'eval'"),
        ({"step": ["bias"]}, {}, "unknown layer"),
        ({}, {}, "unknown layer None"),
        ({"step": "bias", "code": "x"}, {}, "takes nothing; got code"),
        ({"step": "relu", "weights": "w", "bias": "b"}, {}, "takes bias, shift, weights; got bias, weights"),
        (spec_with(shift=-1)[0][0], fourier_tensors(), "shift must be"),
        (spec_with(shift=41)[0][0], fourier_tensors(), "shift must be"),
        (spec_with(shift=True)[0][0], fourier_tensors(), "shift must be"),
        (spec_with(shift=1.0)[0][0], fourier_tensors(), "shift must be"),
        (spec_with(omega="missing")[0][0], fourier_tensors(), "no frozen tensor 'missing'"),
        (spec_with(omega=3)[0][0], fourier_tensors(), "no frozen tensor 3"),
        (spec_with()[0][0], fourier_tensors(omega=np.zeros((3, 8))), "signed integers"),
        (spec_with()[0][0], fourier_tensors(omega=np.zeros((3, 8), dtype=np.uint64)), "signed integers"),
        (spec_with()[0][0], fourier_tensors(omega=np.zeros(3, dtype=np.int32)), "2 dimensions"),
        (spec_with()[0][0], fourier_tensors(omega=np.zeros((0, 8), dtype=np.int32)), "2 dimensions"),
        (spec_with()[0][0], fourier_tensors(omega=np.full((3, 8), 1 << 31)), "31 bits"),
        (spec_with()[0][0], fourier_tensors(omega=np.full((3, 8), -(1 << 63))), "31 bits"),
        (spec_with()[0][0], fourier_tensors(phase=np.zeros(7, dtype=np.int32)), "8 frequencies and 7 phases"),
        (spec_with()[0][0], fourier_tensors(table=np.zeros(12, dtype=np.int16)), "power of two"),
        (spec_with()[0][0], fourier_tensors(table=np.zeros(1, dtype=np.int16)), "power of two"),
        (spec_with()[0][0], fourier_tensors(table=np.full(4, 1 << 16)), "within 2"),
        (spec_with()[0][0], fourier_tensors(omega=np.zeros((4, 8), dtype=np.int32)), "4 columns cannot take 3"),
    ],
)
def test_steps_that_are_refused(step, tensors, why):
    with pytest.raises(FeatureError, match=why) as caught:
        FeatureMap.from_spec(
            3,
            [{"step": "standardise", "mean": "m", "multiplier": "m", "shift": 1}, step],
            {**tensors, "m": np.ones(3, dtype=np.int16)},
        )
    assert caught.value.index == 1


def test_a_map_that_makes_too_many_features():
    wide = np.ones((1, MOST_FEATURES), dtype=np.int8)
    step = {"step": "relu", "weights": "w", "bias": "b", "shift": 0}
    with pytest.raises(FeatureError, match="at most"):
        FeatureMap.from_spec(1, [step, {"step": "bias"}], {"w": wide, "b": wide[0]})


def test_steps_are_checked_without_tensors():
    check_layer({"step": "fourier", "omega": "a", "phase": "b", "table": "c", "shift": 3})
    with pytest.raises(FeatureError):
        check_layer({"step": "fourier", "omega": "a"})


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((2, 4), dtype=np.int64),
        np.zeros(3, dtype=np.int64),
        np.zeros((2, 3)),
        np.full((1, 3), LARGEST_FEATURE + 1),
        np.full((1, 3), -LARGEST_FEATURE - 1),
        np.full((1, 3), -(1 << 63)),
    ],
)
def test_rows_that_are_refused(rows):
    with pytest.raises(FeatureError):
        MAP.transform(rows)


def test_the_largest_frozen_numbers_do_not_overflow():
    largest = (1 << 31) - 1
    rows = np.full((1, 2), LARGEST_FEATURE, dtype=np.int64)
    tensors = {
        "v": np.full(2, largest, dtype=np.int32),
        "m": np.full((2, 2), largest, dtype=np.int32),
        "n": np.full(2, -largest, dtype=np.int32),
        "t": np.array([1, -1], dtype=np.int16),
    }
    exact = 2 * LARGEST_FEATURE * largest + largest
    for step, expected in [
        ({"step": "standardise", "mean": "n", "multiplier": "v", "shift": 0}, LARGEST_FEATURE),
        ({"step": "standardise", "mean": "v", "multiplier": "v", "shift": 0}, -LARGEST_FEATURE),
        ({"step": "relu", "weights": "m", "bias": "v", "shift": 40}, min(exact >> 40, LARGEST_FEATURE)),
        ({"step": "fourier", "omega": "m", "phase": "v", "table": "t", "shift": 40}, (1, -1)[(exact >> 40) & 1]),
    ]:
        assert FeatureMap.from_spec(2, [step], tensors).transform(rows).tolist() == [[expected, expected]]


def test_a_kernel_too_narrow_for_the_layers_numbers():
    with pytest.raises(FeatureError, match="31 bits"):
        Fourier.draw(2, 8, 1e12, 0)
