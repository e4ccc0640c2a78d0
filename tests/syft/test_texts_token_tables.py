"""Token tables: means in Python integers, and validation."""

from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syft import wire
from syft.errors import FeatureError
from syft.nn import ONE
from syft.texts import TokenTable
from syft.texts.token_tables import MOST_TOKENS

TABLE = TokenTable(np.random.default_rng(0).integers(-(1 << 15), 1 << 15, (20, 3), endpoint=True))


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 19), max_size=12), max_size=4))
def test_rows_are_averages_rounded_down(texts):
    rows = TABLE.transform(texts)
    assert rows.dtype == np.int64
    table = TABLE.table.tolist()
    plain = [
        [sum(table[token][column] for token in tokens) // len(tokens) if tokens else 0 for column in range(3)]
        for tokens in texts
    ]
    assert rows.tolist() == plain
    assert rows.shape == (len(texts), 3)


@settings(deadline=None)
@given(st.floats(-20, 20), st.floats(0.1, 4))
def test_an_embedding_is_rounded_once(number, scale):
    found = TokenTable.from_embedding([[number]], scale).table[0, 0]
    exact = number * scale * ONE
    assert found == max(-(1 << 15), min(1 << 15, round(exact)))
    assert abs(found - exact) <= 0.5 or abs(exact) > (1 << 15) - 1
    assert floor(found) == found


@pytest.mark.parametrize("largest", [5, (1 << 15) - 1, 1 << 15])
def test_a_table_is_published_and_read_again(largest):
    table = TokenTable(np.array([[largest, -largest], [0, 1]], dtype=np.int64))
    again = TokenTable.from_tensors(wire.loads_arrays(wire.dumps_arrays(table.to_tensors())))
    assert np.array_equal(again.table, table.table)


@pytest.mark.parametrize(
    ("tokens", "why"),
    [
        ([20], "vocabulary of 20"),
        ([-1], "vocabulary of 20"),
        ([1.0], "integers"),
        ([True], "integers"),
        ([[1]], "a list"),
        (["a"], "integers"),
        ([0] * (MOST_TOKENS + 1), "at most 65536"),
    ],
)
def test_tokens_that_are_refused(tokens, why):
    with pytest.raises(FeatureError, match=f"row 1: .*{why}"):
        TABLE.transform([[0], tokens])


@pytest.mark.parametrize(
    "table",
    [
        np.zeros(3, dtype=np.int64),
        np.zeros((0, 3), dtype=np.int64),
        np.zeros((2, 3)),
        np.full((1, 1), (1 << 15) + 1),
        np.full((1, 1), -(1 << 63)),
        np.zeros((1, (1 << 16) + 1), dtype=np.int64),
    ],
)
def test_tables_that_are_refused(table):
    with pytest.raises(FeatureError):
        TokenTable(table)


@pytest.mark.parametrize("weights", [[["a"]], [[float("nan")]], [[float("inf")]], [1.0], [[1], [1, 2]]])
def test_embeddings_that_are_refused(weights):
    with pytest.raises(FeatureError):
        TokenTable.from_embedding(weights)


@pytest.mark.parametrize(
    "tensors",
    [{}, {"weights": TABLE.table}, {"table": TABLE.table.astype(np.float32)}, {"table": TABLE.table[0]}],
)
def test_blobs_that_are_refused(tensors):
    with pytest.raises(FeatureError):
        TokenTable.from_tensors(tensors)
