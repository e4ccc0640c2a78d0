"""Random convolutions of images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from syft.errors import FeatureError
from syft.integers import Integers
from syft.nn._exact_products import matmul
from syft.nn.fixed_point import FRACTION_BITS, ONE, clip
from syft.nn.layers.base import Tensors, frozen_matrix, frozen_vector, integer_parameter, layer_spec, to_frozen

#: Largest number of units per image before pooling.
MOST_UNITS = 1 << 22

_LONGEST_SIDE = 1 << 12
#: Largest number of patch entries or units in memory at a time.
_BATCH = 1 << 22


@dataclass(frozen=True, eq=False)
class Convolution:
    """Rectified filter responses at every patch of an image, average-pooled over the cells of a grid.

    A row is an image, row-major, with the channels of a pixel adjacent. Each patch of side x side pixels inside the
    image, at every `stride` pixels, gives max(0, (patch @ filters + bias) / 2^shift), rounded down and clipped. The
    map of a x b patches is divided into pooling x pooling cells; cell i covers floor(i a / pooling) up to, but not
    including, floor((i + 1) a / pooling). A feature is the mean of one filter over one cell, rounded down. Cells are
    row-major, with the filters of a cell adjacent.

    Random filters with rectification and pooling come close to trained filters: Jarrett, Kavukcuoglu, Ranzato and
    LeCun, "What is the best multi-stage architecture for object recognition?", 2009; Coates and Ng, "The importance of
    encoding versus training with sparse coding and vector quantization", 2011.

    Attributes:
        filters: shape (side x side x channels, number of filters).
        bias: shape (number of filters,), at the scale of the sums.
        image: height, width and channels.
        side: of a patch, in pixels.
        stride: distance between patches, in pixels.
        pooling: cells along each side of the grid.
        shift: binary digits of the sums beyond those of a feature.
    """

    filters: Integers
    bias: Integers
    image: tuple[int, int, int]
    side: int
    stride: int
    pooling: int
    shift: int
    name: ClassVar[str] = "convolution"
    parameters: ClassVar[frozenset[str]] = frozenset(
        {"filters", "bias", "height", "width", "channels", "side", "stride", "pooling", "shift"}
    )

    @classmethod
    def draw(
        cls, image: tuple[int, int, int], filters: int, seed: int, *, side: int, stride: int, pooling: int
    ) -> Self:
        """Random filters that respond to contrast, not brightness, each in a part of the patches.

        Each is Gaussian with its mean subtracted, scaled to L2 norm 2, with a threshold drawn uniformly from [0, 0.6],
        which suits the contrast of pixels in [0, 1].

        Args:
            image: height, width and channels.
            filters: number of filters; each gives pooling x pooling features.
            seed: of numpy's PCG64.
            side, stride, pooling: see the attributes.
        """
        generator = np.random.default_rng(seed)
        drawn = generator.normal(size=(side * side * image[2], filters))
        drawn -= drawn.mean(axis=0)
        drawn *= 2 / np.maximum(np.linalg.norm(drawn, axis=0), 1e-12)
        thresholds = generator.uniform(0, 0.6, size=filters)
        return cls(
            to_frozen(drawn * ONE), to_frozen(-thresholds * ONE * ONE), image, side, stride, pooling, FRACTION_BITS
        )

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], tensors: Tensors) -> Self:
        filters, bias = frozen_matrix(spec, "filters", tensors), frozen_vector(spec, "bias", tensors)
        if filters.shape[1] != len(bias):
            raise FeatureError(f"{filters.shape[1]} filters and {len(bias)} biases")
        height, width, channels, side, stride, pooling = (
            integer_parameter(spec, key, 1, _LONGEST_SIDE)
            for key in ("height", "width", "channels", "side", "stride", "pooling")
        )
        if side * side * channels != len(filters):
            raise FeatureError(f"filters of {len(filters)} numbers for patches of {side} x {side} x {channels}")
        shift = integer_parameter(spec, "shift", 0, 40)
        layer = cls(filters, bias, (height, width, channels), side, stride, pooling, shift)
        rows, columns = layer._map
        if pooling > min(rows, columns):
            raise FeatureError(f"{rows} x {columns} patches cannot be pooled into {pooling} x {pooling} cells")
        if rows * columns * max(filters.shape) > MOST_UNITS:
            raise FeatureError(f"{rows} x {columns} patches of {filters.shape} filters exceed {MOST_UNITS} units")
        return layer

    def to_spec(self, label: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        sizes = dict(zip(("height", "width", "channels"), self.image, strict=True))
        own = {"side": self.side, "stride": self.stride, "pooling": self.pooling, "shift": self.shift}
        tensors = {"filters": self.filters.astype(np.int32), "bias": self.bias.astype(np.int32)}
        return layer_spec(self.name, label, {**sizes, **own}, tensors)

    def width(self, inputs: int) -> int:
        height, width, channels = self.image
        if inputs != height * width * channels:
            raise FeatureError(f"images of {height} x {width} x {channels} do not have {inputs} columns")
        return int(self.pooling**2 * self.filters.shape[1])

    def apply(self, rows: Integers) -> Integers:
        patches = self._map[0] * self._map[1]
        images_at_once = max(_BATCH // (patches * max(self.filters.shape)), 1)
        features = np.empty((len(rows), self.width(rows.shape[1])), dtype=np.int64)
        for start in range(0, len(rows), images_at_once):
            batch = slice(start, start + images_at_once)
            features[batch] = self._pooled(self._units(rows[batch]))
        return features

    @property
    def _map(self) -> tuple[int, int]:
        """Number of patches down and across."""
        down, across = ((length - self.side) // self.stride + 1 for length in self.image[:2])
        return max(down, 0), max(across, 0)

    def _units(self, rows: Integers) -> Integers:
        """Rectified responses, shape (n, patches down, patches across, filters)."""
        images, patch = rows.reshape(-1, *self.image), (self.side, self.side)
        windows = sliding_window_view(images, patch, axis=(1, 2))  # type: ignore[call-overload]  # two axes are meant
        # From (n, down, across, channels, side, side) to row-major patches.
        chosen = windows[:, :: self.stride, :: self.stride].transpose(0, 1, 2, 4, 5, 3)
        sums = matmul(chosen.reshape(-1, len(self.filters)), self.filters) + self.bias
        return clip(np.maximum(sums >> self.shift, 0)).reshape(*chosen.shape[:3], -1)

    def _pooled(self, units: Integers) -> Integers:
        sums, count = units, np.ones((1, 1), dtype=np.int64)
        for axis, length in ((1, units.shape[1]), (2, units.shape[2])):
            starts = np.arange(self.pooling) * length // self.pooling
            sums = np.add.reduceat(sums, starts, axis=axis)
            lengths = np.diff(np.append(starts, length))
            count = count * (lengths[:, None] if axis == 1 else lengths)
        averages: Integers = sums // count[:, :, None]
        return averages.reshape(len(units), -1)
