"""Fixed-point scales: of rows and features, which are the same for all Models, and of weights, per Campaign."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from syft.errors import ModelSpecError
from syft.integers import Integers, is_integer_in
from syft.paillier import Packing

#: Binary digits after the point of rows and features, and the integer that represents 1.0.
FRACTION_BITS = 10
ONE = 1 << FRACTION_BITS
#: Largest absolute feature; larger ones are clipped.
LARGEST_FEATURE = 1 << 15
#: A Gradient is applied in quarters: a step size s means s / 4 of it.
STEP_SIZES = (1, 2, 3, 4)
STEP_SIZE_BITS = 2


def clip(features: Integers) -> Integers:
    """Features clipped to [-2^15, 2^15]."""
    return np.clip(features, -LARGEST_FEATURE, LARGEST_FEATURE)


@dataclass(frozen=True)
class FixedPoint:
    """The public scales of a Campaign's weights and Gradients.

    Attributes:
        weight_exponent: binary digits after the point of a new Model's weights, 1 to 64.
        weight_bound: largest absolute weight, an integer from 1 to 2^32.
        gradient_bits: binary digits after the point of an affine map, 1 to 32. On the demonstration data sets, 8 give
            the same scores as 16, and a Gradient costs little more than half as much.

    Raises:
        ModelSpecError: a scale outside of its range.
    """

    weight_exponent: int = 16
    weight_bound: int = 64
    gradient_bits: int = 8

    def __post_init__(self) -> None:
        for name, most in (("weight_exponent", 64), ("weight_bound", 1 << 32), ("gradient_bits", 32)):
            value = getattr(self, name)
            if not is_integer_in(value, 1, most):
                raise ModelSpecError(f"{name} must be an integer from 1 to {most}, not {value!r}")

    def scaled_weight_bound(self, exponent: int) -> int:
        """Largest absolute integer of weights at that exponent; a Capsule checks weights before it publishes them."""
        return self.weight_bound << exponent

    def gradient_bound(self, features: int, exponent: int) -> int:
        """Largest absolute integer of a Gradient of weights at that exponent.

        The affine map's matrix has a spectral norm of at most 1, so its rows have an L1 norm of at most sqrt(d), and
        d/2 more from rounding. The bound depends on no row of data and so reveals nothing about any.
        """
        product = self.row_bound(features) * self.scaled_weight_bound(exponent)
        return product + self.scaled_weight_bound(exponent + self.gradient_bits)

    def row_bound(self, features: int) -> int:
        """Largest L1 norm of a row of an affine map's matrix."""
        return (math.isqrt(features) + 1 << self.gradient_bits) + features // 2 + 1

    def fits(self, features: int, exponent: int, packing: Packing) -> bool:
        """Returns True if the slots hold a Gradient of weights at that exponent, and the weights it is applied to."""
        return packing.holds(self._updated_bound(features, exponent))

    def packing(self, n_length: int, shape: tuple[int, int]) -> Packing:
        """The packing of a new Model of shape (features, outputs): wide enough for at least one Gradient."""
        features, outputs = shape
        largest = self._updated_bound(features, self.weight_exponent)
        return Packing.for_shape(n_length, outputs, largest.bit_length() + 1)

    def _updated_bound(self, features: int, exponent: int) -> int:
        """Bound of weights plus Gradient, before `apply_delta` states the weights' own bound again."""
        delta = self.gradient_bound(features, exponent) << STEP_SIZE_BITS
        return delta + self.scaled_weight_bound(exponent + self.gradient_bits + STEP_SIZE_BITS)


DEFAULT_SCALES = FixedPoint()
