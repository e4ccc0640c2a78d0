"""Gradients: from local statistics to an affine map of the weights, and from weights to new weights.

Any number of local descent steps on a quadratic loss is one affine map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from numpy.typing import NDArray

from syft.errors import SlotOverflowError, StatisticsError, TensorMismatchError
from syft.integers import SignedIntegers, narrowest
from syft.nn._cholesky import inverse_of_positive_definite
from syft.nn.fixed_point import STEP_SIZE_BITS, STEP_SIZES, FixedPoint
from syft.nn.local_statistics import LocalStatistics
from syft.paillier import EncryptedTensor, IntegerTensor, Tensor, row_bound

#: Tolerance for an eta at its limit, which floats may exceed by rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class AffineMap:
    """The map W -> A W + B of a Mine's rows, for weights W that are encrypted or in the clear.

    Attributes:
        matrix: A - I as integers, 2^bits for 1.0, shape (d, d), of any signed type.
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
        """The Gradient (A - I) W + B, with `bits` more binary digits than the weights, under its public bound.

        If the weights are encrypted, the Gradient is re-randomised and may be published.

        Raises:
            TensorMismatchError: `bits` differs from the Campaign's, or the weights' bound exceeds the Campaign's.
            StatisticsError: the offset, or a row of the matrix, exceeds the Campaign's bound.
            SlotOverflowError: the slots are too narrow; the Model must be rebased.
        """
        if self.bits != fixed_point.gradient_bits:
            raise TensorMismatchError(f"the map has {self.bits} bits, but the Campaign has {fixed_point.gradient_bits}")
        if weights.bound > fixed_point.scaled_weight_bound(weights.exponent):
            raise TensorMismatchError(
                f"weights of up to {weights.bound.bit_length()} bits at exponent {weights.exponent} are beyond the "
                f"Campaign's bound of {fixed_point.weight_bound}"
            )
        if row_bound(self.matrix) > fixed_point.row_bound(weights.shape[0]):
            raise StatisticsError("a row of the affine map exceeds the bound for a contraction")
        largest = float(np.abs(self.offset).max(initial=0.0))
        if largest > fixed_point.weight_bound:
            raise StatisticsError(
                f"a weight of {largest:.3g} is beyond the Campaign's bound of {fixed_point.weight_bound}"
            )
        exponent = weights.exponent + self.bits
        bound = fixed_point.gradient_bound(weights.shape[0], weights.exponent)
        if isinstance(weights, EncryptedTensor) and not weights.packing.holds(bound):
            raise SlotOverflowError(bound, weights.packing.slot_bits)
        offset = IntegerTensor.from_floats(self.offset, exponent, fixed_point.scaled_weight_bound(exponent))
        # The product keeps the exponent of the weights although its integers have `bits` more digits.
        moved = weights.affine(self.matrix, replace(offset, exponent=weights.exponent))
        return replace(moved, exponent=exponent, bound=bound)


def proximal_map(statistics: LocalStatistics, mu: float, bits: int) -> AffineMap:
    """The map from weights W0 to the minimum over W of the local loss plus mu/2 |W - W0|^2.

    A = mu (G + mu I)^-1 and B = (G + mu I)^-1 C, for the means G of Phi' Phi and C of Phi' Y.

    Args:
        statistics: of the Mine's rows.
        mu: pull towards W0, > 0; a larger mu gives the local rows less weight.
        bits: binary digits after the point of the matrix.

    Raises:
        StatisticsError: mu is not positive and finite, or too small for these rows; or the statistics have no rows.
    """
    if not 0 < mu < math.inf:
        raise StatisticsError(f"mu must be positive and finite, not {mu}")
    gram, cross = statistics.means()
    # In place: with many features, allocating pages costs more than the arithmetic.
    diagonal = np.diag_indices_from(gram)
    gram[diagonal] += mu
    # The inverse takes most of the time of a round in the clear.
    inverse = inverse_of_positive_definite(gram)
    offset = inverse @ cross
    inverse *= mu
    inverse[diagonal] -= 1
    return AffineMap(_rounded(inverse, bits), offset, bits)


def gradient_descent_map(statistics: LocalStatistics, eta: float, steps: int, bits: int) -> AffineMap:
    """`steps` steps of gradient descent on the local loss: W <- W - eta (G W - C).

    Args:
        statistics: of the Mine's rows.
        eta: learning rate, > 0 and at most 1 / (largest eigenvalue of G).
        steps: at least 1.
        bits: binary digits after the point of the matrix.

    Raises:
        StatisticsError: eta or steps outside of its range, or no rows.
    """
    gram, cross = statistics.means()
    values, vectors = np.linalg.eigh(gram)
    values = np.clip(values, 0, None)
    largest = float(values.max(initial=0.0))
    if not (eta > 0 and eta * largest <= 1 + _ROUNDING) or steps < 1:
        raise StatisticsError(
            f"eta = {eta}, steps = {steps}: eta must be positive and at most {1 / max(largest, 1e-300):.3g}, "
            "and steps at least 1"
        )
    shrink = np.maximum(1 - eta * values, 0.0) ** steps - 1.0
    gain = np.where(values > 0, -shrink / np.where(values > 0, values, 1), eta * steps)
    matrix = _rounded((vectors * shrink) @ vectors.T, bits)
    return AffineMap(matrix, (vectors * gain) @ (vectors.T @ cross), bits)


@overload
def apply_delta(
    weights: EncryptedTensor, delta: EncryptedTensor, step_size: int, fixed_point: FixedPoint
) -> EncryptedTensor: ...
@overload
def apply_delta(
    weights: IntegerTensor, delta: IntegerTensor, step_size: int, fixed_point: FixedPoint
) -> IntegerTensor: ...
def apply_delta(weights: Tensor, delta: Tensor, step_size: int, fixed_point: FixedPoint) -> Tensor:
    """Adds a Gradient: weights + step_size / 4 delta, at exponent E = max(exponent of weights, exponent of delta + 2).

    On ciphertexts this is weights^(2^i) x delta^(step_size 2^j), with i = E - exponent of weights and
    j = E - exponent of delta - 2: a function of public values, which anyone can recompute. The delta may have been
    computed from older weights, or before a rebase. The result states the Campaign's weight bound at E. Only the
    Capsule can check that its integers keep that bound (`IntegerTensor.check_bound`), and must do so before it
    publishes them.

    Args:
        weights: of the newest Model.
        delta: the Gradient; encrypted if the weights are.
        step_size: one of STEP_SIZES, in quarters.
        fixed_point: the Campaign's scales.

    Raises:
        TensorMismatchError: another step size; shapes, keys or packings that differ.
        SlotOverflowError: the slots are too narrow; the Model must be rebased first.
    """
    if step_size not in STEP_SIZES:
        raise TensorMismatchError(f"step size {step_size} is not one of {STEP_SIZES}")
    quarters = delta.exponent + STEP_SIZE_BITS
    exponent = max(weights.exponent, quarters)
    moved = replace(delta * (step_size << (exponent - quarters)), exponent=exponent)
    total = weights.shift(exponent - weights.exponent) + moved
    return total.with_bound(fixed_point.scaled_weight_bound(exponent))


def _rounded(matrix: NDArray[np.float64], bits: int) -> SignedIntegers:
    scaled = matrix * (1 << bits)
    return narrowest(np.rint(scaled, out=scaled).astype(np.int64))
