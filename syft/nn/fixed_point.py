"""Scales of the integers of encrypted training, and the public bounds that follow from them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from syft.errors import ModelSpecError

#: Binary digits of an encoded Input: 1.0 is 2^10.
INPUT_BITS = 10
INPUT_SCALE = 1 << INPUT_BITS
#: Binary digits of a feature, and of a target.
FEATURE_BITS = 10
FEATURE_SCALE = 1 << FEATURE_BITS
TARGET_BITS = 10
TARGET_SCALE = 1 << TARGET_BITS
#: A step is so many quarters of a Gradient.
STEPS = (1, 2, 3, 4)
#: Binary digits that a quarter step takes.
STEP_BITS = 2


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """Scales that a Campaign spec fixes, in its `fixed_point`.

    Attributes:
        weight_exponent: binary digits after the point of fresh weights, 1 to 64.
        weight_bound: largest absolute weight, 1 to 2^32.
        gradient_bits: binary digits after the point of a Mine's affine map, 1 to 24.

    Raises:
        ModelSpecError: a number out of its range.
    """

    weight_exponent: int = 16
    weight_bound: int = 16
    gradient_bits: int = 8

    def head_bound(self, exponent: int) -> int:
        """Largest absolute integer of a Model's weights at `exponent`."""
        return self.weight_bound << exponent

    def gradient_bound(self, features: int, exponent: int) -> int:
        """Largest absolute integer of a Gradient that was computed from weights at `exponent`.

        Public: it depends on the number of features, not on rows.
        """

    def slot_bits(self, features: int, rounds: int = 1) -> int:
        """Least width of a slot in which `rounds` Gradients can be applied, each to the head the last one gave."""
