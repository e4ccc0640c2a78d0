"""Scores of Gradients in integer arithmetic. Pure: the same rows and openings give the same numbers on any machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ape_capsule.errors import MalformedGradientError, PredictionsMovedError
from sonar_core.protocol.validation_set import ValidationSet
from syft.integers import Integers
from syft.nn import STEP_SIZES, WAD, Evaluation, Model, apply_delta
from syft.paillier import IntegerTensor, Packing


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """The score of one Gradient.

    Attributes:
        step_size: the best one, in quarters of the Gradient (one of `syft.nn.STEP_SIZES`).
        accuracy: of the weights moved by that step, in WAD.
        predictions: of those weights, int64, one row per validation row.
        weights: the newest Model's weights moved by that step.
        improved: whether the rise counts; if not, the newest Model stays.
    """

    step_size: int
    accuracy: int
    predictions: Integers
    weights: IntegerTensor
    improved: bool


def score(
    model: Model,
    weights: IntegerTensor,
    delta: IntegerTensor,
    validation: ValidationSet,
    *,
    accuracy: int,
    target: int,
    min_improvement: int,
) -> ScoreResult:
    """Searches the step sizes for the most accurate one; of equals the largest, which is what the Mine computed.

    Args:
        model: the Campaign's; its own weights are not read.
        weights: of the newest Model, shape (features, outputs).
        delta: the Gradient in the clear, of the same shape; its exponent may differ.
        validation: the hidden rows.
        accuracy: of `weights`, in WAD.
        target, min_improvement: the Campaign's terms, in WAD.

    Raises:
        MalformedGradientError: even the smallest step takes a weight beyond the Campaign's bound.
    """
    tried = [
        (measure(model, moved, validation), step_size, moved)
        for step_size in STEP_SIZES
        if within_bound(moved := apply_delta(weights, delta, step_size, model.fixed_point))
    ]
    if not tried:
        raise MalformedGradientError(f"it takes a weight beyond the bound of {model.fixed_point.weight_bound}")
    best, step_size, moved = max(tried, key=lambda result: (result[0].accuracy, result[1]))
    needed = min(min_improvement, target - accuracy)
    return ScoreResult(step_size, best.accuracy, best.predictions, moved, best.accuracy - accuracy >= needed)


def measure(model: Model, weights: IntegerTensor, validation: ValidationSet) -> Evaluation:
    """Exact accuracy of weights on the hidden rows, and the predictions behind it."""
    return model.evaluate(validation.rows, validation.targets, weights)


def within_bound(weights: IntegerTensor) -> bool:
    """Whether every integer is within the bound that the tensor states."""
    return all(abs(int(value)) <= weights.bound for value in weights.values.flat)


def claim_holds(claimed: int, measured: int, rows: int) -> bool:
    """Whether two accuracies (WAD, each rounded down) differ by no more than one of `rows` validation rows."""
    return abs(claimed - measured) * rows < WAD + rows


def needs_rebase(model: Model, exponent: int, packing: Packing) -> bool:
    """Whether the slots of weights at this exponent have no room for another Gradient."""
    return not model.fixed_point.fits(model.shape[0], exponent, packing)


def rebase(model: Model, weights: IntegerTensor, packing: Packing, validation: ValidationSet) -> IntegerTensor:
    """The weights at the smallest scale that keeps every prediction on the validation set, and so the accuracy.

    Raises:
        PredictionsMovedError: every scale with room for another Gradient changes a prediction.
    """
    points = model.fixed_point
    kept = measure(model, weights, validation).predictions
    room = points.weight_exponent
    for exponent in range(points.weight_exponent, weights.exponent):
        if needs_rebase(model, exponent, packing):
            break
        room = exponent
        smaller = weights.requantise(exponent).with_bound(points.scaled_weight_bound(exponent))
        if within_bound(smaller) and np.array_equal(measure(model, smaller, validation).predictions, kept):
            return smaller
    raise PredictionsMovedError(weights.exponent, room)
