"""The expensive part of a score as a pure job: decrypt and score one Gradient, in any process, as often as needed."""

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
    """A Gradient to decrypt and score; the warrant for it is on disk.

    Attributes:
        context: the Campaign's Paillier key pair.
        gradient: ciphertexts that passed all checks.
        model, weights, validation, accuracy, target, min_improvement: as for `ape_capsule.scoring.score.score`.
    """

    context: PrivateContext
    gradient: EncryptedTensor
    model: Model
    weights: IntegerTensor
    validation: ValidationSet
    accuracy: int
    target: int
    min_improvement: int


@dataclass(frozen=True, slots=True, eq=False)
class ScoringResult:
    """The result of a `ScoringJob`.

    Attributes:
        openings: of the Gradient.
        score: None if the Gradient cannot be applied.
        objection: why it cannot; empty with a score.
        seconds: wall time of the job.
    """

    openings: Openings
    score: ScoreResult | None
    objection: str = ""
    seconds: float = field(default=0.0, compare=False)


def run_job(job: ScoringJob) -> ScoringResult:
    """Decrypts the Gradient and scores it.

    Raises:
        SyftError: one of its numbers is no ciphertext.
    """
    begun = time.perf_counter()
    openings = job.context.open(job.gradient)
    try:
        result = score(
            job.model,
            job.weights,
            unpack(openings.plaintexts, job.gradient),
            job.validation,
            accuracy=job.accuracy,
            target=job.target,
            min_improvement=job.min_improvement,
        )
    except (MalformedGradientError, SyftError) as error:
        return ScoringResult(openings, None, one_line(error), time.perf_counter() - begun)
    return ScoringResult(openings, result, seconds=time.perf_counter() - begun)
