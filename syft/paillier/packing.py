"""Packing of several signed integers into one plaintext."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import gmpy2
import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from syft.errors import SlotOverflowError


@dataclass(frozen=True, slots=True)
class Packing:
    """A packing of signed integers m_c into the plaintext `sum_c m_c 2^(slot_bits c)`.

    Sums and integer multiples of plaintexts act on every slot at once. The plaintext determines its slots exactly as
    long as every |m_c| < 2^(slot_bits - 1). An overflow beyond that cannot be detected.

    Attributes:
        slot_bits: width of a slot, sign included.
        slots: slots per plaintext.
    """

    slot_bits: int
    slots: int

    @classmethod
    def for_shape(cls, n_length: int, columns: int, bits_needed: int) -> Self:
        """The packing of a row into as few plaintexts as `bits_needed` allows, with the widest slots for that number.

        Wider slots cost nothing and postpone the rebase of a Model.

        Args:
            n_length: bits of the modulus.
            columns: integers per row, at least 1.
            bits_needed: least width of a slot, sign included.

        Raises:
            SlotOverflowError: a plaintext does not hold even one such slot.
        """
        room = n_length - 2
        if bits_needed > room:
            raise SlotOverflowError(1 << (bits_needed - 1), room)
        plaintexts = -(-columns // (room // bits_needed))
        slots = -(-columns // plaintexts)
        return cls(room // slots, slots)

    def plaintexts(self, columns: int) -> int:
        """Number of plaintexts for a row of `columns` integers."""
        return -(-columns // self.slots)

    def holds(self, bound: int) -> bool:
        """Returns True if every integer of absolute value up to `bound` fits a slot."""
        return bound < 1 << (self.slot_bits - 1)

    def require(self, bound: int) -> None:
        """Raises SlotOverflowError unless every integer of absolute value up to `bound` fits a slot."""
        if not self.holds(bound):
            raise SlotOverflowError(bound, self.slot_bits)

    def pack_row(self, row: Sequence[int]) -> list[int]:
        """The signed plaintexts of one row, whose integers must fit their slots (`require`)."""
        return self.pack(np.array([row], dtype=object))

    def pack(self, values: NDArray[np.object_]) -> list[int]:
        """The signed plaintexts of all rows, in order."""
        half = 1 << (self.slot_bits - 1)
        starts = range(0, values.shape[1], self.slots)
        chunks = [slice(start, start + self.slots) for start in starts]
        halves = [self._joined([half] * values[0, chunk].size) for chunk in chunks]
        unsigned = (values + half).tolist()
        return [int(self._joined(row[c]) - shift) for row in unsigned for c, shift in zip(chunks, halves, strict=True)]

    def unpack(self, plaintext: int, count: int) -> tuple[list[int], int]:
        """The first `count` slots of a signed plaintext, and the remainder above them, which is 0 if it is valid."""
        half, mask = 1 << (self.slot_bits - 1), (1 << self.slot_bits) - 1
        values = []
        for _ in range(count):
            low = plaintext & mask
            value = low - (1 << self.slot_bits) if low >= half else low
            values.append(value)
            plaintext = (plaintext - value) >> self.slot_bits
        return values, plaintext

    def _joined(self, unsigned: list[int]) -> mpz:
        return gmpy2.pack(unsigned, self.slot_bits)

    def folding(self, bound: int) -> Packing:
        """A packing of integers up to `bound`, of several plaintexts, into each slot of one plaintext."""
        bits = bound.bit_length() + 1
        return Packing(bits, max((self.slot_bits - 1) // bits, 1))

    def unfold(self, total: int, folding: Packing) -> list[int]:
        """The `folding.slots` plaintexts m_i of `sum_i 2^(folding.slot_bits i) m_i`.

        The result is wrong if an integer exceeds the bound of the folding; the caller must check.
        """
        wide, _ = self.unpack(total, self.slots)
        columns = [folding.unpack(value, folding.slots)[0] for value in wide]
        return [self.pack_row(row)[0] for row in zip(*columns, strict=True)]
