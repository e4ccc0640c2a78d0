"""Convolutions compared with loops over Python integers, and their accuracy on digits."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from syft.errors import FeatureError, ModelSpecError
from syft.nn import ONE, Convolution, FeatureMap, RandomFeatureClassifier, from_spec, quantise
from syft.nn.fixed_point import LARGEST_FEATURE


def plain(step, row):
    """Features of one row, by the definition in the docstring."""
    height, width, channels = step.image
    pixels = [[row[(y * width + x) * channels :][:channels] for x in range(width)] for y in range(height)]
    tops, lefts = range(0, height - step.side + 1, step.stride), range(0, width - step.side + 1, step.stride)
    units = []
    for top in tops:
        units.append([])
        for left in lefts:
            patch = [n for y in range(step.side) for x in range(step.side) for n in pixels[top + y][left + x]]
            sums = [
                sum(n * int(w) for n, w in zip(patch, column, strict=True)) + int(bias)
                for column, bias in zip(step.filters.T, step.bias, strict=True)
            ]
            units[-1].append([min(max(one >> step.shift, 0), LARGEST_FEATURE) for one in sums])
    features = []
    for i in range(step.pooling):
        for j in range(step.pooling):
            down = range(i * len(tops) // step.pooling, (i + 1) * len(tops) // step.pooling)
            across = range(j * len(lefts) // step.pooling, (j + 1) * len(lefts) // step.pooling)
            cell = [units[y][x] for y in down for x in across]
            features += [sum(column) // len(cell) for column in zip(*cell, strict=True)]
    return features


@st.composite
def convolutions(draw):
    side, stride, pooling = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    least = side + stride * (pooling - 1)
    image = (draw(st.integers(least, least + 4)), draw(st.integers(least, least + 4)), draw(st.integers(1, 3)))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    filters = draw(st.integers(1, 4))
    largest = 1 << draw(st.sampled_from([4, 12, 30]))
    return Convolution(
        random.integers(-largest, largest, (side * side * image[2], filters)),
        random.integers(-largest, largest, filters),
        image,
        side,
        stride,
        pooling,
        draw(st.sampled_from([0, 3, 10, 40])),
    )


@settings(deadline=None, max_examples=60)
@given(convolutions(), st.integers(0, 2**32))
def test_features_are_those_of_plain_loops(step, seed):
    inputs = int(np.prod(step.image))
    rows = np.random.default_rng(seed).integers(-LARGEST_FEATURE, LARGEST_FEATURE, (3, inputs), endpoint=True)
    feature_map = FeatureMap(inputs, (step,))
    assert feature_map.transform(rows).tolist() == [plain(step, row) for row in rows.tolist()]
    specs, tensors = feature_map.to_spec()
    again = FeatureMap.from_spec(inputs, json.loads(json.dumps(specs)), tensors)
    assert np.array_equal(again.transform(rows), feature_map.transform(rows))


def test_features_do_not_depend_on_how_many_images_there_are(monkeypatch):
    step = Convolution.draw((8, 8, 1), 5, 0, side=3, stride=1, pooling=2)
    rows = np.random.default_rng(0).integers(0, ONE + 1, (50, 64))
    whole = step.apply(rows)
    monkeypatch.setattr("syft.nn.layers.convolution._BATCH", 1)
    assert np.array_equal(step.apply(rows), whole)
    assert step.apply(rows[:0]).shape == (0, 20)


def test_features_follow_the_vectors(vectors):
    vector = vectors("convolution")
    tensors = {name: np.array(values, dtype=np.int32) for name, values in vector["tensors"].items()}
    feature_map = FeatureMap.from_spec(vector["inputs"], vector["steps"], tensors)
    assert feature_map.transform(np.array(vector["rows"], dtype=np.int64)).tolist() == vector["features"]


GOOD = {
    "step": "convolution",
    "filters": "f",
    "bias": "b",
    **{"height": 6, "width": 5, "channels": 2, "side": 3, "stride": 1, "pooling": 3, "shift": 10},
}
TENSORS = {"f": np.ones((18, 4), dtype=np.int32), "b": np.ones(4, dtype=np.int32)}


@pytest.mark.parametrize(
    ("changes", "tensors", "why"),
    [
        ({"height": 0}, {}, "height must be"),
        ({"width": 5.0}, {}, "width must be"),
        ({"channels": True}, {}, "channels must be"),
        ({"stride": 0}, {}, "stride must be"),
        ({"stride": 1 << 13}, {}, "stride must be"),
        ({"shift": 41}, {}, "shift must be"),
        ({"side": 2}, {}, "filters of 18 numbers for patches of 2 x 2 x 2"),
        ({"pooling": 4}, {}, "4 x 3 patches cannot be pooled into 4 x 4"),
        ({"height": 2}, {}, "0 x 3 patches"),
        ({"stride": 2}, {}, "2 x 2 patches cannot be pooled into 3 x 3"),
        ({"height": 4096, "width": 4096}, {}, "exceed 4194304 units"),
        ({"height": 7}, {}, "images of 7 x 5 x 2 do not have 60 columns"),
        ({"filters": "x"}, {}, "no frozen tensor 'x'"),
        ({}, {"b": np.ones(3, dtype=np.int32)}, "4 filters and 3 biases"),
        ({}, {"f": np.ones((18, 4))}, "signed integers"),
        ({}, {"f": np.ones(18, dtype=np.int32)}, "2 dimensions"),
        ({"padding": 1}, {}, "takes bias, channels, filters"),
    ],
)
def test_steps_that_are_refused(changes, tensors, why):
    assert FeatureMap.from_spec(60, [GOOD], TENSORS).outputs == 36
    with pytest.raises(FeatureError, match=why):
        FeatureMap.from_spec(60, [{**GOOD, **changes}], {**TENSORS, **tensors})


@pytest.fixture(scope="module")
def digits():
    """Digits, divided into training and held-out rows."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(3).permutation(len(y))
    X, y = X[order] / 16, y[order]
    return (X[:360], y[:360]), (X[360:], y[360:])


