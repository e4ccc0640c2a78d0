"""Class weights: the factor by which a row of each class counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from syft.errors import ModelSpecError
from syft.integers import Integers
from syft.nn.fixed_point import FRACTION_BITS, ONE, clip

#: Largest weight of a class as an integer, 2^10 for 1.0.
LARGEST_CLASS_WEIGHT = 1 << 20

ClassWeight = Literal["balanced"] | Mapping[Any, float] | None


def resolve_class_weight(
    class_weight: ClassWeight, classes: Sequence[Any], answers: Integers | None
) -> Integers | None:
    """Class weights as integers, 2^10 for 1.0, int64, shape (k,); None if all are 1.

    Args:
        class_weight: as for `Classifier`.
        classes: the classes' names, in the order of the outputs.
        answers: indices of classes, shape (n, 1); needed for "balanced" only.

    Raises:
        ModelSpecError: neither "balanced" nor a mapping of these classes to numbers from 2^-10 to 2^10; "balanced"
            without answers.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        if answers is None:
            raise ModelSpecError('class_weight="balanced" needs answers: call fit, or with_class_weights')
        return _balanced(np.bincount(answers[:, 0], minlength=len(classes)))
    if not isinstance(class_weight, Mapping):
        raise ModelSpecError(f'class_weight must be "balanced", a mapping or None, not {class_weight!r}')
    indices = {label: index for index, label in enumerate(classes)}
    weights = np.full(len(classes), ONE, dtype=np.int64)
    for label, weight in class_weight.items():
        if label not in indices:
            raise ModelSpecError(f"class_weight names {label!r}, which is none of the classes")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 1 / ONE <= weight <= ONE:
            raise ModelSpecError(f"the weight of class {label!r} must be a number from 2^-10 to 2^10, not {weight!r}")
        weights[indices[label]] = round(weight * ONE)
    return weights


def square_roots(weights: Integers) -> Integers:
    """Square roots of class weights, floor(sqrt(2^10 w)), 2^10 for 1.0."""
    return np.array([math.isqrt(int(weight) << FRACTION_BITS) for weight in weights], dtype=np.int64)


def scale_rows(numbers: Integers, factors: Integers) -> Integers:
    """floor((x r + 2^9) / 2^10) within 2^15, for numbers x and factors r, 2^10 for 1.0."""
    return clip((numbers * factors + ONE // 2) >> FRACTION_BITS)


def _balanced(counts: Integers) -> Integers:
    """Rows / (classes x rows of the class), rounded to 2^-10, halves up; 1 for a class without rows."""
    rows, classes = int(counts.sum()), len(counts)
    exact = [(2 * rows * ONE + classes * int(n)) // (2 * classes * int(n)) if n else ONE for n in counts]
    return np.clip(np.array(exact, dtype=np.int64), 1, LARGEST_CLASS_WEIGHT)
