"""Token tables: a text's row is the mean of the table's rows of its tokens, in integer arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import FeatureError
from syft.integers import Integers, largest_entry
from syft.nn.fixed_point import LARGEST_FEATURE, ONE
from syft.nn.layers import MOST_FEATURES
from syft.nn.layers.base import frozen_matrix

#: Largest number of tokens per text.
MOST_TOKENS = 1 << 16

_NAME = "table"


@dataclass(frozen=True, eq=False)
class TokenTable:
    """A published embedding: one row of numbers per token of a vocabulary.

    A text's row is floor(sum of its tokens' rows / number of tokens); a text without tokens gives zeros. A public
    tokenizer determines the tokens of a text.

    Attributes:
        table: int64, shape (vocabulary, width), 2^10 for 1.0, within 2^15.

    Raises:
        FeatureError: another shape or type, or an entry beyond 2^15.
    """

    table: Integers

    def __post_init__(self) -> None:
        if self.table.ndim != 2 or self.table.dtype != np.int64 or not self.table.size:
            raise FeatureError("a token table must be int64 with the dimensions vocabulary and width")
        if self.table.shape[1] > MOST_FEATURES or largest_entry(self.table) > LARGEST_FEATURE:
            raise FeatureError(f"a token table has at most {MOST_FEATURES} columns, and entries within 2^15")

    @classmethod
    def from_embedding(cls, weights: ArrayLike, scale: float = 1.0) -> Self:
        """The table of an embedding's weights times a scale, as the nearest integers, 2^10 for 1.0.

        Args:
            weights: shape (vocabulary, width).
            scale: should bring the mean over a text to about 1.0 in size; entries beyond 2^15 are clipped.

        Raises:
            FeatureError: the weights are not a table of finite numbers.
        """
        try:
            numbers = np.asarray(weights, dtype=np.float64) * scale
        except (TypeError, ValueError):
            raise FeatureError("the embedding is not a table of numbers") from None
        if not np.isfinite(numbers).all():
            raise FeatureError("the embedding, or its scale, has a number that is not finite")
        integers = np.clip(np.rint(numbers * ONE), -LARGEST_FEATURE, LARGEST_FEATURE)
        return cls(integers.astype(np.int64))

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> Self:
        """The table of named arrays, as `to_tensors` returns and `syft.wire` encodes them.

        Raises:
            FeatureError: the array is missing or not a token table.
        """
        return cls(frozen_matrix({_NAME: _NAME}, _NAME, tensors))

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """The table as named arrays, for `syft.wire.dumps_arrays`."""
        wide = largest_entry(self.table) >= LARGEST_FEATURE
        return {_NAME: self.table.astype(np.int32 if wide else np.int16)}

    def transform(self, texts: Iterable[Sequence[int] | NDArray[np.integer[Any]]]) -> Integers:
        """Rows of texts: int64, shape (n, width), 2^10 for 1.0, within 2^15.

        Args:
            texts: per text, the indices of its tokens in the vocabulary.

        Raises:
            FeatureError: a token outside of the vocabulary, or more than 2^16 tokens in a text.
        """
        rows = [self._row(number, tokens) for number, tokens in enumerate(texts)]
        return np.array(rows, dtype=np.int64).reshape(len(rows), self.table.shape[1])

    def _row(self, number: int, tokens: Sequence[int] | NDArray[np.integer[Any]]) -> Integers:
        indices = np.asarray(tokens)
        if not indices.size:
            return np.zeros(self.table.shape[1], dtype=np.int64)
        if indices.ndim != 1 or indices.dtype.kind not in "iu" or len(indices) > MOST_TOKENS:
            raise FeatureError(f"row {number}: a list of at most {MOST_TOKENS} integers is needed")
        if int(indices.min()) < 0 or int(indices.max()) >= len(self.table):
            raise FeatureError(f"row {number}: a token outside of the vocabulary of {len(self.table)}")
        average: Integers = self.table[indices].sum(axis=0) // len(indices)
        return average
