"""Packing: exact within its bounds, and typed errors outside."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import integers

from syft.errors import PlaintextRangeError, SlotOverflowError
from syft.paillier import IntegerTensor, Packing, unpack

rows = st.integers(2, 70).flatmap(
    lambda bits: st.tuples(st.just(bits), st.lists(integers((1 << (bits - 1)) - 1), min_size=1, max_size=9))
)


@settings(deadline=None)
@given(rows, st.integers(1, 4))
def test_unpack_is_the_inverse_of_pack(row, slots):
    bits, values = row
    packing = Packing(bits, slots)
    plaintexts = packing.pack_row(values)
    assert len(plaintexts) == packing.plaintexts(len(values))
    found = []
    for start, plaintext in zip(range(0, len(values), slots), plaintexts, strict=True):
        part, rest = packing.unpack(plaintext, min(slots, len(values) - start))
        assert rest == 0
        found += part
    assert found == values


@settings(deadline=None)
@given(rows)
def test_packing_is_the_sum_it_says(row):
    bits, values = row
    assert Packing(bits, len(values)).pack_row(values) == [sum(m * 2 ** (bits * c) for c, m in enumerate(values))]


@settings(deadline=None)
@given(st.integers(8, 64), st.lists(st.integers(-100, 100), min_size=1, max_size=5), st.integers(1, 9))
def test_what_lies_above_the_slots_is_seen(bits, values, stray):
    packing = Packing(bits, len(values))
    (plaintext,) = packing.pack_row(values)
    found, rest = packing.unpack(plaintext + (stray << (bits * len(values))), len(values))
    assert found == values
    assert rest == stray


@settings(deadline=None)
@given(st.sampled_from([512, 2048, 3072]), st.integers(1, 300), st.integers(2, 500))
def test_the_widest_slots_in_the_fewest_plaintexts(n_bits, columns, needed):
    packing = Packing.for_shape(n_bits, columns, needed)
    room = n_bits - 2
    assert packing.slot_bits >= needed
    assert packing.slot_bits * packing.slots <= room
    # With one plaintext fewer, some row would need narrower slots than `needed`.
    fewer = packing.plaintexts(columns) - 1
    assert fewer == 0 or room // -(-columns // fewer) < needed
    # And no wider slot holds as many columns.
    assert (packing.slot_bits + 1) * packing.slots > room


def test_a_slot_wider_than_a_plaintext():
    with pytest.raises(SlotOverflowError) as caught:
        Packing.for_shape(512, 1, 511)
    assert caught.value.slot_bits == 510


def test_the_bound_of_a_slot():
    packing = Packing(8, 2)
    assert packing.holds(127)
    assert not packing.holds(128)
    packing.require(127)
    with pytest.raises(SlotOverflowError) as caught:
        packing.require(128)
    assert (caught.value.bound, caught.value.slot_bits) == (128, 8)


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_decryption_names_the_integer_out_of_range(private, data):
    packing = Packing(20, 3)
    values = np.array(
        data.draw(st.lists(st.lists(st.integers(-50, 50), min_size=4, max_size=4), min_size=3, max_size=3))
    )
    row, column = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 3))
    tensor = private.encrypt(IntegerTensor(values, 0, 50), packing)
    values[row, column] = data.draw(st.sampled_from([51, -51, 5000]))
    plaintexts = [m for line in values.tolist() for m in packing.pack_row(line)]
    with pytest.raises(PlaintextRangeError) as caught:
        unpack(plaintexts, tensor)
    assert (caught.value.row, caught.value.column) == (row, column)
    assert caught.value.bits == int(values[row, column]).bit_length()


def test_decryption_names_the_row_with_something_above_its_slots(private):
    packing = Packing(20, 3)
    tensor = private.encrypt(IntegerTensor(np.zeros((2, 4), dtype=np.int64), 0, 50), packing)
    # The second plaintext of the second row holds one column; nothing may be above it.
    with pytest.raises(PlaintextRangeError) as caught:
        unpack([0, 0, 0, 1 << 20], tensor)
    assert (caught.value.row, caught.value.column, caught.value.bits) == (1, None, 21)
