"""Conversion of scalars to phe and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phe import PaillierPublicKey

from syft.errors import CiphertextInvalidError, TensorMismatchError
from syft.paillier import (
    IntegerTensor,
    Packing,
    from_encrypted_numbers,
    generate_insecure_keypair,
    to_encrypted_numbers,
)

values = st.lists(st.lists(st.integers(-(1 << 40), 1 << 40), min_size=2, max_size=2), min_size=1, max_size=3)


@settings(deadline=None, max_examples=25)
@given(values, st.integers(0, 45))
def test_phe_reads_a_tensor_and_calculates_with_it(private, public, rows, exponent):
    tensor = public.encrypt(IntegerTensor(np.array(rows), exponent, 1 << 40), Packing(120, 1))
    numbers = to_encrypted_numbers(tensor)
    for row, line in zip(numbers, rows, strict=True):
        for number, integer in zip(row, line, strict=True):
            assert private.private_key.decrypt(number) == integer / (1 << exponent)
            assert private.private_key.decrypt(number * 2 + 1) == integer / (1 << exponent) * 2 + 1


@settings(deadline=None, max_examples=25)
@given(st.lists(st.one_of(st.integers(-999, 999), st.sampled_from([0.5, -0.0625, 3.25])), min_size=1, max_size=4))
def test_syft_reads_numbers_of_phe(private, public, numbers):
    encrypted = [public.public_key.encrypt(number) for number in numbers]
    tensor = from_encrypted_numbers(public, [encrypted], 1 << 200)
    assert private.decrypt(tensor).to_floats().tolist() == [numbers]
    assert tensor.exponent >= 0


def test_there_and_back(private, public):
    tensor = public.encrypt(IntegerTensor(np.array([[3, -4], [5, 6]]), 7, 100), Packing(120, 1))
    again = from_encrypted_numbers(public, to_encrypted_numbers(tensor), 200)
    assert private.decrypt(again).to_floats().tolist() == private.decrypt(tensor).to_floats().tolist()


def test_what_cannot_be_converted(public):
    with pytest.raises(TensorMismatchError, match="2"):
        to_encrypted_numbers(public.encrypt(IntegerTensor(np.array([[1, 2]]), 0, 9), Packing(20, 2)))
    stranger = PaillierPublicKey(generate_insecure_keypair(512)[0].n)
    with pytest.raises(CiphertextInvalidError) as caught:
        from_encrypted_numbers(public, [[public.public_key.encrypt(1), stranger.encrypt(1)]], 9)
    assert caught.value.index == 1
    one = public.public_key.encrypt(1)
    for rows in ([], [[]], [[one], [one, one]]):
        with pytest.raises(TensorMismatchError):
            from_encrypted_numbers(public, rows, 9)
