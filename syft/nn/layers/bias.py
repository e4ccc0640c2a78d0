"""The bias layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from syft.integers import Integers
from syft.nn.fixed_point import ONE
from syft.nn.layers.base import Tensors


@dataclass(frozen=True)
class Bias:
    """Appends a column of ones."""

    name: ClassVar[str] = "bias"
    parameters: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], tensors: Tensors) -> Self:
        return cls()

    def to_spec(self, label: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {"step": self.name}, {}

    def width(self, inputs: int) -> int:
        return inputs + 1

    def apply(self, rows: Integers) -> Integers:
        return np.concatenate([rows, np.full((len(rows), 1), ONE, dtype=np.int64)], axis=1)
