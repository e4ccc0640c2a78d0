"""Feature maps: sequences of public, frozen layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from syft.errors import FeatureError
from syft.integers import Integers, largest_entry
from syft.nn.fixed_point import LARGEST_FEATURE
from syft.nn.layers import LAYERS, MOST_FEATURES, AnyLayer, Tensors
from syft.nn.layers.base import described_class


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """A sequence of layers from rows to features.

    Attributes:
        inputs: columns per row.
        layers: in the order of their application.
    """

    inputs: int
    layers: tuple[AnyLayer, ...]

    @classmethod
    def from_spec(cls, inputs: int, specs: Sequence[Mapping[str, Any]], tensors: Tensors) -> Self:
        """The feature map that a spec describes.

        Raises:
            FeatureError: an unknown layer or parameter, a missing tensor, or layers that do not fit each other.
        """
        layers = []
        for index, spec in enumerate(specs):
            try:
                layers.append(_layer_class(spec).from_spec(spec, tensors))
            except FeatureError as error:
                raise FeatureError(str(error), index) from None
        feature_map = cls(inputs, tuple(layers))
        feature_map.outputs  # noqa: B018 - checks that the layers fit each other
        return feature_map

    def to_spec(self) -> tuple[list[dict[str, Any]], dict[str, NDArray[Any]]]:
        """The specs of the layers, and the frozen tensors by name."""
        specs: list[dict[str, Any]] = []
        tensors: dict[str, NDArray[Any]] = {}
        for index, layer in enumerate(self.layers):
            spec, own = layer.to_spec(f"{layer.name}_{index}")
            specs.append(spec)
            tensors.update(own)
        return specs, tensors

    @property
    def outputs(self) -> int:
        """Features per row.

        Raises:
            FeatureError: a layer does not fit the one before it, or has more than 2^16 features.
        """
        width = self.inputs
        for index, layer in enumerate(self.layers):
            try:
                width = layer.width(width)
            except FeatureError as error:
                raise FeatureError(str(error), index) from None
            if width > MOST_FEATURES:
                raise FeatureError(f"{width} features: at most {MOST_FEATURES} are allowed", index)
        return width

    def transform(self, rows: Integers) -> Integers:
        """Features of rows.

        Args:
            rows: int64, shape (n, inputs), 2^10 for 1.0, within 2^15.

        Returns:
            int64, shape (n, outputs), 2^10 for 1.0, within 2^15.

        Raises:
            FeatureError: rows of another shape, type or range.
        """
        if rows.ndim != 2 or rows.shape[1] != self.inputs or rows.dtype != np.int64:
            raise FeatureError(f"rows must be int64 with {self.inputs} columns, not {rows.dtype} of shape {rows.shape}")
        if largest_entry(rows) > LARGEST_FEATURE:
            raise FeatureError("a row has an entry beyond 2^15")
        for layer in self.layers:
            rows = layer.apply(rows)
        return rows


def check_layer(spec: Mapping[str, Any]) -> None:
    """Checks a layer's name and the names of its parameters, without its tensors.

    Raises:
        FeatureError: an unknown layer or parameter.
    """
    _layer_class(spec)


def _layer_class(spec: Mapping[str, Any]) -> type[AnyLayer]:
    return described_class(spec, LAYERS, "layer")
