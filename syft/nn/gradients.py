"""From local statistics to a Gradient: any number of local steps is one affine map of the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from numpy.typing import NDArray

from syft.errors import ModelSpecError, SlotOverflowError, StatisticsError, TensorMismatchError
from syft.nn.positive import inverse_of_positive
from syft.nn.statistics import LocalStatistics
from syft.paillier import EncryptedTensor, IntegerTensor, Packing, Tensor, row_bound
from syft.whole import SignedIntegers, is_whole, shortest

#: A Gradient is applied in quarters: step / 4 of it.
STEPS = (1, 2, 3, 4)
_STEP_BITS = 2
#: By how much floats may miss a bound that is kept exactly.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class FixedPoint:
    """The public scales of a Campaign.

    Attributes:
        weight_exponent: binary digits after the point of a fresh Model's weights, 1 to 64.
        weight_bound: largest absolute weight, a whole number, 1 to 2^32.
        gradient_bits: binary digits after the point of an affine map, 1 to 32. With 8 the demonstration data sets
            score as with 16, and a Gradient costs little more than half.

    Raises:
        ModelSpecError: a scale out of its range.
    """

    weight_exponent: int = 16
    weight_bound: int = 64
    gradient_bits: int = 8

    def __post_init__(self) -> None:
        for name, most in (("weight_exponent", 64), ("weight_bound", 1 << 32), ("gradient_bits", 32)):
            value = getattr(self, name)
            if not is_whole(value, 1, most):
                raise ModelSpecError(f"{name} must be a whole number from 1 to {most}, not {value!r}")

    def head_bound(self, exponent: int) -> int:
        """Largest integer of a head at that exponent: the Capsule checks every head for it."""
        return self.weight_bound << exponent

    def gradient_bound(self, features: int, exponent: int) -> int:
        """Largest integer of a Gradient computed from a head at that exponent.

        The map's matrix has a spectral norm of at most 1, so rows of L1 norm at most sqrt(d), and d/2 for rounding:
        a bound that depends on no row of data, and so tells nothing of any.
        """
        return self.row_bound(features) * self.head_bound(exponent) + self.head_bound(exponent + self.gradient_bits)

    def row_bound(self, features: int) -> int:
        """Largest L1 norm of a row of an affine map's matrix."""
        return (math.isqrt(features) + 1 << self.gradient_bits) + features // 2 + 1

    def fits(self, features: int, exponent: int, packing: Packing) -> bool:
        """Whether a Gradient can be computed from a head at that exponent, and applied to it, within the slots."""
        delta = self.gradient_bound(features, exponent) << _STEP_BITS
        after = exponent + self.gradient_bits + _STEP_BITS
        return packing.holds(delta + self.head_bound(after))

    def packing(self, n_length: int, shape: tuple[int, int]) -> Packing:
        """Slots for a fresh Model of that shape: wide enough for a first Gradient, and as wide as is free."""
        features, outputs = shape
        after = self.weight_exponent + self.gradient_bits + _STEP_BITS
        largest = (self.gradient_bound(features, self.weight_exponent) << _STEP_BITS) + self.head_bound(after)
        return Packing.for_shape(n_length, outputs, largest.bit_length() + 1)


#: What a Model has unless it is told.
DEFAULT_SCALES = FixedPoint()


@dataclass(frozen=True)
class AffineMap:
    """W -> W + (matrix / 2^bits) W + offset: what a Mine's rows make of a Model, encrypted or not.

    Attributes:
        matrix: A - I as integers at 2^bits, shape (d, d), of any signed type.
        offset: B, shape (d, k), float64.
        bits: binary digits after the point of the matrix.
    """

    matrix: SignedIntegers
    offset: NDArray[np.float64]
    bits: int

    @overload
    def delta(self, weights: EncryptedTensor, fixed_point: FixedPoint) -> EncryptedTensor: ...
    @overload
    def delta(self, weights: IntegerTensor, fixed_point: FixedPoint) -> IntegerTensor: ...
    def delta(self, weights: Tensor, fixed_point: FixedPoint) -> Tensor:
        """The Gradient (A - I) W + B, `bits` digits finer than the weights, under its public bound.

        Encrypted, it is ready to leave: under fresh randomness, nobody can tell from it how it came about.

        Raises:
            TensorMismatchError: the map has other digits than the Campaign, or the weights' bound is larger.
            StatisticsError: the offset exceeds the Campaign's weight bound, or a row of the matrix its own.
            SlotOverflowError: the slots are too narrow; the Model must be rebased.
        """
        if self.bits != fixed_point.gradient_bits:
            raise TensorMismatchError(f"a map of {self.bits} bits where the Campaign has {fixed_point.gradient_bits}")
        if weights.bound > fixed_point.head_bound(weights.exponent):
            raise TensorMismatchError(
                f"weights up to {weights.bound.bit_length()} bits at exponent {weights.exponent} are beyond the "
                f"Campaign's bound of {fixed_point.weight_bound}"
            )
        if row_bound(self.matrix) > fixed_point.row_bound(weights.shape[0]):
            raise StatisticsError("a row of the affine map is larger than that of any contraction")
        largest = float(np.abs(self.offset).max(initial=0.0))
        if largest > fixed_point.weight_bound:
            raise StatisticsError(
                f"a weight of {largest:.3g} is beyond the Campaign's bound of {fixed_point.weight_bound}"
            )
        exponent = weights.exponent + self.bits
        bound = fixed_point.gradient_bound(weights.shape[0], weights.exponent)
        if isinstance(weights, EncryptedTensor) and not weights.packing.holds(bound):
            raise SlotOverflowError(bound, weights.packing.slot_bits)
        offset = IntegerTensor.from_floats(self.offset, exponent, fixed_point.head_bound(exponent))
        # A product with integers at 2^bits is finer than the weights, though it goes by their exponent.
        moved = weights.affine(self.matrix, replace(offset, exponent=weights.exponent))
        return replace(moved, exponent=exponent, bound=bound)


