"""Standardisation of columns by public constants."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import FeatureError
from syft.integers import Integers
from syft.nn.fixed_point import ONE, clip
from syft.nn.layers.base import Tensors, frozen_vector, integer_parameter, layer_spec, require_columns


@dataclass(frozen=True, eq=False)
class Standardise:
    """(x - mean) x multiplier / 2^shift, rounded down and clipped.

    Attributes:
        mean, multiplier: public constants, shape (columns,).
        shift: binary digits of the products beyond those of a feature.
    """

    mean: Integers
    multiplier: Integers
    shift: int
    name: ClassVar[str] = "standardise"
    parameters: ClassVar[frozenset[str]] = frozenset({"mean", "multiplier", "shift"})

    @classmethod
    def of_ranges(cls, columns: int) -> Self:
        """Constants for columns uniformly distributed over their schema's range: mean 1/2, deviation 1/sqrt(12).

        Args:
            columns: per row.
        """
        zeros, ones = np.zeros(columns), np.ones(columns)
        return cls.of_moments(ones / 2, ones / math.sqrt(12), zeros, ones)

    @classmethod
    def of_moments(cls, mean: ArrayLike, deviation: ArrayLike, minimum: ArrayLike, maximum: ArrayLike) -> Self:
        """Constants for columns with a published mean and standard deviation, in the columns' own units.

        Args:
            mean, deviation: one per column. They become public: use published ones, or a Data Scientist's own.
            minimum, maximum: of the schema, by which rows become integers; 0 and 1 for a column of an enum.

        Raises:
            FeatureError: the arguments are not numbers, or have different lengths; a range or a deviation is not
                positive; a deviation is below 2^-10 of its range; a mean is outside of its range.
        """
        try:
            columns = [np.asarray(part, dtype=np.float64) for part in (mean, deviation, minimum, maximum)]
        except (TypeError, ValueError):
            raise FeatureError("mean, deviation, minimum and maximum must be numbers, one per column") from None
        if len({part.shape for part in columns}) > 1 or columns[0].ndim != 1:
            raise FeatureError("mean, deviation, minimum and maximum have different lengths")
        center, scale, low, high = columns
        valid = (low <= center) & (center <= high) & (scale * ONE >= high - low) & (low < high) & (scale < np.inf)
        if not valid.all():
            column = int(np.argmin(valid))
            raise FeatureError(
                f"column {column}: mean {center[column]} and deviation {scale[column]} cannot standardise numbers "
                f"from {low[column]} to {high[column]}"
            )
        shift = 16
        middle = np.rint((center - low) / (high - low) * ONE).astype(np.int64)
        return cls(middle, np.rint((high - low) / scale * (1 << shift)).astype(np.int64), shift)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], tensors: Tensors) -> Self:
        mean, multiplier = frozen_vector(spec, "mean", tensors), frozen_vector(spec, "multiplier", tensors)
        if mean.shape != multiplier.shape:
            raise FeatureError("mean and multiplier have different lengths")
        return cls(mean, multiplier, integer_parameter(spec, "shift", 0, 32))

    def to_spec(self, label: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return layer_spec(self.name, label, {"shift": self.shift}, {"mean": self.mean, "multiplier": self.multiplier})

    def width(self, inputs: int) -> int:
        require_columns(len(self.mean), inputs)
        return inputs

    def apply(self, rows: Integers) -> Integers:
        return clip((rows - self.mean) * self.multiplier >> self.shift)
