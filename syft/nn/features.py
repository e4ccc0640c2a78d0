"""Public, frozen feature maps, in integers alone: any language that follows them agrees bit for bit.

Rows come in as fixed-point integers where 2^10 stands for 1.0 and leave as features at the same scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from syft.errors import FeatureError
from syft.nn.integers import Integers, largest_entry, matmul

#: Binary digits after the point of rows and features, and the integer that stands for 1.0.
FRACTION_BITS = 10
ONE = 1 << FRACTION_BITS
#: No feature is larger: what lies beyond is clipped.
LARGEST_FEATURE = 1 << 15
#: Most features a step may make.
MOST_FEATURES = 1 << 16

Tensors = Mapping[str, NDArray[Any]]

_TABLE_BITS = 12
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


@dataclass(frozen=True)
class Standardise:
    """(x - mean) x multiplier / 2^shift, rounded down and clipped: public constants, one a column."""

    mean: Integers
    multiplier: Integers
    shift: int
    name: ClassVar[str] = "standardise"
    parameters: ClassVar[frozenset[str]] = frozenset({"mean", "multiplier", "shift"})

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], tensors: Tensors) -> Self:
        mean, multiplier = _vector(spec, "mean", tensors), _vector(spec, "multiplier", tensors)
        if mean.shape != multiplier.shape:
            raise FeatureError("mean and multiplier have different lengths")
        return cls(mean, multiplier, _whole(spec, "shift", 0, 32))

    def to_spec(self, label: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        names = {"mean": f"{label}_mean", "multiplier": f"{label}_multiplier"}
        return {"step": self.name, "shift": self.shift, **names}, {
            names["mean"]: self.mean,
            names["multiplier"]: self.multiplier,
        }

    def width(self, inputs: int) -> int:
        if inputs != len(self.mean):
            raise FeatureError(f"{len(self.mean)} constants for {inputs} columns")
        return inputs

    def apply(self, rows: Integers) -> Integers:
        return _clip((rows - self.mean) * self.multiplier >> self.shift)


@dataclass(frozen=True)
class Fourier:
    """Random Fourier features (Rahimi and Recht, "Random features for large-scale kernel machines", 2007).

    cos(omega x + phase), as a look-up: (x @ omega + phase) / 2^shift, modulo the table's length, is the place in a
    fixed-point table of one turn of the cosine. The table is a frozen tensor too, so that no two machines disagree.
    """

    omega: Integers
    phase: Integers
    table: Integers
    shift: int
    name: ClassVar[str] = "fourier"
    parameters: ClassVar[frozenset[str]] = frozenset({"omega", "phase", "table", "shift"})

    @classmethod
    def draw(cls, inputs: int, features: int, gamma: float, seed: int) -> Self:
        """Features of the Gaussian kernel exp(-gamma |x - x'|^2), drawn from a seed.

        Args:
            inputs: columns of a row.
            features: how many to draw.
            gamma: width of the kernel, for rows in [0, 1].
            seed: of numpy's PCG64.
        """
        shift = 14
        turn = 1 << (_TABLE_BITS + shift)
        generator = np.random.default_rng(seed)
        frequencies = generator.normal(scale=math.sqrt(2 * gamma), size=(inputs, features)) / (2 * math.pi)
        omega = _frozen(frequencies * (turn / ONE))
        phase = generator.integers(0, turn, size=features, dtype=np.int64)
        angles = 2 * math.pi * np.arange(1 << _TABLE_BITS) / (1 << _TABLE_BITS)
        table = np.rint(np.cos(angles) * ONE).astype(np.int64)
        return cls(omega, phase, table, shift)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], tensors: Tensors) -> Self:
        omega, phase = _matrix(spec, "omega", tensors), _vector(spec, "phase", tensors)
        table = _vector(spec, "table", tensors)
        if omega.shape[1] != len(phase):
            raise FeatureError(f"{omega.shape[1]} frequencies and {len(phase)} phases")
        if len(table) < 2 or len(table) & (len(table) - 1) or largest_entry(table) > LARGEST_FEATURE:
            raise FeatureError("the cosine table's length must be a power of two, its entries within 2^15")
        return cls(omega, phase, table, _whole(spec, "shift", 0, 40))

    def to_spec(self, label: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        names = {part: f"{label}_{part}" for part in ("omega", "phase", "table")}
        tensors = {names["omega"]: self.omega.astype(np.int32), names["phase"]: self.phase.astype(np.int32)}
        return {"step": self.name, "shift": self.shift, **names}, {
            **tensors,
            names["table"]: self.table.astype(np.int16),
        }

    def width(self, inputs: int) -> int:
        if inputs != self.omega.shape[0]:
            raise FeatureError(f"a layer for {self.omega.shape[0]} columns is given {inputs}")
        return int(self.omega.shape[1])

    def apply(self, rows: Integers) -> Integers:
        turned = (matmul(rows, self.omega) + self.phase) >> self.shift
        features: Integers = self.table[turned & (len(self.table) - 1)]
        return features


@dataclass(frozen=True)
class Relu:
    """A frozen rectified layer: max(0, (x @ weights + bias) / 2^shift), rounded down and clipped."""

    weights: Integers
    bias: Integers
    shift: int
    name: ClassVar[str] = "relu"
    parameters: ClassVar[frozenset[str]] = frozenset({"weights", "bias", "shift"})

    @classmethod
    def draw(cls, inputs: int, features: int, seed: int) -> Self:
        """A random layer whose sums stay near 1.0 for rows in [0, 1]."""
        generator = np.random.default_rng(seed)
        scale = (1 << FRACTION_BITS) / math.sqrt(max(inputs, 1))
        weights = _frozen(generator.normal(scale=2 * scale, size=(inputs, features)))
        # Half of the range of each sum: thresholds where the data is.
        bias = -(weights.sum(axis=0) * ONE // 2) + np.rint(generator.normal(scale=ONE * ONE / 4, size=features)).astype(
            np.int64
        )
        return cls(weights, bias, FRACTION_BITS)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], tensors: Tensors) -> Self:
        weights, bias = _matrix(spec, "weights", tensors), _vector(spec, "bias", tensors)
        if weights.shape[1] != len(bias):
            raise FeatureError(f"{weights.shape[1]} units and {len(bias)} biases")
        return cls(weights, bias, _whole(spec, "shift", 0, 40))

    def to_spec(self, label: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        names = {part: f"{label}_{part}" for part in ("weights", "bias")}
        tensors = {names["weights"]: self.weights.astype(np.int32), names["bias"]: self.bias.astype(np.int32)}
        return {"step": self.name, "shift": self.shift, **names}, tensors

    def width(self, inputs: int) -> int:
        if inputs != self.weights.shape[0]:
            raise FeatureError(f"a layer for {self.weights.shape[0]} columns is given {inputs}")
        return int(self.weights.shape[1])

    def apply(self, rows: Integers) -> Integers:
        return _clip(np.maximum((matmul(rows, self.weights) + self.bias) >> self.shift, 0))


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


_AnyStep = Standardise | Fourier | Relu | Bias

#: Everything a spec may ask for.
STEPS: dict[str, type[_AnyStep]] = {step.name: step for step in (Standardise, Fourier, Relu, Bias)}


@dataclass(frozen=True)
class FeatureMap:
    """Steps from rows to features, checked against the number of input columns."""

    inputs: int
    steps: tuple[_AnyStep, ...]

    @classmethod
    def from_spec(cls, inputs: int, specs: Sequence[Mapping[str, Any]], tensors: Tensors) -> Self:
        """The map that a spec describes.

        Raises:
            FeatureError: an unknown step or parameter, a tensor that is missing or does not fit.
        """
        steps = []
        for place, spec in enumerate(specs):
            try:
                steps.append(_step_class(spec).from_spec(spec, tensors))
            except FeatureError as error:
                raise FeatureError(str(error), place) from None
        feature_map = cls(inputs, tuple(steps))
        feature_map.outputs  # noqa: B018 - checks that the steps fit each other
        return feature_map

    def to_spec(self) -> tuple[list[dict[str, Any]], dict[str, NDArray[Any]]]:
        """The steps' dictionaries, and the frozen tensors by name."""
        specs: list[dict[str, Any]] = []
        tensors: dict[str, NDArray[Any]] = {}
        for place, step in enumerate(self.steps):
            spec, own = step.to_spec(f"{step.name}_{place}")
            specs.append(spec)
            tensors.update(own)
        return specs, tensors

    @property
    def outputs(self) -> int:
        """Features of a row.

        Raises:
            FeatureError: a step does not fit the one before it, or makes too many features.
        """
        width = self.inputs
        for place, step in enumerate(self.steps):
            try:
                width = step.width(width)
            except FeatureError as error:
                raise FeatureError(str(error), place) from None
            if width > MOST_FEATURES:
                raise FeatureError(f"{width} features: at most {MOST_FEATURES} are allowed", place)
        return width

    def transform(self, rows: Integers) -> Integers:
        """Features of rows.

        Args:
            rows: int64, shape (n, inputs), 2^10 for 1.0, within 2^15.

        Returns:
            int64, shape (n, outputs), at the same scale and within 2^15.

        Raises:
            FeatureError: rows of another shape, type or range.
        """
        if rows.ndim != 2 or rows.shape[1] != self.inputs or rows.dtype != np.int64:
            raise FeatureError(
                f"rows of shape {rows.shape} and type {rows.dtype}: int64 with {self.inputs} columns is needed"
            )
        if largest_entry(rows) > LARGEST_FEATURE:
            raise FeatureError("a row has an entry beyond 2^15")
        for step in self.steps:
            rows = step.apply(rows)
        return rows


def check_step(spec: Mapping[str, Any]) -> None:
    """Checks the word and the parameters' names of a step without its tensors.

    Raises:
        FeatureError: an unknown step or parameter.
    """
    _step_class(spec)


def _step_class(spec: Mapping[str, Any]) -> type[_AnyStep]:
    word = spec.get("step")
    if not isinstance(word, str) or word not in STEPS:
        raise FeatureError(f"unknown step {word!r}: choose from {', '.join(STEPS)}")
    step, given = STEPS[word], set(spec) - {"step"}
    if given != step.parameters:
        takes, got = (", ".join(sorted(map(str, names))) or "nothing" for names in (step.parameters, given))
        raise FeatureError(f"the step {word!r} takes {takes}; got {got}")
    return step


def _frozen(numbers: NDArray[np.float64]) -> Integers:
    """The nearest integers, as a layer keeps them."""
    integers: Integers = np.rint(numbers).astype(np.int64)
    if largest_entry(integers) >= _LARGEST_FROZEN:
        raise FeatureError("the layer's numbers exceed 31 bits: a smaller gamma or fewer columns are needed")
    return integers


def _whole(spec: Mapping[str, Any], key: str, least: int, most: int) -> int:
    value = spec[key]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
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


def _vector(spec: Mapping[str, Any], key: str, tensors: Tensors) -> Integers:
    return _tensor(spec, key, tensors, 1)


def _matrix(spec: Mapping[str, Any], key: str, tensors: Tensors) -> Integers:
    return _tensor(spec, key, tensors, 2)


def _clip(rows: Integers) -> Integers:
    return np.clip(rows, -LARGEST_FEATURE, LARGEST_FEATURE)
