"""The heavy part of a verdict, as a function of its arguments alone: fit to be done in another process, and again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ape_capsule.errors import MalformedGradientError
from ape_capsule.scoring.score import ScoreResult, score
from sonar_core.base.errors import one_line
from sonar_core.protocol.validation_set import ValidationSet
from syft.errors import SyftError
from syft.nn import Model
from syft.paillier import EncryptedTensor, IntegerTensor, Openings, PrivateContext, unpack


@dataclass(frozen=True, slots=True, eq=False)
class ScoringJob:
    """A Gradient to be decrypted, under a warrant that is on disk, and scored.

    Attributes:
        context: the Campaign's key pair.
        gradient: its ciphertexts, which were checked.
        model, head, validation, accuracy, target, min_improvement: as for `scoring.score`.
    """

    context: PrivateContext
    gradient: EncryptedTensor
    model: Model
    head: IntegerTensor
    validation: ValidationSet
    accuracy: int
    target: int
    min_improvement: int


@dataclass(frozen=True, slots=True, eq=False)
class ScoringResult:
    """What came of it.

    Attributes:
        openings: of the Gradient.
        verdict: None for one that cannot be applied.
        objection: why it cannot; empty where there is a verdict.
        seconds: that it took, for who watches.
    """

    openings: Openings
    verdict: ScoreResult | None
    objection: str = ""
    seconds: float = field(default=0.0, compare=False)


def weigh(weighing: ScoringJob) -> ScoringResult:
    """Opens the Gradient and scores it.

    Raises:
        SyftError: something in it is no ciphertext.
    """
    begun = time.perf_counter()
    openings = weighing.context.open(weighing.gradient)
    try:
        verdict = score(
            weighing.model,
            weighing.head,
            unpack(openings.plaintexts, weighing.gradient),
            weighing.validation,
            accuracy=weighing.accuracy,
            target=weighing.target,
            min_improvement=weighing.min_improvement,
        )
    except (MalformedGradientError, SyftError) as error:
        return ScoringResult(openings, None, one_line(error), time.perf_counter() - begun)
    return ScoringResult(openings, verdict, seconds=time.perf_counter() - begun)
