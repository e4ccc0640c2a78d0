"""What every step of a feature map is made of: its scale, its limits, and how it reads a spec that may be hostile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from syft.errors import FeatureError
from syft.nn.integers import Integers, largest_entry
from syft.whole import is_whole

#: Binary digits after the point of rows and features, and the integer that stands for 1.0.
FRACTION_BITS = 10
ONE = 1 << FRACTION_BITS
#: No feature is larger: what lies beyond is clipped.
LARGEST_FEATURE = 1 << 15
#: Most features a step may make.
MOST_FEATURES = 1 << 16

Tensors = Mapping[str, NDArray[Any]]

_LARGEST_FROZEN = 1 << 31


class Step(Protocol):
    """One step of a feature map. `name` is its word in a spec, `parameters` what else its dictionary holds."""

    name: ClassVar[str]
    parameters: ClassVar[frozenset[str]]

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], tensors: Tensors) -> Self:
        """The step that a spec's dictionary describes."""

    def to_spec(self, label: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The dictionary, and the frozen tensors it names, each name starting with `label`."""

    def width(self, inputs: int) -> int:
        """Features it makes of `inputs` columns; raises FeatureError when they do not fit."""

    def apply(self, rows: Integers) -> Integers:
        """Features of rows, shape (n, width)."""


def frozen(numbers: NDArray[np.float64]) -> Integers:
    """The nearest integers, as a layer keeps them."""
    integers: Integers = np.rint(numbers).astype(np.int64)
    if largest_entry(integers) >= _LARGEST_FROZEN:
        raise FeatureError("the layer's numbers exceed 31 bits: a smaller gamma or fewer columns are needed")
    return integers


def whole(spec: Mapping[str, Any], key: str, least: int, most: int) -> int:
    """A parameter that is a whole number from `least` to `most`. Raises FeatureError."""
    value = spec[key]
    if not is_whole(value, least, most):
        raise FeatureError(f"{key} must be a whole number from {least} to {most}")
    return value


def _tensor(spec: Mapping[str, Any], key: str, tensors: Tensors, dimensions: int) -> Integers:
    name = spec[key]
    if not isinstance(name, str) or name not in tensors:
        raise FeatureError(f"no frozen tensor {name!r} for {key}")
    tensor = np.asarray(tensors[name])
    if tensor.ndim != dimensions or tensor.dtype.kind not in "iu" or tensor.dtype == np.uint64 or not tensor.size:
        raise FeatureError(f"frozen tensor {name!r}: {dimensions} dimensions of signed integers are needed")
    widened = tensor.astype(np.int64)
    if largest_entry(widened) >= _LARGEST_FROZEN:
        raise FeatureError(f"frozen tensor {name!r} has an entry beyond 31 bits")
    return widened


def vector(spec: Mapping[str, Any], key: str, tensors: Tensors) -> Integers:
    """A frozen tensor of one dimension, by its name in a spec. Raises FeatureError."""
    return _tensor(spec, key, tensors, 1)


def matrix(spec: Mapping[str, Any], key: str, tensors: Tensors) -> Integers:
    """A frozen tensor of two dimensions, by its name in a spec. Raises FeatureError."""
    return _tensor(spec, key, tensors, 2)


def clip(rows: Integers) -> Integers:
    """Features within what a feature may be."""
    return np.clip(rows, -LARGEST_FEATURE, LARGEST_FEATURE)