def test_digits(digits):
    held_out, others = digits
    model = RandomFeatureClassifier(504, layer="convolution", mu=1e-4).fit(*others)
    assert model.shape == (505, 10)
    assert model.score(*held_out) >= 0.985


def test_digits_from_four_mines(digits):
    """Mines update the weights in turn, as in a Campaign that applies every Gradient with step size 4."""
    (X, y), (others, answers) = digits
    model = RandomFeatureClassifier(504, 64, 10, layer="convolution", mu=3e-3).with_initial_weights()
    maps = [
        model.gradient_map(model.statistics(quantise(others[mine::4]), answers[mine::4, None])) for mine in range(4)
    ]
    for map_ in maps * 2:
        model = model.apply(map_.delta(model.weights_, model.fixed_point), 4)
    assert model.score(X, y) >= 0.985


def test_a_described_model_is_the_same_model():
    model = RandomFeatureClassifier(64, 192, 3, layer="convolution", image=(8, 8, 3))
    spec, tensors = model.to_spec()
    again = from_spec(json.loads(json.dumps(spec)), tensors)
    assert again.to_spec()[0] == spec
    assert (again.layer, again.image, again.features) == ("convolution", (8, 8, 3), 63)
    rows = np.random.default_rng(0).integers(0, ONE + 1, (4, 192))
    assert np.array_equal(again.features_.transform(rows), model.features_.transform(rows))


@pytest.mark.parametrize(
    ("inputs", "options", "why"),
    [
        (63, {}, "63 columns are not a square image"),
        (25, {}, "at least 6 x 6 pixels"),
        (64, {"image": (8, 8, 0)}, "8 x 8 x 0"),
        (64, {"image": (8, 4, 1)}, "6 x 6 pixels"),
        (128, {"image": (8, 8, 1)}, "not have 128 columns"),
        (64, {"features": 8}, "at least 9 features"),
    ],
)
def test_images_that_are_refused(inputs, options, why):
    options = {"features": 90, "inputs": inputs, "outputs": 2, "layer": "convolution", **options}
    with pytest.raises((ModelSpecError, FeatureError), match=why):
        RandomFeatureClassifier(**options).with_initial_weights()
