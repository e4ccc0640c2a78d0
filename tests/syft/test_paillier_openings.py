"""True openings verify, and false ones do not."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import cases

from syft.errors import OpeningInvalidError
from syft.paillier import IntegerTensor, Openings, Packing, unpack, verify_openings


@settings(deadline=None, max_examples=30)
@given(cases(512), st.integers(-50, 50))
def test_true_openings(private, public, case, factor):
    # The result of arithmetic, as are the ciphertexts that a Campaign opens.
    tensor = public.encrypt(case.tensor, case.packing) * factor + case.tensor
    openings = private.open(tensor)
    verify_openings(tensor, openings)
    assert unpack(openings.plaintexts, tensor).values.tolist() == (case.tensor * factor + case.tensor).values.tolist()
    n, n2 = int(public.n), int(public.nsquare)
    for ciphertext, m, r in zip(tensor.ciphertexts, openings.plaintexts, openings.roots, strict=True):
        assert (1 + n * m) * pow(r, n, n2) % n2 == ciphertext


@pytest.fixture(scope="module")
def opened(private, public):
    values = np.arange(-10, 10).reshape(5, 4)
    tensor = public.encrypt(IntegerTensor(values, 0, 100), Packing(40, 2))
    return tensor, private.open(tensor)


def swapped(numbers):
    return [numbers[1], numbers[0], *numbers[2:]]


@pytest.mark.parametrize(
    "forge",
    [
        lambda o, n: replace(o, plaintexts=[o.plaintexts[0] + 1, *o.plaintexts[1:]]),
        lambda o, n: replace(o, plaintexts=swapped(o.plaintexts)),
        lambda o, n: replace(o, plaintexts=[*o.plaintexts[:-1], 0]),
        lambda o, n: replace(o, roots=swapped(o.roots)),
        lambda o, n: replace(o, roots=[*o.roots[:-1], 1]),
        lambda o, n: Openings(swapped(o.plaintexts), swapped(o.roots)),
        # Errors that cancel in a product without random exponents.
        lambda o, n: replace(o, plaintexts=[o.plaintexts[0] + 1, o.plaintexts[1] - 1, *o.plaintexts[2:]]),
        lambda o, n: replace(o, roots=[o.roots[0] * 2 % n, o.roots[1] * pow(2, -1, n) % n, *o.roots[2:]]),
    ],
)
def test_forged_openings(opened, forge):
    tensor, openings = opened
    with pytest.raises(OpeningInvalidError, match="does not hold"):
        verify_openings(tensor, forge(openings, int(tensor.context.n)))


@pytest.mark.parametrize(
    "forge",
    [
        lambda o, n: replace(o, plaintexts=o.plaintexts[:-1]),
        lambda o, n: replace(o, roots=[*o.roots, 1]),
        lambda o, n: Openings([], []),
        lambda o, n: replace(o, plaintexts=[o.plaintexts[0] + n, *o.plaintexts[1:]]),
        lambda o, n: replace(o, roots=[0, *o.roots[1:]]),
        lambda o, n: replace(o, roots=[o.roots[0] + n, *o.roots[1:]]),
        lambda o, n: replace(o, roots=[-o.roots[0], *o.roots[1:]]),
    ],
)
def test_openings_of_wrong_count_or_range(opened, forge):
    tensor, openings = opened
    with pytest.raises(OpeningInvalidError, match=r"openings for|out of range"):
        verify_openings(tensor, forge(openings, int(tensor.context.n)))


def test_openings_of_another_tensor(opened):
    tensor, openings = opened
    with pytest.raises(OpeningInvalidError):
        verify_openings(tensor.rerandomise(), openings)
