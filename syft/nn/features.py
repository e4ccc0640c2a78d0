"""Public, frozen feature maps, in integers alone: any language that follows them agrees bit for bit.

Rows come in as fixed-point integers where 2^10 stands for 1.0 and leave as features at the same scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syft.errors import FeatureError
from syft.nn.convolution import Convolution
from syft.nn.integers import Integers, largest_entry, matmul
from syft.nn.steps import (
    FRACTION_BITS,
    LARGEST_FEATURE,
    MOST_FEATURES,
    ONE,
    Tensors,
    clip,
    frozen,
    matrix,
    vector,
    whole,
)

_TABLE_BITS = 12


@dataclass(frozen=True)
class Standardise:
    """(x - mean) x multiplier / 2^shift, rounded down and clipped: public constants, one a column."""

    mean: Integers
    multiplier: Integers
    shift: int
    name: ClassVar[str] = "standardise"
    parameters: ClassVar[frozenset[str]] = frozenset({"mean", "multiplier", "shift"})

    @classmethod
    def of_ranges(cls, columns: int) -> Self:
        """For numbers spread evenly over their schema's range: average 1/2 and deviation 1/sqrt(12) of what rows are.

        Args:
            columns: of a row.
        """
        zeros, ones = np.zeros(columns), np.ones(columns)
        return cls.of_moments(ones / 2, ones / math.sqrt(12), zeros, ones)

    @classmethod
    def of_moments(cls, mean: ArrayLike, deviation: ArrayLike, minimum: ArrayLike, maximum: ArrayLike) -> Self:
        """For columns of a published average and standard deviation, in their own units.

        Args:
            mean, deviation: one a column. They become public: take published ones, or a Data Scientist's own.
            minimum, maximum: of the schema, by which rows become integers; 0 and 1 for a column of an enum.

        Raises:
            FeatureError: not four numbers a column; a range or a deviation that is not positive, or one so small
                beside the range that rows at 2^-10 hold nothing of it; an average outside of the range.
        """
        try:
            columns = [np.asarray(part, dtype=np.float64) for part in (mean, deviation, minimum, maximum)]
        except (TypeError, ValueError):
            raise FeatureError("mean, deviation, minimum and maximum are numbers, one a column") from None
        if len({part.shape for part in columns}) > 1 or columns[0].ndim != 1:
            raise FeatureError("mean, deviation, minimum and maximum have different lengths")
        average, spread, low, high = columns
        sound = (low <= average) & (average <= high) & (spread * ONE >= high - low) & (low < high) & (spread < np.inf)
        if not sound.all():
            place = int(np.argmin(sound))
            raise FeatureError(
                f"column {place}: average {average[place]} and deviation {spread[place]} do not standardise numbers "
                f"from {low[place]} to {high[place]}"
            )
        shift = 16
        middle = np.rint((average - low) / (high - low) * ONE).astype(np.int64)
        return cls(middle, np.rint((high - low) / spread * (1 << shift)).astype(np.int64), shift)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], tensors: Tensors) -> Self:
        mean, multiplier = vector(spec, "mean", tensors), vector(spec, "multiplier", tensors)
        if mean.shape != multiplier.shape:
            raise FeatureError("mean and multiplier have different lengths")
        return cls(mean, multiplier, whole(spec, "shift", 0, 32))

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
        return clip((rows - self.mean) * self.multiplier >> self.shift)


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
        omega = frozen(frequencies * (turn / ONE))
        phase = generator.integers(0, turn, size=features, dtype=np.int64)
        angles = 2 * math.pi * np.arange(1 << _TABLE_BITS) / (1 << _TABLE_BITS)
        table = np.rint(np.cos(angles) * ONE).astype(np.int64)
        return cls(omega, phase, table, shift)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], tensors: Tensors) -> Self:
        omega, phase = matrix(spec, "omega", tensors), vector(spec, "phase", tensors)
        table = vector(spec, "table", tensors)
        if omega.shape[1] != len(phase):
            raise FeatureError(f"{omega.shape[1]} frequencies and {len(phase)} phases")
        if len(table) < 2 or len(table) & (len(table) - 1) or largest_entry(table) > LARGEST_FEATURE:
            raise FeatureError("the cosine table's length must be a power of two, its entries within 2^15")
        return cls(omega, phase, table, whole(spec, "shift", 0, 40))

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
        weights = frozen(generator.normal(scale=2 * scale, size=(inputs, features)))
        # Half of the range of each sum: thresholds where the data is.
        bias = -(weights.sum(axis=0) * ONE // 2) + np.rint(generator.normal(scale=ONE * ONE / 4, size=features)).astype(
            np.int64
        )
        return cls(weights, bias, FRACTION_BITS)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], tensors: Tensors) -> Self:
        weights, bias = matrix(spec, "weights", tensors), vector(spec, "bias", tensors)
        if weights.shape[1] != len(bias):
            raise FeatureError(f"{weights.shape[1]} units and {len(bias)} biases")
        return cls(weights, bias, whole(spec, "shift", 0, 40))

    def to_spec(self, label: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        names = {part: f"{label}_{part}" for part in ("weights", "bias")}
        tensors = {names["weights"]: self.weights.astype(np.int32), names["bias"]: self.bias.astype(np.int32)}
        return {"step": self.name, "shift": self.shift, **names}, tensors

    def width(self, inputs: int) -> int:
        if inputs != self.weights.shape[0]:
            raise FeatureError(f"a layer for {self.weights.shape[0]} columns is given {inputs}")
        return int(self.weights.shape[1])

    def apply(self, rows: Integers) -> Integers:
        return clip(np.maximum((matmul(rows, self.weights) + self.bias) >> self.shift, 0))


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


_AnyStep = Standardise | Fourier | Relu | Convolution | Bias

#: Everything a spec may ask for.
STEPS: dict[str, type[_AnyStep]] = {step.name: step for step in (Standardise, Fourier, Relu, Convolution, Bias)}


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
