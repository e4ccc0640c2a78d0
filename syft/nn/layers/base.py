"""Interface of a feature map's layers, and readers for their untrusted specs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from syft.errors import FeatureError
from syft.integers import Integers, is_integer_in, largest_entry

#: Largest number of features that a layer, or a stage of texts, may produce.
MOST_FEATURES = 1 << 16

Tensors = Mapping[str, NDArray[Any]]

_LARGEST_FROZEN = 1 << 31


class Layer(Protocol):
    """One frozen layer of a feature map; rows and features are int64, 2^10 for 1.0.

    Attributes:
        name: its name in a spec, under the key "step".
        parameters: the other keys of its spec.
    """

    name: ClassVar[str]
    parameters: ClassVar[frozenset[str]]

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], tensors: Tensors) -> Self:
        """The layer that a spec describes. Raises FeatureError if the spec or a tensor is not valid."""

    def to_spec(self, label: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The spec, and the frozen tensors that it names; each name begins with `label`."""

    def width(self, inputs: int) -> int:
        """Number of features for rows of `inputs` columns. Raises FeatureError if the layer does not fit them."""

    def apply(self, rows: Integers) -> Integers:
        """Features of rows, shape (n, width)."""


class Described(Protocol):
    """Anything that a spec describes by a name under "step" and parameters of fixed names."""

    parameters: ClassVar[frozenset[str]]


D = TypeVar("D", bound=Described)


def described_class(spec: Mapping[str, Any], classes: Mapping[str, type[D]], part: str) -> type[D]:
    """The class that a spec names under "step", after a check of the names of its parameters.

    Args:
        spec: untrusted.
        classes: by name.
        part: noun for error messages: "layer" or "stage".

    Raises:
        FeatureError: an unknown name or parameter, or a missing parameter.
    """
    name = spec.get("step")
    if not isinstance(name, str) or name not in classes:
        raise FeatureError(f"unknown {part} {name!r:.80}: choose from {', '.join(classes)}")
    found, given = classes[name], set(spec) - {"step"}
    if given != found.parameters:
        takes, got = (", ".join(sorted(map(str, names))) or "nothing" for names in (found.parameters, given))
        raise FeatureError(f"the {part} {name!r} takes {takes}; got {got}")
    return found


def to_frozen(numbers: NDArray[np.float64]) -> Integers:
    """The nearest integers, for a frozen tensor. Raises FeatureError if one exceeds 31 bits."""
    integers: Integers = np.rint(numbers).astype(np.int64)
    if largest_entry(integers) >= _LARGEST_FROZEN:
        raise FeatureError("the layer's numbers exceed 31 bits: use a smaller gamma or fewer columns")
    return integers


def layer_spec(
    name: str, label: str, numbers: Mapping[str, int], tensors: Tensors
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The spec of a layer, and its frozen tensors under the names that the spec gives them (`Layer.to_spec`).

    Args:
        name: of the layer.
        label: beginning of the tensors' names.
        numbers: parameters that are numbers.
        tensors: frozen tensors by parameter.
    """
    names = {key: f"{label}_{key}" for key in tensors}
    return {"step": name, **numbers, **names}, {names[key]: tensor for key, tensor in tensors.items()}


def require_columns(expected: int, inputs: int) -> None:
    """Raises FeatureError unless rows have as many columns as a layer was made for."""
    if inputs != expected:
        raise FeatureError(f"a layer for {expected} columns cannot take {inputs}")


def integer_parameter(spec: Mapping[str, Any], key: str, least: int, most: int) -> int:
    """A spec's parameter that must be an integer from `least` to `most`. Raises FeatureError."""
    value = spec[key]
    if not is_integer_in(value, least, most):
        raise FeatureError(f"{key} must be an integer from {least} to {most}")
    return value


def frozen_vector(spec: Mapping[str, Any], key: str, tensors: Tensors) -> Integers:
    """The one-dimensional frozen tensor that a spec names under `key`. Raises FeatureError."""
    return _frozen_tensor(spec, key, tensors, 1)


def frozen_matrix(spec: Mapping[str, Any], key: str, tensors: Tensors) -> Integers:
    """The two-dimensional frozen tensor that a spec names under `key`. Raises FeatureError."""
    return _frozen_tensor(spec, key, tensors, 2)


def _frozen_tensor(spec: Mapping[str, Any], key: str, tensors: Tensors, dimensions: int) -> Integers:
    name = spec[key]
    if not isinstance(name, str) or name not in tensors:
        raise FeatureError(f"no frozen tensor {name!r} for {key}")
    tensor = np.asarray(tensors[name])
    if tensor.ndim != dimensions or tensor.dtype.kind not in "iu" or tensor.dtype == np.uint64 or not tensor.size:
        raise FeatureError(f"frozen tensor {name!r} must have {dimensions} dimensions of signed integers")
    widened = tensor.astype(np.int64)
    if largest_entry(widened) >= _LARGEST_FROZEN:
        raise FeatureError(f"frozen tensor {name!r} has an entry of more than 31 bits")
    return widened
