"""Encrypted tensors compared with arithmetic on Python integers, and bounds with the largest possible results."""

import operator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import cases, matrices, tensors

from syft.errors import CiphertextInvalidError, PlaintextRangeError, SlotOverflowError, TensorMismatchError
from syft.paillier import (
    EncryptedTensor,
    IntegerTensor,
    Packing,
    PrivateContext,
    PublicContext,
    generate_insecure_keypair,
    row_bound,
)

BITS = 512
quick = settings(deadline=None, max_examples=40)


def same(found, expected):
    assert found.exponent == expected.exponent
    assert found.bound == expected.bound
    assert found.values.tolist() == expected.values.tolist()


def test_tensors_are_compared_by_identity(public):
    """Comparing their arrays would raise ValueError, and comparing ciphertexts says nothing about plaintexts."""
    clear = IntegerTensor(np.array([[1, 2]]), 0, 4)
    encrypted = public.encrypt(clear, Packing(8, 2))
    for tensor in (clear, encrypted):
        assert tensor == tensor
        assert tensor != replace(tensor)
        assert len({tensor, replace(tensor)}) == 2


@quick
@given(cases(BITS))
def test_encryption_by_either_side_is_decrypted(private, public, case):
    for context in (private, public):
        encrypted = context.encrypt(case.tensor, case.packing)
        assert encrypted.shape == case.tensor.shape
        same(private.decrypt(encrypted), case.tensor)


@quick
@given(cases(BITS), st.data())
@pytest.mark.parametrize("operation", [operator.add, operator.sub])
def test_sums_and_differences(private, public, operation, case, data):
    one = case.tensor
    other = data.draw(tensors(*one.shape, one.bound))
    expected = [
        [operation(a, b) for a, b in zip(left, right, strict=True)]
        for left, right in zip(one.values.tolist(), other.values.tolist(), strict=True)
    ]
    first, second = (public.encrypt(tensor, case.packing) for tensor in (one, other))
    for result in (operation(first, second), operation(first, other), operation(one, second)):
        decrypted = private.decrypt(result)
        assert decrypted.values.tolist() == expected
        assert decrypted.bound == one.bound + other.bound
    same(operation(one, other), decrypted)


@quick
@given(cases(BITS), st.integers(-4095, 4095))
def test_integer_multiples(private, public, case, factor):
    encrypted = public.encrypt(case.tensor, case.packing)
    for result in (encrypted * factor, factor * encrypted, encrypted * np.int64(factor)):
        decrypted = private.decrypt(result)
        assert decrypted.values.tolist() == [[m * factor for m in row] for row in case.tensor.values.tolist()]
        same(case.tensor * factor, decrypted)
    assert private.decrypt(-encrypted).values.tolist() == (-case.tensor).values.tolist()


@quick
@given(cases(BITS), st.integers(0, 12))
def test_shifts_keep_the_values(private, public, case, bits):
    shifted = private.decrypt(public.encrypt(case.tensor, case.packing).shift(bits))
    same(shifted, case.tensor.shift(bits))
    assert shifted.exponent == case.tensor.exponent + bits
    assert np.array_equal(shifted.to_floats(), case.tensor.to_floats())


@quick
@given(cases(BITS), st.integers(1, 4), st.data())
def test_matrix_products(private, public, case, rows, data):
    matrix = data.draw(matrices(rows, case.tensor.shape[0], 1000))
    product = private.decrypt(matrix @ public.encrypt(case.tensor, case.packing))
    columns = list(zip(*case.tensor.values.tolist(), strict=True))
    expected = [[sum(a * m for a, m in zip(row, column, strict=True)) for column in columns] for row in matrix.tolist()]
    assert product.values.tolist() == expected
    assert product.bound == case.tensor.bound * max(sum(abs(a) for a in row) for row in matrix.tolist())
    same(matrix @ case.tensor, product)


