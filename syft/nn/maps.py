"""Training as one affine map of the weights, which costs the same for any number of rows and steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from syft.nn.fixed_point import FixedPoint
from syft.nn.head import Tensor
from syft.nn.statistics import LocalStatistics


@dataclass(frozen=True, slots=True, eq=False)
class AffineMap:
    """W -> A W + B in integers, kept as the change it makes: (A - I) W + B.

    Attributes:
        matrix: A - I at 2^gradient_bits, int64, shape (d, d).
        offset: B at 2^(weight_exponent + gradient_bits), shape (d, k).
        fixed_point: the Campaign's scales.
    """

    matrix: NDArray[Any] = field(repr=False)
    offset: NDArray[Any] = field(repr=False)
    fixed_point: FixedPoint

    def delta(self, weights: Tensor) -> Tensor:
        """The Gradient (A - I) W + B, at exponent `weights.exponent + gradient_bits`; not yet re-randomised.

        On an IntegerTensor the plaintext oracle, on an EncryptedTensor the same integers encrypted. Exponent and
        bound of the result depend on public numbers only.

        Raises:
            TensorMismatchError: shape, exponent or bound of the weights are not those of the fixed point.
            SlotOverflowError: the result may not fit the slots: the Model must be rebased.
        """


def proximal_map(statistics: LocalStatistics, mu: float, fixed_point: FixedPoint) -> AffineMap:
    """The minimiser of |Phi W' - Y|^2 / 2n + mu/2 |W' - W|^2: A = mu (G/n + mu I)^-1, B = (G/n + mu I)^-1 C/n.

    A - I has spectral norm below 1, so the L1 norm of a row is at most sqrt(d): the public bound of the Gradient.

    Args:
        statistics: of the Mine's rows.
        mu: > 0, in units of a squared feature (features at 2^10 count as 1.0).
        fixed_point: the Campaign's scales.

    Raises:
        StatisticsError: mu is not positive, or B exceeds the weight bound: use a larger mu.
    """


def gradient_descent_map(
    statistics: LocalStatistics, eta: float, steps: int, fixed_point: FixedPoint
) -> AffineMap:
    """`steps` steps of gradient descent W -> W - eta (G W - C)/n, as one affine map.

    Args:
        statistics: of the Mine's rows.
        eta: learning rate, in (0, 1 / largest eigenvalue of G/n].
        steps: at least 1.
        fixed_point: the Campaign's scales.

    Raises:
        StatisticsError: eta or steps out of range, or B exceeds the weight bound.
    """
