"""Openings: plaintexts with the randomness they were encrypted with, so that anyone can check a decryption."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syft.integers import IntegerTensor
from syft.paillier.tensor import Context, EncryptedTensor


@dataclass(frozen=True, slots=True)
class Openings:
    """c = (1 + n)^plaintext x root^n mod n^2 for every ciphertext c of a tensor, in its order.

    Attributes:
        plaintexts: numbers in [0, n).
        roots: n-th roots, in (0, n).
    """

    plaintexts: tuple[int, ...] = field(repr=False)
    roots: tuple[int, ...] = field(repr=False)

    def integers(self, tensor: EncryptedTensor) -> IntegerTensor:
        """The integers of the tensor that these are the openings of.

        Raises:
            OpeningInvalidError: not one opening a ciphertext, or a number out of range.
            PlaintextRangeError: an integer exceeds the tensor's bound, or lies above the slots.
        """

    def opening_bytes(self, n_length: int) -> list[bytes]:
        """Every `plaintext | root`, each n_length / 8 big-endian bytes: leaves of the openings root."""


def verify_openings(tensor: EncryptedTensor, openings: Openings) -> IntegerTensor:
    """Checks that the openings are those of the tensor, all at once, and gives the integers.

    Raises:
        OpeningInvalidError: they are not.
        PlaintextRangeError: they are, but an integer exceeds the tensor's bound.
    """
