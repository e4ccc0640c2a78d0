"""Texts as rows by a public table: the average of what it says of a text's tokens, in integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import FeatureError
from syft.nn.integers import Integers, largest_entry
from syft.nn.steps import LARGEST_FEATURE, MOST_FEATURES, ONE, matrix

#: Most tokens of a text.
MOST_TOKENS = 1 << 16

_NAME = "table"


@dataclass(frozen=True)
class TokenTable:
    """One row of numbers for every token of a vocabulary, of an embedding that somebody trained and published.

    A text's row is floor(sum of its tokens' rows / number of tokens), and zeros of no tokens. Which tokens a text has
    is for its public tokenizer to say.

    Attributes:
        table: int64, shape (vocabulary, width), 2^10 for 1.0, within 2^15.

    Raises:
        FeatureError: another shape or type, or an entry beyond 2^15.
    """

    table: Integers

    def __post_init__(self) -> None:
        if self.table.ndim != 2 or self.table.dtype != np.int64 or not self.table.size:
            raise FeatureError("a token table has a vocabulary and a width, and int64 numbers")
        if self.table.shape[1] > MOST_FEATURES or largest_entry(self.table) > LARGEST_FEATURE:
            raise FeatureError(f"a token table has at most {MOST_FEATURES} columns, and numbers within 2^15")

    @classmethod
    def from_embedding(cls, weights: ArrayLike, scale: float = 1.0) -> Self:
        """The table of a published embedding: its weights times a scale, as nearest integers at 2^10.

        Args:
            weights: shape (vocabulary, width).
            scale: so that averages over a text are near 1.0 in size; what exceeds 2^15 is clipped.

        Raises:
            FeatureError: not a table of finite numbers.
        """
        try:
            numbers = np.asarray(weights, dtype=np.float64) * scale
        except (TypeError, ValueError):
            raise FeatureError("an embedding is a table of numbers") from None
        if not np.isfinite(numbers).all():
            raise FeatureError("an embedding has finite numbers, and so has its scale")
        integers = np.clip(np.rint(numbers * ONE), -LARGEST_FEATURE, LARGEST_FEATURE)
        return cls(integers.astype(np.int64))

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> Self:
        """The table out of named arrays, as `to_tensors` makes them and `syft.wire` keeps them.

        Raises:
            FeatureError: there is no such array, or it does not hold a table.
        """
        return cls(matrix({_NAME: _NAME}, _NAME, tensors))

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Named arrays to publish."""
        wide = largest_entry(self.table) >= LARGEST_FEATURE
        return {_NAME: self.table.astype(np.int32 if wide else np.int16)}

    def transform(self, texts: Iterable[Sequence[int] | NDArray[np.integer[Any]]]) -> Integers:
        """Rows of texts: int64, shape (n, width), 2^10 for 1.0, within 2^15.

        Args:
            texts: the places of each text's tokens in the vocabulary.

        Raises:
            FeatureError: a token that the table does not have, or more than 2^16 of them in a text.
        """
        rows = [self._row(number, tokens) for number, tokens in enumerate(texts)]
        return np.array(rows, dtype=np.int64).reshape(len(rows), self.table.shape[1])

    def _row(self, number: int, tokens: Sequence[int] | NDArray[np.integer[Any]]) -> Integers:
        places = np.asarray(tokens)
        if not places.size:
            return np.zeros(self.table.shape[1], dtype=np.int64)
        if places.ndim != 1 or places.dtype.kind not in "iu" or len(places) > MOST_TOKENS:
            raise FeatureError(f"row {number}: a list of at most {MOST_TOKENS} whole numbers is needed")
        if int(places.min()) < 0 or int(places.max()) >= len(self.table):
            raise FeatureError(f"row {number}: a token outside of the vocabulary of {len(self.table)}")
        average: Integers = self.table[places].sum(axis=0) // len(places)
        return average
