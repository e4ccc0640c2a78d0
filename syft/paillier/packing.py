"""Several signed integers in one plaintext."""

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
    """One plaintext holds `sum_c m_c 2^(slot_bits c)` with signed m_c.

    Sums and integer multiples of plaintexts act on every slot at once. The sum determines its slots exactly while
    every |m_c| < 2^(slot_bits - 1); there is no borrow to keep book of, and no sign of an overflow beyond that.

    Attributes:
        slot_bits: width of a slot, sign included.
        slots: slots of one plaintext.
    """

    slot_bits: int
    slots: int

    @classmethod
    def for_shape(cls, n_length: int, columns: int, bits_needed: int) -> Self:
        """The widest slots that fit a row of `columns` integers into as few plaintexts as `bits_needed` allows.

        Wide slots cost nothing, and put off the day when a Model must be rebased.

        Args:
            n_length: bits of the modulus.
            columns: integers of a row, at least 1.
            bits_needed: least width of a slot, sign included.

        Raises:
            SlotOverflowError: not even one such slot fits.
        """
        room = n_length - 2
        if bits_needed > room:
            raise SlotOverflowError(1 << (bits_needed - 1), room)
        plaintexts = -(-columns // (room // bits_needed))
        slots = -(-columns // plaintexts)
        return cls(room // slots, slots)

    def plaintexts(self, columns: int) -> int:
        """Plaintexts that a row of `columns` integers takes."""
        return -(-columns // self.slots)

    def holds(self, bound: int) -> bool:
        """Whether every integer of absolute value up to `bound` fits a slot."""
        return bound < 1 << (self.slot_bits - 1)

    def require(self, bound: int) -> None:
        """Raises SlotOverflowError unless integers up to `bound` fit a slot."""
        if not self.holds(bound):
            raise SlotOverflowError(bound, self.slot_bits)

    def pack_row(self, row: Sequence[int]) -> list[int]:
        """The signed plaintexts of one row, whose integers fit their slots (`require`)."""
        return self.pack(np.array([row], dtype=object))

    def pack(self, values: NDArray[np.object_]) -> list[int]:
        """The signed plaintexts of all rows, one after the other."""
        half = 1 << (self.slot_bits - 1)
        starts = range(0, values.shape[1], self.slots)
        chunks = [slice(start, start + self.slots) for start in starts]
        halves = [self._joined([half] * values[0, chunk].size) for chunk in chunks]
        unsigned = (values + half).tolist()
        return [int(self._joined(row[c]) - shift) for row in unsigned for c, shift in zip(chunks, halves, strict=True)]

    def unpack(self, plaintext: int, count: int) -> tuple[list[int], int]:
        """The first `count` slots of a signed plaintext, and what is left above them: 0 in a sound packing."""
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
        """How integers up to `bound` of several plaintexts fit side by side into the slots of one."""
        bits = bound.bit_length() + 1
        return Packing(bits, max((self.slot_bits - 1) // bits, 1))

    def unfold(self, total: int, folding: Packing) -> list[int]:
        """The `folding.slots` plaintexts m_i in `sum_i 2^(folding.slot_bits i) m_i`.

        What exceeds the bound that the folding was made for comes out wrong: it is the caller's to check.
        """
        wide, _ = self.unpack(total, self.slots)
        columns = [folding.unpack(value, folding.slots)[0] for value in wide]
        return [self.pack_row(row)[0] for row in zip(*columns, strict=True)]
