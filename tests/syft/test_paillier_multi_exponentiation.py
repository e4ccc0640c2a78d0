"""Multi-exponentiation compared with separate powers."""

import math

import numpy as np
import pytest
from gmpy2 import mpz
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import matrices

from syft.kernel import ring
from syft.paillier._batch_inversion import invert_all
from syft.paillier._fixed_base import FixedBasePower
from syft.paillier._multi_exponentiation import multi_exponentiate, product_of_powers

# A prime, so that every base is invertible.
MODULUS = 2**127 - 1
bases = st.integers(1, MODULUS - 1)


def one_by_one(numbers, exponents):
    product = 1
    for number, exponent in zip(numbers, exponents, strict=True):
        product = product * pow(number, exponent, MODULUS) % MODULUS
    return product


@settings(deadline=None)
@given(st.data(), st.integers(1, 9), st.integers(1, 12), st.sampled_from([1, 2, 100, 255, 256, 1 << 31, (1 << 61) - 1]))
def test_products_of_powers(data, rows, columns, largest):
    numbers = data.draw(st.lists(bases, min_size=columns, max_size=columns))
    exponents = data.draw(matrices(rows, columns, largest))
    whole = ring(MODULUS)
    found = whole.unload(multi_exponentiate(whole, [mpz(n) for n in numbers], exponents))
    assert found == [one_by_one(numbers, row) for row in exponents.tolist()]


def test_a_large_matrix_with_a_heavy_diagonal():
    random = np.random.default_rng(0)
    exponents = random.integers(-12, 13, (60, 60)) - 250 * np.eye(60, dtype=np.int64)
    numbers = [int(n) for n in random.integers(1, 1 << 62, 60)]
    whole = ring(MODULUS)
    found = whole.unload(multi_exponentiate(whole, [mpz(n) for n in numbers], exponents))
    assert found == [one_by_one(numbers, row) for row in exponents.tolist()]


@settings(deadline=None)
@given(st.lists(st.tuples(bases, st.integers(0, (1 << 130) - 1)), min_size=1, max_size=40))
def test_one_product_with_large_exponents(pairs):
    numbers, exponents = zip(*pairs, strict=True)
    assert product_of_powers(ring(MODULUS), numbers, exponents) == one_by_one(numbers, exponents)


@settings(deadline=None)
@given(st.lists(bases, min_size=1, max_size=19), st.data())
def test_inverses_of_the_first_few(numbers, data):
    whole, count = ring(MODULUS), data.draw(st.one_of(st.none(), st.integers(0, len(numbers))))
    inverses, of_product = invert_all(whole, whole.load(numbers), count)
    assert whole.unload(inverses) == [pow(number, -1, MODULUS) for number in numbers[:count]]
    assert whole.unload(of_product) == [pow(math.prod(numbers), -1, MODULUS)]


def test_no_inverse():
    whole = ring(35)
    with pytest.raises(ZeroDivisionError):
        invert_all(whole, whole.load([2, 15, 3]))


@settings(deadline=None)
@given(bases, st.integers(1, 40), st.data())
def test_powers_of_a_fixed_base(base, bits, data):
    whole = ring(MODULUS)
    powers = FixedBasePower(whole, base, bits, cofactor=5)
    exponents = [0, 1, (1 << bits) - 1, data.draw(st.integers(0, (1 << bits) - 1))]
    expected = [pow(base, exponent, MODULUS) for exponent in exponents]
    assert whole.unload(powers.powers(exponents)) == expected
    others = powers.powers([e + (1 << bits) for e in exponents])
    assert whole.unload(others) == [5 * x % MODULUS for x in expected]
