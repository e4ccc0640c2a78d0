"""Local statistics: two small matrices of exact integers, the only output of a Mine's rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from syft.errors import StatisticsError
from syft.integers import Integers
from syft.nn._exact_products import gram
from syft.nn.fixed_point import ONE
from syft.task_executor import TaskExecutor


@dataclass(frozen=True, eq=False)
class LocalStatistics:
    """Gram matrix and cross products of features Phi and targets Y.

    Attributes:
        gram: Phi' Phi, exact, int64, 2^20 for 1.0, shape (d, d).
        cross: Phi' Y, exact, int64, 2^20 for 1.0, shape (d, k).
        rows: number of rows.
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
            StatisticsError: the numbers of features and targets differ.
            FeatureError: a sum could exceed 63 bits.
        """
        if len(features) != len(targets):
            raise StatisticsError(f"{len(features)} rows of features and {len(targets)} targets")
        return cls(gram(features, features), gram(features, targets), len(features))

    @classmethod
    def from_chunks(
        cls, chunks: Iterable[tuple[Integers, Integers]], executor: TaskExecutor | None = None
    ) -> LocalStatistics:
        """Statistics of any number of rows, in constant memory.

        Args:
            chunks: features and targets, as for `from_rows`.
            executor: computes the statistics of each chunk; None computes them in this process.

        Raises:
            StatisticsError: no chunks, or statistics that cannot be added.
            TaskExecutorError: a worker was lost or failed.
        """
        total: LocalStatistics | None = None
        parts = executor.map(_from_chunk, chunks) if executor else map(_from_chunk, chunks)
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
        executor: TaskExecutor | None = None,
    ) -> list[LocalStatistics]:
        """Statistics of `count` random, disjoint parts of the rows, in constant memory.

        Args:
            chunks, executor: as for `from_chunks`.
            count: number of parts, at least 1.
            source: assigns each row to a part.

        Raises:
            StatisticsError, TaskExecutorError: as for `from_chunks`.
        """
        parts = (part for chunk in chunks for part in _random_parts(chunk, count, source))
        found = executor.map(_from_chunk, parts) if executor else map(_from_chunk, parts)
        totals: dict[int, LocalStatistics] = {}
        for index, part in enumerate(found):
            fold = index % count
            totals[fold] = totals[fold] + part if fold in totals else part
        if not totals:
            raise StatisticsError("no rows")
        return [totals[fold] for fold in range(count)]

    def __add__(self, other: Self) -> Self:
        """Statistics of the rows of both operands.

        Raises:
            StatisticsError: the shapes differ, or a sum exceeds 63 bits.
        """
        if (self.gram.shape, self.cross.shape) != (other.gram.shape, other.cross.shape):
            raise StatisticsError(
                f"statistics of shapes {self.gram.shape}, {self.cross.shape} and {other.gram.shape}, "
                f"{other.cross.shape} are not of one Model"
            )
        return type(self)(_sum(self.gram, other.gram), _sum(self.cross, other.cross), self.rows + other.rows)

    def __sub__(self, other: Self) -> Self:
        """Statistics without the rows of `other`.

        Args:
            other: statistics of rows that are among these.

        Raises:
            StatisticsError: the shapes differ, or `other` has more rows.
        """
        if other.rows > self.rows:
            raise StatisticsError(f"{other.rows} rows cannot be taken from {self.rows}")
        remaining = self + type(self)(-other.gram, -other.cross, 0)
        return type(self)(remaining.gram, remaining.cross, self.rows - other.rows)

    def means(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gram matrix and cross products per row, as floats.

        Raises:
            StatisticsError: no rows.
        """
        if not self.rows:
            raise StatisticsError("no rows: nothing can be learned from them")
        scale = self.rows * ONE * ONE
        return self.gram / scale, self.cross / scale


def _from_chunk(chunk: tuple[Integers, Integers]) -> LocalStatistics:
    return LocalStatistics.from_rows(*chunk)


def _random_parts(
    chunk: tuple[Integers, Integers], count: int, source: np.random.Generator
) -> Iterator[tuple[Integers, Integers]]:
    """`count` random, disjoint parts of a chunk; a part may be empty."""
    features, targets = chunk
    fold_of_row = source.integers(count, size=len(features))
    for fold in range(count):
        chosen = fold_of_row == fold
        yield features[chosen], targets[chosen]


def _sum(left: Integers, right: Integers) -> Integers:
    total = left + right
    # A sum whose sign differs from the sign of both operands has wrapped around.
    if bool((((left ^ total) & (right ^ total)) < 0).any()):
        raise StatisticsError("too many rows: a sum exceeds 64-bit integers")
    return total
