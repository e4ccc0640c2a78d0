"""Random Fourier features."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from syft.errors import FeatureError
from syft.integers import Integers, largest_entry
from syft.nn._exact_products import matmul
from syft.nn.fixed_point import LARGEST_FEATURE, ONE
from syft.nn.layers.base import (
    Tensors,
    frozen_matrix,
    frozen_vector,
    integer_parameter,
    layer_spec,
    require_columns,
    to_frozen,
)

_TABLE_BITS = 12


@dataclass(frozen=True, eq=False)
class Fourier:
    """Random Fourier features (Rahimi and Recht, "Random features for large-scale kernel machines", 2007).

    cos(omega x + phase) by a look-up: (x @ omega + phase) / 2^shift, modulo the table's length, is the index into a
    fixed-point table of one period of the cosine. The table is a frozen tensor too, so that all machines agree.

    Attributes:
        omega: frequencies, shape (columns, features).
        phase: shape (features,).
        table: shape (power of two,), 2^10 for 1.0.
        shift: binary digits of the sums beyond those of an index.
    """

    omega: Integers
    phase: Integers
    table: Integers
    shift: int
    name: ClassVar[str] = "fourier"
    parameters: ClassVar[frozenset[str]] = frozenset({"omega", "phase", "table", "shift"})

    @classmethod
    def draw(cls, inputs: int, features: int, gamma: float, seed: int) -> Self:
        """Random features of the Gaussian kernel exp(-gamma |x - x'|^2).

        Args:
            inputs: columns per row.
            features: number of features.
            gamma: of the kernel, for rows in [0, 1].
            seed: of numpy's PCG64.
        """
        shift = 14
        period = 1 << (_TABLE_BITS + shift)
        generator = np.random.default_rng(seed)
        frequencies = generator.normal(scale=math.sqrt(2 * gamma), size=(inputs, features)) / (2 * math.pi)
        omega = to_frozen(frequencies * (period / ONE))
        phase = generator.integers(0, period, size=features, dtype=np.int64)
        angles = 2 * math.pi * np.arange(1 << _TABLE_BITS) / (1 << _TABLE_BITS)
        table = np.rint(np.cos(angles) * ONE).astype(np.int64)
        return cls(omega, phase, table, shift)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], tensors: Tensors) -> Self:
        omega, phase = frozen_matrix(spec, "omega", tensors), frozen_vector(spec, "phase", tensors)
        table = frozen_vector(spec, "table", tensors)
        if omega.shape[1] != len(phase):
            raise FeatureError(f"{omega.shape[1]} frequencies and {len(phase)} phases")
        if len(table) < 2 or len(table) & (len(table) - 1) or largest_entry(table) > LARGEST_FEATURE:
            raise FeatureError("the cosine table's length must be a power of two, its entries within 2^15")
        return cls(omega, phase, table, integer_parameter(spec, "shift", 0, 40))

    def to_spec(self, label: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        wide = {"omega": self.omega.astype(np.int32), "phase": self.phase.astype(np.int32)}
        return layer_spec(self.name, label, {"shift": self.shift}, {**wide, "table": self.table.astype(np.int16)})

    def width(self, inputs: int) -> int:
        require_columns(self.omega.shape[0], inputs)
        return int(self.omega.shape[1])

    def apply(self, rows: Integers) -> Integers:
        angles = (matmul(rows, self.omega) + self.phase) >> self.shift
        features: Integers = self.table[angles & (len(self.table) - 1)]
        return features