@quick
@given(cases(BITS, spare_bits=12), st.integers(1, 4), st.data())
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_affine_maps_come_under_fresh_randomness(private, threads, case, rows, data):
    matrix = data.draw(matrices(rows, case.tensor.shape[0], 100))
    offset = data.draw(tensors(rows, case.tensor.shape[1], case.tensor.bound))
    expected = case.tensor.affine(matrix, offset)
    same(matrix @ case.tensor + offset, expected)
    for context in (PublicContext(private.public_key, threads=threads), private):
        encrypted = context.encrypt(case.tensor, case.packing)
        first, second, bare = (*(encrypted.affine(matrix, offset) for _ in range(2)), matrix @ encrypted + offset)
        same(private.decrypt(first), expected)
        for one, other in ((first, second), (first, bare)):
            assert not set(one.ciphertexts) & set(other.ciphertexts)
    with pytest.raises(TensorMismatchError):
        encrypted.affine(matrix, offset.shift(1))
    with pytest.raises(PlaintextRangeError):
        encrypted.affine(matrix, replace(offset, values=offset.values * 0 + offset.bound + 1))


@quick
@given(cases(BITS))
def test_rerandomising_changes_every_ciphertext_and_no_integer(private, public, case):
    encrypted = public.encrypt(case.tensor, case.packing)
    for owner in (public, private):
        again = replace(encrypted, context=owner).rerandomise()
        assert not set(again.ciphertexts) & set(encrypted.ciphertexts)
        same(private.decrypt(again), case.tensor)


@quick
@given(cases(BITS, spare_bits=1))
def test_overflow_is_refused_before_anything_is_computed(public, case):
    # These are not ciphertexts, so any computation would fail.
    encrypted = replace(public.encrypt(case.tensor, case.packing), ciphertexts=[None] * case.ciphertexts)
    factor = (1 << (case.packing.slot_bits - 1)) // case.tensor.bound + 1
    full = np.full((1, case.tensor.shape[0]), factor, dtype=object)
    for overflow in (
        lambda: encrypted * factor,
        lambda: encrypted.shift(factor.bit_length()),
        lambda: encrypted + (case.tensor * factor),
        lambda: encrypted.with_bound(case.tensor.bound * factor),
        lambda: public.encrypt(case.tensor * factor, case.packing),
    ):
        with pytest.raises(SlotOverflowError) as caught:
            overflow()
        assert caught.value.slot_bits == case.packing.slot_bits
    if factor < 1 << 31:
        with pytest.raises(SlotOverflowError):
            full.astype(np.int64) @ encrypted


def test_the_largest_integers_a_slot_holds(private):
    packing = Packing(10, 3)
    corner = IntegerTensor(np.array([[511, -511, 511, -511], [-511, -511, -511, 511]]), 0, 511)
    same(private.decrypt(private.encrypt(corner, packing)), corner)


def test_operands_that_do_not_fit(private, public):
    packing = Packing(40, 2)
    one = public.encrypt(IntegerTensor(np.array([[1, 2, 3]]), 4, 10), packing)
    stranger = PrivateContext(generate_insecure_keypair(512)[1])
    for other in (
        IntegerTensor(np.array([[1, 2, 3]]), 5, 10),
        IntegerTensor(np.array([[1, 2]]), 4, 10),
        stranger.encrypt(IntegerTensor(np.array([[1, 2, 3]]), 4, 10), packing),
        private.encrypt(IntegerTensor(np.array([[1, 2, 3]]), 4, 10), Packing(41, 2)),
    ):
        with pytest.raises(TensorMismatchError):
            one + other
    wide = np.full((1, 1), -(1 << 63))
    for matrix in (np.ones((2, 2), dtype=np.int64), np.ones((2, 1)), np.ones(1, dtype=np.int64), wide, -(wide + 1)):
        with pytest.raises(TensorMismatchError):
            matrix @ one
    for negative in (one.shift, IntegerTensor(np.array([[1]]), 4, 10).shift):
        with pytest.raises(TensorMismatchError):
            negative(-1)


@pytest.mark.parametrize("factor", [1.0, True, "2", None])
def test_only_integers_multiply(public, factor):
    tensor = IntegerTensor(np.array([[1]]), 0, 10)
    for operand in (tensor, public.encrypt(tensor, Packing(40, 1))):
        with pytest.raises(TypeError):
            operand * factor