def proximal_map(statistics: LocalStatistics, mu: float, bits: int) -> AffineMap:
    """To the minimum of the local loss plus mu/2 |W - head|^2: A = mu (G + mu I)^-1, B = (G + mu I)^-1 C.

    Args:
        statistics: of the Mine's rows.
        mu: pull towards the head, > 0; larger trusts the local rows less.
        bits: binary digits of the matrix.

    Raises:
        StatisticsError: mu is not positive and finite, or too small for these rows; or there are no rows.
    """
    if not 0 < mu < math.inf:
        raise StatisticsError(f"mu must be positive and finite, not {mu}")
    gram, cross = statistics.means()
    # In place, each: at many features, new pages cost more than the sums that they are for.
    diagonal = np.diag_indices_from(gram)
    gram[diagonal] += mu
    # This is most of a round that is not encrypted.
    inverse = inverse_of_positive(gram)
    offset = inverse @ cross
    inverse *= mu
    inverse[diagonal] -= 1
    return AffineMap(_rounded(inverse, bits), offset, bits)


def gradient_descent_map(statistics: LocalStatistics, eta: float, steps: int, bits: int) -> AffineMap:
    """`steps` steps of gradient descent on the local loss: W <- W - eta (G W - C).

    Args:
        statistics: of the Mine's rows.
        eta: step size, at most 1 / (largest eigenvalue of G).
        steps: at least 1.
        bits: binary digits of the matrix.

    Raises:
        StatisticsError: a step size with which the steps do not shrink.
    """
    gram, cross = statistics.means()
    values, vectors = np.linalg.eigh(gram)
    values = np.clip(values, 0, None)
    largest = float(values.max(initial=0.0))
    if not (eta > 0 and eta * largest <= 1 + _ROUNDING) or steps < 1:
        raise StatisticsError(
            f"eta = {eta}, steps = {steps}: eta must be positive and at most {1 / max(largest, 1e-300):.3g}"
        )
    shrink = np.maximum(1 - eta * values, 0.0) ** steps - 1.0
    gain = np.where(values > 0, -shrink / np.where(values > 0, values, 1), eta * steps)
    matrix = _rounded((vectors * shrink) @ vectors.T, bits)
    return AffineMap(matrix, (vectors * gain) @ (vectors.T @ cross), bits)


@overload
def apply_delta(
    head: EncryptedTensor, delta: EncryptedTensor, step: int, fixed_point: FixedPoint
) -> EncryptedTensor: ...
@overload
def apply_delta(head: IntegerTensor, delta: IntegerTensor, step: int, fixed_point: FixedPoint) -> IntegerTensor: ...
def apply_delta(head: Tensor, delta: Tensor, step: int, fixed_point: FixedPoint) -> Tensor:
    """The new head: head + step/4 delta, at exponent E = max(head's, delta's + 2).

    A function of public values alone: on ciphertexts it is new head = head^(2^i) x delta^(step 2^j), with
    i = E - head's and j = E - delta's - 2, so that anyone can recompute it. The delta may come from an older head, or
    from before a rebase. The new bound is the head's own at E; that the integers keep it is for the Capsule to check,
    who knows them (`IntegerTensor.check_bound`), before it publishes the head.

    Args:
        head, delta: both encrypted, or both in the clear.
        step: 1 to 4, in quarters.

    Raises:
        TensorMismatchError: another step; shapes, keys or packings that differ.
        SlotOverflowError: the slots are too narrow: the Model must be rebased first.
    """
    if step not in STEPS:
        raise TensorMismatchError(f"step {step} is not one of {STEPS}")
    quarters = delta.exponent + _STEP_BITS
    exponent = max(head.exponent, quarters)
    moved = replace(delta * (step << (exponent - quarters)), exponent=exponent)
    total = head.shift(exponent - head.exponent) + moved
    return total.with_bound(fixed_point.head_bound(exponent))


def _rounded(matrix: NDArray[np.float64], bits: int) -> SignedIntegers:
    scaled = matrix * (1 << bits)
    return shortest(np.rint(scaled, out=scaled).astype(np.int64))
