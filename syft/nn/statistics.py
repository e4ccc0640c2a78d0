"""All that a Mine's rows ever contribute: two small matrices of exact integers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from syft.errors import StatisticsError
from syft.nn.integers import Integers, gram
from syft.nn.steps import ONE
from syft.spread import Spread


@dataclass(frozen=True)
class LocalStatistics:
    """Gram matrix and cross products of a data set.

    Attributes:
        gram: Phi' Phi, exact, int64 at scale 2^20, shape (d, d).
        cross: Phi' Y, exact, int64 at scale 2^20, shape (d, k).
        rows: how many rows are in them.
    """

    gram: Integers
    cross: Integers
    rows: int

    @classmethod
    def from_rows(cls, features: Integers, targets: Integers) -> Self:
        """Statistics of rows.

        Args:
            features: int64, shape (n, d), 2^10 for 1.0.
            targets: int64, shape (n, k), 2^10 for 1.0.

        Raises:
            StatisticsError: not as many targets as rows.
            FeatureError: so many or so large numbers that a sum exceeds 63 bits.
        """
        if len(features) != len(targets):
            raise StatisticsError(f"{len(features)} rows of features and {len(targets)} targets")
        return cls(gram(features, features), gram(features, targets), len(features))

    @classmethod
    def from_chunks(cls, chunks: Iterable[tuple[Integers, Integers]], spread: Spread | None = None) -> LocalStatistics:
        """Statistics of any number of rows in flat memory.

        Args:
            chunks: features and targets, as for `from_rows`.
            spread: where chunks are summed up; None for this process.

        Raises:
            StatisticsError: there is no chunk.
            SpreadError: a worker was lost for good.
        """
        total: LocalStatistics | None = None
        parts = spread.map(_from_chunk, chunks) if spread else map(_from_chunk, chunks)
        for part in parts:
            total = part if total is None else total + part
        if total is None:
            raise StatisticsError("no rows")
        return total

    @classmethod
    def folds(
        cls,
        chunks: Iterable[tuple[Integers, Integers]],
        count: int,
        source: np.random.Generator,
        spread: Spread | None = None,
    ) -> list[LocalStatistics]:
        """Statistics of so many random parts of the rows, which together are those of all; in flat memory.

        Args:
            chunks, spread: as for `from_chunks`.
            count: of parts, 1 or more.
            source: tells each row its part.

        Raises:
            StatisticsError, SpreadError: as for `from_chunks`.
        """
        parts = (part for chunk in chunks for part in _dealt(chunk, count, source))
        found = spread.map(_from_chunk, parts) if spread else map(_from_chunk, parts)
        totals: dict[int, LocalStatistics] = {}
        for place, part in enumerate(found):
            fold = place % count
            totals[fold] = totals[fold] + part if fold in totals else part
        if not totals:
            raise StatisticsError("no rows")
        return [totals[fold] for fold in range(count)]

    def __add__(self, other: Self) -> Self:
        """Statistics of the rows of both.

        Raises:
            StatisticsError: they are of different shapes, or a sum exceeds 63 bits.
        """
        if (self.gram.shape, self.cross.shape) != (other.gram.shape, other.cross.shape):
            raise StatisticsError(
                f"statistics of shapes {self.gram.shape}, {self.cross.shape} and {other.gram.shape}, "
                f"{other.cross.shape} are not of one Model"
            )
        return type(self)(_sum(self.gram, other.gram), _sum(self.cross, other.cross), self.rows + other.rows)

    def __sub__(self, other: Self) -> Self:
        """Statistics without some of their rows: exactly those of the rows that stay.

        Args:
            other: of rows that are among these.

        Raises:
            StatisticsError: they are of different shapes, or of more rows.
        """
        if other.rows > self.rows:
            raise StatisticsError(f"{other.rows} rows cannot be taken from {self.rows}")
        left = self + type(self)(-other.gram, -other.cross, 0)
        return type(self)(left.gram, left.cross, self.rows - other.rows)

    def means(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gram matrix and cross products of an average row, as floats at scale 1.

        Raises:
            StatisticsError: there are no rows.
        """
        if not self.rows:
            raise StatisticsError("no rows: nothing can be learned from them")
        scale = self.rows * ONE * ONE
        return self.gram / scale, self.cross / scale


def _from_chunk(chunk: tuple[Integers, Integers]) -> LocalStatistics:
    return LocalStatistics.from_rows(*chunk)


def _dealt(
    chunk: tuple[Integers, Integers], count: int, source: np.random.Generator
) -> Iterator[tuple[Integers, Integers]]:
    """A chunk's rows, dealt to so many parts; some may have none."""
    features, targets = chunk
    own = source.integers(count, size=len(features))
    for fold in range(count):
        yield features[own == fold], targets[own == fold]


def _sum(left: Integers, right: Integers) -> Integers:
    total = left + right
    # A sum of equal signs that turned to the other sign has wrapped around.
    if bool((((left ^ total) & (right ^ total)) < 0).any()):
        raise StatisticsError("too many rows: a sum exceeds 64-bit integers")
    return total
