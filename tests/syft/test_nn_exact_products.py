"""Matrix products compared with Python integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import integers

from syft.errors import FeatureError, StatisticsError
from syft.nn import LocalStatistics
from syft.nn._exact_products import gram, matmul, matmul_big

quick = settings(deadline=None, max_examples=60)


def product(left, right):
    return (np.array(left, dtype=object) @ np.array(right, dtype=object)).tolist()


@st.composite
def pairs(draw, left_bits, right_bits):
    rows, inner, columns = draw(st.integers(1, 5)), draw(st.integers(1, 6)), draw(st.integers(1, 4))

    def matrix(height, width, bits):
        entry = integers((1 << draw(st.integers(1, bits))) - 1)
        return draw(st.lists(st.lists(entry, min_size=width, max_size=width), min_size=height, max_size=height))

    return matrix(rows, inner, left_bits), matrix(inner, columns, right_bits)


@quick
@given(pairs(29, 30))
def test_products_of_machine_integers(pair):
    left, right = (np.array(matrix, dtype=np.int64) for matrix in pair)
    assert matmul(left, right).tolist() == product(*pair)


def test_products_where_floats_would_round():
    odd = (1 << 27) + 1
    left, right = np.full((1, 3), odd), np.full((3, 1), odd)
    assert matmul(left, right).tolist() == [[3 * odd * odd]]
    tall, sum_of_squares = np.full((5, 1), (1 << 26) - 1), 5 * ((1 << 26) - 1) ** 2
    assert gram(tall, tall).tolist() == [[sum_of_squares]]
    assert sum_of_squares > 1 << 53


@quick
@given(pairs(26, 26))
def test_sums_over_rows(pair):
    left, right = (np.array(matrix, dtype=np.int64) for matrix in pair)
    assert gram(left.T.copy(), right).tolist() == product(*pair)


@quick
@given(pairs(16, 300))
def test_products_with_integers_of_any_size(pair):
    left, right = np.array(pair[0], dtype=np.int64), np.array(pair[1], dtype=object)
    assert matmul_big(left, right).tolist() == product(*pair)


def test_products_that_no_machine_integer_holds():
    large = np.full((1, 4), 1 << 31, dtype=np.int64)
    with pytest.raises(FeatureError, match="64-bit"):
        matmul(large, large.T * 2)
    with pytest.raises(FeatureError):
        gram(large, large)
    with pytest.raises(FeatureError, match="no room"):
        matmul_big(np.full((1, 4), 1 << 50, dtype=np.int64), np.ones((4, 1), dtype=object))


rows = st.lists(
    st.tuples(st.lists(integers(1 << 15), min_size=3, max_size=3), st.lists(integers(1 << 10), min_size=2, max_size=2)),
    min_size=1,
    max_size=12,
)


def arrays(part):
    return np.array([x for x, _ in part], dtype=np.int64), np.array([y for _, y in part], dtype=np.int64)


@quick
@given(rows, st.integers(1, 12))
def test_statistics_do_not_depend_on_how_rows_are_cut(data, size):
    whole = LocalStatistics.from_rows(*arrays(data))
    pieces = [arrays(data[start : start + size]) for start in range(0, len(data), size)]
    for other in (LocalStatistics.from_chunks(pieces), sum_of(pieces)):
        assert other.gram.tolist() == whole.gram.tolist()
        assert other.cross.tolist() == whole.cross.tolist()
        assert other.rows == whole.rows == len(data)
    columns = list(zip(*(x for x, _ in data), strict=True))
    answers = list(zip(*(y for _, y in data), strict=True))
    assert whole.gram.tolist() == [[dot(a, b) for b in columns] for a in columns]
    assert whole.cross.tolist() == [[dot(a, b) for b in answers] for a in columns]


def sum_of(pieces):
    total = LocalStatistics.from_rows(*pieces[0])
    for piece in pieces[1:]:
        total = total + LocalStatistics.from_rows(*piece)
    return total


def dot(left, right):
    return sum(a * b for a, b in zip(left, right, strict=True))


def test_sums_beyond_a_machine_integer_are_refused():
    half = np.full((1, 1), 1 << 62, dtype=np.int64)
    for sign in (1, -1):
        full = LocalStatistics(half * sign, half * sign, 1)
        with pytest.raises(StatisticsError, match="64-bit"):
            full + full + full
    mixed = LocalStatistics(half, half, 1) + LocalStatistics(-half, -half, 1)
    assert mixed.gram.tolist() == [[0]]


def test_statistics_that_do_not_fit():
    one = LocalStatistics(np.eye(2, dtype=np.int64), np.ones((2, 1), dtype=np.int64), 3)
    with pytest.raises(StatisticsError, match="one Model"):
        one + LocalStatistics(np.eye(3, dtype=np.int64), np.ones((3, 1), dtype=np.int64), 3)
    with pytest.raises(StatisticsError, match="2 targets"):
        LocalStatistics.from_rows(np.ones((3, 2), dtype=np.int64), np.ones((2, 1), dtype=np.int64))
    with pytest.raises(StatisticsError, match="no rows"):
        LocalStatistics.from_chunks([])
    nothing = LocalStatistics.from_rows(np.ones((0, 2), dtype=np.int64), np.ones((0, 1), dtype=np.int64))
    with pytest.raises(StatisticsError, match="no rows"):
        nothing.means()
