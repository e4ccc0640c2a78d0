"""Scores, in integers, as functions of their arguments alone: the same rows and openings give the same numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ape_capsule.errors import MalformedGradientError, PredictionsMovedError
from sonar_core.protocol.gradient_bundle import Bundle
from sonar_core.protocol.structs import GradientRecord
from sonar_core.protocol.validation_set import ValidationSet
from syft.integers import Integers
from syft.nn import STEP_SIZES, WAD, Evaluation, Model, apply_delta
from syft.paillier import EncryptedTensor, IntegerTensor, Packing


@dataclass(frozen=True, slots=True)
class CampaignRef:
    """Where a Gradient was submitted: what its bundle must say again.

    Attributes:
        chain_id: EIP-155 chain id.
        contract: Sonar's address, checksummed.
        campaign: the Campaign's id, 32 bytes.
    """

    chain_id: int
    contract: str
    campaign: bytes


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """What a Gradient is worth.

    Attributes:
        step: the best step, in quarters of the Gradient.
        accuracy: of the head moved by that step, WAD.
        predictions: of that head, int64, one row for each of the validation set.
        head: the weights moved by that step.
        improved: whether the rise counts; if not, the old head stays.
    """

    step: int
    accuracy: int
    predictions: Integers
    head: IntegerTensor
    improved: bool


def check_header(bundle: Bundle, record: GradientRecord, place: CampaignRef) -> None:
    """Checks that a bundle is what the Miner of this submission sealed, for this place.

    A bundle that somebody copied from another Miner's submission, another Campaign, contract or chain fails here.

    Raises:
        MalformedGradientError: says which word differs.
    """
    pairs: dict[str, tuple[bytes | int | str, bytes | int | str]] = {
        "chain": (bundle.chain_id, place.chain_id),
        "contract": (bundle.contract.lower(), place.contract.lower()),
        "Campaign": (bundle.campaign, place.campaign),
        "Miner": (bundle.miner.lower(), record.miner.lower()),
        "version": (bundle.version, record.version),
    }
    for word, (found, expected) in pairs.items():
        if found != expected:
            raise MalformedGradientError(f"the bundle is for {word} {_shown(found)}, not {_shown(expected)}")


def check_commitment(bundle: Bundle, record: GradientRecord, root: bytes) -> None:
    """Checks that the bundle is the one committed to on chain.

    Args:
        bundle: with a header that fits.
        record: the submission.
        root: Merkle root of the bundle's ciphertexts.

    Raises:
        MalformedGradientError: it is another.
    """
    if bundle.commitment(root) != record.commitment:
        raise MalformedGradientError("the bundle is not the one that was committed to")


def check_tensor(gradient: EncryptedTensor, model: Model, packing: Packing) -> None:
    """Checks that a Gradient can be applied to the Campaign's Model, by what is public of it.

    Its exponent is that of some head within reach plus the Campaign's `gradient_bits`, and its bound no larger than
    `FixedPoint.gradient_bound` says for that head.

    Raises:
        MalformedGradientError: another shape or packing, an exponent no head has, or too large a bound.
    """
    points, features = model.fixed_point, model.shape[0]
    if gradient.shape != model.shape:
        raise MalformedGradientError(f"the Gradient has shape {gradient.shape}, the Model {model.shape}")
    if gradient.packing != packing:
        raise MalformedGradientError(f"the Gradient is packed as {gradient.packing}, the Model as {packing}")
    head_exponent = gradient.exponent - points.gradient_bits
    if head_exponent < points.weight_exponent or not points.fits(features, head_exponent, packing):
        raise MalformedGradientError(f"no Model of this Campaign gives a Gradient of exponent {gradient.exponent}")
    largest = points.gradient_bound(features, head_exponent)
    if gradient.bound > largest:
        raise MalformedGradientError(
            f"the Gradient's bound has {gradient.bound.bit_length()} bits; {largest.bit_length()} are allowed"
        )


def score(
    model: Model,
    head: IntegerTensor,
    delta: IntegerTensor,
    validation: ValidationSet,
    *,
    accuracy: int,
    target: int,
    min_improvement: int,
) -> ScoreResult:
    """Tries every step and keeps the best: the most accurate, the largest of equals (a Mine meant all of its Gradient).

    Args:
        model: the Campaign's, its weights are not looked at.
        head: weights of the Model that now counts.
        delta: the Gradient in the clear, of the same shape; its exponent may be another.
        validation: the hidden rows.
        accuracy, target, min_improvement: of the head, and the Campaign's terms, WAD.

    Raises:
        MalformedGradientError: even the smallest step takes a weight beyond the Campaign's bound.
    """
    tried = [
        (measure(model, moved, validation), step, moved)
        for step in STEP_SIZES
        if within_bound(moved := apply_delta(head, delta, step, model.fixed_point))
    ]
    if not tried:
        raise MalformedGradientError(f"it takes a weight beyond the bound of {model.fixed_point.weight_bound}")
    best, step, moved = max(tried, key=lambda result: (result[0].accuracy, result[1]))
    needed = min(min_improvement, target - accuracy)
    return ScoreResult(step, best.accuracy, best.predictions, moved, best.accuracy - accuracy >= needed)


def measure(model: Model, weights: IntegerTensor, validation: ValidationSet) -> Evaluation:
    """The exact accuracy of these weights on the hidden rows, and the predictions behind it."""
    return model.evaluate(validation.rows, validation.targets, weights)


def within_bound(weights: IntegerTensor) -> bool:
    """Whether every integer keeps the bound that the tensor states."""
    return all(abs(int(value)) <= weights.bound for value in weights.values.flat)


def claim_holds(claimed: int, measured: int, rows: int) -> bool:
    """Whether two accuracies (WAD, each rounded down) differ by no more than one of `rows` validation rows."""
    return abs(claimed - measured) * rows < WAD + rows


def needs_rebase(model: Model, exponent: int, packing: Packing) -> bool:
    """Whether a head at this exponent leaves no room in its slots for another Gradient."""
    return not model.fixed_point.fits(model.shape[0], exponent, packing)


def rebase(model: Model, head: IntegerTensor, packing: Packing, validation: ValidationSet) -> IntegerTensor:
    """The head at the smallest scale that keeps every prediction on the validation set, and with them the accuracy.

    Raises:
        PredictionsMovedError: every scale that leaves room for another Gradient moves a prediction.
    """
    points = model.fixed_point
    kept = measure(model, head, validation).predictions
    room = points.weight_exponent
    for exponent in range(points.weight_exponent, head.exponent):
        if needs_rebase(model, exponent, packing):
            break
        room = exponent
        smaller = head.requantise(exponent).with_bound(points.scaled_weight_bound(exponent))
        if within_bound(smaller) and np.array_equal(measure(model, smaller, validation).predictions, kept):
            return smaller
    raise PredictionsMovedError(head.exponent, room)


def _shown(value: bytes | int | str) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