@pytest.mark.parametrize("operand", [1, 2.5, "x"])
def test_only_tensors_are_added(public, operand):
    tensor = IntegerTensor(np.array([[1]]), 0, 10)
    for one in (tensor, public.encrypt(tensor, Packing(40, 1))):
        for operation in (operator.add, operator.sub):
            with pytest.raises(TypeError):
                operation(one, operand)


@pytest.mark.parametrize("values", [np.zeros((2, 2)), np.zeros(3, dtype=np.int64), np.zeros((0, 2), dtype=np.int64)])
def test_what_is_no_matrix_of_integers(values):
    with pytest.raises(TensorMismatchError):
        IntegerTensor(values, 0, 1)


def test_tensors_whose_parts_do_not_fit(public):
    tensor = public.encrypt(IntegerTensor(np.array([[1, 2], [3, 4]]), 0, 10), Packing(40, 1))
    with pytest.raises(CiphertextInvalidError):
        replace(tensor, shape=(2, 1))
    with pytest.raises(TensorMismatchError):
        EncryptedTensor(public, tensor.ciphertexts[:2], (2, 2), Packing(300, 2), 0, 10)


def test_ciphertext_bytes_are_as_wide_as_the_square_of_the_modulus(public):
    tensor = public.encrypt(IntegerTensor(np.array([[1, 2], [3, 4]]), 0, 10), Packing(40, 1))
    assert [len(data) for data in tensor.ciphertext_bytes()] == [128] * 4
    assert [int.from_bytes(data, "big") for data in tensor.ciphertext_bytes()] == tensor.ciphertexts


floats = st.floats(-1e6, 1e6)


@settings(deadline=None)
@given(st.lists(st.lists(floats, min_size=2, max_size=2), min_size=1, max_size=4), st.integers(0, 200))
def test_floats_to_the_nearest_fixed_point_number(values, exponent):
    tensor = IntegerTensor.from_floats(np.array(values), exponent, 1 << 230)
    for row, line in zip(tensor.values.tolist(), values, strict=True):
        for integer, value in zip(row, line, strict=True):
            assert abs(Fraction(integer, 1 << exponent) - Fraction(value)) * 2 <= Fraction(1, 1 << exponent)


@settings(deadline=None)
@given(st.integers(-(1 << 80), 1 << 80), st.integers(0, 60), st.integers(0, 80))
def test_requantising_to_the_nearest(integer, exponent, to):
    coarser = IntegerTensor(np.array([[integer]], dtype=object), exponent, 1 << 80).requantise(to)
    exact, found = Fraction(integer, 1 << exponent), Fraction(int(coarser.values[0, 0]), 1 << to)
    assert abs(found - exact) * 2 <= Fraction(1, 1 << to)
    assert coarser.exponent == to
    coarser.check_bound()


def test_the_first_integer_beyond_the_bound_is_named():
    with pytest.raises(PlaintextRangeError) as caught:
        IntegerTensor(np.array([[1, -10], [11, -12]]), 0, 10).check_bound()
    assert (caught.value.row, caught.value.column, caught.value.bits) == (1, 0, 4)
    IntegerTensor(np.array([[10, -10]]), 0, 10).check_bound()


@pytest.mark.parametrize("values", [[[float("nan")]], [[float("inf")]], [1.0]])
def test_floats_that_are_no_weights(values):
    with pytest.raises(TensorMismatchError):
        IntegerTensor.from_floats(np.array(values), 8, 100)


def test_the_norm_of_a_matrix():
    assert row_bound(np.array([[1, -2, 3], [0, 0, -5]])) == 6
    assert row_bound(np.zeros((0, 3), dtype=np.int64)) == 0


def test_an_integer_beyond_its_own_bound_never_gets_in(public):
    honest = IntegerTensor(np.array([[1, 2]]), 0, 10)
    broken = IntegerTensor(np.array([[1, 11]]), 0, 10)
    packing = Packing(40, 2)
    for use in (
        lambda: public.encrypt(broken, packing),
        lambda: public.encrypt(honest, packing) + broken,
        lambda: public.encrypt(honest, packing) - broken,
    ):
        with pytest.raises(PlaintextRangeError) as caught:
            use()
        assert (caught.value.row, caught.value.column) == (0, 1)
