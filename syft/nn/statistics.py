"""Local statistics: all that a Mine's rows ever contribute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class LocalStatistics:
    """Exact integer Phi' Phi and Phi' Y of some rows.

    Attributes:
        gram: Phi' Phi, int64, shape (d, d), scale 2^20.
        cross: Phi' Y, int64, shape (d, k), scale 2^20.
        rows: how many rows.
    """

    gram: NDArray[Any]
    cross: NDArray[Any]
    rows: int

    @classmethod
    def from_rows(cls, features: NDArray[Any], targets: NDArray[Any]) -> Self:
        """Statistics of rows.

        Args:
            features: int64, shape (n, d), at 2^10.
            targets: int64, shape (n, k), at 2^10.

        Raises:
            StatisticsError: no rows, shapes that do not fit, or sums beyond int64.
        """

    @classmethod
    def from_chunks(cls, chunks: Iterable[tuple[NDArray[Any], NDArray[Any]]]) -> Self:
        """Statistics of rows that come in chunks of (features, targets); memory stays that of one chunk."""

    def __add__(self, other: LocalStatistics) -> Self:
        """Statistics of both sets of rows."""
