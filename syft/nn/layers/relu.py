"""A random rectified layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from syft.errors import FeatureError
from syft.integers import Integers
from syft.nn._exact_products import matmul
from syft.nn.fixed_point import FRACTION_BITS, ONE, clip
from syft.nn.layers.base import (
    Tensors,
    frozen_matrix,
    frozen_vector,
    integer_parameter,
    layer_spec,
    require_columns,
    to_frozen,
)


@dataclass(frozen=True, eq=False)
class Relu:
    """max(0, (x @ weights + bias) / 2^shift), rounded down and clipped.

    Attributes:
        weights: shape (columns, units).
        bias: shape (units,).
        shift: binary digits of the sums beyond those of a feature.
    """

    weights: Integers
    bias: Integers
    shift: int
    name: ClassVar[str] = "relu"
    parameters: ClassVar[frozenset[str]] = frozenset({"weights", "bias", "shift"})

    @classmethod
    def draw(cls, inputs: int, features: int, seed: int) -> Self:
        """A random layer whose outputs are near 1.0 in size for rows in [0, 1].

        Args:
            inputs: columns per row.
            features: number of units.
            seed: of numpy's PCG64.
        """
        generator = np.random.default_rng(seed)
        scale = (1 << FRACTION_BITS) / math.sqrt(max(inputs, 1))
        weights = to_frozen(generator.normal(scale=2 * scale, size=(inputs, features)))
        # Minus the sum for a row of 1/2, so that the thresholds lie in the middle of the data.
        bias = -(weights.sum(axis=0) * ONE // 2) + np.rint(generator.normal(scale=ONE * ONE / 4, size=features)).astype(
            np.int64
        )
        return cls(weights, bias, FRACTION_BITS)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], tensors: Tensors) -> Self:
        weights, bias = frozen_matrix(spec, "weights", tensors), frozen_vector(spec, "bias", tensors)
        if weights.shape[1] != len(bias):
            raise FeatureError(f"{weights.shape[1]} units and {len(bias)} biases")
        return cls(weights, bias, integer_parameter(spec, "shift", 0, 40))

    def to_spec(self, label: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        tensors = {"weights": self.weights.astype(np.int32), "bias": self.bias.astype(np.int32)}
        return layer_spec(self.name, label, {"shift": self.shift}, tensors)

    def width(self, inputs: int) -> int:
        require_columns(self.weights.shape[0], inputs)
        return int(self.weights.shape[1])

    def apply(self, rows: Integers) -> Integers:
        return clip(np.maximum((matmul(rows, self.weights) + self.bias) >> self.shift, 0))
