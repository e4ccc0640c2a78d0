"""Feature maps: steps from a fixed list, entirely in integers, so that every language gets the same bits.

Rows come in as int64 in [0, 2^10] (1.0 is 2^10). `>>` is division by a power of two, rounded down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from numpy.typing import NDArray


class Step(Protocol):
    """One step of a feature map."""

    @property
    def inputs(self) -> int:
        """Columns it takes."""

    @property
    def width(self) -> int:
        """Columns it gives."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMap:
    """Public, frozen steps between an Input's integers and the features that the trained layer sees.

    Attributes:
        inputs: m, columns of a row.
        steps: applied in order.
    """

    inputs: int
    steps: tuple[Step, ...]

    @property
    def width(self) -> int:
        """d, features of a row."""

    @property
    def bound(self) -> int:
        """Largest absolute feature of any admissible row."""

    def __call__(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Features of rows.

        Args:
            rows: int64 in [0, 2^10], shape (n, m).

        Returns:
            int64, shape (n, d).

        Raises:
            FeatureError: not such rows.
        """

    def to_spec(self) -> tuple[list[dict[str, Any]], dict[str, NDArray[Any]]]:
        """The steps as dictionaries of scalars, and the frozen tensors that they name."""

    @classmethod
    def from_spec(
        cls, steps: Sequence[Mapping[str, Any]], tensors: Mapping[str, NDArray[Any]], inputs: int
    ) -> Self:
        """Builds a feature map from a stranger's spec.

        Raises:
            FeatureError: an unknown step or parameter, a tensor that is missing, unused, of another type or shape,
                or sums that could overflow.
        """
