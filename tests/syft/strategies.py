"""Strategies of the property tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from syft.paillier import IntegerTensor, Packing


@dataclass(frozen=True)
class Case:
    """A tensor in the clear, and a packing whose slots have `spare_bits` more than it needs."""

    tensor: IntegerTensor
    packing: Packing
    spare_bits: int

    @property
    def ciphertexts(self):
        """Number of ciphertexts of the encrypted tensor."""
        rows, columns = self.tensor.shape
        return rows * self.packing.plaintexts(columns)


def integers(bound):
    """Signed integers up to a bound, with the bound itself and 0 drawn more often."""
    return st.one_of(st.integers(-bound, bound), st.sampled_from([-bound, bound, 0]))


def tensors(rows, columns, bound, exponent=8):
    return st.lists(st.lists(integers(bound), min_size=columns, max_size=columns), min_size=rows, max_size=rows).map(
        lambda values: IntegerTensor(np.array(values, dtype=object), exponent, bound)
    )


@st.composite
def cases(draw, n_bits, spare_bits=12):
    """Up to 4 x 5 integers of up to 60 bits, in slots with `spare_bits` more, in one or more plaintexts per row."""
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    bound = (1 << draw(st.integers(1, 60))) - 1
    slots = draw(st.integers(1, min(columns, (n_bits - 2) // (bound.bit_length() + spare_bits + 1))))
    packing = Packing(draw(st.integers(bound.bit_length() + spare_bits + 1, (n_bits - 2) // slots)), slots)
    return Case(draw(tensors(rows, columns, bound)), packing, spare_bits)


def matrices(rows, columns, largest):
    """Integer matrices with mostly small and a few large entries, like those of training."""
    entry = st.one_of(st.integers(-3, 3), st.integers(-largest, largest), st.sampled_from([-largest, largest]))
    return st.lists(st.lists(entry, min_size=columns, max_size=columns), min_size=rows, max_size=rows).map(
        lambda values: np.array(values, dtype=np.int64).reshape(rows, columns)
    )
