"""Applying a Gradient: a pure function of public values, so that anyone can recompute a new head."""

from __future__ import annotations

from typing import TypeVar

from syft.integers import IntegerTensor
from syft.nn.fixed_point import FixedPoint
from syft.paillier.tensor import EncryptedTensor

Tensor = TypeVar("Tensor", IntegerTensor, EncryptedTensor)


def apply_delta(head: Tensor, delta: Tensor, step: int) -> Tensor:
    """head + step / 4 x delta: `head^(2^i) x delta^(step x 2^j)` when encrypted.

    The new exponent is E = max(head.exponent, delta.exponent + 2), i = E - head.exponent and
    j = E - delta.exponent - 2; so scales match also when the Gradient was computed from an older version of the
    Model, or across a rebase. The new bound is the head's at the new exponent: whoever knows the integers checks
    them against it (an IntegerTensor does so by itself), and only then publishes the encrypted head.

    Args:
        head: the Model's weights.
        delta: a Gradient, of the same kind.
        step: quarters, 1 to 4.

    Raises:
        TensorMismatchError: shapes, keys or packings differ, or step is none of `STEPS`.
        SlotOverflowError: the sum may not fit the slots: rebase first.
        PlaintextRangeError: (integers) a new weight exceeds the bound.
    """


def check_gradient(head: EncryptedTensor, delta: EncryptedTensor, fixed_point: FixedPoint) -> None:
    """Checks what is public about a Gradient: shape, packing, exponent and bound are those of an honest one.

    It may have been computed from a version of the Model at any exponent from `fixed_point.weight_exponent` up.

    Raises:
        TensorMismatchError: says which differs.
    """


def needs_rebase(head: EncryptedTensor, fixed_point: FixedPoint) -> bool:
    """Whether the slots are too narrow for one more Gradient to be computed from this head and applied to it."""
