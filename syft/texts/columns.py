"""A text as columns of a row: steps side by side, by description or loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from syft.errors import FeatureError
from syft.nn.integers import Integers
from syft.nn.text import LONGEST_TEXT
from syft.texts.steps import TEXT_STEPS, TextStep

#: Most steps side by side.
MOST_STEPS = 4
#: Longest name of a blob in a description: a content address has 46 letters.
_LONGEST_NAME = 128


@dataclass(frozen=True)
class TextColumns:
    """What a text becomes.

    Attributes:
        width: how many columns.
        steps: whose columns stand side by side; empty where only their description is known.
    """

    width: int
    steps: tuple[TextStep, ...] = ()

    @classmethod
    def described(cls, steps: Sequence[Mapping[str, Any]]) -> Self:
        """What a description makes of a text, before its blobs are fetched: enough to know the columns.

        Raises:
            FeatureError: it describes nothing.
        """
        return cls(sum(_kind(place, spec).columns(spec) for place, spec in _numbered(steps)))

    @classmethod
    def load(cls, steps: Sequence[Mapping[str, Any]]) -> Self:
        """The same, ready for use.

        Args:
            steps: descriptions that have bytes for blobs.

        Raises:
            FeatureError, WireError, WeightsError, TokenizerError: it describes nothing, or a blob does not fit.
            ExtraMissingError: a package is missing.
        """
        width = cls.described(steps).width
        for place, parameter, _ in blob_limits(steps):
            if not isinstance(steps[place][parameter], bytes):
                raise FeatureError(f"{parameter} is a name: its bytes are needed", place)
        return cls(width, tuple(_kind(place, spec).load(spec) for place, spec in _numbered(steps)))

    def transform(self, texts: Iterable[str]) -> Integers:
        """Rows of texts: int64, shape (n, width), 2^10 for 1.0, within 2^15.

        Raises:
            FeatureError: a row is no text, holds half of a surrogate pair, or is longer than 2^16 code points; there
                is no more than a description.
            TokenizerError: a text that a tokenizer fails on.
        """
        checked = [_checked(row, text) for row, text in enumerate(texts)]
        return np.concatenate([step.transform(checked) for step in self._loaded()], axis=1)

    def typical(self, count: int, generator: np.random.Generator) -> Integers:
        """So many rows as of texts that nobody wrote: see `TextStep`. Raises FeatureError: no more than described."""
        return np.concatenate([step.typical(count, generator) for step in self._loaded()], axis=1)

    def _loaded(self) -> tuple[TextStep, ...]:
        if not self.steps:
            raise FeatureError("of how texts become columns only the description is here: load it")
        return self.steps


def blob_limits(steps: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str, int]]:
    """What descriptions name: place of the step, parameter, and the most bytes of the blob that it stands for.

    Raises:
        FeatureError: an unknown step.
    """
    for place, spec in _numbered(steps):
        for parameter, most in _kind(place, spec).blobs.items():
            yield place, parameter, most


def _numbered(steps: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if not 1 <= len(steps) <= MOST_STEPS:
        raise FeatureError(f"{len(steps)} steps: a text becomes columns by 1 to {MOST_STEPS}")
    yield from enumerate(steps)


def _kind(place: int, spec: Mapping[str, Any]) -> type[TextStep]:
    """The class of a step, its dictionary checked but for the values that are its own."""
    word = spec.get("step")
    if not isinstance(word, str) or word not in TEXT_STEPS:
        raise FeatureError(f"unknown step {word!r:.80}: choose from {', '.join(TEXT_STEPS)}", place)
    kind, given = TEXT_STEPS[word], set(spec) - {"step"}
    if given != kind.parameters:
        takes, got = (", ".join(sorted(map(str, names))) or "nothing" for names in (kind.parameters, given))
        raise FeatureError(f"the step {word!r} takes {takes}; got {got}", place)
    for name in kind.blobs:
        value = spec[name]
        if not isinstance(value, bytes) and not (isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME):
            raise FeatureError(f"{name} must be bytes, or the name of some", place)
    return kind


def _checked(row: int, text: Any) -> str:
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise FeatureError(f"row {row}: a text of at most {LONGEST_TEXT} code points is needed")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise FeatureError(f"row {row}: half of a surrogate pair is no text") from None
    return text
