"""Columns of a text: the outputs of one or several stages, concatenated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from syft.errors import FeatureError
from syft.integers import Integers
from syft.nn.layers.base import described_class
from syft.texts.ngrams import check_text
from syft.texts.stages import TEXT_STAGES, TextStage

#: Largest number of stages.
MOST_STAGES = 4
#: Longest name of a blob in a spec, in characters; a content address has 46.
_LONGEST_NAME = 128


@dataclass(frozen=True)
class TextColumns:
    """The stages that convert a text to columns.

    Attributes:
        width: number of columns.
        stages: in the order of their columns; empty if their blobs are not loaded.
    """

    width: int
    stages: tuple[TextStage, ...] = ()

    @classmethod
    def from_specs(cls, specs: Sequence[Mapping[str, Any]]) -> Self:
        """The columns of specs whose blobs are not loaded: only `width` is known.

        Raises:
            FeatureError: a spec is not valid.
        """
        return cls(sum(_stage_class(index, spec).columns(spec) for index, spec in _numbered(specs)))

    @classmethod
    def load(cls, specs: Sequence[Mapping[str, Any]]) -> Self:
        """The columns of specs with their blobs, ready for `transform`.

        Args:
            specs: with bytes in place of the names of blobs.

        Raises:
            FeatureError, WireError, WeightsError, TokenizerError: a spec or a blob is not valid.
            ExtraMissingError: a package is not installed.
        """
        width = cls.from_specs(specs).width
        for index, parameter, _ in blob_limits(specs):
            if not isinstance(specs[index][parameter], bytes):
                raise FeatureError(f"{parameter} is a name: pass its bytes", index, "stage")
        return cls(width, tuple(_stage_class(index, spec).load(spec) for index, spec in _numbered(specs)))

    def transform(self, texts: Iterable[str]) -> Integers:
        """Rows of texts: int64, shape (n, width), 2^10 for 1.0, within 2^15.

        Raises:
            FeatureError: a row is not a string, contains a lone surrogate, or has more than 2^16 code points; or the
                blobs are not loaded.
            TokenizerError: a tokenizer fails on a text.
        """
        checked = [check_text(row, text) for row, text in enumerate(texts)]
        return np.concatenate([stage.transform(checked) for stage in self._loaded()], axis=1)

    def typical(self, count: int, generator: np.random.Generator) -> Integers:
        """Random rows with the norms of typical texts: see `TextStage`. Raises FeatureError if blobs are not loaded."""
        return np.concatenate([stage.typical(count, generator) for stage in self._loaded()], axis=1)

    def _loaded(self) -> tuple[TextStage, ...]:
        if not self.stages:
            raise FeatureError("the blobs of the text stages are not loaded: use TextColumns.load")
        return self.stages


def blob_limits(specs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str, int]]:
    """The blobs that specs name: index of the stage, parameter, and largest size in bytes.

    Raises:
        FeatureError: a spec is not valid.
    """
    for index, spec in _numbered(specs):
        for parameter, most in _stage_class(index, spec).blobs.items():
            yield index, parameter, most


def _numbered(specs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if not 1 <= len(specs) <= MOST_STAGES:
        raise FeatureError(f"{len(specs)} text stages: 1 to {MOST_STAGES} are allowed")
    yield from enumerate(specs)


def _stage_class(index: int, spec: Mapping[str, Any]) -> type[TextStage]:
    """The class of a stage, after a check of its parameters' names and its blobs' types."""
    try:
        found = described_class(spec, TEXT_STAGES, "stage")
    except FeatureError as error:
        raise FeatureError(str(error), index, "stage") from None
    for name in found.blobs:
        value = spec[name]
        if not isinstance(value, bytes) and not (isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME):
            raise FeatureError(f"{name} must be bytes, or the name of a blob", index, "stage")
    return found
