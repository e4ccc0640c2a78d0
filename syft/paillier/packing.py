"""Several signed integers in one plaintext."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from syft.errors import PlaintextRangeError, SlotOverflowError
from syft.exact import compact


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

    def pack(self, values: NDArray[Any]) -> list[int]:
        """The signed plaintexts of a matrix of integers, row-major; shape (d, k) gives d x `plaintexts(k)`."""
        plaintexts = []
        for row in values.tolist():
            for start in range(0, len(row), self.slots):
                total = 0
                for value in reversed(row[start : start + self.slots]):
                    total = (total << self.slot_bits) + value
                plaintexts.append(total)
        return plaintexts

    def unpack(self, plaintexts: Sequence[int], shape: tuple[int, int], bound: int) -> NDArray[Any]:
        """The integers of signed plaintexts; the inverse of `pack`.

        Args:
            plaintexts: d x `plaintexts(k)` numbers, row-major.
            shape: (d, k).
            bound: largest absolute value that is sound.

        Raises:
            PlaintextRangeError: an integer exceeds the bound, or something is left above the last slot of a
                plaintext (column None).
        """
        columns = shape[1]
        values = np.empty(shape, dtype=object)
        width = self.plaintexts(columns)
        for index, plaintext in enumerate(plaintexts):
            row, start = index // width, index % width * self.slots
            stop = min(start + self.slots, columns)
            values[row, start:stop] = self._slots(plaintext, row, range(start, stop), bound)
        return compact(values)

    def _slots(self, plaintext: int, row: int, columns: range, bound: int) -> list[int]:
        half, mask, rest = 1 << (self.slot_bits - 1), (1 << self.slot_bits) - 1, plaintext
        values = []
        for column in columns:
            value = ((rest + half) & mask) - half
            if abs(value) > bound:
                raise PlaintextRangeError(row, column, value.bit_length())
            values.append(value)
            rest = (rest - value) >> self.slot_bits
        if rest:
            raise PlaintextRangeError(row, None, plaintext.bit_length())
        return values
